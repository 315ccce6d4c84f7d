/* nats.c may call back late, from threads that cannot be joined. So a callback
 * gets a number in place of a pointer, and looks it up: what was freed is not
 * found, and what a callback uses is not freed before that returns. */
#ifndef SLUICE_NATS_GUARD_H
#define SLUICE_NATS_GUARD_H

#include <stdint.h>

/* Part of the struct that the callbacks need. */
struct nats_guard {
	struct nats_guard *next; /* of the process */
	uint64_t number;	 /* unique in the process */
	unsigned busy;		 /* callbacks inside */
};

/* Gives it a number. */
void nats_guard_register(struct nats_guard *g);
/* Returns when no callback is inside, and none enters any more. */
void nats_guard_unregister(struct nats_guard *g);

/* The closure of a callback; never to be dereferenced. */
void *nats_guard_argument(const struct nats_guard *g);
/* In a callback, until nats_guard_leave(). NULL: it was freed. */
struct nats_guard *nats_guard_enter(void *arg);
void nats_guard_leave(struct nats_guard *g);

#endif
