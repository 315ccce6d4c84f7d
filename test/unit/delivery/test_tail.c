/* How the tail becomes live and stays so: its requests, timeouts and backoff, a
 * STREAM.INFO of another part, and its status messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "tail_rig.h"

/* ---- to live ------------------------------------------------------------- */

static void asks_for_nothing_without_a_session(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(tail_due(&f->tail), UINT64_MAX);
	tick(f, 1000000);
	expect_no_request(&f->src);
	assert_string_equal(f->tail.why, "NATS is not connected");
}

static void follows_from_behind_the_last_sequence(void **state)
{
	struct fixture *f = *state;
	struct sse_tag tag = sse_tag_of(STREAM, strlen(STREAM));
	const struct fake_request *a;

	assert_int_equal(send_event(f, event_up()), 0);
	assert_false(f->tail.known);
	assert_int_equal(answer_info(f, STREAM, 11, 40), TAIL_CONTACT);
	assert_true(f->tail.known);
	assert_string_equal(f->tail.tag.hex, tag.hex);
	assert_int_equal(event_buffer_last_seq(f->buffer), 40);
	assert_int_equal(event_buffer_floor(f->buffer), 40);
	assert_int_equal(f->leader.state.first_seq, 11);

	take_create(f, 41);
	assert_string_equal(f->src.requests[f->src.read - 1].subject, "");
	assert_int_equal(f->src.requests[f->src.read - 1].inactive_ms, 30000);
	assert_false(tail_live(&f->tail));
	assert_int_equal(send_event(f, event_created(f->consumer)), 0);
	assert_false(tail_live(&f->tail));
	assert_int_equal(answer_info(f, STREAM, 11, 43), 0);

	a = expect_request(&f->src, REQUEST_PULL);
	assert_int_equal(a->request.generation, f->consumer.generation);
	assert_int_equal(a->pull.batch, BATCH);
	assert_int_equal(a->pull.max_bytes, 8 * 1024 * 1024);
	assert_int_equal(a->pull.expires_ms, 30000);
	assert_int_equal(a->pull.heartbeat_ms, 3000);
	assert_false(a->pull.no_wait);
	assert_true(tail_live(&f->tail));
	assert_null(f->tail.why);
	assert_report(f, false, "tail is live after sequence 40");
	/* Messages between the two belong to the consumer. */
	assert_int_equal(event_buffer_last_seq(f->buffer), 40);
	assert_int_equal(f->leader.state.last_seq, 43);
}

static void empty_stream_begins_at_one(void **state)
{
	struct fixture *f = *state;

	send_event(f, event_up());
	assert_int_equal(answer_info(f, STREAM, 1, 0), TAIL_CONTACT);
	take_create(f, 1);
	assert_int_equal(event_buffer_floor(f->buffer), 0);
}

static void filters_a_stream_of_more_subjects(void **state)
{
	struct fixture *f = *state;
	struct jetstream_event ev;

	send_event(f, event_up());
	ev = event_info(expect_request(&f->src, REQUEST_INFO)->request, STREAM,
			1, 5);
	ev.info.filter_covers_all = false;
	send_event(f, ev);
	assert_string_equal(expect_request(&f->src, REQUEST_CREATE)->subject,
			    "ev.*");
}

static bool stores(struct fixture *f, uint64_t seq, const char *subject)
{
	size_t before = event_buffer_count(f->buffer);

	assert_int_equal(send_event(f, event_message(f->consumer, seq,
						     ++f->cseq, subject, "x")),
			 TAIL_FRAME);
	assert_int_equal(event_buffer_last_seq(f->buffer), seq);
	return event_buffer_count(f->buffer) > before;
}

/* What no right can name is accounted for, and takes no memory. */
static void only_readable_subjects_are_stored(void **state)
{
	char *subjects[] = {(char *)"ev.{id}", (char *)"news.>"};
	struct fixture *f = *state;

	make_readable(f, subjects, ARRAY_LEN(subjects));
	start_live(f, 1, 5);
	assert_true(stores(f, 6, "ev.a"));
	assert_false(stores(f, 7, "ev.a.b"));
	assert_false(stores(f, 8, "other.a"));
	assert_true(stores(f, 9, "news.a.b"));
	subjects[0] = (char *)"{id}.>";
	f = fresh(state);
	make_readable(f, subjects, 1);
	start_live(f, 1, 5);
	assert_true(stores(f, 6, "other.a"));
	assert_false(stores(f, 7, "$KV.bucket.key"));
	assert_false(stores(f, 8, "_INBOX.a"));
}

