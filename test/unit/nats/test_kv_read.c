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
#include "nats/kv_read.h"

#define SERVER_LINES(subject, seq)                      \
	"Nats-Stream: KV_cfg\r\nNats-Subject: " subject \
	"\r\nNats-Sequence: " seq                       \
	"\r\nNats-Time-Stamp: 2026-12-01T00:45:59Z\r\n\r\n"

static struct kv_read read_of(uint64_t revision, bool direct)
{
	return (struct kv_read){.api_prefix = "$JS.API",
				.bucket = span_of("cfg"),
				.origin = span_of("cfg"),
				.key = span_of("a.b"),
				.revision = revision,
				.direct = direct};
}

static void expect_request(const struct kv_read *r, const char *subject,
			   const char *body)
{
	char got[JS_DIRECT_SUBJECT_MAX];
	struct buf b;

	buf_init(&b, 1024);
	buf_puts(&b, "before");
	assert_int_equal(kv_read_request(r, got, &b), 0);
	assert_string_equal(got, subject);
	assert_int_equal(buf_unread(&b), strlen(body));
	assert_memory_equal(buf_data(&b), body, strlen(body));
	buf_finish(&b);
}

static void requests(void **state)
{
	struct kv_read r = read_of(0, true);

	(void)state;
	expect_request(&r, "$JS.API.DIRECT.GET.KV_cfg.$KV.cfg.a.b", "");
	r = read_of(17, true);
	expect_request(&r, "$JS.API.DIRECT.GET.KV_cfg", "{\"seq\":17}");
	r = read_of(0, false);
	expect_request(&r, "$JS.API.STREAM.MSG.GET.KV_cfg",
		       "{\"last_by_subj\":\"$KV.cfg.a.b\"}");
	r = read_of(17, false);
	expect_request(&r, "$JS.API.STREAM.MSG.GET.KV_cfg", "{\"seq\":17}");
	r = read_of(0, true);
	r.api_prefix = "$JS.hub.API";
	r.bucket = span_of("mirror");
	expect_request(&r, "$JS.hub.API.DIRECT.GET.KV_mirror.$KV.cfg.a.b", "");
}

static enum kv_read_result answer(struct kv_read_answer *a,
				  const struct kv_read *r, const char *headers,
				  const char *data)
{
	memset(a, 0x5a, sizeof(*a));
	kv_read_response(a, r, span_of(headers), span_of(data), 64);
	return a->result;
}

static void expect_entry(const struct kv_read_answer *a, uint64_t revision,
			 enum kv_operation op, const char *value)
{
	assert_int_equal(a->result, KV_READ_FOUND);
	assert_int_equal(a->entry.revision, revision);
	assert_int_equal(a->entry.operation, op);
	assert_true(a->entry.time_ns == UINT64_C(1796085959000000000));
	assert_int_equal(a->entry.name.key.len, 3);
	assert_memory_equal(a->entry.name.key.at, "a.b", 3);
	assert_int_equal(a->entry.value.len, strlen(value));
	if (*value != '\0')
		assert_memory_equal(a->entry.value.at, value, strlen(value));
}

static void direct_answers(void **state)
{
	struct kv_read r = read_of(0, true);
	struct kv_read_answer a;

	(void)state;
	answer(&a, &r, "NATS/1.0\r\n" SERVER_LINES("$KV.cfg.a.b", "17"), "v");
	expect_entry(&a, 17, KV_OPERATION_PUT, "v");
	kv_read_finish(&a);
	answer(&a, &r,
	       "NATS/1.0\r\nKV-Operation: DEL\r\n" SERVER_LINES("$KV.cfg.a.b",
								"18"),
	       "");
	expect_entry(&a, 18, KV_OPERATION_DEL, "");
	kv_read_finish(&a);
	assert_int_equal(answer(&a, &r, "NATS/1.0 404 Not Found\r\n\r\n", ""),
			 KV_READ_NONE);
	assert_int_equal(answer(&a, &r, "NATS/1.0 503\r\n\r\n", ""),
			 KV_READ_NO_DIRECT);
	assert_int_equal(answer(&a, &r, "NATS/1.0 408 Bad Request\r\n\r\n", ""),
			 KV_READ_FAILED);
	assert_int_equal(a.error.err, 408);
	assert_int_equal(answer(&a, &r, "", "v"), KV_READ_FAILED);
	assert_int_equal(a.error.err, JS_JSON_MALFORMED);
	/* Another key than that requested. */
	assert_int_equal(
		answer(&a, &r, "NATS/1.0\r\n" SERVER_LINES("$KV.cfg.a.c", "17"),
		       "v"),
		KV_READ_FAILED);
	assert_int_equal(a.entry.value.len, 0);
}

