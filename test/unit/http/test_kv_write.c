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
#include "http/kv_write.h"
#include "nats/kv_entry.h"
#include "nats/message_headers.h"
#include "server_headers.h"

enum { HEADERS_MAX = 2 };

/* A request with up to two headers; NULL: none. */
static int begin(struct kv_write *w, struct http_error *why,
		 enum kv_action action, const struct kv_query *query,
		 const char *name, const char *value, const char *second)
{
	struct http_header headers[HEADERS_MAX] = {
		{.name = name, .value = value},
		{.name = second, .value = "x"},
	};
	struct request req = {.headers = headers,
			      .n_headers = second != NULL ? 2
					   : name != NULL ? 1
							  : 0};

	for (size_t i = 0; i < req.n_headers; i++) {
		headers[i].name_len = strlen(headers[i].name);
		headers[i].value_len = strlen(headers[i].value);
	}
	memset(w, 0x5a, sizeof(*w));
	return kv_write_init(w, why, action, query, &req);
}

static struct kv_write good(enum kv_action action, const struct kv_query *query,
			    const char *name, const char *value)
{
	struct http_error why;
	struct kv_write w;

	if (begin(&w, &why, action, query, name, value, NULL) != 0)
		fail_msg("%s", why.text);
	return w;
}

static void expect_block(const struct kv_write *w, const char *want)
{
	struct publish_headers h;
	struct http_error why;
	struct span block;

	if (kv_write_headers(&h, &why, w, span_of("KV_cfg")) != 0)
		fail_msg("%s", why.text);
	block = (struct span){(const char *)buf_data(&h.block),
			      buf_unread(&h.block)};
	if (block.len != strlen(want) || memcmp(block.at, want, block.len) != 0)
		fail_msg("%.*s", (int)block.len, block.at);
	publish_headers_finish(&h);
}

#define STREAM	      "NATS/1.0\r\nNats-Expected-Stream: KV_cfg\r\n"
#define SEQUENCE(seq) "Nats-Expected-Last-Subject-Sequence: " seq "\r\n"

static const struct kv_query plain;

static void puts_and_updates(void **state)
{
	struct kv_write w = good(KV_PUT_KEY, &plain, NULL, NULL);

	(void)state;
	assert_false(w.is_marker || w.is_create || w.is_conditional);
	expect_block(&w, STREAM "\r\n");
	w = good(KV_PUT_KEY, &plain, "If-Match", "\"17\"");
	assert_true(w.is_conditional && !w.is_create);
	expect_block(&w, STREAM SEQUENCE("17") "\r\n");
	w = good(KV_PUT_KEY, &plain, "Accept", "*/*");
	assert_false(w.has_expected);
}

static void creates(void **state)
{
	struct kv_query hour = {.ttl_ms = 3600000},
			short_one = {.ttl_ms = 1500};
	struct kv_write w = good(KV_CREATE_KEY, &plain, NULL, NULL);

	(void)state;
	assert_true(w.is_create && !w.is_conditional);
	expect_block(&w, STREAM SEQUENCE("0") "\r\n");
	w = good(KV_PUT_KEY, &hour, "if-none-match", "*");
	assert_true(w.is_create && w.is_conditional);
	expect_block(&w, STREAM SEQUENCE("0") "Nats-TTL: 3600s\r\n\r\n");
	w = good(KV_CREATE_KEY, &short_one, "If-None-Match", "*");
	assert_true(w.is_create && w.is_conditional);
	expect_block(&w, STREAM SEQUENCE("0") "Nats-TTL: 1500ms\r\n\r\n");
}

static void creates_over_deleted_keys(void **state)
{
	static const struct {
		enum kv_read_result result;
		enum kv_operation operation;
		bool repeats;
		const char *block;
	} cases[] = {
		{KV_READ_FOUND, KV_OPERATION_DEL, true,
		 STREAM SEQUENCE("18") "\r\n"},
		{KV_READ_FOUND, KV_OPERATION_PURGE, true,
		 STREAM SEQUENCE("18") "\r\n"},
		{KV_READ_FOUND, KV_OPERATION_PUT, false, NULL},
		{KV_READ_NONE, KV_OPERATION_PUT, true,
		 STREAM SEQUENCE("0") "\r\n"},
		{KV_READ_NO_BUCKET, KV_OPERATION_PUT, false, NULL},
		{KV_READ_FAILED, KV_OPERATION_PUT, false, NULL},
	};
	struct js_pub_ack conflict = {.error.err = 10071};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct kv_write w = good(KV_CREATE_KEY, &plain, NULL, NULL);
		struct kv_read_answer newest = {
			.result = cases[i].result,
			.entry = {.revision = 18,
				  .operation = cases[i].operation},
		};

		assert_true(kv_write_may_repeat(&w, &conflict));
		assert_int_equal(kv_write_over(&w, &newest), cases[i].repeats);
		assert_false(kv_write_may_repeat(&w, &conflict));
		assert_true(w.is_create && !w.is_conditional);
		if (cases[i].repeats)
			expect_block(&w, cases[i].block);
	}
}

