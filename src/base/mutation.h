/* Wrong rules, which the simulation must detect. Without SLUICE_MUTATIONS
 * MUTATED() is the constant 0. */
#ifndef SLUICE_MUTATION_H
#define SLUICE_MUTATION_H

/* X(name, what is wrong) */
#define MUTATIONS(X)                                                          \
	X(FIRST_FRAME, "live when near the first frame of the buffer")        \
	X(LAST_SEQ_AT_RESPONSE, "the evidence is as of the probe's response") \
	X(NO_LEADER, "the end of a consumer counts as evidence")              \
	X(END_408, "the end of a pull counts as evidence")                    \
	X(NO_EVICTION, "an evicted cursor reads from the buffer")             \
	X(NO_CSEQ, "holes in the consumer sequence are ignored")              \
	X(NO_CREDIT, "messages lost at the end of a batch are ignored")       \
	X(NO_IDENTITY, "a recreated stream is ignored")                       \
	X(NO_FOLLOWERS, "a leader without followers is believed")             \
	X(LEADER_BEHIND, "the leader has every message of the buffer")        \
	X(PULL_UNCHECKED, "sequences that a pull skips were deleted")         \
	X(ONE_PROBE, "\"no message\" of any server is evidence")              \
	X(HOLES_UNSEEN, "a hole in the sequence was deleted")                 \
	X(NO_MATCH, "equal sequences are equal messages")                     \
	X(ANY_SUBJECT, "a replay ignores subjects of messages")               \
	X(TWO_GRACES, "cursors beyond the end wait for only 1 s")             \
	X(NO_BACKOFF, "failed requests are repeated at once")                 \
	X(PATTERN_AHEAD, "the replay of a pattern does not wait for others")  \
	X(NO_ROTATION, "a replay keeps its slot until its end")               \
	X(DENIED_DELIVERED, "a denied subject is delivered")                  \
	X(SNAPSHOT_EVIDENCE, "nothing has come since a snapshot began")       \
	X(SNAPSHOT_MAX_BYTES, "a snapshot's pull has a limit of bytes")

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
