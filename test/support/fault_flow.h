/* One way through a fault proxy's connection: bytes are taken from one socket,
 * held as long as the rule wants, and passed on to the other. */
#ifndef TEST_FAULT_FLOW_H
#define TEST_FAULT_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault_proxy.h"

enum { FAULT_FLOW_BYTES = 64 * 1024, FAULT_FLOW_CHUNKS = 256 };

/* A byte's place: when `at` bytes have passed, and no byte further. */
struct fault_point {
	bool armed;
	uint64_t at;
	enum fault_end end; /* of a cut */
	uint64_t wait_ns;   /* of a pause */
};

/* What was read at once, and when it may go on. */
struct fault_chunk {
	size_t len;
	uint64_t due_ns;
};

struct fault_flow {
	int from;
	int to;
	struct fault_point cut;
	struct fault_point pause;
	uint64_t passed;
	uint64_t n_pauses;

	bool ended; /* nothing more comes, and how: */
	enum fault_end end;
	uint64_t end_due_ns;
	bool shut;	  /* FIN sent on; what still comes is dropped */
	bool blocked;	  /* `to` takes nothing now */
	uint64_t wake_ns; /* nothing passes before */

	size_t start, len;
	size_t first, n_chunks;
	struct fault_chunk chunks[FAULT_FLOW_CHUNKS];
	char bytes[FAULT_FLOW_BYTES];
};

enum fault_verdict {
	FAULT_FLOW_ON,
	FAULT_FLOW_CUT,	   /* the cut's place is reached */
	FAULT_FLOW_BROKEN, /* a side has been reset */
};

bool fault_flow_wants_input(const struct fault_flow *f,
			    const struct fault_rule *r);
/* Reads once what is there. */
void fault_flow_take(struct fault_flow *f, const struct fault_rule *r,
		     uint64_t now_ns);
/* Passes on what may go now; the number of bytes in `n`. */
enum fault_verdict fault_flow_pass(struct fault_flow *f,
				   const struct fault_rule *r, uint64_t now_ns,
				   uint64_t *n);
/* When to pass again, if nothing else happens; UINT64_MAX: never. */
uint64_t fault_flow_due_ns(const struct fault_flow *f,
			   const struct fault_rule *r);
/* Drops what is held, sends a FIN; what still comes is dropped. */
void fault_flow_shut(struct fault_flow *f);

#endif
