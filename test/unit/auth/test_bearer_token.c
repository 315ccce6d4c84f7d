/* Where a token is found, and which combinations are errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "auth/bearer_token.h"
#include "base/check.h"

enum { HEADERS_MAX = 4 };

struct request_rig {
	struct http_header headers[HEADERS_MAX];
	struct request head;
	struct token_sources places;
	struct bearer_token token;
	struct http_error why;
};

static void add(struct request_rig *r, const char *name, const char *value)
{
	MUST(r->head.n_headers < HEADERS_MAX);
	r->headers[r->head.n_headers++] =
		(struct http_header){name, value, strlen(name), strlen(value)};
	r->head.headers = r->headers;
}

static int find(struct request_rig *r, const char *query)
{
	return bearer_token_find(&r->token, &r->why, &r->places, &r->head,
				 query, query == NULL ? 0 : strlen(query));
}

static void must_find(struct request_rig *r, const char *query,
		      const char *token)
{
	if (find(r, query) < 0)
		fail_msg("%s", r->why.text);
	assert_int_equal(r->token.len, strlen(token));
	assert_memory_equal(r->token.at, token, r->token.len);
}

static void must_reject(struct request_rig *r, const char *query, int status,
			const char *text)
{
	assert_true(find(r, query) < 0);
	assert_int_equal(r->why.status, status);
	assert_string_equal(r->why.text, text);
}

static void a_bearer_is_found(void **state)
{
	static const struct {
		const char *value, *token;
	} cases[] = {
		{"Bearer a.b.c", "a.b.c"},
		{"bearer a.b.c", "a.b.c"},
		{"BEARER  a.b.c", "a.b.c"},
		{"Bearer\ta.b.c", "a.b.c"},
		{"Bearer a b", "a b"},
		{"Bearer", ""},
		{"Bearer ", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct request_rig r = {0};

		add(&r, "authorization", cases[i].value);
		must_find(&r, NULL, cases[i].token);
	}
}

static void another_scheme_is_none(void **state)
{
	static const char *const values[] = {
		"",	"Basic YTpi", "Bearerx a.b",
		"Bear", "a.b.c",      "Digest Bearer=a"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		struct request_rig r = {.places = {.cookie = "t"}};

		add(&r, "Authorization", values[i]);
		assert_true(find(&r, NULL) < 0);
		assert_int_equal(r.why.status, 401);
		assert_int_equal(r.why.reason, REJECT_NO_TOKEN);
		add(&r, "Cookie", "t=a.b.c");
		must_find(&r, NULL, "a.b.c");
	}
}

static void a_cookie_is_found(void **state)
{
	static const struct {
		const char *value, *token;
	} cases[] = {
		{"t=a.b.c", "a.b.c"},	  {"x=1; t=a.b.c; y=2", "a.b.c"},
		{"x=1;t=a.b.c", "a.b.c"}, {" ;; t=a.b.c ;", "a.b.c"},
		{"t=\"a.b.c\"", "a.b.c"}, {"t=", ""},
		{"t=\"", "\""},		  {"tt=x; T=y; t=z", "z"},
		{"xt=y; t=z", "z"},	  {"t; t=z", "z"},
		{"t=a=b", "a=b"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct request_rig r = {.places = {.cookie = "t"}};

		add(&r, "cookie", cases[i].value);
		must_find(&r, NULL, cases[i].token);
		assert_true(r.token.by_cookie);
	}
}

static void a_cookie_may_be_in_any_header(void **state)
{
	struct request_rig r = {.places = {.cookie = "t"}};

	(void)state;
	add(&r, "Cookie", "x=1");
	add(&r, "Cookie2", "t=no");
	add(&r, "cookie", "t=a.b.c");
	must_find(&r, NULL, "a.b.c");
	add(&r, "Cookie", "t=a.b.c");
	must_reject(&r, NULL, 400,
		    "cookie t is given 2 times, allowed is once");
}

static void other_cookies_are_ignored(void **state)
{
	struct request_rig r = {.places = {.query = "q"}};

	(void)state;
	add(&r, "Cookie", "t=a.b.c; =a.b.c; q=a.b.c");
	must_reject(&r, NULL, 401,
		    "no token, allowed are Authorization: Bearer, or the query "
		    "parameter q");
}

static void a_query_is_decoded(void **state)
{
	static char big[3 * (JWT_MAX + 10) + 1];
	struct request_rig r = {.places = {.query = "q"}};

	(void)state;
	must_find(&r, "a.b.c", "a.b.c");
	must_find(&r, "a%2Eb%2ec%7e", "a.b.c~");
	must_find(&r, "a+b", "a+b");
	must_find(&r, "", "");
	for (size_t i = 0; i < JWT_MAX + 10; i++)
		memcpy(big + 3 * i, "%41", 3);
	assert_int_equal(find(&r, big), 0);
	assert_int_equal(r.token.len, JWT_MAX + 1);
}

static void which_one_counts(void **state)
{
	struct request_rig r = {.places = {.cookie = "t", .query = "q"}};

	(void)state;
	must_reject(&r, NULL, 401,
		    "no token, allowed are Authorization: Bearer, or the query "
		    "parameter q, or the cookie t");
	add(&r, "Cookie", "t=cookie; t=twice");
	must_find(&r, "query", "query");
	assert_false(r.token.by_cookie);
	add(&r, "Authorization", "Bearer header");
	must_find(&r, NULL, "header");
	assert_false(r.token.by_cookie);
	must_reject(&r, "query", 400,
		    "a token is given in Authorization and in the query, "
		    "allowed is one of them");
	/* An empty token counts as given. */
	must_reject(&r, "", 400,
		    "a token is given in Authorization and in the query, "
		    "allowed is one of them");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bearer_is_found),
		cmocka_unit_test(another_scheme_is_none),
		cmocka_unit_test(a_cookie_is_found),
		cmocka_unit_test(a_cookie_may_be_in_any_header),
		cmocka_unit_test(other_cookies_are_ignored),
		cmocka_unit_test(a_query_is_decoded),
		cmocka_unit_test(which_one_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
