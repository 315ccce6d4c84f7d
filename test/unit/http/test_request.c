/* The checks of whole heads, built by hand; test_request_parser.c parses
 * requests. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "http/request.h"

enum { FIELDS_MAX = 8 };

struct made {
	struct request head;
	struct http_header fields[FIELDS_MAX];
	char target[128];
	struct http_error why;
};

/* Names and values alternate; NULL ends them. */
static int make(struct made *m, const char *method, const char *target,
		int minor, const char *const *fields)
{
	memset(m, 0, sizeof(*m));
	m->head.method = method;
	m->head.minor = minor;
	m->head.headers = m->fields;
	for (size_t n = 0; fields[2 * n] != NULL; n++) {
		m->fields[n].name = fields[2 * n];
		m->fields[n].name_len = strlen(fields[2 * n]);
		m->fields[n].value = fields[2 * n + 1];
		m->fields[n].value_len = strlen(fields[2 * n + 1]);
		m->head.n_headers++;
		assert_true(n < FIELDS_MAX);
	}
	snprintf(m->target, sizeof(m->target), "%s", target);
	return request_finish(&m->head, m->target, "user_id", &m->why);
}

#define FIELDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_find_and_count(void **state)
{
	struct made m;
	size_t len = 99;

	(void)state;
	make(&m, "GET", "/", 1,
	     FIELDS("Host", "a", "X-Y", "first", "x-y", "2", "X_Y", "other"));
	assert_string_equal(request_find(&m.head, "x-Y", &len), "first");
	assert_int_equal(len, 5);
	assert_int_equal(request_count(&m.head, "X-Y"), 2);
	assert_int_equal(request_count(&m.head, "x_y"), 1);
	assert_string_equal(request_find(&m.head, "X_y", NULL), "other");
	len = 99;
	assert_null(request_find(&m.head, "X-", &len));
	assert_null(request_find(&m.head, "X-Y-Z", &len));
	assert_null(request_find(&m.head, "", &len));
	assert_int_equal(len, 99);
	assert_int_equal(request_count(&m.head, "Z"), 0);
}

static void test_keep_alive(void **state)
{
	static const struct {
		int minor;
		const char *connection;
		bool want;
	} cases[] = {
		{1, "", true},
		{0, "", false},
		{1, "close", false},
		{1, "Close", false},
		{1, "keep-alive", true},
		{0, "keep-alive", true},
		{0, "x,KEEP-ALIVE ,y", true},
		{0, "keep-alive, close", false},
		{1, "keep-alive,close", false},
		{1, " , ,\tclose\t,", false},
		{1, "closed", true},
		{1, "not close", true},
		{1, "clos", true},
		{0, "keep-alive-not", false},
	};
	struct made m;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(make(&m, "GET", "/", cases[i].minor,
				      FIELDS("Host", "a", "Connection",
					     cases[i].connection)),
				 0);
		if (m.head.keep_alive != cases[i].want)
			fail_msg("HTTP/1.%d \"%s\"", cases[i].minor,
				 cases[i].connection);
	}
	make(&m, "GET", "/", 1,
	     FIELDS("Host", "a", "Connection", "x", "connection", "close"));
	assert_false(m.head.keep_alive);
}

static void test_hosts(void **state)
{
	static const char *const good[] = {
		"a",	 "",	     "a.b-c_d~e",  "a:80",	"a:",
		"[::1]", "[::1]:80", "10.0.0.1:1", "%C3%A9.de", "!$&'()*+,;=",
	};
	static const char *const bad[] = {
		"a b",	 "a/b",	 "a@b", "a?b",	"a#b",	    "a:b",
		"a:1:2", "[",	 "[:",	"[::1", "::1",	    "[::1]a",
		"[x]",	 "a\\b", "\"a", "a\t",	"\xc3\xa9", "<a>",
		"a:-1",	 "a:1 ", "a]",	"[]",	"[:::::]",  "[1.2.3.4]",
		"a%zz",	 "a%1",	 "%",	":80",
	};
	struct made m;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (make(&m, "GET", "/", 1, FIELDS("Host", good[i])) != 0)
			fail_msg("refused: %s", good[i]);
		assert_string_equal(m.head.host, good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (make(&m, "GET", "/", 1, FIELDS("Host", bad[i])) != -EINVAL)
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(m.why.status, 400);
		assert_int_equal(m.why.reason, REJECT_MALFORMED);
	}
}

