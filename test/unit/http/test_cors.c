/* Which origins are valid, and the header lines of responses to each origin. */
#include "http/cors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- origins, as the option takes them ----------------------------------- */

static void origins_as_browsers_write_them(void **state)
{
	static const char *const good[] = {
		"*",
		"https://app.example.com",
		"http://localhost:3000",
		"http://127.0.0.1:8080",
		"http://[::1]:3000",
		"https://[2001:db8::1]",
		"https://xn--bcher-kva.example",
		"https://example.com:1",
		"https://example.com:65535",
		"https://example.com:80",
		"http://example.com:443",
		"capacitor://localhost",
		"moz-extension://0d3f7f2a-7c5b-4a7e-9f0e-3c1f1d2b6a55",
		"chrome-extension://abcdefghijklmnop",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (cors_origin_fault(good[i]) != NULL)
			fail_msg("%s: %s", good[i], cors_origin_fault(good[i]));
}

static void origins_that_no_browser_sends(void **state)
{
	static const char *const bad[] = {
		"",
		"null",
		"**",
		"*.example.com",
		"https://*",
		"https://*.example.com",
		"example.com",
		"//example.com",
		"://example.com",
		"https:/example.com",
		"https:example.com",
		"https://",
		"https://:443",
		"https://example.com/",
		"https://example.com/path",
		"https://example.com?q",
		"https://example.com#f",
		"https://user@example.com",
		"https://Example.com",
		"HTTPS://example.com",
		"https://example.com:443",
		"http://example.com:80",
		"https://example.com:",
		"https://example.com:0",
		"https://example.com:080",
		"https://example.com:65536",
		"https://example.com:99999999999999999999",
		"https://example.com:8443/",
		"https://exa mple.com",
		"https://example.com ",
		"https://example.com\r\nX: y",
		"https://b\xc3\xbc"
		"cher.example",
		"https://[::1",
		"https://[]",
		"https://[::1]x",
		"1http://example.com",
	};
	char longest[400] = "https://";

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (cors_origin_fault(bad[i]) == NULL)
			fail_msg("\"%s\" is taken", bad[i]);
	memset(longest + 8, 'a', 293);
	assert_string_equal(cors_origin_fault(longest), "it is too long");
	longest[300] = '\0';
	assert_null(cors_origin_fault(longest));
}

/* ---- lines --------------------------------------------------------------- */

static char a[] = "https://a.example", local[] = "http://localhost:3000";
static char star[] = "*";
static char *const two[] = {a, local}, *const any[] = {star};
static char *const both[] = {star, a};

#define EXPOSE                                        \
	"Access-Control-Expose-Headers: ETag, "       \
	"Last-Modified, Nats-Revision, Retry-After, " \
	"WWW-Authenticate\r\n"
#define MAY(origin) "Access-Control-Allow-Origin: " origin "\r\n"
#define VARY	    "Vary: Origin\r\n"
#define CREDENTIALS "Access-Control-Allow-Credentials: true\r\n"

static const char *lines(char *const *origins, size_t n, const char *origin,
			 bool preflight)
{
	static char out[CORS_LINES_MAX];
	const struct cors_preflight reads = {"GET, HEAD, OPTIONS",
					     "natsh-trace"};
	struct cors c = {origins, n, "user_id", false};

	memset(out, 'x', sizeof(out));
	cors_lines(&c, origin, preflight ? &reads : NULL, out);
	return out;
}

static void exact_origins(void **state)
{
	(void)state;
	assert_string_equal(lines(two, 2, "https://a.example", false),
			    VARY MAY("https://a.example") CREDENTIALS EXPOSE);
	assert_string_equal(lines(two, 2, "http://localhost:3000", false),
			    VARY MAY("http://localhost:3000")
				    CREDENTIALS EXPOSE);
}

static void no_other_origin_is_echoed(void **state)
{
	static const char *const others[] = {
		NULL,
		"",
		"null",
		"*",
		"https://b.example",
		"http://a.example",
		"https://a.example:443",
		"https://a.example/",
		"https://a.example.",
		"https://A.example",
		"https://a.exampl",
		"https://a.example.evil.example",
		"https://a.example http://localhost:3000",
		"https://a.example, http://localhost:3000",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		const struct cors c = {both, 2, "user_id", true};

		assert_false(cors_allows(&c, others[i]));
		assert_string_equal(lines(two, 2, others[i], false), VARY);
		assert_string_equal(lines(two, 2, others[i], true), VARY);
		assert_string_equal(lines(any, 1, others[i], false),
				    MAY("*") EXPOSE);
		assert_string_equal(lines(both, 2, others[i], false),
				    VARY MAY("*") EXPOSE);
	}
}

static void an_exact_one_beside_any(void **state)
{
	const struct cors c = {both, 2, "user_id", true};

	(void)state;
	assert_true(cors_allows(&c, "https://a.example"));
	assert_string_equal(lines(both, 2, "https://a.example", false),
			    VARY MAY("https://a.example") CREDENTIALS EXPOSE);
}

static void no_origins_no_lines(void **state)
{
	(void)state;
	assert_string_equal(lines(NULL, 0, "https://a.example", false), "");
	assert_string_equal(lines(NULL, 0, "https://a.example", true), "");
}

#define PREFLIGHT                                                      \
	"Access-Control-Allow-Methods: GET, HEAD, OPTIONS\r\n"         \
	"Access-Control-Allow-Headers: authorization, last-event-id, " \
	"cache-control, accept, user_id\r\nAccess-Control-Max-Age: 86400\r\n"

static void a_preflight(void **state)
{
	(void)state;
	assert_string_equal(lines(two, 2, "https://a.example", true),
			    VARY MAY("https://a.example")
				    CREDENTIALS PREFLIGHT);
	assert_string_equal(lines(any, 1, "https://a.example", true),
			    MAY("*") PREFLIGHT);
}

static void the_longest_fit(void **state)
{
	char origin[301] = "https://", header[65] = "";
	char *origins[] = {origin};
	struct cors c = {origins, 1, header, true};
	char out[CORS_LINES_MAX], names[4000] = "natsh-a";
	const struct cors_preflight p = {
		"GET, HEAD, PUT, POST, DELETE, PATCH, OPTIONS, CONNECT", names};

	(void)state;
	memset(origin + 8, 'a', 292);
	memset(header, 'h', 64);
	assert_null(cors_origin_fault(origin));
	for (int i = 0; i < 200; i++)
		strcat(names, ",natsh-abcdef");
	cors_lines(&c, origin, &p, out);
	assert_non_null(strstr(out, header));
	assert_non_null(strstr(out, ", natsh-a, natsh-abcdef, "));
	assert_null(strstr(out, "natsh-abcdefn"));
	assert_non_null(strstr(out, "natsh-abcdef\r\n"));
	assert_non_null(strstr(out, "Max-Age: 86400\r\n"));
}

static void headers_of_messages(void **state)
{
	static const struct {
		const char *asked, *echoed;
	} cases[] = {
		{NULL, ""},
		{"", ""},
		{"natsh-trace", ", natsh-trace"},
		{"content-type,natsh-a,natsh-b", ", natsh-a, natsh-b"},
		{" NatsH-A ,, NATSH-B\t", ", NatsH-A, NATSH-B"},
		{"natsh-", ""},
		{"natsh", ""},
		{"nats-rollup", ""},
		{"x-forwarded-host", ""},
		{"xnatsh-a", ""},
		{"natsh-a:b,natsh-\"", ""},
		{"natsh-a\r\nX: y", ""},
		{"natsh-\xc3\xbc", ""},
	};
	static const char before[] =
		"Access-Control-Allow-Headers: authorization, last-event-id, "
		"cache-control, accept, user_id, content-type, if-match, "
		"if-none-match, idempotency-key, nats-expected-last-sequence, "
		"nats-expected-last-subject-sequence, nats-ttl";
	const struct cors c = {any, 1, "user_id", true};
	char out[CORS_LINES_MAX], want[CORS_LINES_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct cors_preflight p = {"GET, HEAD, POST, OPTIONS",
						 cases[i].asked};

		cors_lines(&c, "https://a.example", &p, out);
		snprintf(want, sizeof(want),
			 MAY("*") "Access-Control-Allow-Methods: GET, HEAD, "
				  "POST, OPTIONS\r\n%s%s\r\n"
				  "Access-Control-Max-Age: 86400\r\n",
			 before, cases[i].echoed);
		assert_string_equal(out, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(origins_as_browsers_write_them),
		cmocka_unit_test(origins_that_no_browser_sends),
		cmocka_unit_test(exact_origins),
		cmocka_unit_test(no_other_origin_is_echoed),
		cmocka_unit_test(an_exact_one_beside_any),
		cmocka_unit_test(no_origins_no_lines),
		cmocka_unit_test(a_preflight),
		cmocka_unit_test(the_longest_fit),
		cmocka_unit_test(headers_of_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
