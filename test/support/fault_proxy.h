/* A TCP proxy on the loopback that does harm, for tests: put between two parts
 * it cuts, delays, freezes, throttles and splits what passes. It runs in a
 * thread of its own; the test's thread says what happens, at any time.
 *
 * Every call fails the test when it is misused, or when a wait takes too long.
 */
#ifndef TEST_FAULT_PROXY_H
#define TEST_FAULT_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The client is the side that connects to the proxy. */
enum fault_way {
	FAULT_TO_SERVER = 1,
	FAULT_TO_CLIENT = 2,
	FAULT_BOTH = 3, /* where "ways" are asked for */
};

enum fault_end { FAULT_FIN, FAULT_RST };

enum fault_door {
	FAULT_OPEN,
	FAULT_REFUSE,	 /* a new connection is reset at once */
	FAULT_BLACKHOLE, /* it is accepted, and nothing follows */
};

/* What happens to the bytes of one way, of all connections. Zeroed: nothing. */
struct fault_rule {
	bool frozen;		/* no byte passes; connections stay open */
	unsigned delay_ms;	/* each byte comes so much later, in order */
	size_t bytes_per_s;	/* 0: as fast as it goes */
	size_t piece;		/* bytes sent at once at the most; 0: any */
	unsigned piece_wait_us; /* between pieces; 0: FAULT_PIECE_WAIT_US */
};

enum { FAULT_PIECE_WAIT_US = 200, FAULT_WAIT_MS = 30000 };

/* Which connection a byte is counted on. */
enum fault_which {
	FAULT_PRESENT, /* the newest, from now on; it must be open */
	FAULT_NEXT,    /* the one that is made next, from its start */
};

struct fault_counts {
	uint64_t connections; /* accepted at an open door */
	uint64_t turned_away; /* refused, or in the black hole */
	uint64_t open;	      /* accepted, and not yet over */
	uint64_t cuts;	      /* by fault_proxy_cut() */
	uint64_t pauses;      /* begun, by fault_proxy_pause() */
	/* Bytes passed on, of the newest connection and of all. */
	uint64_t to_server, to_client;
	uint64_t all_to_server, all_to_client;
};

struct fault_proxy {
	int rcvbuf; /* SO_RCVBUF of both sides; 0: the system's */

	int port;
	char address[32];		   /* 127.0.0.1:PORT */
	char url[48];			   /* nats://127.0.0.1:PORT */
	struct fault_proxy_thread *thread; /* NULL: not started */
};

/* Listens on a free port, passes on to "127.0.0.1:4222"; a scheme before it and
 * a slash behind are fine. */
void fault_proxy_start(struct fault_proxy *p, const char *to);
/* Resets all connections, ends the thread; zeroed is fine. */
void fault_proxy_stop(struct fault_proxy *p);

/* Holds from now on, for open connections too. NULL: no rule. */
void fault_proxy_rule(struct fault_proxy *p, enum fault_way ways,
		      const struct fault_rule *rule);
void fault_proxy_door(struct fault_proxy *p, enum fault_door door);

/* Once, when exactly `after` bytes more have passed this way (0: now): the
 * connection is ended on both sides. What is behind that byte is dropped, and
 * by a reset what a peer with a full window has not yet taken. */
void fault_proxy_cut(struct fault_proxy *p, enum fault_way way,
		     enum fault_which which, uint64_t after,
		     enum fault_end end);
/* Once, when exactly `after` bytes more have passed this way: the rest waits
 * for so long. */
void fault_proxy_pause(struct fault_proxy *p, enum fault_way way,
		       enum fault_which which, uint64_t after, unsigned ms);

/* A FIN this way, now, on all open connections; what still comes is dropped,
 * and the other way lives on. */
void fault_proxy_half_close(struct fault_proxy *p, enum fault_way way);
/* Ends all open connections, now. */
void fault_proxy_end(struct fault_proxy *p, enum fault_end end);
/* No rules, no cuts and pauses to come, the door open. What a cut, a half-close
 * or a black hole has taken does not come back. */
void fault_proxy_heal(struct fault_proxy *p);

struct fault_counts fault_proxy_counts(const struct fault_proxy *p);
/* Until done() says so of the counts. */
typedef bool (*fault_proxy_done)(const struct fault_counts *c, uint64_t arg);
void fault_proxy_until(const struct fault_proxy *p, fault_proxy_done done,
		       uint64_t arg, const char *what);
/* Until there were n connections, or cuts, in all; until n are open. */
void fault_proxy_wait_connections(const struct fault_proxy *p, uint64_t n);
void fault_proxy_wait_cuts(const struct fault_proxy *p, uint64_t n);
void fault_proxy_wait_open(const struct fault_proxy *p, uint64_t n);

#endif