static void several_templates_have_one_filter(void **state)
{
	char *const subjects[] = {(char *)"ev.{id}", (char *)"news.>"};
	struct fixture *f = *state;
	struct jetstream_event ev;

	make_readable(f, subjects, ARRAY_LEN(subjects));
	send_event(f, event_up());
	ev = event_info(expect_request(&f->src, REQUEST_INFO)->request, STREAM,
			1, 5);
	ev.info.filter_covers_all = false;
	send_event(f, ev);
	assert_string_equal(expect_request(&f->src, REQUEST_CREATE)->subject,
			    "*.>");
}

static unsigned answer_no_match(struct fixture *f, bool none)
{
	struct jetstream_event ev =
		event_info(expect_request(&f->src, REQUEST_INFO)->request,
			   STREAM, 1, 5);

	ev.info.filter_covers_all = false;
	ev.info.filter_matches_none = none;
	return send_event(f, ev);
}

static void template_that_matches_nothing_is_reported(void **state)
{
	struct fixture *f = *state;
	const uint64_t *metric = &f->metrics.value[METRIC_UNMATCHED];

	for (int session = 0; session < 2; session++) {
		send_event(f, event_up());
		answer_no_match(f, true);
		assert_report(f, true,
			      "no subject of the stream matches --subject or "
			      "--allow-sub (ev.*): no event can come");
		assert_int_equal(*metric, 1);
		take_create(f, 6);
		send_event(f, event_created(f->consumer));
		answer_no_match(f, session == 0);
		assert_report(f, false, "tail is live after sequence 5");
		assert_int_equal(*metric, session == 0);
		take_pull(f);
		send_event(f, event_down());
	}
}

static void waits_for_a_stream_that_is_missing(void **state)
{
	struct fixture *f = *state;
	const char *text =
		"the JetStream stream does not exist, waiting for it";

	send_event(f, event_up());
	for (int i = 0; i < 4; i++) {
		struct request_id request =
			expect_request(&f->src, REQUEST_INFO)->request;

		assert_int_equal(
			send_event(f, event_error(JETSTREAM_INFO, request,
						  JETSTREAM_ERR_NO_STREAM)),
			0);
		assert_string_equal(f->tail.why,
				    "the JetStream stream does not exist");
		if (i == 0)
			assert_report(f, true, text);
		assert_false(f->tail.has_report); /* once is enough */
		expect_no_request(&f->src);
		tick(f, 499);
		expect_no_request(&f->src);
		tick(f, 1);
	}
	assert_int_equal(f->metrics.value[METRIC_ERRORS_INFO], 4);
	become_live(f, 1, 0);
	assert_true(f->tail.known);
}

static void reports_the_servers_error(void **state)
{
	struct fixture *f = *state;
	struct jetstream_event ev;

	send_event(f, event_up());
	send_event(f,
		   event_error(JETSTREAM_INFO,
			       expect_request(&f->src, REQUEST_INFO)->request,
			       10039));
	assert_string_equal(f->tail.why,
			    "cannot read the JetStream stream: no luck "
			    "(10039)");
	assert_report(f, true, "STREAM.INFO failed: no luck (10039)");
	tick(f, 500);
	ev = event_error(JETSTREAM_INFO,
			 expect_request(&f->src, REQUEST_INFO)->request,
			 JETSTREAM_ERR_NO_RESPONDERS);
	ev.err_text = NULL;
	send_event(f, ev);
	assert_report(f, true, "STREAM.INFO failed: no answer (503)");
}

static void work_queue_is_not_served(void **state)
{
	struct fixture *f = *state;
	struct jetstream_event ev;

	send_event(f, event_up());
	ev = event_info(expect_request(&f->src, REQUEST_INFO)->request, STREAM,
			1, 5);
	ev.info.work_queue = true;
	assert_int_equal(send_event(f, ev), 0);
	assert_false(f->tail.known);
	assert_string_equal(f->tail.why, "the stream has work-queue retention");
	assert_true(f->tail.has_report && f->tail.report_warn);
	tick(f, 4999);
	expect_no_request(&f->src);
	tick(f, 1);
	become_live(f, 1, 5);
}

