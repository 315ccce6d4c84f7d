/* Whether the buffer's messages are still those of the stream. A sequence is no
 * identity: a stream that lost its end in a crash, and has grown past it since,
 * has other messages under the same numbers. So the buffer's newest message is
 * compared with the stream's, by time and subject. If they differ, a binary
 * search finds the newest message that is still the same: the stream was rolled
 * back to there, and the subscriptions go on from there.
 *
 * A message that the stream no longer has (deleted, expired) proves nothing: an
 * older one is requested, each time twice as far back. In the search it counts
 * as different: what is then read twice is announced by a reset. */
#include "delivery/tail_internal.h"

#include <string.h>

#include "base/mutation.h"

enum { MATCH_TRIES = 8 };

/* The stream's message comes by JSON, which changes subjects with bytes that
 * are no text: the time alone has to do. */
static bool is_same_subject(const struct jetstream_message *m,
			    const struct buffer_subject *s)
{
	for (size_t i = 0; i < m->subject_len; i++)
		if (m->subject[i] <= ' ' || m->subject[i] > '~')
			return true;
	return m->subject_len == s->len &&
	       memcmp(m->subject, s->name, s->len) == 0;
}

static bool is_same_message(const struct tail *t,
			    const struct jetstream_message *m)
{
	const struct buffer_frame *f =
		event_buffer_frame(t->buffer, t->match.frame);

	return m->seq == f->seq && m->time_ns == f->time_ns &&
	       is_same_subject(m, f->subject);
}

static enum tail_verdict search_next_half(struct tail *t)
{
	struct tail_match *m = &t->match;

	m->frame = m->same + (m->other - m->same) / 2;
	return m->frame == m->same ? MATCH_ROLLED_BACK : MATCH_ASK;
}

static enum tail_verdict search_below(struct tail *t, uint64_t other)
{
	struct tail_match *m = &t->match;

	m->searching = true;
	m->same = event_buffer_first(t->buffer) - 1;
	m->other = other;
	return search_next_half(t);
}

enum tail_verdict tail_match_begin(struct tail *t, bool rolled_back)
{
	struct tail_match *m = &t->match;
	uint64_t next =
		event_buffer_first(t->buffer) + event_buffer_count(t->buffer);

	*m = (struct tail_match){0};
	if (rolled_back)
		return search_below(t, next);
	if (event_buffer_count(t->buffer) == 0 || MUTATED(NO_MATCH))
		return MATCH_SAME;
	m->frame = next - 1;
	return MATCH_ASK;
}

/* This message proves nothing: an older one may. */
static enum tail_verdict look_further_back(struct tail *t)
{
	struct tail_match *m = &t->match;
	uint64_t step = (uint64_t)1 << m->tries;

	if (++m->tries >= MATCH_TRIES ||
	    m->frame < event_buffer_first(t->buffer) + step)
		return MATCH_SAME;
	m->frame -= step;
	return MATCH_ASK;
}

enum tail_verdict tail_match_answer(struct tail *t,
				    const struct jetstream_event *ev)
{
	struct tail_match *m = &t->match;

	if (ev->err != 0 && ev->err != JETSTREAM_ERR_NO_MESSAGE)
		return MATCH_FAILED;
	if (!event_buffer_has(t->buffer, m->frame))
		return search_below(t, event_buffer_first(t->buffer));
	if (m->searching) {
		if (ev->err == 0 && is_same_message(t, &ev->msg))
			m->same = m->frame;
		else
			m->other = m->frame;
		return search_next_half(t);
	}
	if (ev->err != 0)
		return look_further_back(t);
	return is_same_message(t, &ev->msg) ? MATCH_SAME
					    : search_below(t, m->frame);
}
