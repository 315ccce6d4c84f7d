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
#include "http/batch_line.h"

/* From memory of its own size, which is gone afterwards. */
static int parse(struct batch_line *l, struct http_error *why, const char *text,
		 size_t len)
{
	char *copy = malloc(len > 0 ? len : 1);
	int rc;

	MUST(copy != NULL);
	memcpy(copy, text, len);
	memset(l, 0x5a, sizeof(*l));
	rc = batch_line_parse(l, why, (struct span){copy, len},
			      span_of("Events"), span_of("alice"));
	memset(copy, 0xa5, len);
	free(copy);
	return rc;
}

static void expect_span(struct span got, const char *want, size_t len)
{
	if (got.len != len || (len > 0 && memcmp(got.at, want, len) != 0))
		fail_msg("\"%.*s\", expected \"%s\"", (int)got.len, got.at,
			 want);
}

#define STREAM "NATS/1.0\r\nNats-Expected-Stream: Events\r\n"

/* `headers`: behind that of the stream. */
static void expect_line(const char *text, const char *subject, const char *data,
			const char *headers)
{
	struct http_error why = {0};
	struct batch_line l;
	char block[512];

	if (parse(&l, &why, text, strlen(text)) != 0)
		fail_msg("%s: %s", text, why.text);
	expect_span(l.subject, subject, strlen(subject));
	expect_span(l.data, data, strlen(data));
	snprintf(block, sizeof(block), STREAM "%s\r\n", headers);
	expect_span((struct span){(const char *)buf_data(&l.headers.block),
				  buf_unread(&l.headers.block)},
		    block, strlen(block));
	batch_line_finish(&l);
}

static void expect_bytes_rejected(const char *text, size_t len,
				  const char *fault)
{
	struct http_error why = {0};
	struct batch_line l;

	if (parse(&l, &why, text, len) != -EINVAL)
		fail_msg("taken: %s", text);
	if (why.status != 400 || strstr(why.text, fault) == NULL)
		fail_msg("%s: %d, %s", text, why.status, why.text);
}

static void expect_rejected(const char *text, const char *fault)
{
	expect_bytes_rejected(text, strlen(text), fault);
}

static void payloads(void **state)
{
	struct http_error why;
	struct batch_line l;

	(void)state;
	expect_line("{\"data\":\"\"}", "", "", "");
	expect_line(" {\"data\" : \"a\\u00e4\\n\"}\r", "", "a\xc3\xa4\n", "");
	expect_line("{\"data\":\"YWI=\",\"encoding\":\"base64\"}", "", "ab",
		    "");
	expect_line("{\"encoding\":\"base64\",\"data\":\"\"}", "", "", "");
	assert_int_equal(parse(&l, &why,
			       "{\"data\":\"AP8NCg==\",\"encoding\":"
			       "\"base64\"}",
			       39),
			 0);
	expect_span(l.data, "\0\xff\r\n", 4);
	batch_line_finish(&l);
}

/* As with json=1: the payload is the JSON itself, with all of its digits. */
static void payloads_that_are_json(void **state)
{
	(void)state;
	expect_line("{\"data\":{ \"a\" : [1, 1e400, "
		    "123456789012345678901234567890], \"a\":\"x y\"} }",
		    "",
		    "{\"a\":[1,1e400,123456789012345678901234567890],"
		    "\"a\":\"x y\"}",
		    "");
	expect_line("{\"data\":[]}", "", "[]", "");
	expect_line("{\"data\":null}", "", "null", "");
	expect_line("{\"data\":-0.50}", "", "-0.50", "");
}

static void subjects(void **state)
{
	(void)state;
	expect_line("{\"subject\":\"orders.7\",\"data\":\"x\"}", "orders.7",
		    "x", "");
	/* Other checks are those of the rights. */
	expect_line("{\"subject\":\"a\\u0020>\",\"data\":\"x\"}", "a >", "x",
		    "");
	expect_rejected("{\"subject\":\"\",\"data\":\"x\"}",
			"subject is empty");
	expect_rejected("{\"subject\":7,\"data\":\"x\"}",
			"subject is not a string");
	expect_rejected("{\"subject\":null,\"data\":\"x\"}",
			"subject is not a string");
}

