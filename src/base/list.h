/* Intrusive doubly linked list. A node in no list points at itself or is
 * zeroed; list_remove() accepts both, so that closing twice is a no-op. */
#ifndef SLUICE_LIST_H
#define SLUICE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"

struct list {
	struct list *prev;
	struct list *next;
};

#define LIST_ENTRY(node, type, member) CONTAINER_OF(node, type, member)

static inline void list_init(struct list *l)
{
	l->prev = l;
	l->next = l;
}

/* True for an empty head, and for a node that is in no list. */
static inline bool list_empty(const struct list *l)
{
	return l->next == l || l->next == NULL;
}

static inline void list_push_back(struct list *head, struct list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

static inline void list_push_front(struct list *head, struct list *node)
{
	list_push_back(head->next, node);
}

static inline void list_remove(struct list *node)
{
	if (node->next == NULL)
		return;
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

static inline struct list *list_first(const struct list *head)
{
	return list_empty(head) ? NULL : head->next;
}

/* Takes the first node out; NULL when there is none. */
static inline struct list *list_pop(struct list *head)
{
	struct list *node = list_first(head);

	if (node != NULL)
		list_remove(node);
	return node;
}

/* Moves all nodes of `from` into the empty list `to`. Detach first, then call
 * out: a callback may change `from`. */
static inline void list_take_all(struct list *to, struct list *from)
{
	list_init(to);
	if (list_empty(from))
		return;
	to->next = from->next;
	to->prev = from->prev;
	to->next->prev = to;
	to->prev->next = to;
	list_init(from);
}

#endif
