#include "delivery/cursor.h"

#include <limits.h>
#include <string.h>

#include "base/check.h"
#include "base/mutation.h"
#include "nats/pattern.h"

uint64_t cursor_covered(const struct cursor *c,
			const struct event_buffer *buffer)
{
	uint64_t last_seq = event_buffer_last_seq(buffer);

	return c->caught_up && last_seq > c->covered ? last_seq : c->covered;
}

#define RULE(expr)                    \
	do {                          \
		if (!(expr))          \
			return #expr; \
	} while (0)

#define IMPLIES(a, b)                             \
	do {                                      \
		if ((a) && !(b))                  \
			return #a " but not " #b; \
	} while (0)

static const char *check_closed_cursor(const struct cursor *c)
{
	RULE(c->replay == NULL && c->subject == NULL && !c->wide);
	RULE(c->listed == LISTED_NOWHERE && list_empty(&c->dirty));
	RULE(!c->blocked && c->shares == SHARES_NONE);
	return NULL;
}

/* Each state waits for something that will come. */
static const char *check_cursor_wakeup(const struct cursor *c, bool last)
{
	bool dirty = !list_empty(&c->dirty);

	IMPLIES(c->state == CURSOR_REPLAY, c->replay != NULL);
	IMPLIES(c->replay != NULL, c->state == CURSOR_REPLAY || last);
	IMPLIES(c->state == CURSOR_LIVE, c->caught_up || c->blocked || dirty);
	IMPLIES(c->state == CURSOR_EVICTED,
		c->listed == LISTED_EVICTED || c->blocked ||
			(dirty && c->gap != GAP_NONE));
	IMPLIES(c->state == CURSOR_WAITING,
		c->listed == LISTED_WAITING || c->blocked || last);
	IMPLIES(last, c->listed == LISTED_WAITING ||
			      c->listed == LISTED_EVICTED ||
			      c->replay != NULL || c->shares != SHARES_NONE ||
			      c->blocked);
	return NULL;
}

static const char *check_cursor_list(const struct cursor *c, bool last)
{
	enum cursor_list in = c->listed;

	IMPLIES(in == LISTED_EVICTED, c->state == CURSOR_EVICTED || last);
	IMPLIES(in == LISTED_EVICTED, c->replay == NULL && !c->blocked);
	IMPLIES(in == LISTED_WAITING, c->state == CURSOR_WAITING);
	IMPLIES(c->blocked, list_empty(&c->dirty));
	IMPLIES(c->shares != SHARES_NONE,
		last && c->replay == NULL && in == LISTED_NOWHERE);
	return NULL;
}

/* A gap is reported when the subscription is next written. */
static const char *check_cursor_gap(const struct cursor *c)
{
	IMPLIES(c->gap != GAP_NONE,
		c->state == CURSOR_EVICTED || c->state == CURSOR_REPLAY);
	IMPLIES(c->late_gap, c->state != CURSOR_WAITING);
	IMPLIES(c->late_gap && c->state == CURSOR_LIVE,
		!list_empty(&c->dirty) || c->blocked);
	return NULL;
}

static const char *check_position(const struct cursor *c,
				  const struct event_buffer *buffer)
{
	unsigned unlimited = UINT_MAX;

	IMPLIES(c->caught_up, c->state == CURSOR_LIVE);
	IMPLIES(c->caught_up, cursor_next_frame(c, buffer, &unlimited) == 0);
	IMPLIES(c->live_since_write, c->state == CURSOR_LIVE && !c->blocked);
	IMPLIES(c->evicted,
		c->state == CURSOR_EVICTED || c->state == CURSOR_REPLAY);
	IMPLIES(c->state != CURSOR_WAITING && c->gap < GAP_ROLLED_BACK,
		c->sent <= c->covered);
	IMPLIES(c->id_sent, c->retry_sent);
	return NULL;
}

#undef RULE
#undef IMPLIES

const char *cursor_check(const struct cursor *c,
			 const struct event_buffer *buffer)
{
	bool last = c->state == CURSOR_WAITING && c->start == START_LAST;
	const char *broken;

	if (c->state == CURSOR_CLOSED)
		return check_closed_cursor(c);
	if (c->failed || cursor_left(c) == 0)
		return NULL; /* its owner will close it */
	broken = check_position(c, buffer);
	if (broken == NULL)
		broken = check_cursor_gap(c);
	if (broken == NULL)
		broken = check_cursor_list(c, last);
	if (broken == NULL)
		broken = check_cursor_wakeup(c, last);
	return broken;
}

/* ---- what it follows ----------------------------------------------------- */

const struct list *cursor_watchers(const struct cursor *c)
{
	return c->wide ? &c->more->selection->watchers : &c->subject->watchers;
}

size_t cursor_n_patterns(const struct cursor *c)
{
	return c->wide ? c->more->selection->n_patterns : 1;
}

struct span cursor_pattern(const struct cursor *c, size_t i)
{
	MUST(i < cursor_n_patterns(c));
	return c->wide ? c->more->selection->patterns[i]
		       : (struct span){c->subject->name, c->subject->len};
}

bool cursor_accepts(const struct cursor *c, struct span subject)
{
	if (c->wide)
		return selection_accepts(c->more->selection, subject);
	return subject.len == c->subject->len &&
	       memcmp(subject.at, c->subject->name, subject.len) == 0;
}

uint8_t *cursor_asking(const struct cursor *c)
{
	return c->wide ? &c->more->selection->asking : &c->subject->asking;
}

/* ---- the frames of its selection ----------------------------------------- */