static void headers_of_lines(void **state)
{
	(void)state;
	expect_line("{\"headers\":{\"trace\":[\"a\",\" b \"],\"X-Y\":\"c\","
		    "\"z\":[]},\"data\":\"\"}",
		    "", "", "trace: a\r\ntrace: b\r\nX-Y: c\r\n");
	expect_line("{\"headers\":{},\"headers_base64\":{\"k\":[\"/w==\"]},"
		    "\"data\":\"\"}",
		    "", "", "k: \xff\r\n");
	expect_rejected("{\"headers\":[],\"data\":\"\"}",
			"headers are not an object");
	expect_rejected("{\"headers\":{\"a\":7},\"data\":\"\"}",
			"member a of headers is not a string");
	expect_rejected("{\"headers\":{\"a\":[[\"b\"]]},\"data\":\"\"}",
			"is not a string or a list of strings");
	expect_rejected("{\"headers_base64\":{\"a\":[\"/w=\"]},\"data\":\"\"}",
			"is not base64");
	expect_rejected("{\"headers\":{\"a\":\"b\\r\\nc\"},\"data\":\"\"}",
			"control character");
	expect_rejected("{\"headers\":{\"a\":\"b\\u0000\"},\"data\":\"\"}",
			"control character");
	expect_rejected("{\"headers\":{\"a\\u000a\":\"b\"},\"data\":\"\"}",
			"no name of a header may have");
	expect_rejected("{\"headers_base64\":{\"a\":[\"YQ0KYg==\"]},"
			"\"data\":\"\"}",
			"control character");
	expect_rejected("{\"headers\":{\"Nats-Rollup\":[\"all\"]},"
			"\"data\":\"\"}",
			"may not set");
	expect_rejected("{\"headers\":{\"A\":\"Nats-Msg-Id\"},\"data\":\"\"}",
			"the name of a control header");
}

static void preconditions_of_lines(void **state)
{
	static const char *const bad[] = {"-1",	   "1.0",
					  "1e3",   "\"\"",
					  "\"a\"", "null",
					  "true",  "[]",
					  "[1]",   "18446744073709551616",
					  "\" 1\""};
	char text[128];

	(void)state;
	expect_line("{\"data\":\"\",\"expect\":0}", "", "",
		    "Nats-Expected-Last-Subject-Sequence: 0\r\n");
	expect_line("{\"data\":\"\",\"expect\":18446744073709551615}", "", "",
		    "Nats-Expected-Last-Subject-Sequence: "
		    "18446744073709551615\r\n");
	expect_line("{\"data\":\"\",\"expect\":\"7\"}", "", "",
		    "Nats-Expected-Last-Subject-Sequence: 7\r\n");
	expect_line("{\"data\":\"\",\"expect\":{\"last_sequence\":9}}", "", "",
		    "Nats-Expected-Last-Sequence: 9\r\n");
	expect_line("{\"data\":\"\",\"expect\":{\"last_subject_sequence\":9}}",
		    "", "", "Nats-Expected-Last-Subject-Sequence: 9\r\n");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		sprintf(text, "{\"data\":\"\",\"expect\":%s}", bad[i]);
		expect_rejected(text, "expect is not a sequence");
		sprintf(text,
			"{\"data\":\"\",\"expect\":{\"last_sequence\":%s}}",
			bad[i]);
		expect_rejected(text, "expect is not a sequence");
	}
	expect_rejected("{\"data\":\"\",\"expect\":{}}", "exactly one of");
	expect_rejected("{\"data\":\"\",\"expect\":{\"sequence\":1}}",
			"exactly one of");
	expect_rejected("{\"data\":\"\",\"expect\":{\"last_sequence\":1,"
			"\"last_subject_sequence\":1}}",
			"exactly one of");
}

