/* Gathering frames for one write, and what a cut write means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "bytes.h"
#include "delivery/cursor.h"

static const struct sse_tag tag = {"9f31c2"};

struct fixture {
	struct event_buffer *buffer;
	struct cursor cursor;
};

static void begin(struct fixture *f, size_t memory, bool chunked)
{
	memset(f, 0, sizeof(*f));
	assert_int_equal(event_buffer_new(&f->buffer, memory), 0);
	f->cursor.chunked = chunked;
	f->cursor.state = CURSOR_LIVE;
	f->cursor.subject =
		event_buffer_watch(f->buffer, "ev.a", 4, &f->cursor.watch);
	assert_non_null(f->cursor.subject);
}

static void end(struct fixture *f)
{
	event_buffer_unwatch(f->buffer, f->cursor.subject, &f->cursor.watch);
	event_buffer_free(f->buffer);
}

static void encode_bytes(struct fixture *f, const char *subject, uint64_t seq,
			 const void *data, size_t len)
{
	struct sse_frame sse;

	sse_measure(&sse, data, len, seq, &tag);
	event_buffer_append(f->buffer, subject, strlen(subject), &sse, 0);
}

static void put(struct fixture *f, const char *subject, uint64_t seq,
		const char *text)
{
	encode_bytes(f, subject, seq, text, strlen(text));
}

static struct bytes flat(const struct cursor_batch *b)
{
	struct bytes all = {0};

	for (int i = 1; i <= b->n; i++)
		bytes_add(&all, b->iov[i].iov_base, b->iov[i].iov_len);
	return all;
}

static void assert_batch(const struct cursor_batch *b, int n, const char *text)
{
	struct bytes all = flat(b);

	assert_int_equal(b->n, n);
	assert_int_equal(b->bytes, all.len);
	assert_string_equal(bytes_text(&all), text);
	bytes_free(&all);
}

/* ---- gathering ----------------------------------------------------------- */

static void neighbours_are_one_buffer(void **state)
{
	struct fixture f;
	struct cursor_batch b;

	(void)state;
	begin(&f, 4096, true);
	cursor_gather(&f.cursor, f.buffer, &b);
	assert_batch(&b, 0, "");
	assert_int_equal(b.first, 0);
	put(&f, "ev.a", 1, "one");
	put(&f, "ev.a", 2, "two");
	put(&f, "ev.b", 3, "another's");
	put(&f, "ev.a", 4, "four");
	cursor_gather(&f.cursor, f.buffer, &b);
	assert_batch(&b, 2,
		     "18\r\ndata: one\nid: 1-9f31c2\n\n\r\n"
		     "18\r\ndata: two\nid: 2-9f31c2\n\n\r\n"
		     "19\r\ndata: four\nid: 4-9f31c2\n\n\r\n");
	assert_int_equal(event_buffer_frame(f.buffer, b.first)->seq, 1);
	end(&f);
}

static void bare_events_come_without_chunks(void **state)
{
	struct fixture f;
	struct cursor_batch b;

	(void)state;
	begin(&f, 4096, false);
	put(&f, "ev.a", 1, "one");
	put(&f, "ev.a", 2, "two");
	cursor_gather(&f.cursor, f.buffer, &b);
	assert_batch(&b, 2,
		     "data: one\nid: 1-9f31c2\n\n"
		     "data: two\nid: 2-9f31c2\n\n");
	end(&f);
}

/* Only frames after `covered`, whatever the cursor's number is. */
static void gathers_what_is_not_covered(void **state)
{
	struct fixture f;
	struct cursor_batch b;

	(void)state;
	begin(&f, 8192, false);
	for (uint64_t seq = 2; seq <= 20; seq += 2)
		put(&f, "ev.a", seq, "x");
	for (uint64_t covered = 0; covered <= 21; covered++) {
		f.cursor.covered = covered;
		f.cursor.at = 0;
		cursor_gather(&f.cursor, f.buffer, &b);
		if (covered >= 20) {
			assert_int_equal(b.first, 0);
			continue;
		}
		assert_int_equal(event_buffer_frame(f.buffer, b.first)->seq,
				 covered / 2 * 2 + 2);
		assert_int_equal(b.n, 10 - covered / 2);
	}
	end(&f);
}

