/* What "no message" proves: how far nothing is left for the cursor. */
#include "delivery/replay_internal.h"

#include "base/mutation.h"

void replay_note_evidence(struct replay *r)
{
	r->evidence_seq = event_buffer_last_seq(r->buffer);
	/* Without replicas no server can be behind. */
	if (r->state->leader != 0 && r->state->last_seq < r->evidence_seq &&
	    !MUTATED(LEADER_BEHIND))
		r->evidence_seq = r->state->last_seq;
	r->leader = r->state->leader;
}

void replay_commit(struct replay *r)
{
	r->covered_before = UINT64_MAX;
}

uint64_t replay_evidence(const struct replay *r)
{
	uint64_t evidence_seq = MUTATED(LAST_SEQ_AT_RESPONSE)
					? event_buffer_last_seq(r->buffer)
					: r->evidence_seq;

	return r->leader != 0 && !r->followed &&
			       r->first_none_seq < evidence_seq &&
			       !MUTATED(ONE_PROBE)
		       ? r->first_none_seq
		       : evidence_seq;
}

void replay_cover_up_to(struct replay *r, uint64_t evidence_seq)
{
	if (evidence_seq <= r->covered)
		return;
	if (r->covered_before == UINT64_MAX)
		r->covered_before = r->covered;
	r->covered = evidence_seq;
}