static void stale_answers_are_ignored(void **state)
{
	struct fixture *f = *state;
	struct request_id old, current;

	send_event(f, event_up());
	old = expect_request(&f->src, REQUEST_INFO)->request;
	tick(f, ANSWER_MS);
	current = expect_request(&f->src, REQUEST_INFO)->request;
	assert_int_not_equal(old.generation, current.generation);
	assert_int_equal(send_event(f, event_info(old, OTHER, 1, 5)), 0);
	assert_false(f->tail.known);
	assert_int_equal(send_event(f, event_created(current)), 0);
	assert_int_equal(f->tail.state, TAIL_INFO);
	send_event(f, event_info(current, STREAM, 1, 5));
	take_create(f, 6);
	assert_int_equal(send_event(f, event_created(current)), 0);
	assert_int_equal(send_event(f, event_info(current, STREAM, 1, 5)), 0);
	assert_int_equal(f->tail.state, TAIL_CREATE);
	expect_no_request(&f->src);
	/* Before it is verified, the consumer's messages are not taken. */
	assert_int_equal(send_message(f, 6), 0);
	send_event(f, event_created(f->consumer));
	assert_int_equal(send_message(f, 6), 0);
	assert_int_equal(event_buffer_last_seq(f->buffer), 5);
}

/* ---- time-outs and back-off ---------------------------------------------- */

/* With growing pauses, and a new name for each attempt. */
static void backs_off_without_responses(void **state)
{
	static const uint64_t pauses[] = {200,	400,  800, 1600,
					  3200, 5000, 5000};
	struct fixture *f = *state;
	uint32_t generation;

	send_event(f, event_up());
	generation = expect_request(&f->src, REQUEST_INFO)->request.generation;
	tick(f, ANSWER_MS - 1);
	expect_no_request(&f->src);
	tick(f, 1); /* at once, the first time */
	assert_report(f, true, "JetStream does not answer");
	for (size_t i = 0; i < ARRAY_LEN(pauses); i++) {
		uint32_t next = expect_request(&f->src, REQUEST_INFO)
					->request.generation;

		assert_true(next > generation);
		generation = next;
		tick(f, ANSWER_MS);
		assert_string_equal(f->tail.why, "JetStream does not answer");
		assert_int_equal(tail_due(&f->tail), f->now_ms + pauses[i]);
		tick(f, pauses[i] - 1);
		expect_no_request(&f->src);
		tick(f, 1);
	}
	assert_false(f->tail.has_report);
	/* A new session starts without backoff. */
	expect_request(&f->src, REQUEST_INFO);
	send_event(f, event_up());
	expect_request(&f->src, REQUEST_INFO);
	tick(f, ANSWER_MS);
	expect_request(&f->src, REQUEST_INFO);
}

static void create_without_answer_is_tried_again(void **state)
{
	struct fixture *f = *state;
	struct request_id first;

	send_event(f, event_up());
	answer_info(f, STREAM, 1, 5);
	take_create(f, 6);
	first = f->consumer;
	tick(f, ANSWER_MS - 1);
	expect_no_request(&f->src);
	tick(f, 1);
	take_forget(f);
	answer_info(f, STREAM, 1, 5);
	take_create(f, 6);
	assert_true(f->consumer.generation > first.generation);
	/* The first one's answer comes late. */
	send_event(f, event_created(first));
	assert_int_equal(f->tail.state, TAIL_CREATE);
}

static void verify_without_answer_is_tried_again(void **state)
{
	struct fixture *f = *state;

	send_event(f, event_up());
	answer_info(f, STREAM, 1, 5);
	take_create(f, 6);
	send_event(f, event_created(f->consumer));
	expect_request(&f->src, REQUEST_INFO);
	tick(f, ANSWER_MS);
	take_forget(f);
	assert_int_equal(f->tail.state, TAIL_INFO);
	become_live(f, 1, 5);
}