/* The ring's end: neighbours by number, not in memory. */
static void wrapped_frames_are_two_buffers(void **state)
{
	struct fixture f;
	struct cursor_batch b;
	bool wrapped = false;
	uint64_t seq = 0;

	(void)state;
	begin(&f, 2048, true);
	while (seq < 100) {
		struct bytes all;
		uint64_t n;

		put(&f, "ev.a", ++seq, "filling");
		f.cursor.covered = f.cursor.at = 0;
		cursor_gather(&f.cursor, f.buffer, &b);
		all = flat(&b);
		assert_in_range(b.n, 1, 2);
		wrapped = wrapped || b.n == 2;
		assert_int_equal(all.len, event_buffer_bytes(f.buffer));
		n = b.first;
		for (size_t at = 0; at < all.len; n++) {
			const struct buffer_frame *fr =
				event_buffer_frame(f.buffer, n);

			assert_memory_equal(all.at + at,
					    event_buffer_frame_bytes(f.buffer,
								     fr),
					    fr->len);
			at += fr->len;
		}
		bytes_free(&all);
	}
	assert_true(wrapped);
	end(&f);
}

static void batch_has_a_limit_of_buffers(void **state)
{
	struct fixture f;
	struct cursor_batch b;
	const uint8_t *rest;
	size_t len;

	(void)state;
	begin(&f, 1 << 16, true);
	for (uint64_t seq = 1; seq <= 2 * CURSOR_IOV_MAX + 10; seq++)
		put(&f, seq % 2 ? "ev.a" : "ev.b", seq, "x");
	cursor_gather(&f.cursor, f.buffer, &b);
	assert_int_equal(b.n, CURSOR_IOV_MAX);
	/* The next frame is in the next batch. */
	cursor_advance(&f.cursor, f.buffer, &b, b.bytes, &rest, &len);
	assert_int_equal(len, 0);
	assert_int_equal(f.cursor.sent, 2 * CURSOR_IOV_MAX - 1);
	cursor_gather(&f.cursor, f.buffer, &b);
	assert_int_equal(b.n, 5);
	assert_int_equal(event_buffer_frame(f.buffer, b.first)->seq,
			 2 * CURSOR_IOV_MAX + 1);
	end(&f);
}

static void batch_has_a_limit_of_bytes(void **state)
{
	enum { LEN = 100 * 1024 };
	struct fixture f;
	struct cursor_batch b;
	char *payload = malloc(5 * LEN);

	(void)state;
	memset(payload, 'p', 5 * LEN);
	begin(&f, 4 << 20, true);
	for (uint64_t seq = 1; seq <= 4; seq++)
		encode_bytes(&f, "ev.a", seq, payload, LEN);
	cursor_gather(&f.cursor, f.buffer, &b);
	assert_int_equal(b.n, 1);
	assert_in_range(b.bytes, 2 * LEN, CURSOR_BATCH_BYTES);
	/* A frame over the limit goes alone. */
	encode_bytes(&f, "ev.a", 5, payload, 5 * LEN);
	encode_bytes(&f, "ev.a", 6, payload, 1);
	f.cursor.covered = 4;
	cursor_gather(&f.cursor, f.buffer, &b);
	assert_in_range(b.bytes, 5 * LEN, 5 * LEN + 100);
	free(payload);
	end(&f);
}

static void batch_add_says_when_it_is_full(void **state)
{
	static uint8_t bytes[CURSOR_BATCH_BYTES + 2];
	struct cursor_batch b = {0};

	(void)state;
	assert_true(cursor_batch_add(&b, bytes, CURSOR_BATCH_BYTES - 1));
	assert_true(cursor_batch_add(&b, bytes + CURSOR_BATCH_BYTES - 1, 1));
	assert_int_equal(b.n, 1);
	assert_false(cursor_batch_add(&b, bytes + CURSOR_BATCH_BYTES, 1));
	assert_int_equal(b.bytes, CURSOR_BATCH_BYTES);
	memset(&b, 0, sizeof(b));
	for (int i = 0; i < CURSOR_IOV_MAX; i++)
		assert_true(cursor_batch_add(&b, bytes + 2 * i, 1));
	assert_false(cursor_batch_add(&b, bytes + 2 * CURSOR_IOV_MAX, 1));
	/* A neighbour of the last still has a place. */
	assert_true(cursor_batch_add(&b, bytes + 2 * CURSOR_IOV_MAX - 1, 1));
	assert_int_equal(b.n, CURSOR_IOV_MAX);
	assert_int_equal(b.bytes, CURSOR_IOV_MAX + 1);
}

/* ---- advancing ----------------------------------------------------------- */

static size_t frame_len(const struct fixture *f, uint64_t number)
{
	const struct buffer_frame *fr = event_buffer_frame(f->buffer, number);

	return f->cursor.chunked ? fr->len
				 : fr->len - fr->size_line_len - SSE_CHUNK_TAIL;
}

