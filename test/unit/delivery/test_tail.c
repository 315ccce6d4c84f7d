/* The tail against a source that answers what the test wants, one event at a
 * time: what it asks, and what it makes of each answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "delivery/tail.h"
#include "fake_jetstream.h"
#include "jetstream_events.h"

#define STREAM "created-1"
#define OTHER  "created-2"

enum { BATCH = 8192, HALF = BATCH / 2, SILENCE_MS = 7000, ANSWER_MS = 2000 };

struct fixture {
	struct fake_jetstream src;
	struct event_buffer *buffer;
	struct adaptive_timeout timeout;
	struct metrics metrics;
	struct subject_template subject;
	struct leader leader;
	struct tail tail;
	uint64_t now_ms;
	uint64_t cseq;
	struct request_id consumer;
	uint32_t pull_no; /* of the last pull */
	uint32_t leads;	  /* who answers STREAM.INFO; 0: not in a cluster */
	struct buffer_subject *touched;
};

static int setup(void **state)
{
	static struct fixture f;
	const char *why;

	memset(&f, 0, sizeof(f));
	f.now_ms = 100000;
	fake_jetstream_init(&f.src);
	assert_int_equal(event_buffer_new(&f.buffer, 1 << 20), 0);
	assert_int_equal(subject_template_parse(&f.subject, "ev.{id}", &why),
			 0);
	leader_init(&f.leader, &f.src.source, f.buffer, &f.timeout, &f.metrics);
	tail_init(&f.tail, &f.src.source, f.buffer, &f.leader, &f.subject,
		  &f.timeout, &f.metrics);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	tail_finish(&f->tail);
	event_buffer_free(f->buffer);
	fake_jetstream_finish(&f->src);
	return 0;
}

/* For one more case of a table. */
static struct fixture *fresh(void **state)
{
	teardown(state);
	setup(state);
	return *state;
}

static unsigned send(struct fixture *f, struct jetstream_event ev)
{
	return tail_on_event(&f->tail, &ev, f->now_ms, &f->touched);
}

static unsigned answer_info(struct fixture *f, const char *created,
			    uint64_t first, uint64_t last)
{
	const struct asked *a = fake_asked(&f->src, ASKED_INFO);

	struct jetstream_event ev =
		event_info(a->request, created, first, last);

	assert_int_equal(a->request.owner, TAIL_SLOT);
	ev.info.leader = f->leads;
	return send(f, ev);
}

/* The leader's answer to what holes ask: bits of all that follows. */
static unsigned answer_leader(struct fixture *f, const char *created,
			      uint64_t first, uint64_t last)
{
	struct buffer_subject *touched;
	struct jetstream_event ev;
	const struct asked *a;
	unsigned out = 0, bits;
	uint64_t seq;

	leader_ask(&f->leader, f->now_ms);
	a = fake_asked(&f->src, ASKED_INFO);
	assert_int_equal(a->request.owner, LEADER_SLOT);
	ev = event_info(a->request, created, first, last);
	ev.info.leader = f->leads;
	assert_true(leader_on_info(&f->leader, &ev, f->now_ms) & LEADER_OURS);
	if (!tail_same_stream(&f->tail, &ev, f->leader.asked_last_seq,
			      f->now_ms))
		return 0;
	out = tail_on_leader_info(&f->tail, a->request.generation, f->now_ms);
	while ((bits = tail_next(&f->tail, f->now_ms, &touched, &seq)) != 0)
		out |= bits;
	return out;
}

/* Nothing is asked, not even of the leader. */
static void quiet(struct fixture *f)
{
	leader_ask(&f->leader, f->now_ms);
	fake_quiet(&f->src);
}

static void take_create(struct fixture *f, uint64_t start)
{
	const struct asked *a = fake_asked(&f->src, ASKED_CREATE);

	assert_int_equal(a->request.owner, TAIL_SLOT);
	assert_int_equal(a->seq, start);
	f->consumer = a->request;
	f->cseq = 0;
}

static void take_pull(struct fixture *f)
{
	const struct asked *a = fake_asked(&f->src, ASKED_PULL);

	assert_int_equal(a->request.generation, f->consumer.generation);
	f->pull_no = a->pull.number;
}

static void take_forget(struct fixture *f)
{
	assert_int_equal(fake_asked(&f->src, ASKED_FORGET)->request.generation,
			 f->consumer.generation);
}

/* From the INFO that is asked already. */
static void become_live(struct fixture *f, uint64_t first, uint64_t last)
{
	uint64_t head;

	answer_info(f, STREAM, first, last);
	head = event_buffer_last_seq(f->buffer);
	take_create(f, head + 1);
	assert_int_equal(send(f, event_created(f->consumer)), 0);
	assert_int_equal(answer_info(f, STREAM, first, last), 0);
	take_pull(f);
	fake_quiet(&f->src);
	assert_true(tail_live(&f->tail));
}

static void live(struct fixture *f, uint64_t first, uint64_t last)
{
	send(f, event_up());
	become_live(f, first, last);
	f->tail.has_report = false;
}

static unsigned message(struct fixture *f, uint64_t seq)
{
	return send(f, event_message(f->consumer, seq, ++f->cseq, "ev.a", "x"));
}

static void tick(struct fixture *f, uint64_t ms)
{
	f->now_ms += ms;
	tail_tick(&f->tail, f->now_ms);
}

static void assert_news(struct fixture *f, bool warn, const char *text)
{
	assert_true(f->tail.has_report);
	assert_string_equal(f->tail.report, text);
	assert_int_equal(f->tail.report_warn, warn);
	f->tail.has_report = false;
}

/* It was live and has dropped its consumer for a new one. */
static void assert_begun_anew(struct fixture *f)
{
	assert_false(tail_live(&f->tail));
	assert_non_null(f->tail.why);
	take_forget(f);
	assert_int_equal(f->tail.state, TAIL_INFO);
}

/* ---- to live ------------------------------------------------------------- */

static void asks_for_nothing_without_a_session(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(tail_due(&f->tail), UINT64_MAX);
	tick(f, 1000000);
	fake_quiet(&f->src);
	assert_string_equal(f->tail.why, "NATS is not connected");
}

static void follows_from_behind_the_last_sequence(void **state)
{
	struct fixture *f = *state;
	struct sse_tag tag = sse_tag_of(STREAM, strlen(STREAM));
	const struct asked *a;

	assert_int_equal(send(f, event_up()), 0);
	assert_false(f->tail.known);
	assert_int_equal(answer_info(f, STREAM, 11, 40), TAIL_CONTACT);
	assert_true(f->tail.known);
	assert_string_equal(f->tail.tag.hex, tag.hex);
	assert_int_equal(event_buffer_last_seq(f->buffer), 40);
	assert_int_equal(event_buffer_floor(f->buffer), 40);
	assert_int_equal(f->leader.state.first_seq, 11);

	take_create(f, 41);
	assert_string_equal(f->src.asked[f->src.seen - 1].subject, "");
	assert_int_equal(f->src.asked[f->src.seen - 1].inactive_ms, 30000);
	assert_false(tail_live(&f->tail));
	assert_int_equal(send(f, event_created(f->consumer)), 0);
	assert_false(tail_live(&f->tail));
	assert_int_equal(answer_info(f, STREAM, 11, 43), 0);

	a = fake_asked(&f->src, ASKED_PULL);
	assert_int_equal(a->request.generation, f->consumer.generation);
	assert_int_equal(a->pull.batch, BATCH);
	assert_int_equal(a->pull.max_bytes, 8 * 1024 * 1024);
	assert_int_equal(a->pull.expires_ms, 30000);
	assert_int_equal(a->pull.heartbeat_ms, 3000);
	assert_false(a->pull.no_wait);
	assert_true(tail_live(&f->tail));
	assert_null(f->tail.why);
	assert_news(f, false, "tail is live after sequence 40");
	/* What came between the two belongs to the consumer. */
	assert_int_equal(event_buffer_last_seq(f->buffer), 40);
	assert_int_equal(f->leader.state.last_seq, 43);
}

