/* A replay's queue of encoded frames. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "delivery/replay_queue.h"

enum { FRAMES = 4, BYTES = 64 * 1024 };

static const struct sse_tag tag = {.hex = "0a1b2c"};

static struct event_buffer *store;
static struct cursor events = {.state = CURSOR_REPLAY};

static int put_of(struct replay_queue *q, uint64_t seq, const char *subject,
		  const char *text)
{
	const struct jetstream_message m = {.seq = seq,
					    .subject = subject,
					    .subject_len = strlen(subject),
					    .data = (const uint8_t *)text,
					    .len = strlen(text)};

	return replay_queue_put(q, &m, &tag, &events);
}

static int put(struct replay_queue *q, uint64_t seq, const char *text)
{
	return put_of(q, seq, "ev.a", text);
}

static int setup(void **state)
{
	static struct replay_queue q;

	assert_int_equal(event_buffer_new(&store, 0), 0);
	events.subject = event_buffer_watch(store, "ev.a", 4, &events.watch);
	replay_queue_init(&q, FRAMES, BYTES);
	assert_int_equal(replay_queue_reserve(&q), 0);
	*state = &q;
	return 0;
}

static int teardown(void **state)
{
	replay_queue_finish(*state);
	event_buffer_unwatch(store, events.subject, &events.watch);
	event_buffer_free(store);
	return 0;
}

static void assert_first(const struct replay_queue *q, bool chunked,
			 const char *text)
{
	size_t len;
	const uint8_t *bytes = replay_queue_first(q, chunked, &len);

	assert_int_equal(len, strlen(text));
	assert_memory_equal(bytes, text, len);
}

static void first_in_first_out(void **state)
{
	struct replay_queue *q = *state;

	assert_true(replay_queue_empty(q));
	assert_int_equal(put(q, 7, "a"), 0);
	assert_int_equal(put(q, 9, "bc"), 0);
	assert_int_equal(replay_queue_next(q), 7);
	assert_first(q, false, "data: a\nid: 7-0a1b2c\n\n");
	assert_first(q, true, "16\r\ndata: a\nid: 7-0a1b2c\n\n\r\n");
	replay_queue_pop(q);
	assert_int_equal(replay_queue_next(q), 9);
	assert_first(q, false, "data: bc\nid: 9-0a1b2c\n\n");
	replay_queue_pop(q);
	assert_true(replay_queue_empty(q));
}

/* A cut frame's rest is looked at after it was handed out. */
static void popped_bytes_stay_in_place(void **state)
{
	struct replay_queue *q = *state;
	const uint8_t *bytes;
	size_t len;

	assert_int_equal(put(q, 1, "a"), 0);
	bytes = replay_queue_first(q, false, &len);
	replay_queue_pop(q);
	assert_memory_equal(bytes, "data: a\n", 8);
}

static void batch_is_all_that_is_left(void **state)
{
	struct replay_queue *q = *state;
	struct cursor_batch b = {0};

	for (uint64_t i = 1; i <= 3; i++)
		assert_int_equal(put(q, i, "x"), 0);
	replay_queue_pop(q);
	replay_queue_gather(q, SIZE_MAX, false, &b);
	assert_int_equal(b.bytes, 2 * strlen("data: x\nid: 2-0a1b2c\n\n"));
}

static void full_queue_takes_no_more(void **state)
{
	struct replay_queue *q = *state;
	static char much[BYTES + 1];

	memset(much, 'm', BYTES);
	assert_int_equal(put(q, 1, much), -ENOBUFS);
	assert_true(replay_queue_empty(q));
	for (uint64_t i = 1; i <= FRAMES; i++)
		assert_int_equal(put(q, i, "x"), 0);
	assert_int_equal(put(q, FRAMES + 1, "x"), -ENOBUFS);
	replay_queue_clear(q);
	assert_true(replay_queue_empty(q));
	assert_int_equal(put(q, 6, "y"), 0);
	assert_int_equal(replay_queue_next(q), 6);
}

/* Message by message it never gets full, without being cleared. */
static void empty_queue_starts_over(void **state)
{
	struct replay_queue *q = *state;

	for (uint64_t i = 1; i <= 10 * FRAMES; i++) {
		assert_int_equal(put(q, i, "x"), 0);
		assert_int_equal(replay_queue_next(q), i);
		replay_queue_pop(q);
	}
}

/* A message of another subject, whatever was requested: covered, no event. */
static void message_of_another_subject_is_no_event(void **state)
{
	static const char *const others[] = {"ev.b", "ev.a.b", "ev.",
					     "",     "ev.aa",  "xev.a"};
	struct replay_queue *q = *state;

	for (int lines = 0; lines < 2; lines++) {
		events.ndjson = lines != 0;
		for (size_t i = 0; i < ARRAY_LEN(others); i++) {
			assert_int_equal(put_of(q, 7, others[i], "secret"), 0);
			assert_true(replay_queue_internal(q));
			assert_int_equal(buf_unread(&q->bytes), 0);
			replay_queue_pop(q);
		}
	}
	events.ndjson = false;
	assert_true(replay_queue_empty(q));
	assert_int_equal(put(q, 7, "mine"), 0);
}

static void memory_comes_and_goes(void **state)
{
	struct replay_queue *q = *state;

	assert_int_equal(put(q, 1, "a"), 0);
	replay_queue_finish(q);
	assert_true(replay_queue_empty(q));
	assert_null(q->frames);
	assert_int_equal(replay_queue_reserve(q), 0);
	assert_int_equal(put(q, 2, "b"), 0);
	assert_first(q, false, "data: b\nid: 2-0a1b2c\n\n");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(first_in_first_out),
		TEST(popped_bytes_stay_in_place),
		TEST(batch_is_all_that_is_left),
		TEST(full_queue_takes_no_more),
		TEST(empty_queue_starts_over),
		TEST(message_of_another_subject_is_no_event),
		TEST(memory_comes_and_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
