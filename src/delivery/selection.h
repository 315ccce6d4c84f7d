/* A selection: several patterns, less the denied ones, that subscriptions
 * follow together. Subscriptions with the same texts share it. (A selection of
 * one literal subject needs none: it is the subject's entry in the buffer.)
 *
 * Its index has the numbers of the buffer's frames that match, from `from` on,
 * so that many subscriptions at the same place look for them once. The index is
 * a help: where it does not reach, frames are compared one by one. */
#ifndef SLUICE_SELECTION_H
#define SLUICE_SELECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/rights.h"
#include "base/hash_table.h"
#include "base/list.h"
#include "base/span.h"
#include "nats/pattern_trie.h"

/* The numbers in all indexes together; bounds their memory. */
struct selection_budget {
	size_t n;
	size_t max;
};

struct selection {
	struct hash_node in_table; /* selection_index, by its texts */
	struct list watchers;	   /* struct cursor.watch */
	struct selection_budget *budget;
	struct selection *next_touched;
	uint64_t id;	      /* never used for another selection */
	uint64_t match_no;    /* selection_index.match_no of its last match */
	uint64_t touched_seq; /* of that message */
	uint64_t from;	      /* all frames with this number or a later one that
				 match are in the index */
	uint64_t *numbers;    /* the index: a ring, in order */
	uint32_t numbers_cap; /* a power of two, or 0 */
	uint32_t numbers_first;
	uint32_t n_numbers;
	uint16_t n_patterns; /* at least 1 */
	uint16_t n_denied;
	uint8_t asking; /* hub_replays: forms of deliver=last in flight */
	bool touched;	/* it is in the list of touched ones */
	struct pattern_link *links;
	struct span patterns[]; /* then the denied ones; NUL-terminated */
};

/* Copies the texts. `watchers` is empty, the links are zeroed. NULL: no
 * memory. */
struct selection *selection_new(const struct rights_selection *from,
				struct selection_budget *budget,
				uint64_t next_number);
void selection_free(struct selection *s);
bool selection_is(const struct selection *s,
		  const struct rights_selection *other);

/* One of its patterns matches, none of its denied ones does, and the subject is
 * not hidden. */
bool selection_accepts(const struct selection *s, struct span subject);
/* The same for a subject that one of its patterns is known to match. */
bool selection_denies(const struct selection *s, struct span subject);

/* ---- the index ----------------------------------------------------------- */

/* The newest frame matches. `first`: number of the buffer's oldest frame. */
void selection_push(struct selection *s, uint64_t number, uint64_t first);
/* The newest frame before `from` that matches is `number`: it becomes `from`.
 * False: the index is full, and it does not. */
bool selection_push_front(struct selection *s, uint64_t number);
/* The smallest number in the index that is at least `number`; 0: none. */
uint64_t selection_find(const struct selection *s, uint64_t number);

#endif
