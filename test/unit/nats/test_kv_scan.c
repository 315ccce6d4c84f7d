/* A scan of a bucket: its requests, batches, the end, and each way to fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_publisher.h"
#include "nats/kv_scan.h"

struct world {
	struct fake_publisher fake;
	struct metrics metrics;
	struct messenger m;
	struct kv_scan scan;
	size_t n_done; /* of fake.arrived */
	char keys[512];
	int batches;
	int ends;
	enum publish_failure failure;
	int err;
	bool cancels; /* in on_entry() */
};

static struct world w;

static const struct kv_scan_options options = {
	.api_prefix = "$JS.API",
	.stream = "KV_b",
	.filter = "$KV.b.>",
	.headers_only = true,
	.timeout_ms = 5000,
};

static bool on_entry(struct kv_scan *s, const struct kv_entry *e)
{
	size_t len = strlen(w.keys);

	snprintf(w.keys + len, sizeof(w.keys) - len, "%.*s=%d@%d ",
		 (int)e->name.key.len, e->name.key.at, (int)e->value.len,
		 (int)e->revision);
	if (w.cancels)
		kv_scan_cancel(s, 0);
	return !w.cancels;
}

static void on_batch(struct kv_scan *s)
{
	(void)s;
	w.batches++;
}

static void on_end(struct kv_scan *s, enum publish_failure failure,
		   const struct js_error *e)
{
	(void)s;
	w.ends++;
	w.failure = failure;
	w.err = e->err;
}

static const struct kv_scan_cbs cbs = {on_entry, on_batch, on_end};

static int setup(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	fake_publisher_init(&w.fake);
	messenger_init(&w.m, &w.fake.base, &w.metrics, 16);
	fake_publisher_up(&w.fake);
	return 0;
}

static void turn(void)
{
	struct publisher_event e;

	while (fake_publisher_send(&w.fake, 0))
		;
	while (fake_publisher_take_event(&w.fake, &e))
		messenger_on_event(&w.m, &e, 0);
}

static int teardown(void **state)
{
	(void)state;
	kv_scan_cancel(&w.scan, 0);
	turn();
	assert_int_equal(messenger_in_flight(&w.m), 0);
	messenger_finish(&w.m);
	fake_publisher_finish(&w.fake);
	return 0;
}

/* The next message at the server; its subject begins with this. */
static const struct fake_call *expect_call(const char *subject)
{
	const struct fake_call *call;

	turn();
	assert_true(w.n_done < w.fake.n_arrived);
	call = &w.fake.arrived[w.n_done++];
	if (strncmp(call->subject, subject, strlen(subject)) != 0)
		fail_msg("%s", call->subject);
	return call;
}

static void expect_no_call(void)
{
	turn();
	assert_int_equal(w.n_done, w.fake.n_arrived);
}

static void start(void)
{
	turn();
	assert_int_equal(kv_scan_start(&w.scan, &w.m, &options, &cbs, 0),
			 PUBLISH_FAILURES);
}

static void created(int pending)
{
	const struct fake_call *call =
		expect_call("$JS.API.CONSUMER.CREATE.KV_b.sluice_request_");
	char text[128];

	assert_non_null(strstr(call->data, "\"filter_subject\":\"$KV.b.>\""));
	assert_non_null(strstr(call->data, "\"headers_only\":true"));
	assert_non_null(strstr(call->data, "last_per_subject"));
	snprintf(text, sizeof(text), "{\"name\":\"%s\",\"num_pending\":%d}",
		 w.scan.consumer, pending);
	fake_publisher_answer(&w.fake, call->id, text);
	turn();
}

static const struct fake_call *pulled(int batch)
{
	const struct fake_call *call;
	char text[32];

	snprintf(text, sizeof(text), "{\"batch\":%d,", batch);
	kv_scan_next(&w.scan, 0);
	call = expect_call("$JS.API.CONSUMER.MSG.NEXT.KV_b.sluice_request_");
	if (strncmp(call->data, text, strlen(text)) != 0)
		fail_msg("%s", call->data);
	return call;
}

/* An entry that the consumer delivers. */
static void deliver(const char *subject, int seq, int pending)
{
	char reply[256];
	struct publisher_event ev = {.kind = PUBLISHER_REPLY,
				     .subject = span_of(subject),
				     .data = span_of("value")};

	snprintf(reply, sizeof(reply), "$JS.ACK.KV_b.%s.1.%d.1.1000.%d",
		 w.scan.consumer, seq, pending);
	ev.reply = span_of(reply);
	assert_int_equal(consumer_name_request(&ev.id, reply), 0);
	messenger_on_event(&w.m, &ev, 0);
}

static void report(const struct fake_call *pull, const char *status)
{
	char block[128];

	snprintf(block, sizeof(block), "NATS/1.0 %s\r\n\r\n", status);
	fake_publisher_reply(&w.fake, pull->id, block, "");
	turn();
}

