/* Status messages: which 409 means what, which limits they name, and odd ones.
 */
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

#include "base/check.h"
#include "nats/js_status.h"

static void statuses_are_distinguished(void **state)
{
	struct js_status st;

	(void)state;
	assert_int_equal(js_status_parse(&st, "100", "Idle Heartbeat", NULL,
					 "17"),
			 0);
	assert_int_equal(st.code, 100);
	assert_true(st.has_last_consumer);
	assert_int_equal(st.last_consumer, 17);
	assert_false(st.has_pending);
	assert_int_equal(js_status_parse(&st, "409",
					 "Message Size Exceeds MaxBytes", "1",
					 NULL),
			 0);
	assert_true(st.too_big && !st.consumer_gone && st.has_pending);
	assert_int_equal(st.pending_msgs, 1);
	assert_int_equal(js_status_parse(&st, "409", "Consumer Deleted", NULL,
					 NULL),
			 0);
	assert_true(st.consumer_gone && !st.too_big);
	assert_int_equal(js_status_parse(&st, "409", "Consumer is push based",
					 NULL, NULL),
			 0);
	assert_true(st.consumer_gone);
	assert_int_equal(js_status_parse(&st, "409",
					 "Exceeded MaxRequestMaxBytes of 1",
					 NULL, NULL),
			 0);
	assert_false(st.consumer_gone || st.too_big);
	assert_int_equal(js_status_parse(&st, "503", NULL, NULL, NULL), 0);
	assert_int_equal(st.code, 503);
	/* The text counts only in a 409. */
	assert_int_equal(js_status_parse(&st, "408", "Consumer Deleted", NULL,
					 NULL),
			 0);
	assert_false(st.consumer_gone);
}

static void odd_statuses_are_rejected(void **state)
{
	struct js_status st;

	(void)state;
	assert_int_equal(js_status_parse(&st, NULL, NULL, NULL, NULL), -EINVAL);
	assert_int_equal(js_status_parse(&st, "", NULL, NULL, NULL), -EINVAL);
	assert_int_equal(js_status_parse(&st, "40", NULL, NULL, NULL), -EINVAL);
	assert_int_equal(js_status_parse(&st, "4090", NULL, NULL, NULL),
			 -EINVAL);
	assert_int_equal(js_status_parse(&st, "4x9", NULL, NULL, NULL),
			 -EINVAL);
	assert_int_equal(js_status_parse(&st, "099", NULL, NULL, NULL),
			 -EINVAL);
	assert_int_equal(js_status_parse(&st, "408", NULL, "-1", NULL),
			 -EINVAL);
	assert_int_equal(js_status_parse(&st, "408", NULL, "", NULL), -EINVAL);
	assert_int_equal(js_status_parse(&st, "100", NULL, NULL, "x"), -EINVAL);
}

static void limits_are_read_of_descriptions(void **state)
{
	struct js_status st;

	(void)state;
	assert_int_equal(js_status_parse(&st, "409",
					 "Exceeded MaxRequestBatch of 1000",
					 NULL, NULL),
			 0);
	assert_int_equal(st.max_batch, 1000);
	assert_int_equal(st.max_bytes, 0);
	assert_int_equal(js_status_parse(&st, "409",
					 "Exceeded MaxRequestMaxBytes of 4096",
					 NULL, NULL),
			 0);
	assert_int_equal(st.max_bytes, 4096);
	assert_int_equal(js_status_parse(&st, "409",
					 "Exceeded MaxRequestExpires of 1m0.5s",
					 NULL, NULL),
			 0);
	assert_int_equal(st.max_expires_ms, 60000);
	assert_int_equal(js_status_parse(&st, "408",
					 "Exceeded MaxRequestBatch of 1000",
					 NULL, NULL),
			 0);
	assert_int_equal(st.max_batch, 0);
}

static void heartbeats_name_the_last_sequence(void **state)
{
	struct js_status st = {0};

	(void)state;
	assert_int_equal(js_status_last_stream(&st, "17"), 0);
	assert_true(st.has_last_stream && st.last_stream == 17);
	assert_int_equal(js_status_last_stream(&st, NULL), 0);
	assert_false(st.has_last_stream);
	assert_int_equal(js_status_last_stream(&st, "x"), -EINVAL);
	assert_int_equal(js_status_last_stream(&st, ""), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statuses_are_distinguished),
		cmocka_unit_test(odd_statuses_are_rejected),
		cmocka_unit_test(limits_are_read_of_descriptions),
		cmocka_unit_test(heartbeats_name_the_last_sequence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
