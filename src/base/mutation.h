/* Wrong rules, for the simulation alone: it must be able to fail. In the
 * product MUTATED() is the constant 0 and nothing of this is compiled in. */
#ifndef SLUICE_MUTATION_H
#define SLUICE_MUTATION_H

/* X(name, what is wrong) */
#define MUTATIONS(X)                                                    \
	X(FIRST_FRAME, "LIVE when near the first frame in the log")     \
	X(HEAD_AT_ANSWER, "h0 is the head when the probe is answered")  \
	X(NO_LEADER, "the consumer's own end counts as evidence")       \
	X(END_408, "the end of a pull counts as evidence")              \
	X(NO_FALL_OFF, "a cursor below floor goes on from the log")     \
	X(NO_CSEQ, "holes in the consumer sequence are not seen")       \
	X(NO_CREDIT, "lost messages at a batch's end are not seen")     \
	X(NO_IDENTITY, "a stream made anew is not seen")                \
	X(UNLED, "a leader that was cut off is believed")               \
	X(LEADER_BEHIND, "the leader has seen what the log has")        \
	X(PULL_UNCHECKED, "what a pull passes over was deleted")        \
	X(ONE_PROBE, "whoever says \"no message\" is the leader")       \
	X(HOLES_UNSEEN, "a hole in the stream's sequence was deleted")  \
	X(NO_MATCH, "a sequence is a message's identity")               \
	X(ANY_SUBJECT, "a replay's messages are of its subject")        \
	X(TWO_GRACES, "cursors beyond the end wait for a second alone") \
	X(NO_BACKOFF, "what was refused is asked for again at once")    \
	X(NO_ROTATION, "a replay keeps its slot to its end")

enum mutation {
	MUTATION_NONE,
#define X(name, text) MUTATION_##name,
	MUTATIONS(X)
#undef X
		MUTATION_COUNT
};

#ifdef SLUICE_MUTATIONS
extern enum mutation mutation_now;
#define MUTATED(name) (mutation_now == MUTATION_##name)
#else
#define MUTATED(name) 0
#endif

#endif