static void keys_of_lines(void **state)
{
	(void)state;
	expect_line("{\"key\":\"k 1\",\"data\":\"\"}", "", "",
		    "Nats-Msg-Id: alice.k 1\r\n");
	expect_rejected("{\"key\":7,\"data\":\"\"}", "key is not a string");
	expect_rejected("{\"key\":\"\",\"data\":\"\"}", "idempotency key");
	expect_rejected("{\"key\":\"a\\nb\",\"data\":\"\"}", "idempotency key");
	expect_rejected("{\"key\":\"a\",\"expect\":1,\"data\":\"\"}",
			"both an idempotency key and a precondition");
}

/* A line that the gateway itself has written. */
static void lines_of_the_gateway(void **state)
{
	(void)state;
	expect_line("{\"seq\":4711,\"subject\":\"events.alice\",\"time\":"
		    "\"2026-11-28T08:31:50.000000007Z\",\"id\":\"4711-9f31c2\","
		    "\"headers\":{\"Trace\":[\"a\"]},\"data\":\"text\"}",
		    "events.alice", "text", "Trace: a\r\n");
}

static void lines_that_are_none(void **state)
{
	static const char *const bad[] = {"{",
					  "}",
					  "{\"data\":\"\"}}",
					  "{\"data\":\"\"},",
					  "{data:1}",
					  "{\"data\":'a'}",
					  "{\"data\":\"\\ud800\"}",
					  "{\"data\":01}",
					  "{\"data\":\"\",}",
					  "\xef\xbb\xbf{\"data\":\"\"}",
					  "{\"data\":\"\xff\"}",
					  "{\"data\":\"a\tb\"}",
					  "nope",
					  "{\"data\":\"\"}{\"data\":\"\"}",
					  ""};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		expect_rejected(bad[i], "it is not JSON in UTF-8");
	expect_bytes_rejected("{\"data\":\"a\0b\"}", 14,
			      "it is not JSON in UTF-8");
	expect_rejected("[]", "it is not a JSON object");
	expect_rejected("\"data\"", "it is not a JSON object");
	expect_rejected("{}", "data is missing");
	expect_rejected("{\"subject\":\"a\"}", "data is missing");
	expect_rejected("{\"data\":\"\",\"encoding\":\"hex\"}", "encoding");
	expect_rejected("{\"data\":\"\",\"encoding\":null}", "encoding");
	expect_rejected("{\"data\":\"\",\"encoding\":7}", "encoding");
	expect_rejected("{\"data\":\"Y\",\"encoding\":\"base64\"}",
			"data is not base64");
	expect_rejected("{\"data\":7,\"encoding\":\"base64\"}",
			"data with an encoding is not a string");
}

static void members_that_are_not_known(void **state)
{
	(void)state;
	expect_rejected("{\"data\":\"\",\"expected\":1}",
			"member \"expected\" is not one of");
	expect_rejected("{\"data\":\"\",\"Key\":\"a\"}", "is not one of");
	/* Escapes: another spelling of a name is no name. */
	expect_rejected("{\"data\":\"\",\"ke\\u0079\":\"a\"}", "is not one of");
	expect_rejected("{\"data\":\"\",\"data\":\"\"}",
			"member \"data\" stands twice");
	expect_rejected("{\"data\":\"\",\"expect\":1,\"expect\":2}",
			"stands twice");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(payloads),
		cmocka_unit_test(payloads_that_are_json),
		cmocka_unit_test(subjects),
		cmocka_unit_test(headers_of_lines),
		cmocka_unit_test(preconditions_of_lines),
		cmocka_unit_test(keys_of_lines),
		cmocka_unit_test(lines_of_the_gateway),
		cmocka_unit_test(lines_that_are_none),
		cmocka_unit_test(members_that_are_not_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