/* Its index is full: frames are compared from its position on. */
static bool cover_foreign_frames(struct cursor *c,
				 const struct event_buffer *buffer,
				 uint64_t number)
{
	unsigned scan = SELECTION_SCAN_MAX;
	uint64_t upto = number + scan - 1;

	if (selection_reader_next(c->more->selection, buffer, number, &scan) !=
		    0 ||
	    scan > 0)
		return true;
	c->covered = event_buffer_frame(buffer, upto)->seq;
	return false;
}

bool cursor_prepare_wide(struct cursor *c, const struct event_buffer *buffer)
{
	uint64_t number = event_buffer_number_after(buffer, c->covered);

	if (!selection_reader_prepare(c->more->selection, buffer, number))
		return false;
	return c->more->selection->from <= number ||
	       cover_foreign_frames(c, buffer, number);
}

uint64_t cursor_next_wide(const struct cursor *c,
			  const struct event_buffer *buffer, unsigned *scan)
{
	return selection_reader_next(c->more->selection, buffer,
				     event_buffer_number_after(buffer,
							       c->covered),
				     scan);
}

uint64_t cursor_frame_after(const struct cursor *c,
			    const struct event_buffer *buffer, uint64_t number,
			    unsigned *scan)
{
	if (!c->wide)
		return event_buffer_frame(buffer, number)->next;
	return selection_reader_next(c->more->selection, buffer, number + 1,
				     scan);
}

/* ---- its snapshot -------------------------------------------------------- */

bool cursor_has_snapshot(const struct cursor *c)
{
	if (cursor_n_patterns(c) == 1 &&
	    pattern_is_literal(cursor_pattern(c, 0)))
		return false;
	return c->state == CURSOR_WAITING || c->covered < c->more->snapshot_end;
}

void cursor_cut_snapshot(struct cursor *c, uint64_t seq)
{
	if (c->wide && c->more->snapshot_end > seq)
		c->more->snapshot_end = seq;
}

/* ---- batches ------------------------------------------------------------- */

bool cursor_joins(const struct cursor *c, const struct event_buffer *buffer)
{
	return cursor_would_join(c, buffer, cursor_covered(c, buffer));
}

bool cursor_would_join(const struct cursor *c,
		       const struct event_buffer *buffer, uint64_t covered)
{
	uint64_t need = c->evicted ? event_buffer_quarter(buffer)
				   : event_buffer_floor(buffer);

	if (covered < cursor_snapshot_end(c))
		return false;
	if (MUTATED(FIRST_FRAME) && event_buffer_count(buffer) > 0)
		return covered + 3 >= event_buffer_floor(buffer);
	return covered >= need;
}

/* The part of the frame that this client receives: the chunk, or the event. */
static const uint8_t *frame_part_of(const struct cursor *c,
				    const struct event_buffer *buffer,
				    const struct buffer_frame *f, size_t *len)
{
	const uint8_t *bytes = event_buffer_frame_bytes(buffer, f);

	if (c->chunked) {
		*len = f->len;
		return bytes;
	}
	*len = f->len - f->size_line_len - SSE_CHUNK_TAIL;
	return bytes + f->size_line_len;
}

bool cursor_batch_add(struct cursor_batch *b, const uint8_t *bytes, size_t len)
{
	struct iovec *last = b->n > 0 ? &b->iov[b->n] : NULL;

	if (b->bytes > 0 && b->bytes + len > CURSOR_BATCH_BYTES)
		return false;
	if (last != NULL &&
	    (const uint8_t *)last->iov_base + last->iov_len == bytes) {
		last->iov_len += len;
	} else {
		if (b->n == CURSOR_IOV_MAX)
			return false;
		b->n++;
		b->iov[b->n].iov_base = (void *)(uintptr_t)bytes;
		b->iov[b->n].iov_len = len;
	}
	b->bytes += len;
	return true;
}

void cursor_gather(const struct cursor *c, const struct event_buffer *buffer,
		   struct cursor_batch *ret)
{
	uint64_t n;
	size_t left = cursor_left(c);

	ret->scan = SELECTION_SCAN_MAX;
	n = cursor_next_frame(c, buffer, &ret->scan);
	ret->n = 0;
	ret->bytes = 0;
	ret->first = n;
	while (n != 0 && left-- > 0) {
		const struct buffer_frame *f = event_buffer_frame(buffer, n);
		size_t len;
		const uint8_t *part = frame_part_of(c, buffer, f, &len);

		if (!cursor_batch_add(ret, part, len))
			return;
		n = c->wide ? cursor_frame_after(c, buffer, n, &ret->scan)
			    : f->next;
	}
}

/* Of a batch, so that there is one. Out of line, for the others' sake. */
static OUT_OF_LINE uint64_t next_in_batch(const struct cursor *c,
					  const struct event_buffer *buffer,
					  uint64_t number)
{
	unsigned scan = UINT_MAX;

	return cursor_frame_after(c, buffer, number, &scan);
}

void cursor_advance(struct cursor *c, const struct event_buffer *buffer,
		    const struct cursor_batch *b, size_t written,
		    const uint8_t **rest, size_t *rest_len)
{
	uint64_t n = b->first;
	size_t left = b->bytes;

	*rest_len = 0;
	MUST(written <= b->bytes);
	while (left > 0) {
		const struct buffer_frame *f = event_buffer_frame(buffer, n);
		size_t len;
		const uint8_t *part = frame_part_of(c, buffer, f, &len);

		c->at = n;
		cursor_hand_out(c, f->seq);
		if (written < len) {
			*rest = part + written;
			*rest_len = len - written;
			return;
		}
		written -= len;
		left -= len;
		if (!c->wide)
			n = f->next;
		else if (left > 0)
			n = next_in_batch(c, buffer, n);
	}
}
