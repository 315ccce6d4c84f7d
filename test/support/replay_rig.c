#include "replay_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"

int setup(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	fake_jetstream_init(&f.src);
	f.now_ms = 100000;
	f.state = (struct stream_state){.leader = LEADER,
					.first_seq = 1,
					.last_seq = UINT64_MAX};
	assert_int_equal(event_buffer_new(&f.buffer, 1 << 20), 0);
	event_buffer_reset(f.buffer, FLOOR);
	f.cursor.state = CURSOR_EVICTED;
	f.cursor.subject =
		event_buffer_watch(f.buffer, "ev.a", 4, &f.cursor.watch);
	limiter_init(&f.limiters.asks, 1);
	limiter_init(&f.limiters.consumers, 1);
	replay_init(&f.replay, SLOT, &f.src.source, f.buffer, &tag, &f.state,
		    &f.timeout, &f.limiters, &f.metrics);
	*state = &f;
	return 0;
}

int teardown(void **state)
{
	struct fixture *f = *state;

	replay_end(&f->replay);
	event_buffer_unwatch(f->buffer, f->cursor.subject, &f->cursor.watch);
	event_buffer_free(f->buffer);
	fake_jetstream_finish(&f->src);
	return 0;
}

struct fixture *fresh(void **state)
{
	teardown(state);
	setup(state);
	return *state;
}

void begin_replay(struct fixture *f, uint64_t covered)
{
	f->cursor.covered = f->cursor.sent = covered;
	f->cursor.state = CURSOR_REPLAY;
	assert_int_equal(replay_begin(&f->replay, &f->cursor, "ev.a",
				      f->now_ms),
			 0);
}

enum replay_outcome send_event(struct fixture *f, struct jetstream_event ev)
{
	return replay_on_event(&f->replay, &ev, f->now_ms);
}

struct request_id asked_find(struct fixture *f, uint64_t seq)
{
	const struct fake_request *a =
		expect_request(&f->src, REQUEST_GET_NEXT);

	assert_int_equal(a->seq, seq);
	assert_string_equal(a->subject, "ev.a");
	assert_int_equal(a->request.owner, SLOT);
	expect_no_request(&f->src);
	return a->request;
}

void answer_probe(struct fixture *f, uint64_t from, uint64_t seq)
{
	struct request_id request = asked_find(f, from);
	struct jetstream_event ev = event_found(request, seq, "ev.a", "found");

	if (seq == 0)
		ev = event_error(JETSTREAM_FOUND, request,
				 JETSTREAM_ERR_NO_MESSAGE);
	assert_int_equal(send_event(f, ev), REPLAY_WANT_INFO);
	expect_no_request(&f->src);
}

enum replay_outcome check_info_of(struct fixture *f, uint32_t leader,
				  uint64_t first, uint64_t last)
{
	struct jetstream_info info = {.leader = leader,
				      .first_seq = first,
				      .last_seq = last};

	return replay_check(&f->replay, &info, f->now_ms);
}

enum replay_outcome check_followed(struct fixture *f, uint64_t last)
{
	struct jetstream_info info = {.leader = CLUSTERS,
				      .all_follow = true,
				      .first_seq = 1,
				      .last_seq = last};

	return replay_check(&f->replay, &info, f->now_ms);
}

enum replay_outcome check_info(struct fixture *f, uint64_t first, uint64_t last)
{
	return check_info_of(f, LEADER, first, last);
}

void take_frames(struct fixture *f, const char *text)
{
	struct cursor_batch b;
	struct bytes all = {0};
	const uint8_t *rest;
	size_t rest_len;

	replay_gather(&f->replay, &b);
	for (int i = 1; i <= b.n; i++)
		bytes_add(&all, b.iov[i].iov_base, b.iov[i].iov_len);
	assert_string_equal(bytes_text(&all), text);
	assert_int_equal(b.bytes, all.len);
	replay_advance(&f->replay, &b, b.bytes, &rest, &rest_len);
	assert_int_equal(rest_len, 0);
	bytes_free(&all);
}

