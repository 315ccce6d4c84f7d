/* Clients with all start policies and reading speeds, while messages are
 * published at a high rate. Each records its events: ids must rise, numbers
 * have no hole. At the end the records are compared with the stream's content:
 * each message once, in order, none missing. */
#ifndef TEST_MIXED_CLIENTS_H
#define TEST_MIXED_CLIENTS_H

#include "e2e.h"
#include "flood_publisher.h"

enum {
	MIXED_CLIENTS_MAX = 16,
	MIXED_CLIENTS_SUBJECTS = 16, /* of the flood: "u0" ... */
	MIXED_CLIENTS_POINTS = 16,
};

enum mixed_clients_mode {
	MIXED_CLIENTS_QUICK,
	MIXED_CLIENTS_SLOW,	/* small socket buffer, reads only at the end
				 */
	MIXED_CLIENTS_RESTLESS, /* disconnects and resumes all the time */
};

struct mixed_clients_item {
	uint64_t seq;
	uint64_t number; /* 0: a gap, up to seq */
};

struct mixed_clients_items {
	struct mixed_clients_item *at;
	size_t n;
	size_t cap;
};

struct mixed_client {
	struct sse_client sse;
	unsigned subject;
	enum mixed_clients_mode mode;
	const char *query;  /* of the first request */
	const char *cursor; /* or the Last-Event-ID of it */
	uint64_t open_ms;
	uint64_t from; /* everything behind must come; set by a gap, too */
	bool opened;   /* an id has come */
	struct mixed_clients_items got;
	uint64_t covered; /* by the last id */
	char tag[8];
	unsigned expired; /* gaps told */
	unsigned resets;
	char wrong[192]; /* the first thing that was, or empty */
};

struct mixed_clients {
	struct e2e *e2e;
	struct flood_publisher *flood;
	struct mixed_client clients[MIXED_CLIENTS_MAX];
	size_t n;
	/* What was not stored, or is deleted: holes in the numbers are right.
	 */
	bool lossy;
	/* A purge up to here: a hole in the numbers that brackets it is, too.
	 */
	uint64_t points[MIXED_CLIENTS_POINTS];
	size_t n_points;
};

/* The flood begins; some of it is there before the gateway is. */
void mixed_clients_flood(struct mixed_clients *w, struct e2e *f, unsigned rate);
/* A client of "uSUBJECT"; `query` or `cursor` (a Last-Event-ID), or neither. It
 * waits for nothing but the head. */
void mixed_clients_add(struct mixed_clients *w, enum mixed_clients_mode mode,
		       unsigned subject, const char *query, const char *cursor);
/* Clients of each policy and mode, all at once. */
void mixed_clients_gather(struct mixed_clients *w);
/* Lets them read for a while. */
void mixed_clients_read(struct mixed_clients *w, int ms);
/* Until the flood has written so many messages. */
void mixed_clients_read_until(struct mixed_clients *w, uint64_t sent);
/* The stream was just purged. */
void mixed_clients_purged(struct mixed_clients *w);
/* Ends the flood, lets all read to the end, compares. */
void mixed_clients_check(struct mixed_clients *w);
/* Ends everything, whatever happened before. */
void mixed_clients_close(struct mixed_clients *w);
/* How many gaps of all clients. */
unsigned mixed_clients_resets(const struct mixed_clients *w);
unsigned mixed_clients_expired(const struct mixed_clients *w);

#endif
