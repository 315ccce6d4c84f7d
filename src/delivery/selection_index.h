/* All selections: by their texts, so that equal ones are shared, and by their
 * patterns, so that a message finds those that it matches. */
#ifndef SLUICE_SELECTION_INDEX_H
#define SLUICE_SELECTION_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash_table.h"
#include "base/span.h"
#include "delivery/selection.h"
#include "nats/pattern_trie.h"

struct selection_index {
	struct hash_table by_text;
	struct pattern_trie by_pattern;
	struct selection_budget budget;
	struct selection *touched; /* struct selection.next_touched */
	uint64_t last_id;
	uint64_t match_no; /* of the last selection_index_match() */
};

/* `max_numbers`: see struct selection_budget. -ENOMEM or 0. */
int selection_index_init(struct selection_index *x, size_t max_numbers);
/* All selections must be unwatched. */
void selection_index_finish(struct selection_index *x);

/* Adds `node` to the watchers of the selection with these texts. `next_number`:
 * of the next frame. NULL: no memory. */
struct selection *selection_index_watch(struct selection_index *x,
					const struct rights_selection *what,
					struct list *node,
					uint64_t next_number);
/* The selection goes away with its last watcher. */
void selection_index_unwatch(struct selection_index *x, struct selection *s,
			     struct list *node);

/* A message is processed. Adds its frame's `number` (0: it has none) to the
 * selections that accept it, and touches them. `first`: number of the oldest
 * frame. */
void selection_index_match(struct selection_index *x, struct span subject,
			   uint64_t seq, uint64_t number, uint64_t first);
/* The next one that was touched since it was last taken; NULL: none. */
struct selection *selection_index_take_touched(struct selection_index *x);

void selection_index_each_watcher(const struct selection_index *x,
				  void (*fn)(struct list *node, void *arg),
				  void *arg);

#endif
