/* Holes in what a consumer brings. Most are harmless: messages of other
 * subjects, or deleted ones. But the consumers of a server before 2.10 skip
 * messages that exist when another subject is purged, unless their filter is
 * literal: they go on at the end of the stream, or at the first message that a
 * partial purge has left. So the leader is asked about each hole: which message
 * of the pattern is the first one behind its start? If that lies in the hole,
 * the consumer has jumped. So it has, perhaps, if the answer is "none" or an
 * error: a server that is behind says so, too.
 *
 * A literal filter, and a server of 2.10 or later, are safe: nothing is asked.
 */
#include "delivery/replay_internal.h"

#include "base/check.h"
#include "base/mutation.h"
#include "nats/pattern.h"

void replay_start_holes(struct replay *r, uint64_t seq)
{
	r->jumps = r->state->before_2_10 && !r->snapshot &&
		   !pattern_is_literal(span_of(r->pattern)) &&
		   !MUTATED(HOLES_UNSEEN);
	r->read_seq = seq;
	r->n_holes = 0;
}

void replay_note_hole(struct replay *r, uint64_t seq)
{
	if (r->jumps && seq > r->read_seq + 1) {
		MUST(r->n_holes < REPLAY_HOLES_MAX);
		r->holes[r->n_holes++] =
			(struct replay_hole){.after = r->read_seq, .to = seq};
	}
	r->read_seq = seq;
}

bool replay_ask_about_holes(struct replay *r, uint64_t now_ms)
{
	if (r->n_holes == 0)
		return false;
	replay_expect(r, REPLAY_HOLES, now_ms);
	r->holes_left = r->n_holes;
	r->holes_gen = r->generation + 1;
	r->skipped_from = UINT64_MAX;
	for (unsigned i = 0; i < r->n_holes; i++)
		r->source->ops->get_next(r->source, replay_next_request(r),
					 r->holes[i].after + 1, r->pattern);
	return true;
}

bool replay_asked_about_hole(const struct replay *r, uint32_t generation)
{
	return generation - r->holes_gen < r->n_holes;
}

bool replay_on_hole_found(struct replay *r, const struct jetstream_event *ev)
{
	struct replay_hole *h =
		&r->holes[ev->request.generation - r->holes_gen];

	if (h->answered)
		return false;
	h->answered = true;
	if ((ev->err != 0 || ev->msg.seq < h->to) && h->to < r->skipped_from)
		r->skipped_from = h->to;
	return --r->holes_left == 0;
}

bool replay_cut_at_hole(struct replay *r)
{
	r->n_holes = 0;
	if (r->skipped_from == UINT64_MAX)
		return false;
	replay_queue_cut(&r->queue, r->skipped_from);
	return true;
}
