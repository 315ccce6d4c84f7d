#include "nats/pattern_trie.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "nats/pattern.h"

/* The tokens from the root to this node. Exists while a pattern is here or
 * below. */
struct pattern_node {
	struct hash_node in_table; /* of a literal token */
	struct pattern_node *parent;
	struct pattern_node *star; /* the node behind `*` */
	struct list ends;	   /* patterns with these tokens */
	struct list open_ends;	   /* patterns that go on with `>`, or with
				      tokens that have no node */
	uint32_t n_children;	   /* `star` included */
	uint8_t len;
	char token[]; /* the last one */
};

enum { TRIE_KEY_MAX = sizeof(void *) + PATTERN_MAX };

int pattern_trie_init(struct pattern_trie *t)
{
	*t = (struct pattern_trie){0};
	if (hash_table_init(&t->nodes) < 0)
		return -ENOMEM;
	t->root = calloc(1, sizeof(*t->root));
	if (t->root == NULL) {
		hash_table_finish(&t->nodes);
		return -ENOMEM;
	}
	list_init(&t->root->ends);
	list_init(&t->root->open_ends);
	return 0;
}

void pattern_trie_finish(struct pattern_trie *t)
{
	if (t->root == NULL)
		return;
	MUST(t->n == 0);
	free(t->root);
	hash_table_finish(&t->nodes);
	t->root = NULL;
}

static uint32_t hash_child(const struct pattern_trie *t,
			   const struct pattern_node *parent, struct span token)
{
	char key[TRIE_KEY_MAX];

	memcpy(key, &parent, sizeof(parent));
	memcpy(key + sizeof(parent), token.at, token.len);
	return hash_table_hash(&t->nodes, key, sizeof(parent) + token.len);
}

static struct pattern_node *find_child(const struct pattern_trie *t,
				       const struct pattern_node *parent,
				       struct span token, uint32_t hash)
{
	struct hash_node *at = hash_table_bucket(&t->nodes, hash);

	for (; at != NULL; at = at->next) {
		struct pattern_node *n =
			CONTAINER_OF(at, struct pattern_node, in_table);

		if (at->hash == hash && n->parent == parent &&
		    n->len == token.len &&
		    memcmp(n->token, token.at, token.len) == 0)
			return n;
	}
	return NULL;
}

static struct pattern_node *new_child(struct pattern_node *parent,
				      struct span token)
{
	struct pattern_node *n = calloc(1, sizeof(*n) + token.len);

	if (n == NULL)
		return NULL;
	list_init(&n->ends);
	list_init(&n->open_ends);
	n->parent = parent;
	n->len = (uint8_t)token.len;
	memcpy(n->token, token.at, token.len);
	parent->n_children++;
	return n;
}

static struct pattern_node *find_or_add_child(struct pattern_trie *t,
					      struct pattern_node *parent,
					      struct span token)
{
	struct pattern_node *n;
	uint32_t hash;

	if (token.len == 1 && *token.at == '*') {
		if (parent->star == NULL)
			parent->star = new_child(parent, token);
		return parent->star;
	}
	hash = hash_child(t, parent, token);
	n = find_child(t, parent, token, hash);
	if (n != NULL)
		return n;
	n = new_child(parent, token);
	if (n != NULL)
		hash_table_add(&t->nodes, &n->in_table, hash);
	return n;
}

/* Frees the node and its parents as far as nothing needs them. */
static void free_unused_nodes(struct pattern_trie *t, struct pattern_node *n)
{
	while (n != t->root && n->n_children == 0 && list_empty(&n->ends) &&
	       list_empty(&n->open_ends)) {
		struct pattern_node *parent = n->parent;

		if (parent->star == n)
			parent->star = NULL;
		else
			hash_table_remove(&t->nodes, &n->in_table);
		parent->n_children--;
		free(n);
		n = parent;
	}
}

int pattern_trie_add(struct pattern_trie *t, struct pattern_link *link,
		     struct span pattern)
{
	struct pattern_node *n = t->root, *child;
	struct span rest = pattern, token;
	bool open = false;

	link->rest = (struct span){NULL, 0};
	for (int depth = 0; rest.at != NULL; depth++) {
		if (depth == PATTERN_TRIE_DEPTH) {
			link->rest = rest;
			open = true;
			break;
		}
		pattern_next_token(&rest, &token);
		open = token.len == 1 && *token.at == '>';
		if (open)
			break;
		child = find_or_add_child(t, n, token);
		if (child == NULL) {
			free_unused_nodes(t, n);
			return -ENOMEM;
		}
		n = child;
	}
	link->node = n;
	list_push_back(open ? &n->open_ends : &n->ends, &link->in_node);
	t->n++;
	return 0;
}

void pattern_trie_remove(struct pattern_trie *t, struct pattern_link *link)
{
	if (link->node == NULL)
		return;
	list_remove(&link->in_node);
	free_unused_nodes(t, link->node);
	link->node = NULL;
	t->n--;
}

/* ---- matching ------------------------------------------------------------ */

struct trie_match {
	const struct pattern_trie *trie;
	void (*fn)(struct pattern_link *link, void *arg);
	void *arg;
};

static void call_for_ends(const struct trie_match *m,
			  const struct pattern_node *node)
{
	for (struct list *n = node->ends.next; n != &node->ends; n = n->next)
		m->fn(LIST_ENTRY(n, struct pattern_link, in_node), m->arg);
}

/* `rest`: the tokens of the subject behind the node, at least one. */
static void call_for_open_ends(const struct trie_match *m,
			       const struct pattern_node *node,
			       struct span rest)
{
	struct list *n = node->open_ends.next;

	for (; n != &node->open_ends; n = n->next) {
		struct pattern_link *link =
			LIST_ENTRY(n, struct pattern_link, in_node);

		if (link->rest.at == NULL || pattern_matches(link->rest, rest))
			m->fn(link, m->arg);
	}
}

/* As deep as the trie: PATTERN_TRIE_DEPTH tokens. */
static void match_below(const struct trie_match *m,
			const struct pattern_node *n, struct span rest)
{
	struct span token;
	const struct pattern_node *child;

	if (rest.at == NULL) {
		call_for_ends(m, n);
		return;
	}
	call_for_open_ends(m, n, rest);
	pattern_next_token(&rest, &token);
	if (n->star != NULL)
		match_below(m, n->star, rest);
	if (token.len > PATTERN_MAX || n->n_children == (n->star != NULL))
		return;
	child = find_child(m->trie, n, token, hash_child(m->trie, n, token));
	if (child != NULL)
		match_below(m, child, rest);
}

void pattern_trie_match(const struct pattern_trie *t, struct span subject,
			void (*fn)(struct pattern_link *link, void *arg),
			void *arg)
{
	const struct trie_match m = {.trie = t, .fn = fn, .arg = arg};

	if (t->n > 0)
		match_below(&m, t->root, subject);
}