static void empty_stream_begins_at_one(void **state)
{
	struct fixture *f = *state;

	send(f, event_up());
	assert_int_equal(answer_info(f, STREAM, 1, 0), TAIL_CONTACT);
	take_create(f, 1);
	assert_int_equal(event_buffer_floor(f->buffer), 0);
}

static void filters_a_stream_of_more_subjects(void **state)
{
	struct fixture *f = *state;
	struct jetstream_event ev;

	send(f, event_up());
	ev = event_info(fake_asked(&f->src, ASKED_INFO)->request, STREAM, 1, 5);
	ev.info.filter_covers_all = false;
	send(f, ev);
	assert_string_equal(fake_asked(&f->src, ASKED_CREATE)->subject, "ev.*");
}

static unsigned answer_no_match(struct fixture *f, bool none)
{
	struct jetstream_event ev =
		event_info(fake_asked(&f->src, ASKED_INFO)->request, STREAM, 1,
			   5);

	ev.info.filter_covers_all = false;
	ev.info.filter_matches_none = none;
	return send(f, ev);
}

static void template_that_matches_nothing_is_said(void **state)
{
	struct fixture *f = *state;
	const uint64_t *metric = &f->metrics.value[METRIC_UNMATCHED];

	for (int session = 0; session < 2; session++) {
		send(f, event_up());
		answer_no_match(f, true);
		assert_news(f, true,
			    "the template matches no subject of the stream "
			    "(ev.*): no event can come");
		assert_int_equal(*metric, 1);
		take_create(f, 6);
		send(f, event_created(f->consumer));
		answer_no_match(f, session == 0);
		assert_news(f, false, "tail is live after sequence 5");
		assert_int_equal(*metric, session == 0);
		take_pull(f);
		send(f, event_down());
	}
}

static void waits_for_a_stream_that_is_missing(void **state)
{
	struct fixture *f = *state;
	const char *text =
		"the JetStream stream does not exist, waiting for it";

	send(f, event_up());
	for (int i = 0; i < 4; i++) {
		struct request_id request =
			fake_asked(&f->src, ASKED_INFO)->request;

		assert_int_equal(send(f, event_error(JETSTREAM_INFO, request,
						     JETSTREAM_ERR_NO_STREAM)),
				 0);
		assert_string_equal(f->tail.why,
				    "the JetStream stream does not exist");
		if (i == 0)
			assert_news(f, true, text);
		assert_false(f->tail.has_report); /* once is enough */
		fake_quiet(&f->src);
		tick(f, 499);
		fake_quiet(&f->src);
		tick(f, 1);
	}
	assert_int_equal(f->metrics.value[METRIC_ERRORS_INFO], 4);
	become_live(f, 1, 0);
	assert_true(f->tail.known);
}

static void says_what_the_server_said(void **state)
{
	struct fixture *f = *state;
	struct jetstream_event ev;

	send(f, event_up());
	send(f, event_error(JETSTREAM_INFO,
			    fake_asked(&f->src, ASKED_INFO)->request, 10039));
	assert_string_equal(f->tail.why,
			    "cannot read the JetStream stream: no luck "
			    "(10039)");
	assert_news(f, true, "STREAM.INFO failed: no luck (10039)");
	tick(f, 500);
	ev = event_error(JETSTREAM_INFO,
			 fake_asked(&f->src, ASKED_INFO)->request,
			 JETSTREAM_ERR_NO_RESPONDERS);
	ev.err_text = NULL;
	send(f, ev);
	assert_news(f, true, "STREAM.INFO failed: no answer (503)");
}

static void work_queue_is_not_served(void **state)
{
	struct fixture *f = *state;
	struct jetstream_event ev;

	send(f, event_up());
	ev = event_info(fake_asked(&f->src, ASKED_INFO)->request, STREAM, 1, 5);
	ev.info.work_queue = true;
	assert_int_equal(send(f, ev), 0);
	assert_false(f->tail.known);
	assert_string_equal(f->tail.why, "the stream has work-queue retention");
	assert_true(f->tail.has_report && f->tail.report_warn);
	tick(f, 4999);
	fake_quiet(&f->src);
	tick(f, 1);
	become_live(f, 1, 5);
}

static void stale_answers_are_nobodys(void **state)
{
	struct fixture *f = *state;
	struct request_id old, current;

	send(f, event_up());
	old = fake_asked(&f->src, ASKED_INFO)->request;
	tick(f, ANSWER_MS);
	current = fake_asked(&f->src, ASKED_INFO)->request;
	assert_int_not_equal(old.generation, current.generation);
	assert_int_equal(send(f, event_info(old, OTHER, 1, 5)), 0);
	assert_false(f->tail.known);
	assert_int_equal(send(f, event_created(current)), 0);
	assert_int_equal(f->tail.state, TAIL_INFO);
	send(f, event_info(current, STREAM, 1, 5));
	take_create(f, 6);
	assert_int_equal(send(f, event_created(current)), 0);
	assert_int_equal(send(f, event_info(current, STREAM, 1, 5)), 0);
	assert_int_equal(f->tail.state, TAIL_CREATE);
	fake_quiet(&f->src);
	/* Before it is verified, the consumer's messages are not taken. */
	assert_int_equal(message(f, 6), 0);
	send(f, event_created(f->consumer));
	assert_int_equal(message(f, 6), 0);
	assert_int_equal(event_buffer_last_seq(f->buffer), 5);
}

/* ---- time-outs and back-off ---------------------------------------------- */

/* Slower and slower, with new names for each try. */
static void backs_off_while_nobody_answers(void **state)
{
	static const uint64_t pauses[] = {200,	400,  800, 1600,
					  3200, 5000, 5000};
	struct fixture *f = *state;
	uint32_t generation;

	send(f, event_up());
	generation = fake_asked(&f->src, ASKED_INFO)->request.generation;
	tick(f, ANSWER_MS - 1);
	fake_quiet(&f->src);
	tick(f, 1); /* at once, the first time */
	assert_news(f, true, "JetStream does not answer");
	for (size_t i = 0; i < ARRAY_LEN(pauses); i++) {
		uint32_t next =
			fake_asked(&f->src, ASKED_INFO)->request.generation;

		assert_true(next > generation);
		generation = next;
		tick(f, ANSWER_MS);
		assert_string_equal(f->tail.why, "JetStream does not answer");
		assert_int_equal(tail_due(&f->tail), f->now_ms + pauses[i]);
		tick(f, pauses[i] - 1);
		fake_quiet(&f->src);
		tick(f, 1);
	}
	assert_false(f->tail.has_report);
	/* A new session starts quick. */
	fake_asked(&f->src, ASKED_INFO);
	send(f, event_up());
	fake_asked(&f->src, ASKED_INFO);
	tick(f, ANSWER_MS);
	fake_asked(&f->src, ASKED_INFO);
}

static void create_without_answer_is_tried_anew(void **state)
{
	struct fixture *f = *state;
	struct request_id first;

	send(f, event_up());
	answer_info(f, STREAM, 1, 5);
	take_create(f, 6);
	first = f->consumer;
	tick(f, ANSWER_MS - 1);
	fake_quiet(&f->src);
	tick(f, 1);
	take_forget(f);
	answer_info(f, STREAM, 1, 5);
	take_create(f, 6);
	assert_true(f->consumer.generation > first.generation);
	/* The first one's answer comes late. */
	send(f, event_created(first));
	assert_int_equal(f->tail.state, TAIL_CREATE);
}