static void conflicts_that_stand(void **state)
{
	struct js_pub_ack ack = {.error.err = 10164};
	struct kv_write w = good(KV_PUT_KEY, &plain, "If-None-Match", "*");

	(void)state;
	assert_true(kv_write_may_repeat(&w, &ack));
	ack.error.err = 10060;
	assert_false(kv_write_may_repeat(&w, &ack));
	ack.error.err = 0;
	assert_false(kv_write_may_repeat(&w, &ack));
	ack.error.err = 10071;
	w = good(KV_PUT_KEY, &plain, "If-Match", "\"17\"");
	assert_false(kv_write_may_repeat(&w, &ack));
	w = good(KV_DELETE_KEY, &plain, "If-Match", "\"17\"");
	assert_false(kv_write_may_repeat(&w, &ack));
}

static void deletes(void **state)
{
	struct kv_query purge = {.purge = true};
	struct kv_write w = good(KV_DELETE_KEY, &plain, NULL, NULL);

	(void)state;
	assert_true(w.is_marker && !w.is_purge && !w.is_create);
	expect_block(&w, STREAM "KV-Operation: DEL\r\n\r\n");
	w = good(KV_DELETE_KEY, &purge, "If-Match", "\"17\"");
	assert_true(w.is_marker && w.is_purge && w.is_conditional);
	expect_block(&w, STREAM SEQUENCE("17") "KV-Operation: PURGE\r\n"
					       "Nats-Rollup: sub\r\n\r\n");
}

/* Whatever its age a server finds the gateway's headers, and a client the
 * operation. */
static void servers_find_them(void **state)
{
	static const char *const names[] = {
		"Nats-Expected-Stream", "Nats-Expected-Last-Subject-Sequence",
		"Nats-TTL", "Nats-Rollup", "KV-Operation"};
	struct kv_query all = {.purge = true};
	struct kv_write w = good(KV_DELETE_KEY, &all, "If-Match", "\"17\"");
	struct publish_headers h;
	struct http_error why;
	struct span block, before, after;

	(void)state;
	w.ttl_ms = 60000; /* of a purge: no request has it, ADR-48 does */
	assert_int_equal(kv_write_headers(&h, &why, &w, span_of("KV_cfg")), 0);
	block = (struct span){(const char *)buf_data(&h.block),
			      buf_unread(&h.block)};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_true(old_server_finds(block, names[i], &before));
		assert_true(new_server_finds(block, names[i], &after));
		assert_true(before.at == after.at && before.len == after.len);
	}
	assert_int_equal(kv_operation_of(block), KV_OPERATION_PURGE);
	publish_headers_finish(&h);
}

/* Of a bucket with that name the stream's header would hide the other one. */
static void a_name_that_hides_a_header(void **state)
{
	static const char *const streams[] = {
		"KV_Nats-Expected-Last-Subject-Sequence", "KV_Nats-Rollup",
		"KV_aNats-TTLb", "KV_KV-Operation"};
	struct kv_write w = good(KV_DELETE_KEY, &plain, NULL, NULL);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
		struct publish_headers h;
		struct http_error why = {0};

		assert_int_equal(kv_write_headers(&h, &why, &w,
						  span_of(streams[i])),
				 -EINVAL);
		assert_int_equal(why.status, 400);
		publish_headers_finish(&h);
	}
}

static void rejected_requests(void **state)
{
	static const struct kv_query ttl = {.ttl_ms = 1000};
	static const struct {
		enum kv_action action;
		const struct kv_query *query;
		const char *name, *value, *second;
		int status;
		const char *text;
	} cases[] = {
		{KV_PUT_KEY, &ttl, NULL, NULL, NULL, 400, "ttl is not allowed"},
		{KV_PUT_KEY, &ttl, "If-Match", "\"1\"", NULL, 400, "ttl is"},
		{KV_CREATE_KEY, &plain, "If-Match", "\"1\"", NULL, 400,
		 "POST takes If-None-Match"},
		{KV_DELETE_KEY, &plain, "If-None-Match", "*", NULL, 400,
		 "DELETE takes If-Match"},
		{KV_PUT_KEY, &plain, "If-Match", "*", NULL, 400, "If-Match"},
		{KV_PUT_KEY, &plain, "If-Match", "\"0\"", NULL, 412, "0"},
		{KV_PUT_KEY, &plain, "nats-rollup", "all", NULL, 400,
		 "header nats-rollup is not allowed with an entry of a bucket, "
		 "allowed are If-Match and If-None-Match"},
		{KV_PUT_KEY, &plain, "Nats-TTL", "1h", NULL, 400, "Nats-TTL"},
		{KV_DELETE_KEY, &plain, "KV-Operation", "DEL", NULL, 400,
		 "KV-Operation"},
		{KV_PUT_KEY, &plain, "NatsH-A", "b", NULL, 400, "NatsH-A"},
		{KV_CREATE_KEY, &plain, "Accept", "*/*", "idempotency-KEY", 400,
		 "idempotency-KEY"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct http_error why = {0};
		struct kv_write w;

		if (begin(&w, &why, cases[i].action, cases[i].query,
			  cases[i].name, cases[i].value,
			  cases[i].second) != -EINVAL ||
		    why.status != cases[i].status ||
		    strstr(why.text, cases[i].text) == NULL)
			fail_msg("%zu: %d, %s", i, why.status, why.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(puts_and_updates),
		cmocka_unit_test(creates),
		cmocka_unit_test(creates_over_deleted_keys),
		cmocka_unit_test(conflicts_that_stand),
		cmocka_unit_test(deletes),
		cmocka_unit_test(servers_find_them),
		cmocka_unit_test(a_name_that_hides_a_header),
		cmocka_unit_test(rejected_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
