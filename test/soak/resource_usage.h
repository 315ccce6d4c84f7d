/* What the first gateway, which lives from the start to the end, takes of the
 * system, sampled; at the end it must be level. */
#ifndef SOAK_RESOURCE_USAGE_H
#define SOAK_RESOURCE_USAGE_H

#include "soak_gateway.h"
#include "soak_publisher.h"

/* The bound: between the second quarter and the last one the maximum of the
 * resident memory may grow by 5 % and by so much. Quarters of some seconds tell
 * nothing: one replay in the last of them, kept in a sanitizer's quarantine, is
 * more. */
enum {
	RESOURCE_USAGE_SLACK_KIB = 4096,
	RESOURCE_USAGE_SLACK_PERCENT = 5,
	RESOURCE_USAGE_RSS_FROM_MS = 120000,
};
/* Descriptors beyond those of the start and of the connections: sessions to the
 * server that come and go, the request for the metrics. */
enum { RESOURCE_USAGE_SLACK_FDS = 8 };

struct level {
	size_t rss_kib;
	int fds; /* without those of connections */
	int threads;
	int consumers; /* on the stream; -1: unknown */
};

struct resource_usage {
	struct soak_gateway *gateway;
	struct soak_publisher *publisher;
	struct soak_report *report;
	int max_consumers;  /* that may be */
	struct level first; /* with no client */
	struct level *samples;
	size_t n;
	size_t cap;
	uint64_t every_ms;
	uint64_t next_ms;
	struct level max;
};

void resource_usage_start(struct resource_usage *l);
void resource_usage_finish(struct resource_usage *l);
void resource_usage_turn(struct resource_usage *l, uint64_t now_ms);
struct level resource_usage_now(const struct resource_usage *l);
/* What has grown is wrong. */
void resource_usage_judge(struct resource_usage *l);

#endif