static void create_that_is_refused_is_tried_again(void **state)
{
	struct fixture *f = *state;

	send_event(f, event_up());
	answer_info(f, STREAM, 1, 5);
	take_create(f, 6);
	send_event(f, event_error(JETSTREAM_CREATED, f->consumer,
				  JETSTREAM_ERR_MAX_CONSUMERS));
	assert_string_equal(f->tail.why, "cannot create the consumer: no luck "
					 "(10026)");
	assert_report(f, true, "cannot create the consumer: no luck (10026)");
	assert_int_equal(f->metrics.value[METRIC_ERRORS_CREATE], 1);
	/* There is no consumer to delete. */
	answer_info(f, STREAM, 1, 5);
	take_create(f, 6);
	send_event(f, event_error(JETSTREAM_CREATED, f->consumer,
				  JETSTREAM_ERR_MAX_CONSUMERS));
	expect_no_request(&f->src);
	assert_int_equal(tail_due(&f->tail), f->now_ms + 200);
}

static void failures_are_forgotten_when_steady(void **state)
{
	static const struct {
		uint64_t live_ms;
		bool at_once;
	} cases[] = {{5000, false}, {5001, true}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture *f = fresh(state);

		start_live(f, 1, 5);
		send_event(f, event_status(f->consumer, 0, 503));
		take_forget(f);
		become_live(f, 1, 5);
		f->now_ms += cases[i].live_ms;
		send_event(f, event_status(f->consumer, 0, 503));
		take_forget(f);
		assert_int_equal(requests_unread(&f->src), cases[i].at_once);
	}
}

static void session_down_ends_it(void **state)
{
	struct fixture *f = *state;

	start_live(f, 1, 5);
	assert_int_equal(send_event(f, event_down()), 0);
	assert_false(tail_live(&f->tail));
	assert_string_equal(f->tail.why, "NATS is not connected");
	assert_int_equal(tail_due(&f->tail), UINT64_MAX);
	assert_int_equal(send_message(f, 6), 0);
	tick(f, 100000);
	expect_no_request(&f->src); /* not even a deletion: it is gone */
	send_event(f, event_up());
	become_live(f, 1, 9);
	assert_int_equal(event_buffer_last_seq(f->buffer), 5);
}

static void requests_that_are_not_taken_time_out(void **state)
{
	struct fixture *f = *state;

	f->src.faults.error = -107;
	send_event(f, event_up());
	expect_request(&f->src, REQUEST_INFO);
	f->src.faults.error = 0;
	tick(f, ANSWER_MS);
	become_live(f, 1, 5);
}

/* ---- STREAM.INFO of another part ----------------------------------------- */

