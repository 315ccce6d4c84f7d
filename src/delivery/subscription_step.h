/* The steps of a subscription's hand-over, for --log-level debug and tracers.
 * They are few for each subscription: none is reported for an event. */
#ifndef SLUICE_SUBSCRIPTION_STEP_H
#define SLUICE_SUBSCRIPTION_STEP_H

/* X(name, label, what the sequence is) */
#define SUBSCRIPTION_STEPS(X)                                             \
	X(START, "start", "starts after it")                              \
	X(PROBE, "probe", "asks for the first message from it on")        \
	X(PROBE_LAST, "probe last", "asks for the newest; 0")             \
	X(CONSUMER, "replay consumer", "its replay's consumer starts at") \
	X(REPLAY, "replay", "has a replay slot; covered")                 \
	X(LIVE, "live", "reads from the buffer; covered")                 \
	X(EVICTED, "evicted", "the buffer lacks what is next; covered")   \
	X(GAP, "gap", "goes on after it")                                 \
	X(END, "end", "covered")

enum subscription_step {
#define X(name, label, seq) STEP_##name,
	SUBSCRIPTION_STEPS(X)
#undef X
		SUBSCRIPTION_STEP_COUNT
};

static inline const char *subscription_step_label(enum subscription_step step)
{
	static const char *const labels[SUBSCRIPTION_STEP_COUNT] = {
#define X(name, label, seq) [STEP_##name] = label,
		SUBSCRIPTION_STEPS(X)
#undef X
	};

	return labels[step];
}

#endif
