/* The results of a batch, in the order of its lines. A result that is known
 * before that of an earlier line waits for it. Pure. */
#ifndef SLUICE_BATCH_RESULTS_H
#define SLUICE_BATCH_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "http/problem_json.h"
#include "http/sse.h"

/* Of a line. Its memory is the caller's. */
struct batch_place {
	struct list in_places;
	bool is_known;
	struct buf text; /* of a result that waits */
};

struct batch_results {
	struct list places; /* of lines without a result in `out`, oldest first
			     */
	size_t n_places;
	struct buf out; /* result lines to send */
	uint64_t n_lines;
	bool has_failure;
};

/* `max`: bytes of results to send. */
void batch_results_init(struct batch_results *r, size_t max);
void batch_results_finish(struct batch_results *r);

/* The place of the next line. */
void batch_results_add(struct batch_results *r, struct batch_place *place);
/* Takes the newest place back: its line is dealt with later. */
void batch_results_cancel(struct batch_results *r, struct batch_place *place);
/* The result of a place. NULL: of the next line, which never had a place;
 * no other place is left. 0, or -ENOMEM or -ENOBUFS: the batch must end without
 * it. */
int batch_results_stored(struct batch_results *r, struct batch_place *place,
			 uint64_t seq, const struct sse_tag *tag,
			 bool is_duplicate);
int batch_results_problem(struct batch_results *r, struct batch_place *place,
			  const struct problem *p);
/* The next place with its result in `out`, which is in the results no more;
 * NULL: none. *rc: as above. */
struct batch_place *batch_results_take(struct batch_results *r, int *rc);
/* Any place, to free it. */
struct batch_place *batch_results_drop(struct batch_results *r);

#endif