static void verify_without_answer_is_tried_anew(void **state)
{
	struct fixture *f = *state;

	send(f, event_up());
	answer_info(f, STREAM, 1, 5);
	take_create(f, 6);
	send(f, event_created(f->consumer));
	fake_asked(&f->src, ASKED_INFO);
	tick(f, ANSWER_MS);
	take_forget(f);
	assert_int_equal(f->tail.state, TAIL_INFO);
	become_live(f, 1, 5);
}

static void create_that_is_refused_is_tried_again(void **state)
{
	struct fixture *f = *state;

	send(f, event_up());
	answer_info(f, STREAM, 1, 5);
	take_create(f, 6);
	send(f, event_error(JETSTREAM_CREATED, f->consumer,
			    JETSTREAM_ERR_MAX_CONSUMERS));
	assert_string_equal(f->tail.why, "cannot create the consumer: no luck "
					 "(10026)");
	assert_news(f, true, "cannot create the consumer: no luck (10026)");
	assert_int_equal(f->metrics.value[METRIC_ERRORS_CREATE], 1);
	/* There is none to forget. */
	answer_info(f, STREAM, 1, 5);
	take_create(f, 6);
	send(f, event_error(JETSTREAM_CREATED, f->consumer,
			    JETSTREAM_ERR_MAX_CONSUMERS));
	fake_quiet(&f->src);
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

		live(f, 1, 5);
		send(f, event_status(f->consumer, 0, 503));
		take_forget(f);
		become_live(f, 1, 5);
		f->now_ms += cases[i].live_ms;
		send(f, event_status(f->consumer, 0, 503));
		take_forget(f);
		assert_int_equal(fake_waiting(&f->src), cases[i].at_once);
	}
}

static void session_down_ends_it(void **state)
{
	struct fixture *f = *state;

	live(f, 1, 5);
	assert_int_equal(send(f, event_down()), 0);
	assert_false(tail_live(&f->tail));
	assert_string_equal(f->tail.why, "NATS is not connected");
	assert_int_equal(tail_due(&f->tail), UINT64_MAX);
	assert_int_equal(message(f, 6), 0);
	tick(f, 100000);
	fake_quiet(&f->src); /* not even to forget: it is gone */
	send(f, event_up());
	become_live(f, 1, 9);
	assert_int_equal(event_buffer_last_seq(f->buffer), 5);
}

static void requests_that_are_not_taken_time_out(void **state)
{
	struct fixture *f = *state;

	f->src.faults.error = -107;
	send(f, event_up());
	fake_asked(&f->src, ASKED_INFO);
	f->src.faults.error = 0;
	tick(f, ANSWER_MS);
	become_live(f, 1, 5);
}

/* ---- messages ------------------------------------------------------------ */

static void messages_become_frames(void **state)
{
	struct fixture *f = *state;
	struct list node = {0};
	struct buffer_subject *s;
	struct jetstream_event ev;
	const struct buffer_frame *frame;

	live(f, 1, 5);
	s = event_buffer_watch(f->buffer, "ev.a", 4, &node);
	ev = event_message(f->consumer, 6, 1, "ev.a", "hello");
	ev.msg.time_ns = 123456789;
	assert_int_equal(send(f, ev), TAIL_FRAME);
	assert_ptr_equal(f->touched, s);
	frame = event_buffer_frame(f->buffer, s->last);
	assert_int_equal(frame->seq, 6);
	assert_int_equal(frame->time_ns, 123456789);
	assert_memory_equal(event_buffer_frame_bytes(f->buffer, frame) +
				    frame->size_line_len,
			    "data: hello\nid: 6-", 18);
	assert_memory_equal(event_buffer_frame_bytes(f->buffer, frame) +
				    frame->size_line_len + 18,
			    f->tail.tag.hex, SSE_TAG_LEN);
	/* One that nobody watches, and one that is not ours to serve. */
	assert_int_equal(send(f, event_message(f->consumer, 7, 2, "ev.b", "x")),
			 TAIL_FRAME);
	assert_null(f->touched);
	assert_int_equal(send(f,
			      event_message(f->consumer, 8, 3, "ev.b.c", "x")),
			 TAIL_FRAME);
	assert_null(f->touched);
	assert_null(event_buffer_find(f->buffer, "ev.b.c", 6));
	assert_int_equal(event_buffer_last_seq(f->buffer), 8);
	assert_int_equal(event_buffer_floor(f->buffer), 5);
	assert_int_equal(event_buffer_count(f->buffer), 2);
	assert_int_equal(f->metrics.value[METRIC_TAIL_MESSAGES], 3);
	event_buffer_unwatch(f->buffer, s, &node);
}

static void what_is_not_above_the_head_is_dropped(void **state)
{
	struct fixture *f = *state;

	live(f, 1, 5);
	assert_int_equal(message(f, 6), TAIL_FRAME);
	assert_int_equal(message(f, 6), 0);
	assert_int_equal(message(f, 2), 0);
	assert_int_equal(message(f, 7), TAIL_FRAME);
	assert_int_equal(event_buffer_count(f->buffer), 2);
	fake_quiet(&f->src);
}

static void hole_in_the_consumer_sequence_begins_anew(void **state)
{
	static const uint64_t wrong[] = {0, 1, 2, 4, UINT64_MAX};

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct fixture *f = fresh(state);
		struct request_id old;

		live(f, 1, 5);
		message(f, 6);
		message(f, 7);
		old = f->consumer;
		assert_int_equal(send(f, event_message(old, 9, wrong[i], "ev.a",
						       "x")),
				 0);
		assert_int_equal(event_buffer_last_seq(f->buffer), 7);
		assert_news(f, true,
			    "tail restarted after sequence 7: a message was "
			    "lost between server and gateway");
		assert_begun_anew(f);
		become_live(f, 1, 9);
		/* The old one's messages are no one's. */
		assert_int_equal(send(f, event_message(old, 8, 1, "ev.a", "x")),
				 0);
		assert_int_equal(message(f, 8), TAIL_FRAME);
		assert_int_equal(f->metrics.value[METRIC_RESET_LOST], 1);
	}
}

static void silence_begins_anew(void **state)
{
	struct fixture *f = *state;

	live(f, 1, 5);
	tick(f, SILENCE_MS - 1);
	fake_quiet(&f->src);
	send(f, event_status(f->consumer, f->pull_no, 100));
	assert_int_equal(tail_due(&f->tail), f->now_ms + SILENCE_MS);
	tick(f, SILENCE_MS - 1);
	message(f, 6);
	tick(f, SILENCE_MS - 1);
	fake_quiet(&f->src);
	tick(f, 1);
	assert_news(f, true,
		    "tail restarted after sequence 6: no message or heartbeat "
		    "from the server");
	assert_begun_anew(f);
}

/* ---- statuses ------------------------------------------------------------ */

enum then { GOES_ON, PULLS, ANEW };

static enum then then_of(const struct fixture *f)
{
	if (!tail_live(&f->tail))
		return ANEW;
	return fake_waiting(&f->src) > 0 ? PULLS : GOES_ON;
}

