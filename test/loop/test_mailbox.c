#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <uv.h>

#include "base/check.h"
#include "loop/mailbox.h"

enum { CAP = 64 * 1024, HEAD = sizeof(struct mailbox_message) };

static void count_ring(void *arg)
{
	++*(int *)arg;
}

/* Takes all; the number of letters. */
static size_t take_all(struct mailbox *m)
{
	struct mailbox_batch b;
	size_t n = 0;

	if (!mailbox_take(m, &b))
		return 0;
	while (mailbox_next(&b) != NULL)
		n++;
	mailbox_return(m, &b);
	return n;
}

/* ---- one thread ---------------------------------------------------------- */

static void letters_come_whole_and_in_order(void **state)
{
	struct mailbox_batch b;
	const struct mailbox_message *l;
	struct mailbox m;
	char text[64];
	uint32_t n = 0;

	(void)state;
	assert_int_equal(mailbox_init(&m, 1 << 30, NULL, NULL), 0);
	for (uint32_t i = 0; i < 50000; i++) {
		int len = snprintf(text, sizeof(text), "%*u", (int)(i % 23), i);

		assert_int_equal(mailbox_post(&m, i, text, (size_t)len,
					      MAILBOX_FAIL),
				 0);
	}
	assert_true(mailbox_take(&m, &b));
	while ((l = mailbox_next(&b)) != NULL) {
		int len = snprintf(text, sizeof(text), "%*u", (int)(n % 23), n);

		assert_int_equal(l->kind, n);
		assert_int_equal(l->len, len);
		assert_memory_equal(mailbox_body(l), text, l->len);
		assert_int_equal((uintptr_t)mailbox_body(l) % 8, 0);
		n++;
	}
	assert_int_equal(n, 50000);
	assert_null(mailbox_next(&b));
	mailbox_return(&m, &b);
	assert_false(mailbox_take(&m, &b));
	assert_null(mailbox_next(&b));
	mailbox_finish(&m);
}

static void a_letter_may_be_shorter_than_its_room(void **state)
{
	const struct mailbox_message *l;
	struct mailbox_batch b;
	struct mailbox m;
	void *body;

	(void)state;
	assert_int_equal(mailbox_init(&m, CAP, NULL, NULL), 0);
	assert_int_equal(mailbox_reserve(&m, 1, 1000, MAILBOX_FAIL, &body), 0);
	memcpy(body, "abc", 3);
	mailbox_commit(&m, 3);
	assert_int_equal(mailbox_reserve(&m, 2, 10, MAILBOX_FAIL, &body), 0);
	mailbox_commit(&m, 0);
	assert_true(mailbox_take(&m, &b));
	assert_int_equal(b.bytes, HEAD + 8 + HEAD);
	l = mailbox_next(&b);
	assert_int_equal(l->len, 3);
	assert_memory_equal(mailbox_body(l), "abc", 3);
	l = mailbox_next(&b);
	assert_int_equal(l->kind, 2);
	assert_int_equal(l->len, 0);
	assert_null(mailbox_next(&b));
	mailbox_return(&m, &b);
	mailbox_finish(&m);
}

static void the_bell_rings_for_the_first_letter_only(void **state)
{
	struct mailbox m;
	int rung = 0;

	(void)state;
	assert_int_equal(mailbox_init(&m, CAP, count_ring, &rung), 0);
	for (int round = 1; round < 4; round++) {
		for (int i = 0; i < 10; i++) {
			mailbox_post(&m, 0, "x", 1, MAILBOX_FAIL);
			assert_int_equal(rung, round);
		}
		assert_int_equal(take_all(&m), 10);
	}
	mailbox_finish(&m);
}

/* Messages of less importance leave half of the room to others. */
static void half_of_the_cap_is_kept(void **state)
{
	static char bytes[CAP];
	struct mailbox m;

	(void)state;
	assert_int_equal(mailbox_init(&m, CAP, NULL, NULL), 0);
	assert_true(mailbox_has_half(&m));
	assert_int_equal(mailbox_post(&m, 0, bytes, CAP / 2 - HEAD + 1,
				      MAILBOX_HALF),
			 -ENOBUFS);
	assert_int_equal(mailbox_post(&m, 0, bytes, CAP / 2 - HEAD,
				      MAILBOX_HALF),
			 0);
	assert_true(mailbox_has_half(&m));
	assert_int_equal(mailbox_post(&m, 0, bytes, 0, MAILBOX_HALF), -ENOBUFS);
	assert_int_equal(mailbox_post(&m, 0, bytes, 0, MAILBOX_FAIL), 0);
	assert_false(mailbox_has_half(&m));
	assert_int_equal(mailbox_post(&m, 0, bytes, CAP / 2 - 2 * HEAD,
				      MAILBOX_FAIL),
			 0);
	assert_int_equal(take_all(&m), 3);
	assert_true(mailbox_has_half(&m));
	mailbox_finish(&m);
}

