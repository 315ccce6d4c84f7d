/* The messages of a publisher: to one id, or to many in turn; numbered for each
 * id or together, and stamped; at a rate, or as fast as possible. */
#ifndef BENCH_MESSAGES_H
#define BENCH_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct messages_config {
	uint64_t messages; /* in all */
	uint64_t rate;	   /* a second; 0: no limit */
	uint64_t n_ids;
	uint64_t first_id;
	uint64_t first; /* number of each id's first message */
	uint64_t bytes; /* of a payload; STAMP_LEN at least */
	bool one_count; /* all messages are numbered together */
};

struct messages {
	struct messages_config cfg;
	uint64_t n; /* made so far */
	uint64_t begun_ns;
	char *payload; /* of the last one made */
};

/* 0; -EINVAL: invalid configuration; -ENOMEM. */
int messages_init(struct messages *m, const struct messages_config *cfg);
void messages_finish(struct messages *m);
/* Starts the clock of the rate. */
void messages_begin(struct messages *m);
bool messages_is_over(const struct messages *m);
/* Time until the next is due, in ns; 0: now. */
uint64_t messages_wait_ns(const struct messages *m);
/* Writes the next payload, stamped with the current time. The number of its id.
 */
unsigned messages_make(struct messages *m);

#endif
