/* Patterns by token: finds those that match a subject without looking at the
 * others, as nats-server's sublist does. A match visits each node at most once,
 * and only nodes of matching tokens.
 *
 * Nodes cost far more than the bytes of a token, and patterns come from
 * clients. So only the first PATTERN_TRIE_DEPTH tokens have nodes; what follows
 * is compared as text. */
#ifndef SLUICE_PATTERN_TRIE_H
#define SLUICE_PATTERN_TRIE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/hash_table.h"
#include "base/list.h"
#include "base/span.h"

enum { PATTERN_TRIE_DEPTH = 16 }; /* tokens */

struct pattern_node;

struct pattern_trie {
	struct hash_table nodes; /* of literal tokens, by parent and token */
	struct pattern_node *root;
	size_t n; /* patterns */
};

/* A pattern in the trie. */
struct pattern_link {
	struct list in_node;
	struct pattern_node *node;
	struct span rest; /* tokens without a node; `at` NULL: none */
	void *owner;	  /* for the callback of pattern_trie_match() */
};

/* -ENOMEM or 0. */
int pattern_trie_init(struct pattern_trie *t);
/* All patterns must be removed. */
void pattern_trie_finish(struct pattern_trie *t);

/* `pattern` is one by pattern_fault(), and lives until it is removed. -ENOMEM
 * or 0. */
int pattern_trie_add(struct pattern_trie *t, struct pattern_link *link,
		     struct span pattern);
/* A zeroed link is in no trie: a no-op. */
void pattern_trie_remove(struct pattern_trie *t, struct pattern_link *link);

/* Calls `fn` once for each pattern that matches the subject, in any order. `fn`
 * may not add or remove patterns. */
void pattern_trie_match(const struct pattern_trie *t, struct span subject,
			void (*fn)(struct pattern_link *link, void *arg),
			void *arg);

#endif