/* Three messages of the first pull have come. */
static void status_means(void **state)
{
	enum { LEFT = BATCH - 3 };
	static const struct {
		const char *what;
		struct jetstream_status status;
		enum then then;
	} cases[] = {
		{"heartbeat", {.code = 100}, GOES_ON},
		{"heartbeat: all seen",
		 {.code = 100, .has_last_consumer = true, .last_consumer = 3},
		 GOES_ON},
		{"heartbeat: one is missing",
		 {.code = 100, .has_last_consumer = true, .last_consumer = 4},
		 ANEW},
		{"heartbeat from before",
		 {.code = 100, .has_last_consumer = true, .last_consumer = 2},
		 GOES_ON},
		{"consumer deleted",
		 {.code = 409, .consumer_gone = true},
		 ANEW},
		{"no responders", {.code = 503}, ANEW},
		{"bad request", {.code = 400}, ANEW},
		{"expired",
		 {.code = 408, .has_pending = true, .pending_msgs = LEFT},
		 PULLS},
		{"expired: one is missing",
		 {.code = 408, .has_pending = true, .pending_msgs = LEFT - 1},
		 ANEW},
		{"expired, more pending than ever asked",
		 {.code = 408, .has_pending = true, .pending_msgs = UINT64_MAX},
		 PULLS},
		{"leader changed",
		 {.code = 409, .has_pending = true, .pending_msgs = LEFT},
		 PULLS},
		{"leader changed, without numbers", {.code = 409}, PULLS},
		{"no messages", {.code = 404}, PULLS},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture *f = fresh(state);
		struct jetstream_event ev;

		live(f, 1, 5);
		for (uint64_t seq = 6; seq <= 8; seq++)
			message(f, seq);
		ev = event_status(f->consumer, f->pull_no, 0);
		ev.status = cases[i].status;
		ev.status.number = f->pull_no;
		assert_int_equal(send(f, ev), 0);
		if (then_of(f) != cases[i].then)
			fail_msg("%s", cases[i].what);
		if (cases[i].then == ANEW) {
			assert_begun_anew(f);
			continue;
		}
		if (cases[i].then == PULLS)
			take_pull(f);
		fake_quiet(&f->src);
		assert_int_equal(message(f, 9), TAIL_FRAME);
	}
}

static void status_of_no_open_pull_means_nothing(void **state)
{
	struct fixture *f = *state;

	live(f, 1, 5);
	send(f, event_pending(f->consumer, f->pull_no + 1, 408, 5));
	send(f, event_pending(f->consumer, 0, 408, 5));
	fake_quiet(&f->src);
	assert_true(tail_live(&f->tail));
	/* Twice for the same pull. */
	send(f, event_pending(f->consumer, f->pull_no, 408, BATCH));
	send(f, event_pending(f->consumer, f->pull_no, 408, BATCH));
	take_pull(f);
	fake_quiet(&f->src);
	/* Another consumer's. */
	send(f, event_status((struct request_id){TAIL_SLOT, 1}, 1, 503));
	assert_true(tail_live(&f->tail));
}

static void big_message_gets_a_pull_without_limit(void **state)
{
	struct fixture *f = *state;
	struct jetstream_event ev;
	const struct asked *a;

	live(f, 1, 5);
	ev = event_pending(f->consumer, f->pull_no, 409, BATCH);
	ev.status.too_big = true;
	send(f, ev);
	a = fake_asked(&f->src, ASKED_PULL);
	assert_int_equal(a->pull.max_bytes, 0);
	assert_int_equal(a->pull.batch, 4);
	fake_quiet(&f->src);
	message(f, 6);
	/* The next one has its limit again. */
	a = fake_asked(&f->src, ASKED_PULL);
	assert_int_equal(a->pull.max_bytes, 8 * 1024 * 1024);
	assert_int_equal(a->pull.batch, BATCH);
	for (uint64_t seq = 7; seq < 7 + 100; seq++)
		message(f, seq);
	fake_quiet(&f->src);
}

/* ---- credit -------------------------------------------------------------- */

static void pulls_again_at_half(void **state)
{
	struct fixture *f = *state;
	uint64_t asked = BATCH, had = 0;

	live(f, 1, 5);
	while (had < 10 * BATCH) {
		bool due = asked - had - 1 == HALF;

		message(f, 6 + had++);
		if (due) {
			take_pull(f);
			asked += BATCH;
		}
		fake_quiet(&f->src);
		/* Less than two batches: two pulls are open at the most. */
		assert_true(asked - had > HALF && asked - had < 2 * BATCH);
	}
}

static void two_pulls_end_one_by_one(void **state)
{
	struct fixture *f = *state;
	uint32_t first;

	live(f, 1, 5);
	first = f->pull_no;
	for (uint64_t i = 0; i < HALF; i++)
		message(f, 6 + i);
	take_pull(f);
	assert_int_not_equal(f->pull_no, first);
	send(f, event_pending(f->consumer, first, 408, HALF));
	fake_quiet(&f->src); /* the second is enough */
	send(f, event_pending(f->consumer, f->pull_no, 408, BATCH));
	take_pull(f);
	fake_quiet(&f->src);
	assert_true(tail_live(&f->tail));
}

static void two_pulls_end_and_one_message_is_missing(void **state)
{
	struct fixture *f = *state;
	uint32_t first;

	live(f, 1, 5);
	first = f->pull_no;
	for (uint64_t i = 0; i < HALF; i++)
		message(f, 6 + i);
	take_pull(f);
	send(f, event_pending(f->consumer, first, 408, HALF - 1));
	assert_true(tail_live(&f->tail)); /* it may still be on its way */
	send(f, event_pending(f->consumer, f->pull_no, 408, BATCH));
	assert_news(f, true,
		    "tail restarted after sequence 4101: messages were lost "
		    "between server and gateway");
	assert_begun_anew(f);
}

static void dropped_messages_use_credit_too(void **state)
{
	struct fixture *f = *state;

	live(f, 1, 5);
	for (int i = 0; i < HALF; i++)
		message(f, 5);
	take_pull(f);
	fake_quiet(&f->src);
}

static void messages_for_half(struct fixture *f)
{
	for (int i = 0; i < HALF; i++)
		message(f, event_buffer_last_seq(f->buffer) + 1);
}

/* A pull whose batch is used up ends without a word. */
static void pull_that_was_used_up_is_not_waited_for(void **state)
{
	struct fixture *f = *state;

	live(f, 1, 5);
	messages_for_half(f);
	take_pull(f);
	messages_for_half(f); /* the end of the first */
	send(f, event_pending(f->consumer, f->pull_no, 408, BATCH));
	take_pull(f);
	send(f, event_pending(f->consumer, f->pull_no, 408, BATCH - 1));
	assert_begun_anew(f);
}

/* ... when the log's newest message is compared. */
static void become_live_again(struct fixture *f, uint64_t last, uint64_t newest)
{
	const struct asked *a;

	answer_info(f, STREAM, 1, last);
	a = fake_asked(&f->src, ASKED_GET);
	assert_int_equal(a->seq, newest);
	send(f, event_found(a->request, newest, "ev.a", "x"));
	take_create(f, newest + 1);
	send(f, event_created(f->consumer));
	answer_info(f, STREAM, 1, last);
	take_pull(f);
}

static void new_consumer_begins_with_new_credit(void **state)
{
	struct fixture *f = *state;

	live(f, 1, 5);
	messages_for_half(f);
	take_pull(f);
	send(f, event_status(f->consumer, 0, 503));
	take_forget(f);
	become_live_again(f, 9000, HALF + 5);
	messages_for_half(f);
	take_pull(f);
	send(f, event_status(f->consumer, 0, 503));
	take_forget(f);
	tick(f, 200);
	become_live_again(f, 90000, 2 * HALF + 5);
	/* Nor does it wait for pulls of the one before. */
	send(f, event_pending(f->consumer, f->pull_no, 408, BATCH - 1));
	assert_false(tail_live(&f->tail));
}

/* ---- another stream, or another past ------------------------------------- */

static void stream_made_anew_is_a_reset(void **state)
{
	struct fixture *f = *state;
	struct sse_tag tag = sse_tag_of(OTHER, strlen(OTHER));

	live(f, 1, 5);
	message(f, 6);
	send(f, event_down());
	send(f, event_up());
	assert_int_equal(answer_info(f, OTHER, 3, 90), TAIL_RESET);
	assert_string_equal(f->tail.tag.hex, tag.hex);
	assert_int_equal(event_buffer_count(f->buffer), 0);
	assert_int_equal(event_buffer_floor(f->buffer), 90);
	assert_int_equal(f->leader.state.first_seq, 3);
	assert_news(f, true,
		    "the stream was recreated, its last sequence is 90");
	take_create(f, 91);
}