static void the_cap_refuses_to_the_byte(void **state)
{
	static char bytes[CAP];
	struct mailbox m;

	(void)state;
	assert_int_equal(mailbox_init(&m, CAP, NULL, NULL), 0);
	assert_int_equal(mailbox_post(&m, 0, bytes, CAP - HEAD + 1,
				      MAILBOX_FAIL),
			 -ENOBUFS);
	assert_int_equal(mailbox_post(&m, 0, bytes, CAP - 3 * HEAD,
				      MAILBOX_FAIL),
			 0);
	assert_int_equal(mailbox_post(&m, 0, bytes, 9, MAILBOX_FAIL), -ENOBUFS);
	assert_int_equal(mailbox_post(&m, 0, bytes, 8, MAILBOX_FAIL), 0);
	assert_int_equal(mailbox_post(&m, 0, bytes, 0, MAILBOX_FAIL), -ENOBUFS);
	assert_int_equal(take_all(&m), 2);
	assert_int_equal(mailbox_post(&m, 0, bytes, CAP - HEAD, MAILBOX_FAIL),
			 0);
	assert_int_equal(take_all(&m), 1);
	mailbox_finish(&m);
}

static void one_that_may_wait_can_be_bigger_than_the_cap(void **state)
{
	static char bytes[CAP * 20];
	struct mailbox m;

	(void)state;
	assert_int_equal(mailbox_init(&m, CAP, NULL, NULL), 0);
	assert_int_equal(mailbox_post(&m, 0, bytes, sizeof(bytes),
				      MAILBOX_WAIT),
			 0);
	assert_int_equal(mailbox_post(&m, 0, bytes, 0, MAILBOX_FAIL), -ENOBUFS);
	assert_int_equal(take_all(&m), 1);
	mailbox_finish(&m);
}

static void steady_traffic_allocates_nothing(void **state)
{
	static char bytes[40 * 1024];
	struct mailbox m;
	size_t held;

	(void)state;
	assert_int_equal(mailbox_init(&m, 1 << 20, NULL, NULL), 0);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 20; i++)
			mailbox_post(&m, 0, bytes, sizeof(bytes), MAILBOX_FAIL);
		take_all(&m);
	}
	held = mailbox_held(&m);
	for (int round = 0; round < 1000; round++) {
		for (int i = 0; i < 20; i++)
			assert_int_equal(mailbox_post(&m, 0, bytes,
						      sizeof(bytes),
						      MAILBOX_FAIL),
					 0);
		assert_int_equal(mailbox_held(&m), held);
		assert_int_equal(take_all(&m), 20);
		assert_int_equal(mailbox_held(&m), held);
	}
	mailbox_finish(&m);
}

static void memory_of_a_burst_is_given_back(void **state)
{
	static char bytes[100 * 1024];
	struct mailbox m;

	(void)state;
	assert_int_equal(mailbox_init(&m, 64 << 20, NULL, NULL), 0);
	for (int i = 0; i < 500; i++)
		mailbox_post(&m, 0, bytes, sizeof(bytes), MAILBOX_FAIL);
	mailbox_post(&m, 0, bytes, 0, MAILBOX_FAIL);
	assert_true(mailbox_held(&m) >= 50000 * 1024);
	take_all(&m);
	for (int i = 0; i < 100; i++) {
		mailbox_post(&m, 0, "x", 1, MAILBOX_FAIL);
		take_all(&m);
	}
	assert_true(mailbox_held(&m) <= 1024 * 1024);
	mailbox_finish(&m);
}

static void a_closed_mailbox_takes_nothing_and_still_gives(void **state)
{
	struct mailbox m;
	int rung = 0;

	(void)state;
	assert_int_equal(mailbox_init(&m, CAP, count_ring, &rung), 0);
	mailbox_post(&m, 0, "x", 1, MAILBOX_FAIL);
	mailbox_close(&m);
	mailbox_close(&m);
	assert_int_equal(mailbox_post(&m, 0, "x", 1, MAILBOX_FAIL), -EPIPE);
	assert_int_equal(mailbox_post(&m, 0, "x", 1, MAILBOX_WAIT), -EPIPE);
	assert_int_equal(take_all(&m), 1);
	assert_int_equal(mailbox_post(&m, 0, "x", 1, MAILBOX_WAIT), -EPIPE);
	assert_int_equal(rung, 1);
	assert_true(mailbox_wait(&m, UINT64_MAX));
	mailbox_finish(&m);
}

/* ---- two threads --------------------------------------------------------- */

static void post_one_that_waits(void *arg)
{
	struct mailbox *m = arg;

	MUST(mailbox_post(m, 7, "late", 4, MAILBOX_WAIT) == 0);
}

