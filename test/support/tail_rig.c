#include "tail_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "readable_of.h"

int setup(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	f.now_ms = 100000;
	fake_jetstream_init(&f.src);
	assert_int_equal(event_buffer_new(&f.buffer, 1 << 20), 0);
	f.readable = readable_of("ev.{id}");
	leader_init(&f.leader, &f.src.source, f.buffer, &f.timeout, &f.metrics);
	tail_init(&f.tail, &f.src.source, f.buffer, &f.leader, f.readable,
		  &f.timeout, &f.metrics);
	*state = &f;
	return 0;
}

int teardown(void **state)
{
	struct fixture *f = *state;

	tail_finish(&f->tail);
	readable_unref(f->readable);
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

void make_readable(struct fixture *f, char *const *subjects, size_t n)
{
	const struct readable_source src = {.subjects = subjects,
					    .n_subjects = n};

	f->readable = readable_unref(f->readable);
	assert_int_equal(readable_new(&f->readable, &src), 0);
	f->tail.readable = f->readable;
}

unsigned send_event(struct fixture *f, struct jetstream_event ev)
{
	return tail_on_event(&f->tail, &ev, f->now_ms, &f->touched);
}

unsigned answer_info(struct fixture *f, const char *created, uint64_t first,
		     uint64_t last)
{
	const struct fake_request *a = expect_request(&f->src, REQUEST_INFO);

	struct jetstream_event ev =
		event_info(a->request, created, first, last);

	assert_int_equal(a->request.owner, TAIL_SLOT);
	ev.info.leader = f->leads;
	return send_event(f, ev);
}

unsigned answer_leader(struct fixture *f, const char *created, uint64_t first,
		       uint64_t last)
{
	struct buffer_subject *touched;
	struct jetstream_event ev;
	const struct fake_request *a;
	unsigned out = 0, bits;
	uint64_t seq;

	leader_ask(&f->leader, f->now_ms);
	a = expect_request(&f->src, REQUEST_INFO);
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

void assert_quiet(struct fixture *f)
{
	leader_ask(&f->leader, f->now_ms);
	expect_no_request(&f->src);
}

void take_create(struct fixture *f, uint64_t start)
{
	const struct fake_request *a = expect_request(&f->src, REQUEST_CREATE);

	assert_int_equal(a->request.owner, TAIL_SLOT);
	assert_int_equal(a->seq, start);
	f->consumer = a->request;
	f->cseq = 0;
}

void take_pull(struct fixture *f)
{
	const struct fake_request *a = expect_request(&f->src, REQUEST_PULL);

	assert_int_equal(a->request.generation, f->consumer.generation);
	f->pull_no = a->pull.number;
}

void take_forget(struct fixture *f)
{
	assert_int_equal(expect_request(&f->src, REQUEST_DELETE_CONSUMER)
				 ->request.generation,
			 f->consumer.generation);
}

void become_live(struct fixture *f, uint64_t first, uint64_t last)
{
	uint64_t head;

	answer_info(f, STREAM, first, last);
	head = event_buffer_last_seq(f->buffer);
	take_create(f, head + 1);
	assert_int_equal(send_event(f, event_created(f->consumer)), 0);
	assert_int_equal(answer_info(f, STREAM, first, last), 0);
	take_pull(f);
	expect_no_request(&f->src);
	assert_true(tail_live(&f->tail));
}

void start_live(struct fixture *f, uint64_t first, uint64_t last)
{
	send_event(f, event_up());
	become_live(f, first, last);
	f->tail.has_report = false;
}

unsigned send_message(struct fixture *f, uint64_t seq)
{
	return send_event(f, event_message(f->consumer, seq, ++f->cseq, "ev.a",
					   "x"));
}

void tick(struct fixture *f, uint64_t ms)
{
	f->now_ms += ms;
	tail_tick(&f->tail, f->now_ms);
}

void assert_report(struct fixture *f, bool warn, const char *text)
{
	assert_true(f->tail.has_report);
	assert_string_equal(f->tail.report, text);
	assert_int_equal(f->tail.report_warn, warn);
	f->tail.has_report = false;
}

void assert_restarted(struct fixture *f)
{
	assert_false(tail_live(&f->tail));
	assert_non_null(f->tail.why);
	take_forget(f);
	assert_int_equal(f->tail.state, TAIL_INFO);
}