/* A text that is a part of the other one is another, too. */
static void identity_is_the_whole_text(void **state)
{
	struct fixture *f = *state;

	live(f, 1, 5);
	send(f, event_down());
	send(f, event_up());
	assert_int_equal(answer_info(f, "created-", 1, 5), TAIL_RESET);
}

/* Between the consumer's creation and its first pull. */
static void verify_sees_another_stream(void **state)
{
	struct fixture *f = *state;

	send(f, event_up());
	answer_info(f, STREAM, 1, 50);
	take_create(f, 51);
	send(f, event_created(f->consumer));
	assert_int_equal(answer_info(f, OTHER, 1, 2), TAIL_RESET);
	assert_false(tail_live(&f->tail));
	take_forget(f);
	take_create(f, 3);
	send(f, event_created(f->consumer));
	assert_int_equal(answer_info(f, OTHER, 1, 2), 0);
	take_pull(f);
	assert_true(tail_live(&f->tail));
}

static void ask_while_behind(struct fixture *f, uint64_t last)
{
	assert_int_equal(answer_info(f, STREAM, 1, last), 0);
	assert_string_equal(f->tail.why, "the stream's leader is behind");
	fake_quiet(&f->src);
	assert_int_equal(tail_due(&f->tail), f->now_ms + 200);
	tick(f, 200);
}

static void rolled_back_only_after_a_while(void **state)
{
	struct fixture *f = *state;
	struct sse_tag tag;

	f->leads = 7;
	live(f, 1, 9);
	tag = f->tail.tag;
	send(f, event_down());
	send(f, event_up());
	for (int i = 0; i < 25; i++)
		ask_while_behind(f, 7);
	assert_int_equal(event_buffer_last_seq(f->buffer), 9);
	assert_int_equal(answer_info(f, STREAM, 1, 7), TAIL_ROLLED_BACK);
	assert_int_equal(event_buffer_last_seq(f->buffer), 7);
	assert_int_equal(event_buffer_floor(f->buffer), 7);
	assert_string_equal(f->tail.tag.hex, tag.hex);
	assert_news(f, true, "the stream was rolled back from sequence 9 to 7");
	take_create(f, 8);
}

/* Neither where the stream is nor which one. */
static void word_of_nobody_is_no_word(void **state)
{
	struct fixture *f = *state;
	struct jetstream_event ev;

	live(f, 1, 9);
	send(f, event_down());
	send(f, event_up());
	for (int i = 0; i < 100; i++) {
		ev = event_info(fake_asked(&f->src, ASKED_INFO)->request,
				i % 2 ? OTHER : STREAM, 1, 7);
		ev.info.no_leader = true;
		assert_int_equal(send(f, ev), 0);
		assert_string_equal(f->tail.why, "the stream has no leader");
		fake_quiet(&f->src);
		tick(f, 500);
	}
	become_live(f, 1, 9);
	assert_int_equal(event_buffer_last_seq(f->buffer), 9);
}

static void leader_that_catches_up_is_no_roll_back(void **state)
{
	struct fixture *f = *state;

	f->leads = 7;
	live(f, 1, 9);
	send(f, event_down());
	send(f, event_up());
	for (int i = 0; i < 24; i++)
		ask_while_behind(f, 8);
	become_live(f, 1, 9);
	assert_int_equal(event_buffer_last_seq(f->buffer), 9);
	/* The next time counts from its own beginning. */
	send(f, event_down());
	send(f, event_up());
	f->now_ms += 1000;
	for (int i = 0; i < 25; i++)
		ask_while_behind(f, 8);
	assert_int_equal(answer_info(f, STREAM, 1, 8), TAIL_ROLLED_BACK);
}

/* It is the asking again that counts, not the time that NATS was away. */
static void outage_while_behind_is_no_roll_back(void **state)
{
	struct fixture *f = *state;

	f->leads = 7;
	live(f, 1, 9);
	send(f, event_down());
	send(f, event_up());
	ask_while_behind(f, 8);
	send(f, event_down());
	f->now_ms += 60000;
	send(f, event_up());
	fake_asked(&f->src, ASKED_INFO); /* of the session before */
	ask_while_behind(f, 8);
	become_live(f, 1, 9);
}

static void verify_sees_a_leader_that_is_behind(void **state)
{
	struct fixture *f = *state;

	f->leads = 7;
	send(f, event_up());
	answer_info(f, STREAM, 1, 9);
	take_create(f, 10);
	send(f, event_created(f->consumer));
	assert_int_equal(answer_info(f, STREAM, 1, 8), 0);
	take_forget(f);
	fake_quiet(&f->src);
	tick(f, 200);
	become_live(f, 1, 9);
}

static void limits_overtake_it_while_away(void **state)
{
	struct fixture *f = *state;

	live(f, 1, 9);
	message(f, 10);
	send(f, event_down());
	send(f, event_up());
	assert_int_equal(answer_info(f, STREAM, 15, 20), TAIL_TRIMMED);
	assert_int_equal(event_buffer_last_seq(f->buffer), 14);
	assert_int_equal(event_buffer_floor(f->buffer), 14);
	assert_int_equal(event_buffer_count(f->buffer), 0);
	assert_news(f, true,
		    "messages after sequence 10 up to 14 are gone from the "
		    "stream");
	take_create(f, 15);
}

static void first_sequence_behind_the_head_is_no_gap(void **state)
{
	struct fixture *f = *state;

	live(f, 1, 9);
	send(f, event_down());
	send(f, event_up());
	assert_int_equal(answer_info(f, STREAM, 10, 20), 0);
	take_create(f, 10);
	assert_int_equal(event_buffer_floor(f->buffer), 9);
}

static void verify_sees_it_overtaken(void **state)
{
	struct fixture *f = *state;

	send(f, event_up());
	answer_info(f, STREAM, 1, 9);
	take_create(f, 10);
	send(f, event_created(f->consumer));
	f->tail.has_report = false;
	assert_int_equal(answer_info(f, STREAM, 15, 20), TAIL_TRIMMED);
	take_pull(f);
	assert_true(tail_live(&f->tail));
	assert_int_equal(message(f, 15), TAIL_FRAME);
	/* What is lost is the news, not that it is live. */
	assert_news(f, true,
		    "messages after sequence 9 up to 14 are gone from the "
		    "stream");
}

/* ---- holes --------------------------------------------------------------- */

static unsigned hole_message(struct fixture *f, uint64_t seq, uint64_t pending)
{
	struct jetstream_event ev =
		event_message(f->consumer, seq, ++f->cseq, "ev.a", "x");

	ev.msg.pending = pending;
	return send(f, ev);
}

/* What stands behind a hole waits for the answer, with all that comes. */
static void message_behind_a_hole_waits(void **state)
{
	struct fixture *f = *state;

	live(f, 1, 5);
	hole_message(f, 6, 100); /* no hole */
	quiet(f);
	assert_int_equal(event_buffer_last_seq(f->buffer), 6);
	assert_int_equal(hole_message(f, 9, 0), 0); /* pending 0 is no excuse */
	assert_int_equal(hole_message(f, 10, 0), 0);
	assert_int_equal(event_buffer_last_seq(f->buffer), 6);
	assert_int_equal(answer_leader(f, STREAM, 1, 200), TAIL_FRAME);
	assert_int_equal(event_buffer_last_seq(f->buffer), 10);
	assert_int_equal(event_buffer_count(f->buffer), 3);
	assert_int_equal(event_buffer_floor(f->buffer), 5);
	quiet(f);
}

