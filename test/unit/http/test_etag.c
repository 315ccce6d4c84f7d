#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "http/etag.h"

enum { HEADERS_MAX = 4 };

/* "Name: value" each, up to a NULL. */
struct lines {
	const char *list[HEADERS_MAX];
};

struct head {
	struct http_header headers[HEADERS_MAX];
	struct request req;
};

static void make_head(struct head *h, const struct lines *lines)
{
	size_t n = 0;

	for (; n < HEADERS_MAX && lines->list[n] != NULL; n++) {
		const char *line = lines->list[n];
		const char *colon = strchr(line, ':');

		MUST(colon != NULL && colon[1] == ' ');
		h->headers[n] = (struct http_header){
			.name = line,
			.name_len = (size_t)(colon - line),
			.value = colon + 2,
			.value_len = strlen(colon + 2),
		};
	}
	h->req = (struct request){.headers = h->headers, .n_headers = n};
}

static void tags(void **state)
{
	char out[ETAG_MAX];

	(void)state;
	assert_int_equal(etag_format(out, 17), 4);
	assert_string_equal(out, "\"17\"");
	assert_int_equal(etag_format(out, UINT64_MAX), ETAG_MAX - 1);
}

static void lines(void **state)
{
	char out[ETAG_LINES_MAX];

	(void)state;
	etag_lines(out, 17, UINT64_C(784111777999999999), 784111778);
	assert_string_equal(out,
			    "ETag: \"17\"\r\nNats-Revision: 17\r\n"
			    "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
	etag_lines(out, 17, UINT64_C(784111790000000000), 784111777);
	assert_string_equal(out,
			    "ETag: \"17\"\r\nNats-Revision: 17\r\n"
			    "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
	etag_lines(out, UINT64_MAX, 0, 784111777);
	assert_string_equal(out, "ETag: \"18446744073709551615\"\r\n"
				 "Nats-Revision: 18446744073709551615\r\n");
	etag_lines(out, UINT64_MAX, UINT64_MAX, UINT64_MAX);
	assert_non_null(strstr(out, "Last-Modified: "));
}

/* ---- reads --------------------------------------------------------------- */

static void verdicts(void **state)
{
	static const struct {
		struct lines lines;
		uint64_t revision; /* 0: no value */
		enum etag_verdict verdict;
	} cases[] = {
		{{{NULL}}, 17, ETAG_SEND},
		{{{NULL}}, 0, ETAG_SEND},
		{{{"If-None-Match: \"17\""}}, 17, ETAG_NOT_MODIFIED},
		{{{"if-none-match: \"17\""}}, 17, ETAG_NOT_MODIFIED},
		{{{"If-None-Match: W/\"17\""}}, 17, ETAG_NOT_MODIFIED},
		{{{"If-None-Match: \"a,b\", W/\"16\" ,\t\"17\""}},
		 17,
		 ETAG_NOT_MODIFIED},
		{{{"If-None-Match: ,, \"17\",,"}}, 17, ETAG_NOT_MODIFIED},
		{{{"If-None-Match: \"16\"", "If-None-Match: \"17\""}},
		 17,
		 ETAG_NOT_MODIFIED},
		{{{"If-None-Match: *"}}, 17, ETAG_NOT_MODIFIED},
		{{{"If-None-Match: *"}}, 0, ETAG_SEND},
		{{{"If-None-Match: \"0\""}}, 0, ETAG_SEND},
		{{{"If-None-Match: \"16\""}}, 17, ETAG_SEND},
		{{{"If-None-Match: \"017\""}}, 17, ETAG_SEND},
		{{{"If-None-Match: \"\""}}, 17, ETAG_SEND},
		{{{"If-None-Match: \"18446744073709551616\""}}, 17, ETAG_SEND},
		{{{"If-Match: \"17\""}}, 17, ETAG_SEND},
		{{{"If-Match: *"}}, 17, ETAG_SEND},
		{{{"If-Match: *"}}, 0, ETAG_FAILED},
		{{{"If-Match: \"16\""}}, 17, ETAG_FAILED},
		{{{"If-Match: W/\"17\""}}, 17, ETAG_FAILED},
		{{{"If-Match: \"17\""}}, 0, ETAG_FAILED},
		{{{"If-Match: \"17\"", "If-None-Match: \"17\""}},
		 17,
		 ETAG_NOT_MODIFIED},
		{{{"If-None-Match: \"17\"", "If-Match: \"16\""}},
		 17,
		 ETAG_FAILED},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct etag_conditions c;
		struct http_error why;
		struct head h;

		make_head(&h, &cases[i].lines);
		memset(&c, 0x5a, sizeof(c));
		if (etag_read_conditions(&c, &why, &h.req) != 0)
			fail_msg("%zu: %s", i, why.text);
		if (etag_judge(&c, cases[i].revision) != cases[i].verdict)
			fail_msg("%zu: %s", i, cases[i].lines.list[0]);
	}
}

static void lists_that_are_none(void **state)
{
	static const struct lines bad[] = {
		{{"If-None-Match: "}},
		{{"If-None-Match: ,"}},
		{{"If-None-Match: 17"}},
		{{"If-None-Match: \"17"}},
		{{"If-None-Match: 17\""}},
		{{"If-None-Match: \""}},
		{{"If-None-Match: w/\"17\""}},
		{{"If-None-Match: W\"17\""}},
		{{"If-None-Match: W/"}},
		{{"If-None-Match: W/17"}},
		{{"If-None-Match: \"1 7\""}},
		{{"If-None-Match: \"1\t7\""}},
		{{"If-None-Match: \"17\" \"18\""}},
		{{"If-None-Match: \"17\";"}},
		{{"If-None-Match: *, \"17\""}},
		{{"If-None-Match: \"17\", *"}},
		{{"If-None-Match: **"}},
		{{"If-None-Match: *", "If-None-Match: *"}},
		{{"If-None-Match: *", "If-None-Match: \"17\""}},
		{{"If-Match: \"17\"", "If-Match: *"}},
		{{"If-Match: 17"}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct etag_conditions c;
		struct http_error why;
		struct head h;

		make_head(&h, &bad[i]);
		if (etag_read_conditions(&c, &why, &h.req) != -EINVAL)
			fail_msg("%s", bad[i].list[0]);
		assert_int_equal(why.status, 400);
		assert_int_equal(why.reason, REJECT_BAD_HEADER);
		assert_non_null(strstr(why.text, "If-"));
	}
}

/* Tags that can never match are not kept. */
static void lists_are_bounded(void **state)
{
	char line[600] = "If-None-Match: \"x\"";
	struct lines lines = {{line}};
	struct etag_conditions c;
	struct http_error why;
	struct head h;

	(void)state;
	for (int i = 1; i < ETAG_LIST_MAX; i++)
		sprintf(line + strlen(line), ",\"%d\",\"x%d\"", i, i);
	strcat(line, ",\"17\"");
	make_head(&h, &lines);
	assert_int_equal(etag_read_conditions(&c, &why, &h.req), 0);
	assert_int_equal(etag_judge(&c, 17), ETAG_NOT_MODIFIED);
	strcat(line, ",\"18\"");
	make_head(&h, &lines);
	assert_int_equal(etag_read_conditions(&c, &why, &h.req), -EINVAL);
	assert_non_null(strstr(why.text, "more than 16"));
}

/* ---- writes -------------------------------------------------------------- */

static void preconditions(void **state)
{
	static const struct {
		struct lines lines;
		bool is_given, is_create;
		uint64_t revision;
	} cases[] = {
		{{{NULL}}, false, false, 0},
		{{{"If-Modified-Since: x"}}, false, false, 0},
		{{{"If-Match: \"17\""}}, true, false, 17},
		{{{"IF-MATCH: \"18446744073709551615\""}},
		 true,
		 false,
		 UINT64_MAX},
		{{{"If-None-Match: *"}}, true, true, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct etag_expected e;
		struct http_error why;
		struct head h;

		make_head(&h, &cases[i].lines);
		memset(&e, 0x5a, sizeof(e));
		if (etag_write_condition(&e, &why, &h.req) != 0)
			fail_msg("%zu: %s", i, why.text);
		assert_int_equal(e.is_given, cases[i].is_given);
		assert_int_equal(e.is_create, cases[i].is_create);
		assert_true(e.revision == cases[i].revision);
	}
}

static void bad_preconditions(void **state)
{
	static const struct {
		struct lines lines;
		int status;
	} bad[] = {
		{{{"If-Match: *"}}, 400},
		{{{"If-Match: 17"}}, 400},
		{{{"If-Match: \""}}, 400},
		{{{"If-Match: \"\""}}, 400},
		{{{"If-Match: W/\"17\""}}, 400},
		{{{"If-Match: \"17\", \"18\""}}, 400},
		{{{"If-Match: \"x\""}}, 400},
		{{{"If-Match: \"-1\""}}, 400},
		{{{"If-Match: \"18446744073709551616\""}}, 400},
		{{{"If-Match: "}}, 400},
		{{{"If-Match: \"0\""}}, 412},
		{{{"If-None-Match: \"17\""}}, 400},
		{{{"If-None-Match: "}}, 400},
		{{{"If-None-Match: **"}}, 400},
		{{{"If-Match: \"17\"", "If-Match: \"17\""}}, 400},
		{{{"If-Match: \"17\"", "If-None-Match: *"}}, 400},
		{{{"If-None-Match: *", "If-None-Match: *"}}, 400},
		{{{"If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT"}}, 400},
		{{{"If-Match: \"17\"", "If-Unmodified-Since: x"}}, 400},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct etag_expected e;
		struct http_error why = {0};
		struct head h;

		make_head(&h, &bad[i].lines);
		if (etag_write_condition(&e, &why, &h.req) != -EINVAL ||
		    why.status != bad[i].status)
			fail_msg("%s: %d", bad[i].lines.list[0], why.status);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tags),
		cmocka_unit_test(lines),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(lists_that_are_none),
		cmocka_unit_test(lists_are_bounded),
		cmocka_unit_test(preconditions),
		cmocka_unit_test(bad_preconditions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
