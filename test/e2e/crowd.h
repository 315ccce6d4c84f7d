/* A crowd of clients of all policies and tempers under a flood of messages.
 * Each keeps what it got: ids that only rise, and numbers without a hole. In
 * the end it is compared with what the stream really holds: each message once,
 * in order, none missing. */
#ifndef TEST_CROWD_H
#define TEST_CROWD_H

#include "e2e.h"
#include "flood.h"

enum {
	CROWD_MAX = 16,
	CROWD_SUBJECTS = 16, /* of the flood: "u0" ... */
	CROWD_POINTS = 16,
};

enum crowd_temper {
	CROWD_QUICK,
	CROWD_SLOW,	/* has a small buffer, reads nothing until the end */
	CROWD_RESTLESS, /* goes and resumes all the time */
};

struct crowd_item {
	uint64_t seq;
	uint64_t number; /* 0: a gap, up to seq */
};

struct crowd_items {
	struct crowd_item *at;
	size_t n;
	size_t cap;
};

struct crowd_client {
	struct sse_client sse;
	unsigned subject;
	enum crowd_temper temper;
	const char *query;  /* of the first request */
	const char *cursor; /* or the Last-Event-ID of it */
	uint64_t open_ms;
	uint64_t from; /* everything behind must come; set by a gap, too */
	bool opened;   /* an id has come */
	struct crowd_items got;
	uint64_t covered; /* by the last id */
	char tag[8];
	unsigned expired; /* gaps told */
	unsigned resets;
	char wrong[192]; /* the first thing that was, or empty */
};

struct crowd {
	struct e2e *e2e;
	struct flood *flood;
	struct crowd_client clients[CROWD_MAX];
	size_t n;
	/* What was not stored, or is deleted: holes in the numbers are right.
	 */
	bool lossy;
	/* A purge up to here: a hole in the numbers that brackets it is, too.
	 */
	uint64_t points[CROWD_POINTS];
	size_t n_points;
};

/* The flood begins; some of it is there before the gateway is. */
void crowd_flood(struct crowd *w, struct e2e *f, unsigned rate);
/* A client of "uSUBJECT"; `query` or `cursor` (a Last-Event-ID), or neither. It
 * waits for nothing but the head. */
void crowd_add(struct crowd *w, enum crowd_temper temper, unsigned subject,
	       const char *query, const char *cursor);
/* Clients of each policy and temper, all at once. */
void crowd_gather(struct crowd *w);
/* Lets them read for a while. */
void crowd_read(struct crowd *w, int ms);
/* Until the flood has written so many messages. */
void crowd_read_until(struct crowd *w, uint64_t sent);
/* The stream was just purged. */
void crowd_purged(struct crowd *w);
/* Ends the flood, lets all read to the end, compares. */
void crowd_check(struct crowd *w);
/* Ends everything, whatever happened before. */
void crowd_close(struct crowd *w);
/* How many gaps of all clients. */
unsigned crowd_resets(const struct crowd *w);
unsigned crowd_expired(const struct crowd *w);

#endif
