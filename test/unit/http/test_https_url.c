/* Which URLs are good, and that no log shows what may be a secret. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "http/https_url.h"

static const struct {
	const char *value;
	bool is_url;
	const char *fault; /* part of it; NULL: good */
} values[] = {
	{"https://idp.example.com/jwks.json", true, NULL},
	{"HTTPS://idp", true, NULL},
	{"https://idp:8443", true, NULL},
	{"https://idp:1?x=1", true, NULL},
	{"https://[::1]:8443/keys?a=b@c", true, NULL},
	{"https://user:pass@idp/keys", true, NULL},
	{"https://127.0.0.1/", true, NULL},
	{"http://idp/keys", true, "scheme"},
	{"file:///etc/keys", true, "scheme"},
	{"httpsx://idp", true, "scheme"},
	{"https://", true, "host"},
	{"https:///keys", true, "host"},
	{"https://user@/keys", true, "host"},
	{"https://idp?x=1", true, "host"},
	{"https://idp:0/", true, "port"},
	{"https://idp:65536/", true, "port"},
	{"https://idp:/", true, "port"},
	{"https://idp:80x/", true, "port"},
	{"https://idp/a b", true, "printable"},
	{"https://idp/\r\nX: y", true, "printable"},
	{"https://idp/\xc3\xa4", true, "printable"},
	{"https://idp/keys#one", true, "fragment"},
	{"/etc/sluice/jwks.json", false, NULL},
	{"jwks.json", false, NULL},
	{"https:/idp", false, NULL},
	{"://idp", false, NULL},
	{"", false, NULL},
};

static void good_and_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		const char *fault;

		if (https_url_is_url(values[i].value) != values[i].is_url)
			fail_msg("%s", values[i].value);
		if (!values[i].is_url)
			continue;
		fault = https_url_fault(values[i].value);
		if ((fault == NULL) != (values[i].fault == NULL) ||
		    (fault != NULL && strstr(fault, values[i].fault) == NULL))
			fail_msg("%s: %s", values[i].value,
				 fault == NULL ? "good" : fault);
	}
}

static const struct {
	const char *url, *want;
} shown[] = {
	{"https://idp/keys", "https://idp/keys"},
	{"https://idp:8443", "https://idp:8443"},
	{"https://user:pass@idp/keys?token=x",
	 "https://(hidden)@idp/keys?(hidden)"},
	{"https://idp/keys?mail=a@b", "https://idp/keys?(hidden)"},
	{"https://idp/a@b", "https://idp/a@b"},
	{"https://user:p/w@idp/keys", "https://(hidden)@idp/keys"},
	{"https://user:p?w@idp/keys", "https://(hidden)@idp/keys"},
	{"https://user:p#w@idp/keys", "https://(hidden)@idp/keys"},
	{"http://user:pass@idp/?x", "http://(hidden)@idp/?(hidden)"},
	{"/etc/a@b?c", "/etc/a@b?c"},
};

static void secrets_are_hidden(void **state)
{
	char out[128], small[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
		https_url_hide(shown[i].url, out, sizeof(out));
		assert_string_equal(out, shown[i].want);
	}
	https_url_hide(shown[2].url, small, sizeof(small));
	assert_string_equal(small, "https://(hidden");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_and_bad),
		cmocka_unit_test(secrets_are_hidden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
