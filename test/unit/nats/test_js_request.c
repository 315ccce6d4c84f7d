/* Requests are whole JSON or nothing: escaped, within the buffer, and without
 * memory. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "base/check.h"
#include "nats/js_request.h"

static void assert_body(struct buf *b, const char *want)
{
	assert_int_equal(buf_unread(b), strlen(want));
	assert_memory_equal(buf_data(b), want, strlen(want));
	buf_finish(b);
}

static void requests_are_json(void **state)
{
	struct js_consumer c = {.stream = "EV",
				.name = "n1",
				.filter = "ev.\"q\\",
				.start_seq = 42,
				.inactive_ms = 30000};
	struct js_pull p = {.batch = 10,
			    .max_bytes = 4096,
			    .expires_ms = 30000,
			    .heartbeat_ms = 5000};
	struct buf b;

	(void)state;
	buf_init(&b, 1024);
	assert_int_equal(js_request_get_next(&b, UINT64_MAX, "ev.1"), 0);
	assert_body(&b, "{\"seq\":18446744073709551615,"
			"\"next_by_subj\":\"ev.1\"}");
	assert_int_equal(js_request_get_last(&b, "ev.\""), 0);
	assert_body(&b, "{\"last_by_subj\":\"ev.\\\"\"}");
	assert_int_equal(js_request_subjects(&b, "$KV.b.\"", 100000), 0);
	assert_body(&b, "{\"subjects_filter\":\"$KV.b.\\\"\","
			"\"offset\":100000}");
	assert_int_equal(js_request_names(&b, "$KV.*.>", 0), 0);
	assert_body(&b, "{\"subject\":\"$KV.*.>\",\"offset\":0}");
	assert_int_equal(js_request_create(&b, &c), 0);
	assert_body(&b, "{\"stream_name\":\"EV\",\"config\":{\"name\":\"n1\","
			"\"filter_subject\":\"ev.\\\"q\\\\\","
			"\"deliver_policy\":\"by_start_sequence\","
			"\"opt_start_seq\":42,\"ack_policy\":\"none\","
			"\"replay_policy\":\"instant\",\"mem_storage\":true,"
			"\"inactive_threshold\":30000000000},"
			"\"action\":\"create\"}");
	assert_int_equal(js_request_pull(&b, &p), 0);
	assert_body(&b, "{\"batch\":10,\"max_bytes\":4096,"
			"\"expires\":30000000000,"
			"\"idle_heartbeat\":5000000000}");
	p = (struct js_pull){.batch = 1, .no_wait = true};
	assert_int_equal(js_request_pull(&b, &p), 0);
	assert_body(&b, "{\"batch\":1,\"no_wait\":true}");
}

static void consumer_of_the_newest_messages_has_no_start(void **state)
{
	struct js_consumer c = {.stream = "EV",
				.name = "n1",
				.filter = "ev.>",
				.inactive_ms = 1000,
				.last_per_subject = true};
	struct buf b;

	(void)state;
	buf_init(&b, 1024);
	assert_int_equal(js_request_create(&b, &c), 0);
	assert_body(&b, "{\"stream_name\":\"EV\",\"config\":{\"name\":\"n1\","
			"\"filter_subject\":\"ev.>\","
			"\"deliver_policy\":\"last_per_subject\","
			"\"ack_policy\":\"none\","
			"\"replay_policy\":\"instant\",\"mem_storage\":true,"
			"\"inactive_threshold\":1000000000},"
			"\"action\":\"create\"}");
}

static void a_consumer_of_everything_has_no_filter(void **state)
{
	struct js_consumer c = {.stream = "EV", .name = "n1"};
	struct buf b;

	(void)state;
	buf_init(&b, 1024);
	assert_int_equal(js_request_create(&b, &c), 0);
	assert_int_equal(buf_putc(&b, '\0'), 0);
	assert_null(strstr((const char *)buf_data(&b), "filter"));
	assert_non_null(
		strstr((const char *)buf_data(&b), "\"opt_start_seq\":1,"));
	buf_finish(&b);
}

/* Allocations of jansson until one fails; -1: none fails. */
static int allocations_left = -1;

static void *may_fail(size_t size)
{
	if (allocations_left == 0)
		return NULL;
	if (allocations_left > 0)
		allocations_left--;
	return malloc(size);
}

/* Each allocation of jansson fails in turn: the request is whole or empty. */
static void a_request_without_memory_is_none(void **state)
{
	static const char want[] = "{\"seq\":7,\"next_by_subj\":\"ev.a\"}";
	struct buf b;
	int n = 0, rc;

	(void)state;
	buf_init(&b, 4096);
	json_set_alloc_funcs(may_fail, free);
	do {
		buf_clear(&b);
		allocations_left = n++;
		rc = js_request_get_next(&b, 7, "ev.a");
		allocations_left = -1;
		if (rc == 0)
			break;
		assert_int_equal(rc, -ENOMEM);
		assert_int_equal(buf_unread(&b), 0);
	} while (n < 100);
	json_set_alloc_funcs(malloc, free);
	assert_true(n > 1);
	assert_int_equal(buf_unread(&b), strlen(want));
	assert_memory_equal(buf_data(&b), want, strlen(want));
	buf_finish(&b);
}

/* Where `max` is too small nothing changes. */
static void a_request_that_does_not_fit_leaves_nothing(void **state)
{
	struct js_consumer c = {.stream = "EV", .name = "n1", .filter = "ev.1"};
	struct js_pull p = {.batch = 10, .expires_ms = 1, .no_wait = true};

	(void)state;
	for (size_t max = 4; max < 40; max++) {
		struct buf b;

		buf_init(&b, max);
		assert_int_equal(buf_puts(&b, "keep"), 0);
		buf_consume(&b, 1);
		assert_int_equal(js_request_create(&b, &c), -ENOBUFS);
		assert_int_equal(js_request_pull(&b, &p), -ENOBUFS);
		if (max < 34)
			assert_int_equal(js_request_get_next(&b, 1, "ev.1"),
					 -ENOBUFS);
		if (max < 24)
			assert_int_equal(js_request_get_last(&b, "ev.1"),
					 -ENOBUFS);
		if (max < 24)
			assert_int_equal(js_request_names(&b, "ev.1", 1),
					 -ENOBUFS);
		if (max < 24)
			assert_body(&b, "eep");
		buf_finish(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_json),
		cmocka_unit_test(consumer_of_the_newest_messages_has_no_start),
		cmocka_unit_test(a_consumer_of_everything_has_no_filter),
		cmocka_unit_test(a_request_without_memory_is_none),
		cmocka_unit_test(a_request_that_does_not_fit_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
