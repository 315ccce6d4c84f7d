/* All streams of one process on one epoll: opened so many at a time, read as
 * fast as it goes, each checked for gaps, doubles and order. Nothing happens
 * but in streams_turn(). */
#ifndef BENCH_STREAMS_H
#define BENCH_STREAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "histogram.h"
#include "sse_scan.h"
#include "target.h"

struct streams_config {
	const struct target *target;
	unsigned n;
	unsigned n_ids;	       /* stream i asks for id first_id + i % n_ids */
	unsigned first_id;     /* several processes share out the ids */
	unsigned in_flight;    /* requests without their head */
	unsigned n_sources;    /* addresses 127.0.0.x to come from */
	unsigned first_source; /* x of the first */
	unsigned n_stalled;    /* the first so many read nothing but the head */
	bool leave;	       /* go as soon as the head has come */
	uint64_t first;	       /* number of the first event; 0: any */
	uint64_t warm_up;      /* events up to this number have no latency */
};

enum stream_state {
	STREAM_AWAY,
	STREAM_CONNECTING, /* the request is not out yet */
	STREAM_ASKED,	   /* the head is not here yet */
	STREAM_OPEN,
	STREAM_STALLED,
};

struct stream {
	int fd; /* -1: AWAY */
	uint8_t state;
	uint32_t n_events;
	uint64_t next;	   /* number of the next event; 0: any */
	uint64_t since_ns; /* when it was asked for */
	struct sse_scan scan;
};

struct streams_counts {
	uint64_t opened; /* heads with 200 */
	uint64_t failed; /* no connection, or another status */
	uint64_t ended;	 /* by the other side, when it was open */
	uint64_t events;
	uint64_t pings;
	uint64_t gaps;
	uint64_t others;
	uint64_t bytes;
	uint64_t missing;
	uint64_t doubled;    /* the same as the one before */
	uint64_t disordered; /* an older one */
};

struct streams {
	struct streams_config cfg;
	struct stream *all;
	char *buffer;
	int epoll;
	bool *watched;
	unsigned next;	  /* the next to be opened */
	unsigned n_asked; /* in flight */
	unsigned n_open;
	uint32_t goal;	 /* events that each must have */
	unsigned n_done; /* streams that have them */
	struct streams_counts counts;
	int last_error;	 /* why the last one failed: an errno, */
	int last_status; /* or a status */
	uint64_t begun_ns;
	uint64_t opened_ns; /* when the last head came */
	uint64_t first_stamp_ns;
	uint64_t last_event_ns;
	struct histogram setup;
	struct histogram latency;
};

/* 0, or -errno. */
int streams_init(struct streams *s, const struct streams_config *cfg);
void streams_finish(struct streams *s);

/* Begins to open all, where they have left off if they were open before. */
void streams_open(struct streams *s);
bool streams_are_open(const struct streams *s);
/* So many events for each, all counted from its beginning. */
void streams_expect(struct streams *s, uint32_t goal);
bool streams_are_done(const struct streams *s);
void streams_drop(struct streams *s);
/* Waits for one round of what comes. */
void streams_turn(struct streams *s, int timeout_ms);
/* Another descriptor: its turn() returns at once when it is readable, and true
 * is in *ready. */
int streams_watch(struct streams *s, int fd, bool *ready);

#endif