enum replay_outcome step_replay(struct fixture *f)
{
	return replay_step(&f->replay, f->now_ms);
}

void assert_recheck(struct fixture *f)
{
	expect_no_request(&f->src);
	take_frames(f, "");
	assert_int_equal(step_replay(f), REPLAY_WAIT);
	f->now_ms += RECHECK_MS - 1;
	replay_tick(&f->replay, f->now_ms);
	expect_no_request(&f->src);
	f->now_ms++;
	replay_tick(&f->replay, f->now_ms);
}

void deliver_found(struct fixture *f, uint64_t from, uint64_t seq)
{
	char text[64];

	answer_probe(f, from, seq);
	assert_int_equal(check_info(f, 1, 2000), REPLAY_HAS_DATA);
	snprintf(text, sizeof(text), "data: found\nid: %d-9f31c2\n\n",
		 (int)seq);
	take_frames(f, text);
	assert_int_equal(step_replay(f), REPLAY_WAIT);
}

void asked_create(struct fixture *f, uint64_t start)
{
	const struct fake_request *a = expect_request(&f->src, REQUEST_CREATE);
	uint64_t max_ms = f->state.max_inactive_ms;

	assert_int_equal(a->request.owner, SLOT);
	assert_int_equal(a->seq, start);
	assert_string_equal(a->subject, "ev.a");
	assert_int_equal(a->inactive_ms, max_ms != 0 ? max_ms : 10000);
	expect_no_request(&f->src);
	f->consumer = a->request;
	f->cseq = 0;
}

void asked_pull(struct fixture *f, uint32_t batch, uint64_t max_bytes)
{
	const struct fake_request *a = expect_request(&f->src, REQUEST_PULL);

	assert_int_equal(a->request.generation, f->consumer.generation);
	assert_int_equal(a->request.owner, SLOT);
	assert_int_equal(a->pull.batch, batch);
	assert_int_equal(a->pull.max_bytes, max_bytes);
	assert_true(a->pull.no_wait);
	assert_int_equal(a->pull.expires_ms, 0);
	expect_no_request(&f->src);
	f->pull_no = a->pull.number;
}

void asked_forget(struct fixture *f)
{
	const struct fake_request *a =
		expect_request(&f->src, REQUEST_DELETE_CONSUMER);

	assert_int_equal(a->request.owner, SLOT);
	assert_int_equal(a->request.generation, f->consumer.generation);
}

void begin_pulling(struct fixture *f)
{
	begin_replay(f, 10);
	deliver_found(f, 11, 11);
	deliver_found(f, 12, 12);
	asked_create(f, 13);
	assert_int_equal(send_event(f, event_created(f->consumer)),
			 REPLAY_WANT_INFO);
	expect_no_request(&f->src);
	assert_int_equal(check_info(f, 1, 2000), REPLAY_WAIT);
	asked_pull(f, BATCH, 128 * 1024);
}

enum replay_outcome send_message(struct fixture *f, uint64_t seq)
{
	return send_event(f, event_message(f->consumer, seq, ++f->cseq, "ev.a",
					   "m"));
}

void end_pull_checked(struct fixture *f)
{
	assert_int_equal(send_event(f,
				    event_status(f->consumer, f->pull_no, 404)),
			 REPLAY_WANT_INFO);
	take_frames(f, "");
	assert_int_equal(check_info(f, 1, 2000), REPLAY_HAS_DATA);
}

/* Asks again after so long, and not before. */
void assert_paused(struct fixture *f, uint64_t ms)
{
	f->now_ms += ms - 1;
	replay_tick(&f->replay, f->now_ms);
	expect_no_request(&f->src);
	f->now_ms++;
	replay_tick(&f->replay, f->now_ms);
}