static void a_writer_at_the_cap_waits_for_the_reader(void **state)
{
	static char bytes[CAP];
	const struct mailbox_message *l;
	struct mailbox_batch b;
	struct mailbox m;
	uv_thread_t writer;

	(void)state;
	assert_int_equal(mailbox_init(&m, CAP, NULL, NULL), 0);
	mailbox_post(&m, 0, bytes, CAP - HEAD, MAILBOX_FAIL);
	assert_int_equal(uv_thread_create(&writer, post_one_that_waits, &m), 0);
	assert_true(mailbox_wait(&m, UINT64_MAX));
	assert_true(mailbox_take(&m, &b));
	/* Only the take lets it in, so it is in the next batch. */
	assert_int_equal(mailbox_next(&b)->kind, 0);
	assert_null(mailbox_next(&b));
	mailbox_return(&m, &b);
	assert_true(mailbox_wait(&m, UINT64_MAX));
	assert_true(mailbox_take(&m, &b));
	l = mailbox_next(&b);
	assert_int_equal(l->kind, 7);
	assert_memory_equal(mailbox_body(l), "late", 4);
	mailbox_return(&m, &b);
	uv_thread_join(&writer);
	mailbox_finish(&m);
}

static void post_until_closed(void *arg)
{
	struct mailbox *m = arg;
	int rc;

	do {
		rc = mailbox_post(m, 0, "x", 1, MAILBOX_WAIT);
	} while (rc == 0);
	MUST(rc == -EPIPE);
}

static void closing_wakes_writers_that_wait(void **state)
{
	struct mailbox m;
	uv_thread_t writers[3];

	(void)state;
	assert_int_equal(mailbox_init(&m, 10 * HEAD, NULL, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(writers); i++)
		assert_int_equal(uv_thread_create(&writers[i],
						  post_until_closed, &m),
				 0);
	while (mailbox_post(&m, 0, "x", 1, MAILBOX_FAIL) == 0)
		;
	mailbox_close(&m);
	for (size_t i = 0; i < ARRAY_LEN(writers); i++)
		uv_thread_join(&writers[i]);
	mailbox_finish(&m);
}

static void wake_up(void *arg)
{
	mailbox_wake(arg);
}

static void a_reader_waits_for_letters_wakes_and_time(void **state)
{
	struct mailbox m;
	uv_thread_t t;
	uint64_t begin = uv_hrtime();

	(void)state;
	assert_int_equal(mailbox_init(&m, CAP, NULL, NULL), 0);
	assert_false(mailbox_wait(&m, 30));
	assert_true(uv_hrtime() - begin >= 30 * 1000000);
	assert_false(mailbox_wait(&m, 0));
	assert_int_equal(uv_thread_create(&t, wake_up, &m), 0);
	assert_true(mailbox_wait(&m, UINT64_MAX));
	uv_thread_join(&t);
	assert_false(mailbox_wait(&m, 0)); /* a wake counts once */
	mailbox_wake(&m);
	assert_true(mailbox_wait(&m, 0));
	mailbox_post(&m, 0, "x", 1, MAILBOX_FAIL);
	assert_true(mailbox_wait(&m, 0));
	assert_true(mailbox_wait(&m, 0)); /* a letter counts until taken */
	assert_int_equal(take_all(&m), 1);
	mailbox_finish(&m);
}

/* The pause only makes it likely that the reader waits already. */
static void close_late(void *arg)
{
	uv_sleep(20);
	mailbox_close(arg);
}

static void closing_wakes_the_reader(void **state)
{
	struct mailbox m;
	uv_thread_t t;

	(void)state;
	assert_int_equal(mailbox_init(&m, CAP, NULL, NULL), 0);
	assert_int_equal(uv_thread_create(&t, close_late, &m), 0);
	assert_true(mailbox_wait(&m, UINT64_MAX));
	uv_thread_join(&t);
	mailbox_finish(&m);
}

/* ---- many threads and a loop --------------------------------------------- */

enum { WRITERS = 4, LETTERS = 50000 };

struct crowd {
	uv_loop_t loop;
	uv_async_t wakeup;
	struct mailbox box;
	uv_thread_t writers[WRITERS];
	uint32_t next[WRITERS]; /* number of the next letter */
	size_t left;
	size_t stop_after; /* letters; 0: at the end */
	size_t posted[WRITERS];
	bool closing; /* set by the loop, read by ring under the lock */
	bool closed;
};

static void ring_bell(void *arg)
{
	struct crowd *c = arg;

	MUST(!c->closed);
	uv_async_send(&c->wakeup);
}

static void close_crowd(struct crowd *c)
{
	if (c->closing)
		return;
	c->closing = true;
	mailbox_close(&c->box);
	c->closed = true;
	uv_close((uv_handle_t *)&c->wakeup, NULL);
}

static void on_wakeup(uv_async_t *wakeup)
{
	struct crowd *c = wakeup->data;
	const struct mailbox_message *l;
	struct mailbox_batch b;

	if (!mailbox_take(&c->box, &b))
		return;
	while ((l = mailbox_next(&b)) != NULL) {
		uint32_t number;

		assert_true(l->kind < WRITERS);
		assert_true(l->len >= sizeof(number));
		memcpy(&number, mailbox_body(l), sizeof(number));
		assert_int_equal(number, c->next[l->kind]);
		c->next[l->kind]++;
		if (--c->left == 0 || c->left == c->stop_after)
			close_crowd(c);
	}
	mailbox_return(&c->box, &b);
}

struct writer {
	struct crowd *crowd;
	uint32_t index;
};

static void write_letters(void *arg)
{
	struct writer w = *(struct writer *)arg;
	struct crowd *c = w.crowd;
	uint32_t body[32] = {0};

	for (uint32_t i = 0; i < LETTERS; i++) {
		int rc;

		body[0] = i;
		rc = mailbox_post(&c->box, w.index, body,
				  sizeof(body[0]) * (1 + i % 32), MAILBOX_WAIT);
		if (rc == -EPIPE)
			return;
		MUST(rc == 0);
		c->posted[w.index]++;
	}
}

static void run_crowd(struct crowd *c, size_t cap, size_t stop_after)
{
	struct writer w[WRITERS];

	memset(c, 0, sizeof(*c));
	c->left = (size_t)WRITERS * LETTERS;
	c->stop_after = stop_after;
	assert_int_equal(uv_loop_init(&c->loop), 0);
	assert_int_equal(uv_async_init(&c->loop, &c->wakeup, on_wakeup), 0);
	c->wakeup.data = c;
	assert_int_equal(mailbox_init(&c->box, cap, ring_bell, c), 0);
	for (uint32_t i = 0; i < WRITERS; i++) {
		w[i] = (struct writer){c, i};
		assert_int_equal(uv_thread_create(&c->writers[i], write_letters,
						  &w[i]),
				 0);
	}
	uv_run(&c->loop, UV_RUN_DEFAULT);
	for (uint32_t i = 0; i < WRITERS; i++)
		uv_thread_join(&c->writers[i]);
	assert_int_equal(uv_loop_close(&c->loop), 0);
}

static void nothing_is_lost_between_threads(void **state)
{
	static const size_t caps[] = {500, 16 * 1024, 1 << 24};
	static struct crowd c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(caps); i++) {
		run_crowd(&c, caps[i], 0);
		for (size_t w = 0; w < WRITERS; w++)
			assert_int_equal(c.next[w], LETTERS);
		mailbox_finish(&c.box);
	}
}

