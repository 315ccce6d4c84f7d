/* All clients of the soak: those that stay and resume, guests that come for
 * some seconds, and sockets with half a request. */
#ifndef SOAK_CLIENT_POOL_H
#define SOAK_CLIENT_POOL_H

#include "soak_gateway.h"
#include "soak_client.h"

enum {
	CLIENT_POOL_GUESTS = 400,
	CLIENT_POOL_HALVES = 200,
	CLIENT_POOL_MARKS = 64,
	CLIENT_POOL_SWEEP_MS = 5000,
};

enum member_kind {
	MEMBER_STEADY,	/* reads all the time */
	MEMBER_CHURN,	/* comes and goes, resumes */
	MEMBER_SLOW,	/* sips, and now and then drinks up */
	MEMBER_SLEEPER, /* reads nothing for long */
	MEMBER_GUEST,	/* comes once, without a cursor */
};

enum member_mode { MODE_READ, MODE_SIP, MODE_SLEEP };

struct member {
	struct soak_client client;
	enum member_kind kind;
	enum member_mode mode;
	bool here;	   /* wants to be connected */
	uint64_t due_ms;   /* away: when to connect */
	uint64_t mode_ms;  /* when the mode changes */
	uint64_t since_ms; /* when it last came, or its mode changed */
	uint64_t sip_ms;   /* when to read next */
	uint64_t leave_ms; /* when to go; 0: never */
};

struct half_request {
	int fd; /* 0: none */
	uint64_t until_ms;
};

struct client_pool {
	struct soak_context context;
	struct soak_gateway *gateways;
	unsigned n_gateways;
	struct member *members; /* first those that stay, then the guests */
	unsigned n_staying;
	unsigned n;
	struct half_request halves[CLIENT_POOL_HALVES];
	bool calm; /* all read, none leaves */
	uint64_t sweep_ms;
	/* What was settled at the last sweeps. */
	uint64_t marks[CLIENT_POOL_MARKS];
	unsigned n_marks;
};

/* `context` has all but the time. */
void client_pool_init(struct client_pool *c, const struct soak_context *context,
		      struct soak_gateway *gateways, unsigned n_gateways,
		      unsigned n_staying);
void client_pool_finish(struct client_pool *c);
/* What is due: connects, sips, naps; reports clients that have waited for too
 * long. */
void client_pool_turn(struct client_pool *c, uint64_t now_ms);

/* ---- faults -------------------------------------------------------------- */

void client_pool_reset_some(struct client_pool *c, unsigned n);
void client_pool_slow_some(struct client_pool *c, unsigned n);
void client_pool_stop_some(struct client_pool *c, unsigned n);
void client_pool_burst(struct client_pool *c, unsigned n);
void client_pool_half_heads(struct client_pool *c, unsigned n);

/* ---- the end ------------------------------------------------------------- */

/* Guests and halves go, all others read and stay. */
void client_pool_calm(struct client_pool *c);
/* Clients that are behind reconnect, with as large a window as the system
 * gives. */
void client_pool_hasten(struct client_pool *c);
unsigned client_pool_n_behind(const struct client_pool *c);
/* Each that is not at its subject's end is wrong. */
void client_pool_judge(struct client_pool *c);
void client_pool_leave(struct client_pool *c);

#endif
