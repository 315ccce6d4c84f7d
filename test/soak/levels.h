/* What the first gateway, which lives from the start to the end, takes of the
 * system, sampled; at the end it must be level. */
#ifndef SOAK_LEVELS_H
#define SOAK_LEVELS_H

#include "gate.h"
#include "press.h"

/* The bound: between the second quarter and the last one the maximum of the
 * resident memory may grow by 5 % and by so much. Quarters of some seconds tell
 * nothing: one replay in the last of them, kept in a sanitizer's quarantine, is
 * more. */
enum {
	LEVELS_SLACK_KIB = 4096,
	LEVELS_SLACK_PERCENT = 5,
	LEVELS_RSS_FROM_MS = 120000,
};
/* Descriptors beyond those of the start and of the connections: sessions to the
 * server that come and go, the request for the metrics. */
enum { LEVELS_SLACK_FDS = 8 };

struct level {
	size_t rss_kib;
	int fds; /* without those of connections */
	int threads;
	int consumers; /* on the stream; -1: unknown */
};

struct levels {
	struct gate *gate;
	struct press *press;
	struct address_counter *tally;
	int max_consumers;  /* that may be */
	struct level first; /* with no client */
	struct level *samples;
	size_t n;
	size_t cap;
	uint64_t every_ms;
	uint64_t next_ms;
	struct level max;
};

void levels_start(struct levels *l);
void levels_finish(struct levels *l);
void levels_turn(struct levels *l, uint64_t now_ms);
struct level levels_now(const struct levels *l);
/* What has grown is wrong. */
void levels_judge(struct levels *l);

#endif