/* An answer clears the holes that were seen when its question was sent. */
static void later_hole_needs_a_later_answer(void **state)
{
	struct fixture *f = *state;
	struct jetstream_event ev;
	struct buffer_subject *touched;
	uint64_t seq;

	live(f, 1, 5);
	hole_message(f, 9, 0);
	leader_ask(&f->leader, f->now_ms);
	hole_message(f, 12, 0);
	ev = event_info(fake_asked(&f->src, ASKED_INFO)->request, STREAM, 1,
			12);
	leader_on_info(&f->leader, &ev, f->now_ms);
	tail_same_stream(&f->tail, &ev, f->leader.asked_last_seq, f->now_ms);
	assert_int_equal(tail_on_leader_info(&f->tail, ev.request.generation,
					     f->now_ms),
			 0);
	assert_int_equal(tail_next(&f->tail, f->now_ms, &touched, &seq),
			 TAIL_FRAME);
	assert_int_equal(seq, 9);
	assert_int_equal(tail_next(&f->tail, f->now_ms, &touched, &seq), 0);
	assert_int_equal(answer_leader(f, STREAM, 11, 12),
			 TAIL_TRIMMED | TAIL_FRAME);
	assert_int_equal(event_buffer_last_seq(f->buffer), 12);
	assert_int_equal(event_buffer_floor(f->buffer), 10);
}

/* The question keeps where the hole began: what came behind it since does not
 * hide it. */
static void hole_finds_it_overtaken(void **state)
{
	struct fixture *f = *state;

	live(f, 1, 5);
	hole_message(f, 150, 0);
	assert_int_equal(answer_leader(f, STREAM, 150, 200),
			 TAIL_TRIMMED | TAIL_FRAME);
	assert_int_equal(event_buffer_floor(f->buffer), 149);
	assert_int_equal(event_buffer_last_seq(f->buffer), 150);
	assert_true(tail_live(&f->tail));
	quiet(f);
	assert_news(f, true,
		    "messages after sequence 5 up to 149 are gone from the "
		    "stream");
	assert_int_equal(hole_message(f, 151, 100), TAIL_FRAME);
}

/* A stream of few messages: what is at hand is served, though the store has
 * dropped it by now. */
static void message_in_hand_is_served(void **state)
{
	struct fixture *f = *state;

	live(f, 1, 5);
	hole_message(f, 9, 0);
	assert_int_equal(answer_leader(f, STREAM, 50, 50),
			 TAIL_TRIMMED | TAIL_FRAME);
	assert_int_equal(event_buffer_floor(f->buffer), 8);
	assert_int_equal(event_buffer_last_seq(f->buffer), 9);
}

static void hole_finds_another_stream(void **state)
{
	struct fixture *f = *state;

	live(f, 1, 5);
	hole_message(f, 9, 100);
	assert_int_equal(answer_leader(f, OTHER, 1, 200), 0);
	assert_begun_anew(f);
	assert_int_equal(event_buffer_last_seq(f->buffer), 5);
}

static void filtered(struct fixture *f)
{
	struct jetstream_event ev;

	send(f, event_up());
	ev = event_info(fake_asked(&f->src, ASKED_INFO)->request, STREAM, 1, 5);
	ev.info.filter_covers_all = false;
	send(f, ev);
	take_create(f, 6);
	send(f, event_created(f->consumer));
	ev.request = fake_asked(&f->src, ASKED_INFO)->request;
	send(f, ev);
	take_pull(f);
	f->tail.has_report = false;
}

/* A tail that filters goes on; one answer clears all holes before it. */
static void filtered_tail_goes_on_behind_holes(void **state)
{
	struct fixture *f = *state;

	filtered(f);
	assert_int_equal(hole_message(f, 9, 100), TAIL_FRAME);
	assert_int_equal(hole_message(f, 19, 100), TAIL_FRAME);
	assert_int_equal(answer_leader(f, STREAM, 6, 200), 0);
	/* Not asked about at once again, and never forgotten. */
	assert_int_equal(hole_message(f, 29, 0), TAIL_FRAME);
	quiet(f);
	f->now_ms += 50;
	assert_int_equal(answer_leader(f, STREAM, 20, 200), 0);
	quiet(f);
	assert_int_equal(event_buffer_count(f->buffer), 3);
}

static void filtered_tail_tells_late(void **state)
{
	struct fixture *f = *state;

	filtered(f);
	hole_message(f, 9, 100);
	hole_message(f, 100, 0);
	hole_message(f, 120, 0);
	assert_int_equal(answer_leader(f, STREAM, 90, 200), TAIL_LATE_GAP);
	assert_int_equal(f->tail.gap.after, 5);
	assert_int_equal(f->tail.gap.first, 90);
	assert_int_equal(f->tail.gap.upto, 89);
	/* Who has not come so far reads it from the stream. */
	assert_int_equal(event_buffer_floor(f->buffer), 89);
	assert_int_equal(event_buffer_last_seq(f->buffer), 120);
	assert_news(f, true,
		    "messages after sequence 5 up to 89 may be gone from the "
		    "stream");
}

/* ---- servers before 2.10 ------------------------------------------------- */

static void old_server(struct fixture *f)
{
	struct jetstream_event ev;

	send(f, event_up());
	ev = event_info(fake_asked(&f->src, ASKED_INFO)->request, STREAM, 1, 5);
	ev.info.before_2_10 = true;
	send(f, ev);
	take_create(f, 6);
	send(f, event_created(f->consumer));
	ev.request = fake_asked(&f->src, ASKED_INFO)->request;
	send(f, ev);
	take_pull(f);
	f->tail.has_report = false;
}

static void old_server_is_asked_about_each_hole(void **state)
{
	struct fixture *f = *state;
	const struct asked *a;

	old_server(f);
	assert_int_equal(hole_message(f, 9, 0), 0);
	a = fake_asked(&f->src, ASKED_FIND);
	assert_int_equal(a->seq, 6);
	assert_string_equal(a->subject, ">");
	send(f, event_found(a->request, 9, "ev.a", "x"));
	assert_int_equal(event_buffer_last_seq(f->buffer), 5);
	assert_int_equal(answer_leader(f, STREAM, 1, 9), TAIL_FRAME);
	assert_int_equal(event_buffer_last_seq(f->buffer), 9);
}

static void old_server_that_skips_is_read_again(void **state)
{
	struct fixture *f = *state;
	const struct asked *a;

	old_server(f);
	hole_message(f, 100, 0);
	a = fake_asked(&f->src, ASKED_FIND);
	send(f, event_found(a->request, 7, "ev.a", "x"));
	assert_begun_anew(f);
	assert_int_equal(f->metrics.value[METRIC_RESET_SKIPPED], 1);
	assert_int_equal(event_buffer_last_seq(f->buffer), 5);
	become_live(f, 1, 100);
	assert_int_equal(message(f, 6), TAIL_FRAME);
}

/* It jumped, and nothing has come behind it. */
static void old_server_that_skips_to_the_end(void **state)
{
	struct fixture *f = *state;
	struct jetstream_event beat;
	const struct asked *a;

	old_server(f);
	beat = event_status(f->consumer, f->pull_no, 100);
	beat.status.has_last_stream = true;
	beat.status.last_stream = 100;
	send(f, beat);
	a = fake_asked(&f->src, ASKED_FIND);
	assert_int_equal(a->seq, 6);
	send(f, event_error(JETSTREAM_FOUND, a->request,
			    JETSTREAM_ERR_NO_MESSAGE));
	send(f, beat); /* known */
	quiet(f);
	beat.status.last_stream = 110;
	send(f, beat);
	a = fake_asked(&f->src, ASKED_FIND);
	send(f, event_found(a->request, 105, "ev.a", "x"));
	assert_begun_anew(f);
}

