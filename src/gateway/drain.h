/* The steps of a drain. Subscriptions continue and the listeners stay open for
 * the delay, so that load balancers see /readyz fail. Then the listeners close,
 * and the subscriptions end evenly over the timeout, so that their clients do
 * not reconnect elsewhere all at once. Requests in flight may take as long.
 * Connections that remain get DRAIN_LINGER_MS to take their last bytes.
 *
 * Pure: the owner passes the time and the counts, and carries out the steps. */
#ifndef SLUICE_DRAIN_H
#define SLUICE_DRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DRAIN_STEP_MS = 20, /* between two steps that end subscriptions */
	DRAIN_LINGER_MS = 2000,
};

enum drain_phase {
	DRAIN_OFF,
	DRAIN_DELAY,
	DRAIN_ENDING,
	DRAIN_LINGER,
	DRAIN_DONE,
};

struct drain {
	uint64_t delay_ms;
	uint64_t timeout_ms;
	enum drain_phase phase;
	uint64_t phase_ms; /* start of the phase */
	size_t to_end;	   /* subscriptions at the start of DRAIN_ENDING */
	size_t ended;	   /* of them, ended by a step */
};

enum drain_action {
	DRAIN_WAIT, /* nothing is due before drain_next_ms() */
	DRAIN_CLOSE_LISTENERS,
	DRAIN_END_SUBSCRIPTIONS, /* `n` of them, the oldest first */
	DRAIN_STOP,
};

struct drain_step {
	enum drain_action action;
	size_t n;
};

void drain_init(struct drain *d, uint64_t delay_ms, uint64_t timeout_ms);
/* Without effect when the drain has started already. */
void drain_start(struct drain *d, uint64_t now_ms);
/* What is open. */
struct drain_counts {
	size_t subscriptions;
	size_t requests;    /* in flight */
	size_t connections; /* all, those of the two included */
};

/* The step that is due. The owner carries it out, and calls again with the new
 * counts, until DRAIN_WAIT or DRAIN_STOP. */
struct drain_step drain_advance(struct drain *d, uint64_t now_ms,
				const struct drain_counts *open);
/* Time of the next step (UINT64_MAX: none). */
uint64_t drain_next_ms(const struct drain *d, uint64_t now_ms);

#endif