static void check_cut(struct fixture *f, size_t written)
{
	static const uint64_t seqs[] = {3, 4, 6, 7, 9};
	struct cursor_batch b;
	struct bytes all;
	const uint8_t *rest = NULL;
	size_t rest_len, end = 0, events = 0;

	f->cursor.covered = f->cursor.sent = f->cursor.at = 0;
	f->cursor.events = 0;
	cursor_gather(&f->cursor, f->buffer, &b);
	all = flat(&b);
	/* The frame that was cut, or the next one, is for the sink to hold. */
	for (uint64_t n = b.first; n != 0;
	     n = event_buffer_frame(f->buffer, n)->next) {
		if (end > written)
			break;
		end += frame_len(f, n);
		events++;
	}
	cursor_advance(&f->cursor, f->buffer, &b, written, &rest, &rest_len);
	assert_int_equal(rest_len, end - written);
	if (rest_len > 0)
		assert_memory_equal(rest, all.at + written, rest_len);
	assert_int_equal(f->cursor.events, events);
	assert_int_equal(f->cursor.sent, seqs[events - 1]);
	assert_int_equal(f->cursor.covered, seqs[events - 1]);
	assert_int_equal(event_buffer_frame(f->buffer, f->cursor.at)->seq,
			 seqs[events - 1]);
	/* The next batch starts with what was not handed out. */
	cursor_gather(&f->cursor, f->buffer, &b);
	assert_int_equal(b.bytes, all.len - end);
	bytes_free(&all);
}

static void every_cut_is_taken_up(void **state)
{
	struct cursor_batch b;
	struct fixture f;

	(void)state;
	for (int chunked = 0; chunked < 2; chunked++) {
		begin(&f, 4096, chunked);
		put(&f, "ev.a", 3, "three");
		put(&f, "ev.a", 4, "");
		put(&f, "ev.b", 5, "another's");
		put(&f, "ev.a", 6, "two\nlines");
		put(&f, "ev.a", 7, "\xff\xfe");
		put(&f, "ev.a", 9, "nine");
		cursor_gather(&f.cursor, f.buffer, &b);
		for (size_t n = 0; n <= b.bytes; n++)
			check_cut(&f, n);
		end(&f);
	}
}

/* A gap or a probe may have covered more than was sent. */
static void coverage_never_goes_back(void **state)
{
	struct fixture f;
	struct cursor_batch b;
	const uint8_t *rest;
	size_t len;

	(void)state;
	begin(&f, 4096, true);
	put(&f, "ev.a", 5, "x");
	cursor_gather(&f.cursor, f.buffer, &b);
	f.cursor.covered = 50;
	cursor_advance(&f.cursor, f.buffer, &b, b.bytes, &rest, &len);
	assert_int_equal(f.cursor.sent, 5);
	assert_int_equal(f.cursor.covered, 50);
	end(&f);
}

static void nothing_written_of_nothing(void **state)
{
	struct fixture f;
	struct cursor_batch b;
	const uint8_t *rest;
	size_t len = 1;

	(void)state;
	begin(&f, 4096, true);
	cursor_gather(&f.cursor, f.buffer, &b);
	cursor_advance(&f.cursor, f.buffer, &b, 0, &rest, &len);
	assert_int_equal(len, 0);
	assert_int_equal(f.cursor.events, 0);
	end(&f);
}

/* ---- coverage ------------------------------------------------------------ */

static void caught_up_covers_the_last_seq(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 4096, true);
	event_buffer_reset(f.buffer, 20);
	f.cursor.covered = 7;
	assert_int_equal(cursor_covered(&f.cursor, f.buffer), 7);
	f.cursor.caught_up = true;
	assert_int_equal(cursor_covered(&f.cursor, f.buffer), 20);
	event_buffer_skip(f.buffer, 23);
	assert_int_equal(cursor_covered(&f.cursor, f.buffer), 23);
	/* Its event id may be of a gateway that was ahead. */
	f.cursor.covered = 90;
	assert_int_equal(cursor_covered(&f.cursor, f.buffer), 90);
	end(&f);
}

static void joins_at_the_floor(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 1 << 16, true);
	event_buffer_reset(f.buffer, 100);
	for (uint64_t seq = 101; seq <= 140; seq++)
		put(&f, "ev.b", seq, "x");
	f.cursor.covered = 99;
	assert_false(cursor_joins(&f.cursor, f.buffer));
	f.cursor.covered = 100;
	assert_true(cursor_joins(&f.cursor, f.buffer));
	/* An evicted cursor: a quarter of the frames further. */
	f.cursor.evicted = true;
	assert_false(cursor_joins(&f.cursor, f.buffer));
	f.cursor.covered = 110;
	assert_false(cursor_joins(&f.cursor, f.buffer));
	f.cursor.covered = 111;
	assert_true(cursor_joins(&f.cursor, f.buffer));
	/* An empty buffer covers nothing but its last sequence. */
	event_buffer_reset(f.buffer, 112);
	assert_false(cursor_joins(&f.cursor, f.buffer));
	f.cursor.covered = 112;
	assert_true(cursor_joins(&f.cursor, f.buffer));
	end(&f);
}