/* "No message" may be the answer of a leader that is behind. */
static void end_of_an_old_server_is_asked_about_again(void **state)
{
	struct fixture *f = *state;
	struct jetstream_event beat;
	const struct asked *a;

	old_server(f);
	beat = event_status(f->consumer, f->pull_no, 100);
	beat.status.has_last_stream = true;
	beat.status.last_stream = 100;
	for (unsigned wait = 0; wait < 20; wait = wait == 0 ? 1 : wait * 2) {
		for (unsigned i = 0; i < (wait < 16 ? wait : 16); i++) {
			send(f, beat);
			quiet(f);
		}
		send(f, beat);
		a = fake_asked(&f->src, ASKED_FIND);
		assert_int_equal(a->seq, 6);
		send(f, event_error(JETSTREAM_FOUND, a->request,
				    JETSTREAM_ERR_NO_MESSAGE));
	}
	send(f, event_found(a->request, 7, "ev.a", "x"));
	assert_begun_anew(f);
}

/* ---- is it still that message? ------------------------------------------- */

static void send_stored(struct fixture *f, uint64_t seq, uint64_t time_ns)
{
	struct jetstream_event ev =
		event_message(f->consumer, seq, ++f->cseq, "ev.a", "x");

	ev.msg.time_ns = time_ns;
	assert_int_equal(send(f, ev), TAIL_FRAME);
}

/* The stream's message of this sequence; time 0: it is not there. */
static unsigned answer_get(struct fixture *f, uint64_t seq, uint64_t time_ns)
{
	const struct asked *a = fake_asked(&f->src, ASKED_GET);
	struct jetstream_event ev = event_found(a->request, seq, "ev.a", "x");

	assert_int_equal(a->seq, seq);
	ev.msg.time_ns = time_ns;
	if (time_ns == 0)
		ev = event_error(JETSTREAM_FOUND, a->request,
				 JETSTREAM_ERR_NO_MESSAGE);
	return send(f, ev);
}

static void live_with_messages(struct fixture *f, uint64_t n)
{
	live(f, 1, 0);
	for (uint64_t seq = 1; seq <= n; seq++)
		send_stored(f, seq, 1000 + seq);
	send(f, event_down());
	send(f, event_up());
}

static void newest_message_is_the_same(void **state)
{
	struct fixture *f = *state;

	live_with_messages(f, 5);
	assert_int_equal(answer_info(f, STREAM, 1, 9), 0);
	assert_int_equal(answer_get(f, 5, 1005), 0);
	take_create(f, 6);
	assert_int_equal(event_buffer_count(f->buffer), 5);
}

/* It has lost its end, and grown past it since. */
static void stream_that_went_back_and_grew_is_found(void **state)
{
	struct fixture *f = *state;

	live_with_messages(f, 8);
	assert_int_equal(answer_info(f, STREAM, 1, 20), 0);
	assert_int_equal(answer_get(f, 8, 5008), 0);
	assert_int_equal(answer_get(f, 4, 1004), 0);
	assert_int_equal(answer_get(f, 6, 5006), 0);
	assert_int_equal(answer_get(f, 5, 1005), TAIL_ROLLED_BACK);
	assert_int_equal(event_buffer_last_seq(f->buffer), 5);
	assert_news(f, true, "the stream was rolled back from sequence 8 to 5");
	take_create(f, 6);
}

/* Without replicas, and below what was read: at once, to where it is the same.
 */
static void single_server_went_back(void **state)
{
	struct fixture *f = *state;

	live_with_messages(f, 4);
	assert_int_equal(answer_info(f, STREAM, 1, 3), 0);
	assert_int_equal(answer_get(f, 2, 1002), 0);
	assert_int_equal(answer_get(f, 3, 5003), TAIL_ROLLED_BACK);
	assert_int_equal(event_buffer_last_seq(f->buffer), 2);
	take_create(f, 3);
}

static void nothing_of_the_log_is_left(void **state)
{
	struct fixture *f = *state;

	live_with_messages(f, 2);
	answer_info(f, STREAM, 1, 20);
	answer_get(f, 2, 5002);
	assert_int_equal(answer_get(f, 1, 5001), TAIL_RESET);
	assert_int_equal(event_buffer_last_seq(f->buffer), 20);
	take_create(f, 21);
}

static void deleted_message_tells_nothing(void **state)
{
	struct fixture *f = *state;

	live_with_messages(f, 9);
	answer_info(f, STREAM, 1, 9);
	assert_int_equal(answer_get(f, 9, 0), 0);
	assert_int_equal(answer_get(f, 8, 0), 0);
	assert_int_equal(answer_get(f, 6, 0), 0);
	assert_int_equal(answer_get(f, 2, 1002), 0);
	take_create(f, 10);
}

/* ---- what a server takes ------------------------------------------------- */

static void refused_with(struct fixture *f, struct jetstream_status s)
{
	struct jetstream_event ev = event_status(f->consumer, f->pull_no, 409);

	s.number = f->pull_no;
	s.code = 409;
	ev.status = s;
	send(f, ev);
}

static void limit_of_a_pull_is_kept(void **state)
{
	struct fixture *f = *state;
	const struct asked *a;

	live(f, 1, 5);
	refused_with(f, (struct jetstream_status){.max_batch = 1000,
						  .text = "Exceeded "
							  "MaxRequestBatch of "
							  "1000"});
	a = fake_asked(&f->src, ASKED_PULL);
	assert_int_equal(a->pull.batch, 1000);
	f->pull_no = a->pull.number;
	refused_with(f, (struct jetstream_status){.max_expires_ms = 5000});
	a = fake_asked(&f->src, ASKED_PULL);
	assert_int_equal(a->pull.expires_ms, 5000);
	assert_int_equal(a->pull.heartbeat_ms, 2500);
	f->pull_no = a->pull.number;
	refused_with(f, (struct jetstream_status){.max_bytes = 4096});
	a = fake_asked(&f->src, ASKED_PULL);
	assert_int_equal(a->pull.max_bytes, 4096);
	assert_true(tail_ready(&f->tail));
}

/* Whatever the reason: never again and again at once. */
static void refused_pulls_are_repeated_slower(void **state)
{
	struct fixture *f = *state;
	const struct jetstream_status s = {.text = "Not Today"};
	unsigned pulls = 0;
	uint64_t end = f->now_ms + 30000;

	live(f, 1, 5);
	while (f->now_ms < end && pulls < 1000) {
		refused_with(f, s);
		pulls++;
		while (fake_waiting(&f->src) > 0) {
			const struct asked *a = &f->src.asked[f->src.seen++];

			if (a->kind == ASKED_INFO)
				send(f, event_info(a->request, STREAM, 1, 5));
			if (a->kind == ASKED_CREATE) {
				f->consumer = a->request;
				send(f, event_created(a->request));
			}
			if (a->kind == ASKED_PULL)
				f->pull_no = a->pull.number;
		}
		if (!tail_live(&f->tail))
			tick(f, 100);
	}
	assert_true(pulls < 500);
	assert_int_equal(f->metrics.value[METRIC_TAIL_PULLS] < 50, 1);
	assert_false(tail_ready(&f->tail));
	assert_string_equal(f->tail.why,
			    "the server rejected a pull: 409 Not Today");
}

/* The consumer of a tail that is not ready is made anew after a pause. */
static void live_after_pause(struct fixture *f, uint64_t ms)
{
	take_forget(f);
	fake_quiet(&f->src);
	assert_int_equal(tail_due(&f->tail), f->now_ms + ms);
	tick(f, ms);
	become_live(f, 1, 5);
}

/* Nothing has come since its pull. */
static void pull_without_answer(struct fixture *f)
{
	tick(f, SILENCE_MS);
	take_forget(f);
	become_live(f, 1, 5);
	assert_news(f, true,
		    "tail restarted after sequence 5: no message or heartbeat "
		    "from the server");
	assert_true(tail_ready(&f->tail));
}