static void same_stream(void **state)
{
	static const struct {
		const char *created;
		uint64_t last;
		uint64_t asked_head;
		int err;
		bool same;
	} cases[] = {
		{STREAM, 9, 9, 0, true},
		{STREAM, 12, 9, 0, true},
		{STREAM, 8, 9, 0, true}, /* the leader is behind a replica */
		{STREAM, 8, 8, 0, true}, /* messages overtook the answer */
		{OTHER, 12, 9, 0, false},
		{STREAM, 12, 9, JETSTREAM_ERR_NO_STREAM, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture *f = fresh(state);
		struct jetstream_event ev;

		start_live(f, 1, 9);
		ev = event_info((struct request_id){77, 1}, cases[i].created, 4,
				cases[i].last);
		ev.info.leader = 7;
		ev.err = cases[i].err;
		assert_int_equal(tail_same_stream(&f->tail, &ev,
						  cases[i].asked_head,
						  f->now_ms),
				 cases[i].same);
		if (cases[i].same) {
			assert_int_equal(f->leader.state.first_seq, 4);
			assert_int_equal(f->leader.state.last_seq,
					 cases[i].last);
			assert_true(tail_live(&f->tail));
			expect_no_request(&f->src);
		} else {
			assert_restarted(f);
		}
	}
}

/* It says nothing of the stream, and the tail goes on. */
static void answer_that_says_nothing(void **state)
{
	struct fixture *f = *state;
	struct jetstream_event ev =
		event_info((struct request_id){77, 1}, OTHER, 4, 5);

	start_live(f, 1, 9);
	ev.info.no_leader = true;
	assert_false(tail_same_stream(&f->tail, &ev,
				      event_buffer_last_seq(f->buffer),
				      f->now_ms));
	ev.info.no_leader = false;
	ev.err = 10008;
	assert_false(tail_same_stream(&f->tail, &ev,
				      event_buffer_last_seq(f->buffer),
				      f->now_ms));
	ev.err = JETSTREAM_ERR_NO_RESPONDERS;
	assert_false(tail_same_stream(&f->tail, &ev,
				      event_buffer_last_seq(f->buffer),
				      f->now_ms));
	assert_true(tail_live(&f->tail));
	assert_int_equal(f->leader.state.last_seq, 9);
	expect_no_request(&f->src);
}

static bool same_with(struct fixture *f, uint64_t last)
{
	struct jetstream_event ev =
		event_info((struct request_id){77, 1}, STREAM, 1, last);

	ev.info.leader = 7;
	f->now_ms += 250;
	return tail_same_stream(&f->tail, &ev, event_buffer_last_seq(f->buffer),
				f->now_ms);
}

/* The leader is always behind the replica that feeds the tail, and makes
 * progress. */
static void leader_that_follows_the_tail(void **state)
{
	struct fixture *f = *state;

	start_live(f, 1, 9);
	for (uint64_t seq = 10; seq < 100; seq++) {
		send_message(f, seq);
		assert_true(same_with(f, seq - 1));
		assert_true(leader_is_behind(&f->leader));
	}
	assert_true(same_with(f, 99));
	assert_false(leader_is_behind(&f->leader));
	assert_true(tail_live(&f->tail));
}

static void leader_that_stays_behind_a_live_tail(void **state)
{
	struct fixture *f = *state;

	start_live(f, 1, 9);
	for (int i = 0; i <= 19; i++)
		assert_true(same_with(f, 8));
	assert_false(same_with(f, 8));
	assert_restarted(f);
}

/* Two such answers far apart are not a long time of such answers. */
static void silence_while_behind_is_no_roll_back(void **state)
{
	struct fixture *f = *state;

	start_live(f, 1, 9);
	assert_true(same_with(f, 8));
	f->now_ms += 60000;
	assert_true(same_with(f, 8));
	assert_true(tail_live(&f->tail));
}

static void unknown_stream_is_not_the_same(void **state)
{
	struct fixture *f = *state;
	struct jetstream_event ev =
		event_info((struct request_id){77, 1}, "", 1, 0);

	assert_false(tail_same_stream(&f->tail, &ev, 0, f->now_ms));
	expect_no_request(&f->src);
}

/* ---- news ---------------------------------------------------------------- */

static void live_again_is_reported_each_time(void **state)
{
	struct fixture *f = *state;

	send_event(f, event_up());
	become_live(f, 1, 5);
	assert_report(f, false, "tail is live after sequence 5");
	send_event(f, event_down());
	assert_false(f->tail.has_report);
	send_event(f, event_up());
	become_live(f, 1, 5);
	assert_report(f, false, "tail is live after sequence 5");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(asks_for_nothing_without_a_session),
		TEST(follows_from_behind_the_last_sequence),
		TEST(empty_stream_begins_at_one),
		TEST(filters_a_stream_of_more_subjects),
		TEST(only_readable_subjects_are_stored),
		TEST(several_templates_have_one_filter),
		TEST(template_that_matches_nothing_is_reported),
		TEST(waits_for_a_stream_that_is_missing),
		TEST(reports_the_servers_error),
		TEST(work_queue_is_not_served),
		TEST(stale_answers_are_ignored),
		TEST(backs_off_without_responses),
		TEST(create_without_answer_is_tried_again),
		TEST(verify_without_answer_is_tried_again),
		TEST(create_that_is_refused_is_tried_again),
		TEST(failures_are_forgotten_when_steady),
		TEST(session_down_ends_it),
		TEST(requests_that_are_not_taken_time_out),
		TEST(same_stream),
		TEST(answer_that_says_nothing),
		TEST(leader_that_follows_the_tail),
		TEST(leader_that_stays_behind_a_live_tail),
		TEST(silence_while_behind_is_no_roll_back),
		TEST(unknown_stream_is_not_the_same),
		TEST(live_again_is_reported_each_time),
	};

	return cmocka_run_group_tests_name("tail", tests, NULL, NULL);
}
