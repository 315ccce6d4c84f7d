/* Which stream the tail follows, and what its state means for the buffer and
 * for the subscriptions (enum tail_outcome). */
#include "delivery/tail_internal.h"

#include <inttypes.h>
#include <string.h>

#include "base/check.h"
#include "base/mutation.h"

bool tail_is_ours(const struct tail *t, const struct jetstream_info *i)
{
	if (MUTATED(NO_IDENTITY))
		return true;
	return t->created_len == i->created_len &&
	       memcmp(t->created, i->created, i->created_len) == 0;
}

static void take_stream_identity(struct tail *t, const struct jetstream_info *i)
{
	MUST(i->created_len <= sizeof(t->created));
	memcpy(t->created, i->created, i->created_len);
	t->created_len = i->created_len;
	t->tag = sse_tag_of(i->created, i->created_len);
	t->known = true;
	leader_forget_behind(t->leader);
	tail_forget_holes(t);
	event_buffer_reset(t->buffer, i->last_seq);
}

unsigned tail_trim(struct tail *t, uint64_t first)
{
	if (first <= event_buffer_last_seq(t->buffer) + 1)
		return 0;
	tail_report(t, true,
		    "messages after sequence %" PRIu64 " up to %" PRIu64
		    " are gone from the stream",
		    event_buffer_last_seq(t->buffer), first - 1);
	metric_add(t->metrics, METRIC_CHANGE_TRIMMED, 1);
	event_buffer_reset(t->buffer, first - 1);
	return TAIL_TRIMMED;
}

/* The subscriptions go on from the stream's new end. If not even the oldest
 * frame is still in the stream, they are reset. */
unsigned tail_roll_back(struct tail *t)
{
	uint64_t frame = t->match.same, end = t->leader->state.last_seq;
	bool found = event_buffer_has(t->buffer, frame),
	     empty = event_buffer_count(t->buffer) == 0;

	if (found)
		end = event_buffer_frame(t->buffer, frame)->seq;
	tail_report(t, true,
		    "the stream was rolled back from sequence %" PRIu64
		    " to %" PRIu64,
		    event_buffer_last_seq(t->buffer), end);
	metric_add(t->metrics, METRIC_CHANGE_ROLLED_BACK, 1);
	leader_forget_behind(t->leader);
	tail_forget_holes(t);
	event_buffer_reset(t->buffer, end);
	return found || empty ? TAIL_ROLLED_BACK : TAIL_RESET;
}

unsigned tail_compare(struct tail *t, const struct jetstream_info *i,
		      uint64_t now_ms)
{
	leader_take_state(t->leader, i);
	if (!t->known) {
		take_stream_identity(t, i);
		return TAIL_CONTACT;
	}
	if (!tail_is_ours(t, i)) {
		take_stream_identity(t, i);
		metric_add(t->metrics, METRIC_CHANGE_RECREATED, 1);
		tail_report(t, true,
			    "the stream was recreated, its last sequence is "
			    "%" PRIu64,
			    i->last_seq);
		return TAIL_RESET;
	}
	if (leader_rolled_back(t->leader, i, event_buffer_last_seq(t->buffer),
			       now_ms))
		return TAIL_ROLLED_BACK;
	if (leader_is_behind(t->leader))
		return 0;
	return tail_clear_holes(t, i->first_seq) | tail_trim(t, i->first_seq);
}
