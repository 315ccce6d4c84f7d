/* URLs of NATS servers: each fault, the parts of good ones, and that what is
 * shown hides the userinfo. */
#include <errno.h>
#include <stdbool.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "fault_cases.h"
#include "nats/server_url.h"

static void test_faults(void **state)
{
	char host_over[300];
	const struct fault_case cases[] = {
		{"nats://127.0.0.1:4222", NULL},
		{"tls://nats.example", NULL},
		{"NATS://a", NULL},
		{"Tls://a", NULL},
		{"a", NULL},
		{"a:4222", NULL},
		{"a:1", NULL},
		{"a:65535/", NULL},
		{"nats://a/", NULL},
		{"nats://[::1]:4222", NULL},
		{"[fe80::1%eth0]", NULL},
		{"nats://user:pass@a:4222", NULL},
		{"token@a", NULL},
		{"nats://user:p@ss@a", NULL},
		{"nats://user:a/b?c#d@a:1", NULL},
		{"ws://a", "NATS over WebSocket is not supported"},
		{"WSS://a:443", "NATS over WebSocket is not supported"},
		{"http://a", "its scheme is neither nats:// nor tls://"},
		{"wsx://a", "its scheme is neither nats:// nor tls://"},
		{"natss://a", "its scheme is neither nats:// nor tls://"},
		{"://a", "its scheme is neither nats:// nor tls://"},
		{"user:x://y@a", "its scheme is neither nats:// nor tls://"},
		{"", "it has no host"},
		{"nats://", "it has no host"},
		{"nats://user@", "it has no host"},
		{"nats://:4222", "it has no host"},
		{"nats://a b", "it has a character that is not printable"},
		{"nats://u:p\r\nPUB x@a",
		 "it has a character that is not printable"},
		{"nats://\xc3\xa4", "it has a character that is not printable"},
		{"a\x7f", "it has a character that is not printable"},
		{"nats://a*b", "its host is neither"},
		{"nats://a,b", "its host is neither"},
		{"nats://[::1", "its bracket is not closed"},
		{"nats://[1]", "no IPv6 address"},
		{"nats://[::1]x", "nothing but a port may follow"},
		{"nats://a/path", "nothing but a port may follow"},
		{"nats://a:1/path", "nothing but a port may follow"},
		{"a:", "its port must be a number from 1 to 65535"},
		{"a:/", "its port must be a number from 1 to 65535"},
		{"a:0", "its port must be a number from 1 to 65535"},
		{"a:65536", "its port must be a number from 1 to 65535"},
		{"a:42220000", "its port must be a number from 1 to 65535"},
		{"a:1:2", "its port must be a number from 1 to 65535"},
		{"a:4222?x", "its port must be a number from 1 to 65535"},
		{stretch_text(host_over, "nats://", 256, ""),
		 "its host is too long"},
	};

	(void)state;
	expect_faults(server_url_fault, cases, ARRAY_LEN(cases));
}

static void test_userinfo_is_hidden(void **state)
{
	static const struct {
		const char *url, *shown;
	} cases[] = {
		{"nats://a:4222", "nats://a:4222"},
		{"a", "a"},
		{"", ""},
		{"nats://u:hunter2@a:1", "nats://(hidden)@a:1"},
		{"TLS://hunter2@a", "TLS://(hidden)@a"},
		{"u:hunter2@a", "(hidden)@a"},
		{"nats://u:hunt@er2@a", "nats://(hidden)@a"},
		{"nats://a,nats://u:hunter2@b", "nats://(hidden)@b"},
		{"nats://u:hunt://er2@a", "nats://(hidden)@a"},
		/* no URL at all, but a password all the same */
		{"u:hunt://er2@a", "(hidden)@a"},
		{"hunter2@a://b", "(hidden)@a://b"},
		{"://hunter2@a", "(hidden)@a"},
		{" u:hunt\ner2@", "(hidden)@"},
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		server_url_hide_userinfo(cases[i].url, out, sizeof(out));
		assert_string_equal(out, cases[i].shown);
	}
	/* Cut, and still hidden. */
	server_url_hide_userinfo("nats://u:hunter2@abcdef", out, 20);
	assert_string_equal(out, "nats://(hidden)@abc");
	server_url_hide_userinfo("nats://u:hunter2@abcdef", out, 10);
	assert_string_equal(out, "nats://(h");
}

static void expect_part(const char *got, const char *want)
{
	if (want == NULL)
		assert_null(got);
	else
		assert_string_equal(got, want);
}

static void test_parts(void **state)
{
	static const struct {
		const char *text, *url, *host, *user, *password;
		bool tls;
	} cases[] = {
		{"a", "nats://a:4222", "a", NULL, NULL, false},
		{"nats://a:1/", "nats://a:1", "a", NULL, NULL, false},
		{"TLS://a", "nats://a:4222", "a", NULL, NULL, true},
		{"tls://[::1]:5", "nats://[::1]:5", "::1", NULL, NULL, true},
		{"[::1]", "nats://[::1]:4222", "::1", NULL, NULL, false},
		{"t%6fken@a", "nats://a:4222", "a", "token", NULL, false},
		{"u:@a:1", "nats://a:1", "a", "u", "", false},
		{"nats://u:p@s%3As@a", "nats://a:4222", "a", "u", "p@s:s",
		 false},
		{"nats://u:a/b?c#d@a:1", "nats://a:1", "a", "u", "a/b?c#d",
		 false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct server_url u;

		assert_int_equal(server_url_parse(&u, cases[i].text), 0);
		assert_string_equal(u.url, cases[i].url);
		assert_string_equal(u.host, cases[i].host);
		expect_part(u.user, cases[i].user);
		expect_part(u.password, cases[i].password);
		assert_int_equal(u.tls, cases[i].tls);
		server_url_finish(&u);
	}
}

static void test_bad_escapes(void **state)
{
	static const char *const bad[] = {
		"u%@a", "u%4@a", "u%zz@a", "u%00@a", "u:%2@a", "http://a",
	};
	struct server_url u = {.tls = true};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(server_url_parse(&u, bad[i]), -EINVAL);
	assert_true(u.tls && u.url == NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_bad_escapes),
		cmocka_unit_test(test_userinfo_is_hidden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
