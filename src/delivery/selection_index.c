#include "delivery/selection_index.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"

int selection_index_init(struct selection_index *x, size_t max_numbers)
{
	*x = (struct selection_index){.budget.max = max_numbers};
	if (hash_table_init(&x->by_text) < 0)
		return -ENOMEM;
	if (pattern_trie_init(&x->by_pattern) < 0) {
		hash_table_finish(&x->by_text);
		return -ENOMEM;
	}
	return 0;
}

void selection_index_finish(struct selection_index *x)
{
	MUST(x->by_text.n == 0);
	pattern_trie_finish(&x->by_pattern);
	hash_table_finish(&x->by_text);
}

/* ---- by text ------------------------------------------------------------- */

/* Collisions cost a comparison: the hashes of the texts are enough. */
static uint32_t hash_texts(const struct selection_index *x,
			   const struct rights_selection *s)
{
	uint32_t hashes[2 * RIGHTS_LIST_MAX + RIGHTS_OWN_MAX + 1];
	size_t n = 0;

	hashes[n++] = (uint32_t)s->n_patterns;
	for (size_t i = 0; i < s->n_patterns; i++)
		hashes[n++] = hash_table_hash(&x->by_text, s->patterns[i].at,
					      s->patterns[i].len);
	for (size_t i = 0; i < s->n_denied; i++)
		hashes[n++] = hash_table_hash(&x->by_text, s->denied[i].at,
					      s->denied[i].len);
	return hash_table_hash(&x->by_text, hashes, n * sizeof(hashes[0]));
}

static struct selection *find_selection(const struct selection_index *x,
					const struct rights_selection *what,
					uint32_t hash)
{
	struct hash_node *at = hash_table_bucket(&x->by_text, hash);

	for (; at != NULL; at = at->next) {
		struct selection *s =
			CONTAINER_OF(at, struct selection, in_table);

		if (at->hash == hash && selection_is(s, what))
			return s;
	}
	return NULL;
}

static void free_selection(struct selection_index *x, struct selection *s)
{
	for (size_t i = 0; i < s->n_patterns; i++)
		pattern_trie_remove(&x->by_pattern, &s->links[i]);
	selection_free(s);
}

static struct selection *add_selection(struct selection_index *x,
				       const struct rights_selection *what,
				       uint32_t hash, uint64_t next_number)
{
	struct selection *s = selection_new(what, &x->budget, next_number);

	if (s == NULL)
		return NULL;
	for (size_t i = 0; i < s->n_patterns; i++) {
		if (pattern_trie_add(&x->by_pattern, &s->links[i],
				     s->patterns[i]) == 0) {
			s->links[i].owner = s;
			continue;
		}
		free_selection(x, s);
		return NULL;
	}
	s->id = ++x->last_id;
	hash_table_add(&x->by_text, &s->in_table, hash);
	return s;
}

struct selection *selection_index_watch(struct selection_index *x,
					const struct rights_selection *what,
					struct list *node, uint64_t next_number)
{
	uint32_t hash = hash_texts(x, what);
	struct selection *s = find_selection(x, what, hash);

	if (s == NULL)
		s = add_selection(x, what, hash, next_number);
	if (s != NULL)
		list_push_back(&s->watchers, node);
	return s;
}

static void untouch_selection(struct selection_index *x, struct selection *s)
{
	struct selection **p = &x->touched;

	if (!s->touched)
		return;
	while (*p != s)
		p = &(*p)->next_touched;
	*p = s->next_touched;
	s->touched = false;
}

void selection_index_unwatch(struct selection_index *x, struct selection *s,
			     struct list *node)
{
	list_remove(node);
	if (!list_empty(&s->watchers))
		return;
	untouch_selection(x, s);
	hash_table_remove(&x->by_text, &s->in_table);
	free_selection(x, s);
}

void selection_index_each_watcher(const struct selection_index *x,
				  void (*fn)(struct list *node, void *arg),
				  void *arg)
{
	for (size_t i = 0; i < x->by_text.n_buckets; i++) {
		struct hash_node *at = x->by_text.buckets[i];

		for (; at != NULL; at = at->next) {
			struct selection *s =
				CONTAINER_OF(at, struct selection, in_table);
			struct list *n = s->watchers.next;

			for (; n != &s->watchers; n = n->next)
				fn(n, arg);
		}
	}
}

/* ---- by pattern ---------------------------------------------------------- */

struct selection_match {
	struct selection_index *index;
	struct span subject;
	uint64_t seq, number, first;
};

/* Several patterns of one selection may match. */
static void on_pattern_match(struct pattern_link *link, void *arg)
{
	const struct selection_match *m = arg;
	struct selection *s = link->owner;

	if (s->match_no == m->index->match_no)
		return;
	s->match_no = m->index->match_no;
	if (selection_denies(s, m->subject))
		return;
	s->touched_seq = m->seq;
	if (m->number != 0)
		selection_push(s, m->number, m->first);
	if (s->touched)
		return;
	s->touched = true;
	s->next_touched = m->index->touched;
	m->index->touched = s;
}

void selection_index_match(struct selection_index *x, struct span subject,
			   uint64_t seq, uint64_t number, uint64_t first)
{
	struct selection_match m = {.index = x,
				    .subject = subject,
				    .seq = seq,
				    .number = number,
				    .first = first};

	if (x->by_text.n == 0)
		return;
	x->match_no++;
	pattern_trie_match(&x->by_pattern, subject, on_pattern_match, &m);
}

struct selection *selection_index_take_touched(struct selection_index *x)
{
	struct selection *s = x->touched;

	if (s == NULL)
		return NULL;
	x->touched = s->next_touched;
	s->touched = false;
	return s;
}
