/* Which origins are the gateway's own: by the request itself, by what trusted
 * proxies say, and for hostile values of each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "http/same_origin.h"

static bool is_same(const char *scheme, const char *host, const char *origin)
{
	const struct own_origin own = {span_of(scheme), span_of(host)};

	return same_origin(&own, span_of(origin));
}

static void equal_origins(void **state)
{
	static const char *const same[][3] = {
		{"http", "a.example", "http://a.example"},
		{"https", "a.example", "https://a.example"},
		{"http", "a.example:80", "http://a.example"},
		{"https", "a.example:443", "https://a.example"},
		{"https", "a.example", "https://a.example:443"},
		{"https", "a.example:80", "https://a.example:80"},
		{"http", "127.0.0.1:8080", "http://127.0.0.1:8080"},
		{"http", "[::1]:8080", "http://[::1]:8080"},
		{"http", "[::80]", "http://[::80]"},
		{"HTTPS", "A.Example", "https://a.example"},
		{"capacitor", "localhost", "capacitor://localhost"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(same); i++)
		if (!is_same(same[i][0], same[i][1], same[i][2]))
			fail_msg("%s", same[i][2]);
}

static void other_origins(void **state)
{
	static const char *const others[] = {
		"",
		"null",
		"*",
		"a.example",
		"//a.example",
		"https://",
		"https:/a.example",
		"http://a.example",
		"https://a.example:80",
		"https://a.example:4433",
		"https://a.example/",
		"https://a.example.",
		"https://a.exampl",
		"https://a.examplee",
		"https://b.a.example",
		"https://.example",
		"https://a.example.evil.example",
		"https://a.example@evil.example",
		"https://evil.example#a.example",
		"https://evil.example https://a.example",
		"https://a.example, https://evil.example",
		"https://a.example\t",
		"xhttps://a.example",
		"httpsx://a.example",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (is_same("https", "a.example", others[i]))
			fail_msg("%s", others[i]);
	assert_false(is_same("http", "", "http://"));
	assert_false(is_same("http", "", "http://:80"));
	assert_false(is_same("", "a.example", "://a.example:80"));
	assert_false(is_same("http", ":80", "http://"));
}

/* ---- proxies ------------------------------------------------------------- */

struct proxy_case {
	const char *proto, *host, *forwarded; /* headers, or NULL */
	const char *want; /* the own origin; NULL: unknown */
};

static size_t add_header(struct http_header *headers, size_t n,
			 const char *name, const char *value)
{
	if (value == NULL)
		return n;
	headers[n] =
		(struct http_header){name, value, strlen(name), strlen(value)};
	return n + 1;
}

static struct own_origin own_of(const struct proxy_case *p, bool by_proxy)
{
	struct http_header headers[3];
	struct request h = {.host = "gw:8080", .headers = headers};

	h.n_headers = add_header(headers, 0, "X-Forwarded-Proto", p->proto);
	h.n_headers =
		add_header(headers, h.n_headers, "X-Forwarded-Host", p->host);
	h.n_headers =
		add_header(headers, h.n_headers, "forwarded", p->forwarded);
	return own_origin_of(&h, by_proxy);
}

static void must_be_own(const struct proxy_case *p, bool by_proxy,
			const char *want)
{
	struct own_origin own = own_of(p, by_proxy);

	if (want == NULL) {
		assert_int_equal(own.host.len, 0);
		return;
	}
	if (!same_origin(&own, span_of(want)))
		fail_msg("%s: own is %.*s://%.*s", want, (int)own.scheme.len,
			 own.scheme.at, (int)own.host.len, own.host.at);
}

static void proxies_name_it(void **state)
{
	static const struct proxy_case cases[] = {
		{NULL, NULL, NULL, "http://gw:8080"},
		{"https", NULL, NULL, "https://gw:8080"},
		{"https", "a.example", NULL, "https://a.example"},
		{NULL, "a.example:80", NULL, "http://a.example"},
		{" https , http", "a.example,b.example", NULL,
		 "https://a.example"},
		{NULL, NULL, "proto=https;host=a.example", "https://a.example"},
		{NULL, NULL, "For=\"[::1]:1\" ; Proto=https, for=b;host=x",
		 "https://x"},
		{NULL, NULL, "for=1;host=\"a.example:8443\";proto=https",
		 "https://a.example:8443"},
		{NULL, NULL, ",, ;for=1;by=2;proto=https", "https://gw:8080"},
		{NULL, NULL, "host=a.example,host=b.example;proto=http",
		 "http://a.example"},
		{"https", "a.example", "proto=https;host=A.EXAMPLE",
		 "https://a.example"},
		{"https", NULL, "host=a.example", "https://a.example"},
		{"", "", "", "http://gw:8080"},
		/* They disagree. */
		{"http", NULL, "proto=https", NULL},
		{NULL, "a.example", "host=b.example", NULL},
		/* Without quotes. */
		{NULL, NULL, "host=a.example:8443;proto=https",
		 "https://a.example:8443"},
		{NULL, NULL, "host=[::1]:81", "http://[::1]:81"},
		/* Malformed: what is read until there counts. */
		{NULL, NULL, "proto=https;host", "https://gw:8080"},
		{NULL, NULL, "for=\"a;proto=https", "http://gw:8080"},
		{NULL, NULL, "for=\"a\\", "http://gw:8080"},
		{NULL, NULL, "for=\"a\\\";host=\\\"b\";proto=https",
		 "https://gw:8080"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		must_be_own(&cases[i], true, cases[i].want);
		must_be_own(&cases[i], false, "http://gw:8080");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_origins),
		cmocka_unit_test(other_origins),
		cmocka_unit_test(proxies_name_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