/* Only the key's own message: a revision of another key is none, whatever the
 * rights to that key are. */
static void revisions(void **state)
{
	struct kv_read r = read_of(17, true);
	struct kv_read_answer a;

	(void)state;
	answer(&a, &r, "NATS/1.0\r\n" SERVER_LINES("$KV.cfg.a.b", "17"), "v");
	expect_entry(&a, 17, KV_OPERATION_PUT, "v");
	kv_read_finish(&a);
	assert_int_equal(answer(&a, &r,
				"NATS/1.0\r\n" SERVER_LINES("$KV.cfg.a.bc",
							    "17"),
				"secret"),
			 KV_READ_NONE);
	assert_true(a.entry.value.len == 0 && a.entry.revision == 0);
	assert_int_equal(
		answer(&a, &r, "NATS/1.0\r\n" SERVER_LINES("$KV.cfg.a.b", "18"),
		       "v"),
		KV_READ_NONE);
	r = read_of(17, false);
	assert_int_equal(
		answer(&a, &r, "",
		       "{\"message\":{\"subject\":\"$KV.cfg.x\",\"seq\":17,"
		       "\"data\":\"dg==\",\"time\":\"2026-12-01T00:45:59Z\"}}"),
		KV_READ_NONE);
	assert_int_equal(a.entry.value.len, 0);
	kv_read_finish(&a);
}

static void answers_of_the_leader(void **state)
{
	struct kv_read r = read_of(0, false);
	struct kv_read_answer a;

	(void)state;
	answer(&a, &r, "",
	       "{\"message\":{\"subject\":\"$KV.cfg.a.b\",\"seq\":17,"
	       "\"data\":\"dg==\",\"time\":\"2026-12-01T00:45:59Z\"}}");
	expect_entry(&a, 17, KV_OPERATION_PUT, "v");
	kv_read_finish(&a);
	/* NATS/1.0, KV-Operation: PURGE */
	answer(&a, &r, "",
	       "{\"message\":{\"subject\":\"$KV.cfg.a.b\",\"seq\":18,\"hdrs\":"
	       "\"TkFUUy8xLjANCktWLU9wZXJhdGlvbjogUFVSR0UNCg0K\","
	       "\"time\":\"2026-12-01T00:45:59Z\"}}");
	expect_entry(&a, 18, KV_OPERATION_PURGE, "");
	kv_read_finish(&a);
	assert_int_equal(answer(&a, &r, "",
				"{\"error\":{\"code\":404,\"err_code\":10037,"
				"\"description\":\"no message found\"}}"),
			 KV_READ_NONE);
	assert_int_equal(answer(&a, &r, "",
				"{\"error\":{\"code\":404,\"err_code\":10059,"
				"\"description\":\"stream not found\"}}"),
			 KV_READ_NO_BUCKET);
	assert_int_equal(answer(&a, &r, "",
				"{\"error\":{\"code\":503,\"err_code\":10008,"
				"\"description\":\"unavailable\"}}"),
			 KV_READ_FAILED);
	assert_int_equal(a.error.err, 10008);
	assert_int_equal(answer(&a, &r, "", "x"), KV_READ_FAILED);
	kv_read_finish(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests),
		cmocka_unit_test(direct_answers),
		cmocka_unit_test(revisions),
		cmocka_unit_test(answers_of_the_leader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