/* Closed in the middle of the traffic: no wakeup follows, and
 * what was posted and not taken can still be had. */
static void closing_in_the_middle_is_safe(void **state)
{
	static struct crowd c;

	(void)state;
	for (size_t i = 1; i < 60; i++) {
		struct mailbox_batch b;
		const struct mailbox_message *l;
		size_t posted = 0, got = 0;

		run_crowd(&c, 1 << (9 + i % 12),
			  (size_t)WRITERS * LETTERS - i * 97);
		if (mailbox_take(&c.box, &b)) {
			while ((l = mailbox_next(&b)) != NULL)
				c.next[l->kind]++;
			mailbox_return(&c.box, &b);
		}
		for (size_t w = 0; w < WRITERS; w++) {
			posted += c.posted[w];
			got += c.next[w];
		}
		assert_int_equal(got, posted);
		mailbox_finish(&c.box);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(letters_come_whole_and_in_order),
		cmocka_unit_test(a_letter_may_be_shorter_than_its_room),
		cmocka_unit_test(the_bell_rings_for_the_first_letter_only),
		cmocka_unit_test(half_of_the_cap_is_kept),
		cmocka_unit_test(the_cap_refuses_to_the_byte),
		cmocka_unit_test(one_that_may_wait_can_be_bigger_than_the_cap),
		cmocka_unit_test(steady_traffic_allocates_nothing),
		cmocka_unit_test(memory_of_a_burst_is_given_back),
		cmocka_unit_test(
			a_closed_mailbox_takes_nothing_and_still_gives),
		cmocka_unit_test(a_writer_at_the_cap_waits_for_the_reader),
		cmocka_unit_test(closing_wakes_writers_that_wait),
		cmocka_unit_test(a_reader_waits_for_letters_wakes_and_time),
		cmocka_unit_test(closing_wakes_the_reader),
		cmocka_unit_test(nothing_is_lost_between_threads),
		cmocka_unit_test(closing_in_the_middle_is_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