static void test_targets(void **state)
{
	static const struct {
		const char *sent, *target, *host;
	} good[] = {
		{"/", "/", "h"},
		{"//a", "//a", "h"},
		{"/http://b/", "/http://b/", "h"},
		{"http://b", "/", "b"},
		{"http://b/", "/", "b"},
		{"http://b?q", "/?q", "b"},
		{"http://b?/q", "/?/q", "b"},
		{"http://b/c/d?q", "/c/d?q", "b"},
		{"hTTpS://[::1]:8/c", "/c", "[::1]:8"},
		{"http://b//c", "//c", "b"},
	};
	static const char *const bad[] = {
		"*",	       "a",	     "http:",	     "http:/",
		"http:/b",     "http://",    "http:///c",    "http://?q",
		"httpx://b",   "htt://b",    "ws://b/",	     "http://u:p@b/",
		"http:b",      "http//b/",   "http://b c/",  "b:80",
		"http://:80/", "http://[]/", "http://a%zz/",
	};
	struct made m;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (make(&m, "GET", good[i].sent, 1, FIELDS("Host", "h")) != 0)
			fail_msg("refused: %s", good[i].sent);
		assert_string_equal(m.head.target, good[i].target);
		assert_int_equal(m.head.target_len, strlen(good[i].target));
		assert_string_equal(m.head.host, good[i].host);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (make(&m, "GET", bad[i], 1, FIELDS("Host", "h")) != -EINVAL)
			fail_msg("taken: %s", bad[i]);
	assert_int_equal(make(&m, "OPTIONS", "*", 1, FIELDS("Host", "h")), 0);
	assert_string_equal(m.head.target, "*");
	assert_int_equal(make(&m, "CONNECT", "b:443", 1, FIELDS("Host", "h")),
			 0);
	assert_string_equal(m.head.target, "b:443");
}

static void test_bodies(void **state)
{
	static const struct {
		const char *method, *name, *value;
		int minor, status;
	} cases[] = {
		{"GET", "Content-Length", "0", 1, 0},
		{"GET", "Content-Length", "000", 1, 0},
		{"GET", "Content-Length", "1", 1, 413},
		{"GET", "Content-Length", "10", 0, 413},
		{"HEAD", "Content-Length", "01", 1, 413},
		{"POST", "Content-Length", "1", 1, 0},
		{"GET", "Content-Length", "", 1, 400},
		{"GET", "Content-Length", "1x", 1, 400},
		{"POST", "Content-Length", " 1", 1, 400},
		{"GET", "Transfer-Encoding", "chunked", 1, 0},
		{"POST", "Transfer-Encoding", "CHUNKED", 1, 0},
		{"POST", "Transfer-Encoding", "chunked", 0, 400},
		{"POST", "Transfer-Encoding", "chunked, chunked", 1, 501},
		{"GET", "Transfer-Encoding", "chunke", 1, 501},
		{"GET", "Transfer-Encoding", "", 1, 400},
		{"GET", "Expect", "100-continue", 1, 0},
		{"GET", "Expect", "200-ok", 1, 417},
		{"GET", "Expect", "", 1, 417},
		{"GET", "Expect", "100-continue", 0, 0},
		{"POST", "Expect", "100-continue", 1, 0},
	};
	struct made m;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc = make(&m, cases[i].method, "/", cases[i].minor,
			      FIELDS("Host", "h", cases[i].name,
				     cases[i].value));

		if (rc != (cases[i].status == 0 ? 0 : -EINVAL) ||
		    m.why.status != cases[i].status)
			fail_msg("%s %s: %s on HTTP/1.%d gives %d",
				 cases[i].method, cases[i].name, cases[i].value,
				 cases[i].minor, m.why.status);
	}
	make(&m, "POST", "/", 1, FIELDS("Host", "h", "Content-Length", "1"));
	assert_false(m.head.keep_alive);
	make(&m, "POST", "/", 1, FIELDS("Host", "h", "Content-Length", "0"));
	assert_true(m.head.keep_alive);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find_and_count),
		cmocka_unit_test(test_keep_alive),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_bodies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
