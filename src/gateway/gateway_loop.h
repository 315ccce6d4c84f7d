/* The gateway's handles on the loop: one callback an iteration, after sockets,
 * timers and wakeups have been handled; one timer for whatever is due next; and
 * an idle handle that keeps the loop from sleeping while more is to be written
 * than one iteration takes. */
#ifndef SLUICE_GATEWAY_LOOP_H
#define SLUICE_GATEWAY_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "base/metrics.h"
#include "loop/handles.h"

struct gateway_loop_cbs {
	/* Does what is due, and returns the time of what is due next
	 * (UINT64_MAX: nothing). May close the gateway_loop. */
	uint64_t (*on_iteration)(void *arg, uint64_t now_ms);
	/* All handles are closed. */
	void (*on_closed)(void *arg);
	void *arg;
};

struct gateway_loop {
	struct uv_loop_s *loop;
	struct metrics *metrics;
	struct gateway_loop_cbs cbs;
	struct handles handles;
	uv_check_t poll_returned;
	uv_prepare_t loop_iteration;
	uv_idle_t keep_spinning;
	uv_timer_t timer;
	uint64_t poll_returned_ms; /* of the last return from the kernel */
	uint64_t timer_ms;	   /* expiry of the timer; UINT64_MAX: off */
};

/* Initialises the handles, which cannot fail: close it from now on. The loop
 * and the metrics are borrowed. */
void gateway_loop_open(struct gateway_loop *l, struct uv_loop_s *loop,
		       struct metrics *metrics,
		       const struct gateway_loop_cbs *cbs);
/* From now on on_iteration is called. 0 or a negative errno. */
int gateway_loop_start(struct gateway_loop *l);
/* Whether the loop goes on without sleeping. */
void gateway_loop_spin(struct gateway_loop *l, bool spin);
/* Lets an iteration follow at once, from outside of one. */
void gateway_loop_wake(struct gateway_loop *l);
/* Asynchronous; ends in on_closed. Call it once. */
void gateway_loop_close(struct gateway_loop *l);

#endif
