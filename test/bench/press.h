/* What a publisher sends, and when: messages to one id or round about to many,
 * numbered for each id and stamped, at a rate or as fast as it goes. */
#ifndef BENCH_PRESS_H
#define BENCH_PRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct press_config {
	uint64_t messages; /* in all */
	uint64_t rate;	   /* a second; 0: no limit */
	uint64_t n_ids;
	uint64_t first_id;
	uint64_t first; /* number of each id's first message */
	uint64_t bytes; /* of a payload; STAMP_LEN at least */
};

struct press {
	struct press_config cfg;
	uint64_t n; /* made so far */
	uint64_t begun_ns;
	char *payload; /* of the last one made */
};

/* 0, -EINVAL for a configuration that can't be, or -ENOMEM. */
int press_init(struct press *p, const struct press_config *cfg);
void press_finish(struct press *p);
/* The clock begins to run. */
void press_begin(struct press *p);
bool press_is_over(const struct press *p);
/* Nanoseconds until the next is due; 0: now. */
uint64_t press_wait_ns(const struct press *p);
/* The next payload, with the stamp of now; whose it is. */
unsigned press_make(struct press *p);

#endif