/* All else is answered: it is not ready, and says so once. */
static void pulls_without_answer_are_no_life(void **state)
{
	static const char why[] = "the server does not answer pulls";
	struct fixture *f = *state;
	uint64_t pause_ms = 200;

	live(f, 1, 5);
	pull_without_answer(f);
	for (int i = 0; i < 8; i++) {
		tick(f, SILENCE_MS);
		if (i == 0)
			assert_news(f, true,
				    "tail restarted after sequence 5: the "
				    "server does not answer pulls");
		assert_string_equal(f->tail.why, why);
		live_after_pause(f, pause_ms);
		assert_false(tail_ready(&f->tail));
		assert_string_equal(f->tail.why, why);
		assert_false(f->tail.has_report);
		pause_ms = pause_ms * 2 < 5000 ? pause_ms * 2 : 5000;
	}
	assert_int_equal(f->metrics.value[METRIC_RESET_SILENT], 9);
	send(f, event_status(f->consumer, f->pull_no, 100));
	assert_true(tail_ready(&f->tail));
	assert_null(f->tail.why);
	assert_news(f, false, "tail is live after sequence 5");
	/* All is forgotten. */
	tick(f, SILENCE_MS);
	assert_begun_anew(f);
}

/* Two silences, and an answer between them. */
static void pull_with_an_answer_counts(void **state)
{
	enum { HEARTBEAT, MESSAGE, STATUS, SESSION, CASES };

	for (int i = 0; i < CASES; i++) {
		struct fixture *f = fresh(state);

		live(f, 1, 5);
		pull_without_answer(f);
		if (i == HEARTBEAT)
			send(f, event_status(f->consumer, f->pull_no, 100));
		if (i == MESSAGE)
			message(f, 5);
		if (i == HEARTBEAT || i == MESSAGE) {
			tick(f, SILENCE_MS);
			assert_begun_anew(f);
			become_live(f, 1, 5);
		}
		if (i == STATUS) {
			f->now_ms += 3000;
			send(f, event_status(f->consumer, f->pull_no, 408));
			take_pull(f);
		}
		if (i == SESSION) {
			send(f, event_down());
			live(f, 1, 5);
		}
		tick(f, SILENCE_MS);
		assert_begun_anew(f);
		assert_string_equal(f->tail.why, "the tail is restarting");
	}
}

/* A quiet stream whose server stands still: its pull was answered. */
static void silence_after_an_answer_does_not_count(void **state)
{
	struct fixture *f = *state;

	live(f, 1, 5);
	send(f, event_status(f->consumer, f->pull_no, 100));
	for (int i = 0; i < 2; i++) {
		tick(f, SILENCE_MS);
		assert_begun_anew(f);
		become_live(f, 1, 5);
		assert_true(tail_ready(&f->tail));
	}
}

/* ---- someone else's STREAM.INFO ------------------------------------------ */

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

		live(f, 1, 9);
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
			fake_quiet(&f->src);
		} else {
			assert_begun_anew(f);
		}
	}
}

/* It says nothing of the stream, and the tail goes on. */
static void answer_that_says_nothing(void **state)
{
	struct fixture *f = *state;
	struct jetstream_event ev =
		event_info((struct request_id){77, 1}, OTHER, 4, 5);

	live(f, 1, 9);
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
	fake_quiet(&f->src);
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

/* Always behind the replica that feeds the tail, and it comes on. */
static void leader_that_follows_the_tail(void **state)
{
	struct fixture *f = *state;

	live(f, 1, 9);
	for (uint64_t seq = 10; seq < 100; seq++) {
		message(f, seq);
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

	live(f, 1, 9);
	for (int i = 0; i <= 19; i++)
		assert_true(same_with(f, 8));
	assert_false(same_with(f, 8));
	assert_begun_anew(f);
}

/* Two such answers with a long time between are no long time of such. */
static void silence_while_behind_is_no_roll_back(void **state)
{
	struct fixture *f = *state;

	live(f, 1, 9);
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
	fake_quiet(&f->src);
}

/* ---- news ---------------------------------------------------------------- */

static void live_again_is_news_each_time(void **state)
{
	struct fixture *f = *state;

	send(f, event_up());
	become_live(f, 1, 5);
	assert_news(f, false, "tail is live after sequence 5");
	send(f, event_down());
	assert_false(f->tail.has_report);
	send(f, event_up());
	become_live(f, 1, 5);
	assert_news(f, false, "tail is live after sequence 5");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(asks_for_nothing_without_a_session),
		TEST(follows_from_behind_the_last_sequence),
		TEST(empty_stream_begins_at_one),
		TEST(filters_a_stream_of_more_subjects),
		TEST(template_that_matches_nothing_is_said),
		TEST(waits_for_a_stream_that_is_missing),
		TEST(says_what_the_server_said),
		TEST(work_queue_is_not_served),
		TEST(stale_answers_are_nobodys),
		TEST(backs_off_while_nobody_answers),
		TEST(create_without_answer_is_tried_anew),
		TEST(verify_without_answer_is_tried_anew),
		TEST(create_that_is_refused_is_tried_again),
		TEST(failures_are_forgotten_when_steady),
		TEST(session_down_ends_it),
		TEST(requests_that_are_not_taken_time_out),
		TEST(messages_become_frames),
		TEST(what_is_not_above_the_head_is_dropped),
		TEST(hole_in_the_consumer_sequence_begins_anew),
		TEST(silence_begins_anew),
		TEST(status_means),
		TEST(status_of_no_open_pull_means_nothing),
		TEST(big_message_gets_a_pull_without_limit),
		TEST(pulls_again_at_half),
		TEST(two_pulls_end_one_by_one),
		TEST(two_pulls_end_and_one_message_is_missing),
		TEST(dropped_messages_use_credit_too),
		TEST(pull_that_was_used_up_is_not_waited_for),
		TEST(new_consumer_begins_with_new_credit),
		TEST(stream_made_anew_is_a_reset),
		TEST(identity_is_the_whole_text),
		TEST(verify_sees_another_stream),
		TEST(rolled_back_only_after_a_while),
		TEST(word_of_nobody_is_no_word),
		TEST(leader_that_catches_up_is_no_roll_back),
		TEST(outage_while_behind_is_no_roll_back),
		TEST(verify_sees_a_leader_that_is_behind),
		TEST(limits_overtake_it_while_away),
		TEST(first_sequence_behind_the_head_is_no_gap),
		TEST(verify_sees_it_overtaken),
		TEST(message_behind_a_hole_waits),
		TEST(later_hole_needs_a_later_answer),
		TEST(message_in_hand_is_served),
		TEST(filtered_tail_goes_on_behind_holes),
		TEST(filtered_tail_tells_late),
		TEST(old_server_is_asked_about_each_hole),
		TEST(old_server_that_skips_is_read_again),
		TEST(old_server_that_skips_to_the_end),
		TEST(end_of_an_old_server_is_asked_about_again),
		TEST(newest_message_is_the_same),
		TEST(stream_that_went_back_and_grew_is_found),
		TEST(single_server_went_back),
		TEST(nothing_of_the_log_is_left),
		TEST(deleted_message_tells_nothing),
		TEST(limit_of_a_pull_is_kept),
		TEST(refused_pulls_are_repeated_slower),
		TEST(pulls_without_answer_are_no_life),
		TEST(pull_with_an_answer_counts),
		TEST(silence_after_an_answer_does_not_count),
		TEST(hole_finds_it_overtaken),
		TEST(hole_finds_another_stream),
		TEST(same_stream),
		TEST(answer_that_says_nothing),
		TEST(leader_that_follows_the_tail),
		TEST(leader_that_stays_behind_a_live_tail),
		TEST(silence_while_behind_is_no_roll_back),
		TEST(unknown_stream_is_not_the_same),
		TEST(live_again_is_news_each_time),
	};
#undef TEST

	return cmocka_run_group_tests_name("tail", tests, NULL, NULL);
}