static void expect_end(enum publish_failure failure, int err)
{
	assert_int_equal(w.ends, 1);
	assert_int_equal(w.failure, failure);
	assert_int_equal(w.err, err);
	expect_call("$JS.API.CONSUMER.DELETE.KV_b.sluice_request_");
	expect_no_call();
	assert_int_equal(messenger_in_flight(&w.m), 0);
}

/* ---- tests --------------------------------------------------------------- */

static void reads_all_in_batches(void **state)
{
	char subject[32];

	(void)state;
	start();
	created(513);
	assert_int_equal(w.batches, 1);
	pulled(512);
	for (int i = 0; i < 511; i++)
		deliver("$KV.b.k", i + 1, 513 - i - 1);
	assert_int_equal(w.batches, 1);
	deliver("$KV.b.k", 512, 1);
	assert_int_equal(w.batches, 2);
	expect_no_call(); /* until the owner wants more */
	w.keys[0] = '\0';
	pulled(1);
	snprintf(subject, sizeof(subject), "$KV.b.%s", "last");
	deliver(subject, 600, 0);
	assert_string_equal(w.keys, "last=5@600 ");
	expect_end(PUBLISH_FAILURES, 0);
}

static void an_empty_bucket_is_over_at_once(void **state)
{
	(void)state;
	start();
	created(0);
	assert_int_equal(w.batches, 0);
	expect_end(PUBLISH_FAILURES, 0);
}

static void other_subjects_are_no_entries(void **state)
{
	(void)state;
	start();
	created(3);
	pulled(3);
	deliver("$KV.b", 1, 2);
	deliver("events.x", 2, 1);
	deliver("$KV.b.a", 3, 0);
	assert_string_equal(w.keys, "a=5@3 ");
	expect_end(PUBLISH_FAILURES, 0);
}

static void removed_entries_do_not_come(void **state)
{
	static const char *const statuses[] = {"404 No Messages",
					       "408 Request Timeout"};

	for (size_t i = 0; i < 2; i++) {
		const struct fake_call *pull;

		setup(state);
		start();
		created(3);
		pull = pulled(3);
		deliver("$KV.b.a", 1, 2);
		report(pull, "100 Idle Heartbeat");
		assert_int_equal(w.ends, 0);
		report(pull, statuses[i]);
		assert_int_equal(w.batches, 2);
		report(pulled(2), statuses[i]);
		expect_end(PUBLISH_FAILURES, 0);
		if (i == 0)
			teardown(state);
	}
}

static void a_limit_of_the_server_makes_batches_smaller(void **state)
{
	const struct fake_call *pull;

	(void)state;
	start();
	created(1000);
	pull = pulled(512);
	assert_null(strstr(pull->data, "max_bytes"));
	report(pull, "409 Exceeded MaxRequestBatch of 200");
	pulled(128);
}

static void fails(void **state)
{
	const struct fake_call *call;

	(void)state;
	start();
	call = expect_call("$JS.API.CONSUMER.CREATE");
	fake_publisher_answer(&w.fake, call->id,
			      "{\"error\":{\"code\":404,\"err_code\":10059}}");
	turn();
	expect_end(PUBLISH_FAILURES, 10059);
	teardown(state);

	setup(state);
	start();
	created(2);
	report(pulled(2), "409 Consumer Deleted");
	expect_end(PUBLISH_NO_REPLY, 0);
	teardown(state);

	/* the answers do not come */
	setup(state);
	start();
	turn();
	messenger_tick(&w.m, 5000);
	assert_int_equal(w.ends, 1);
	assert_int_equal(w.failure, PUBLISH_NO_REPLY);
	teardown(state);

	setup(state);
	start();
	created(2);
	pulled(2);
	messenger_tick(&w.m, 10000);
	assert_int_equal(w.ends, 1);
	assert_int_equal(w.failure, PUBLISH_NO_REPLY);
	teardown(state);

	/* the session ends */
	setup(state);
	start();
	created(2);
	pulled(2);
	fake_publisher_down(&w.fake);
	turn();
	assert_int_equal(w.ends, 1);
	assert_int_equal(w.failure, PUBLISH_NO_REPLY);
	assert_int_equal(kv_scan_start(&w.scan, &w.m, &options, &cbs, 0),
			 PUBLISH_AWAY);
}

static void may_be_cancelled_by_an_entry(void **state)
{
	(void)state;
	start();
	created(2);
	pulled(2);
	w.cancels = true;
	deliver("$KV.b.a", 1, 1);
	deliver("$KV.b.b", 2, 0);
	assert_string_equal(w.keys, "a=5@1 ");
	assert_int_equal(w.ends, 0);
	expect_call("$JS.API.CONSUMER.DELETE.KV_b.sluice_request_");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_all_in_batches),
		TEST(an_empty_bucket_is_over_at_once),
		TEST(other_subjects_are_no_entries),
		TEST(removed_entries_do_not_come),
		TEST(a_limit_of_the_server_makes_batches_smaller),
		TEST(fails),
		TEST(may_be_cancelled_by_an_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