/* ---- what may stand together --------------------------------------------- */

static void broken_by(struct fixture *f, const struct cursor *with, bool dirty,
		      const char *words)
{
	struct cursor c = *with;
	struct list written;
	const char *broken;

	list_init(&written);
	if (dirty)
		list_push_back(&written, &c.dirty);
	c.subject = f->cursor.subject;
	c.retry_sent = c.id_sent = true;
	broken = cursor_check(&c, f->buffer);
	if (words == NULL)
		assert_null(broken);
	else if (broken == NULL || strstr(broken, words) == NULL)
		fail_msg("%s, not %s", broken, words);
}

static void rules_of_states_lists_and_flags(void **state)
{
	struct replay_group *some = (struct replay_group *)(void *)state;
	const struct {
		bool dirty;
		struct cursor c;
		const char *broken;
	} cases[] = {
		{false, {.state = CURSOR_LIVE, .caught_up = true}, NULL},
		{true, {.state = CURSOR_LIVE}, NULL},
		{false, {.state = CURSOR_LIVE, .blocked = true}, NULL},
		{false, {.state = CURSOR_LIVE}, "dirty"},
		{false,
		 {.state = CURSOR_EVICTED, .listed = LISTED_EVICTED},
		 NULL},
		{false, {.state = CURSOR_EVICTED}, "dirty"},
		{false,
		 {.state = CURSOR_EVICTED,
		  .listed = LISTED_EVICTED,
		  .blocked = true},
		 "!c->blocked"},
		{false,
		 {.state = CURSOR_EVICTED,
		  .listed = LISTED_EVICTED,
		  .caught_up = true},
		 "c->caught_up"},
		{false, {.state = CURSOR_REPLAY}, "replay"},
		{false, {.state = CURSOR_REPLAY, .replay = some}, NULL},
		{false,
		 {.state = CURSOR_LIVE, .replay = some, .caught_up = true},
		 "replay"},
		{true, {.state = CURSOR_LIVE, .gap = GAP_RESET}, "gap"},
		{false,
		 {.state = CURSOR_LIVE, .caught_up = true, .late_gap = true},
		 "gap"},
		{true,
		 {.state = CURSOR_EVICTED, .gap = GAP_RESET, .sent = 5},
		 NULL},
		/* no gap to report, and not in the line */
		{true, {.state = CURSOR_EVICTED}, "LISTED_EVICTED"},
		{false,
		 {.state = CURSOR_EVICTED, .listed = LISTED_EVICTED, .sent = 5},
		 "sent"},
		{false,
		 {.state = CURSOR_WAITING, .listed = LISTED_WAITING},
		 NULL},
		{false, {.state = CURSOR_WAITING}, "LISTED_WAITING"},
		{true, {.state = CURSOR_WAITING}, "LISTED_WAITING"},
		{true,
		 {.state = CURSOR_WAITING, .listed = LISTED_WAITING},
		 NULL},
		{true,
		 {.state = CURSOR_LIVE, .blocked = true},
		 "list_empty(&c->dirty)"},
		{false,
		 {.state = CURSOR_WAITING,
		  .start = START_LAST,
		  .shares = SHARES_THIS},
		 NULL},
		{false,
		 {.state = CURSOR_WAITING, .start = START_LAST},
		 "shares"},
		{false,
		 {.state = CURSOR_LIVE, .caught_up = true, .evicted = true},
		 "evicted"},
		{false, {.state = CURSOR_CLOSED}, "subject"},
	};
	struct fixture f;

	begin(&f, 4096, true);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		broken_by(&f, &cases[i].c, cases[i].dirty, cases[i].broken);
	/* A frame of its subject that it would not see. */
	put(&f, "ev.a", 7, "x");
	broken_by(&f, &cases[0].c, false, "cursor_next_frame");
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(neighbours_are_one_buffer),
		cmocka_unit_test(bare_events_come_without_chunks),
		cmocka_unit_test(gathers_what_is_not_covered),
		cmocka_unit_test(wrapped_frames_are_two_buffers),
		cmocka_unit_test(batch_has_a_limit_of_buffers),
		cmocka_unit_test(batch_has_a_limit_of_bytes),
		cmocka_unit_test(batch_add_says_when_it_is_full),
		cmocka_unit_test(every_cut_is_taken_up),
		cmocka_unit_test(coverage_never_goes_back),
		cmocka_unit_test(nothing_written_of_nothing),
		cmocka_unit_test(caught_up_covers_the_last_seq),
		cmocka_unit_test(joins_at_the_floor),
		cmocka_unit_test(rules_of_states_lists_and_flags),
	};

	return cmocka_run_group_tests_name("cursor", tests, NULL, NULL);
}
