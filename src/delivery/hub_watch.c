#include "delivery/hub_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "delivery/identities.h"
#include "nats/pattern.h"

int hub_watch_init(struct hub_watch *w, struct event_buffer *buffer,
		   const struct subject_template *own)
{
	*w = (struct hub_watch){.buffer = buffer, .own = own};
	return hash_table_init(&w->identities);
}

void hub_watch_finish(struct hub_watch *w)
{
	hash_table_finish(&w->identities);
}

/* The subject that belongs to the identity alone, in `out` (SUBJECT_MAX bytes);
 * empty: there is none. */
static struct span own_subject(const struct hub_watch *w, struct span id,
			       char *out)
{
	if (id.len == 0 || w->own == NULL)
		return (struct span){out, 0};
	return (struct span){out, subject_render(w->own, id.at, id.len, out)};
}

static bool selects_only(const struct rights_selection *s, struct span subject)
{
	return s->n_patterns == 1 && s->n_denied == 0 &&
	       s->patterns[0].len == subject.len &&
	       memcmp(s->patterns[0].at, subject.at, subject.len) == 0;
}

/* The subject of a subscription that needs no wide_cursor; empty: it does. */
static struct span sole_subject(const struct hub_watch *w, struct span id,
				const struct rights_selection *s, char *out)
{
	struct span own = own_subject(w, id, out);

	if (own.len > 0 && (s == NULL || selects_only(s, own)))
		return own;
	MUST(s != NULL);
	if (id.len == 0 && w->own == NULL && s->n_patterns == 1 &&
	    s->n_denied == 0 && pattern_is_literal(s->patterns[0]))
		return s->patterns[0];
	return (struct span){out, 0};
}

static void unwatch_selection(struct hub_watch *w, struct cursor *c)
{
	struct wide_cursor *m = c->more;

	if (m->selection != NULL)
		event_buffer_unselect(w->buffer, m->selection, &c->watch);
	if (m->identity != NULL)
		identities_remove(&w->identities, m->identity, &m->of_identity);
	free(m);
	c->more = NULL;
	c->wide = false;
}

static int watch_selection(struct hub_watch *w, struct cursor *c,
			   struct span id,
			   const struct rights_selection *selection)
{
	struct wide_cursor *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return -ENOMEM;
	m->cursor = c;
	c->more = m;
	c->wide = true;
	m->selection = event_buffer_select(w->buffer, selection, &c->watch);
	if (m->selection != NULL && id.len > 0)
		m->identity =
			identities_add(&w->identities, id, &m->of_identity);
	if (m->selection != NULL && (id.len == 0 || m->identity != NULL))
		return 0;
	unwatch_selection(w, c);
	return -ENOMEM;
}

int hub_watch_begin(struct hub_watch *w, struct cursor *c, struct span id,
		    const struct rights_selection *selection)
{
	char text[SUBJECT_MAX];
	struct span sole = sole_subject(w, id, selection, text);

	if (sole.len == 0)
		return watch_selection(w, c, id, selection);
	c->subject =
		event_buffer_watch(w->buffer, sole.at, sole.len, &c->watch);
	return c->subject == NULL ? -ENOMEM : 0;
}

void hub_watch_end(struct hub_watch *w, struct cursor *c)
{
	if (c->wide) {
		unwatch_selection(w, c);
		return;
	}
	event_buffer_unwatch(w->buffer, c->subject, &c->watch);
	c->subject = NULL;
}

struct span hub_watch_identity(const struct hub_watch *w,
			       const struct cursor *c)
{
	const struct identity_entry *e;

	if (c->wide) {
		e = c->more->identity;
		return e == NULL ? (struct span){"", 0}
				 : (struct span){e->text, e->len};
	}
	if (w->own == NULL)
		return (struct span){"", 0};
	return (struct span){c->subject->name + w->own->prefix_len,
			     c->subject->len - w->own->prefix_len -
				     w->own->suffix_len};
}

static const struct buffer_subject *find_own_entry(const struct hub_watch *w,
						   struct span id)
{
	char text[SUBJECT_MAX];
	struct span own = own_subject(w, id, text);

	return own.len == 0 ? NULL
			    : event_buffer_find(w->buffer, own.at, own.len);
}

size_t hub_watch_count(const struct hub_watch *w, struct span id)
{
	const struct buffer_subject *own = find_own_entry(w, id);
	const struct identity_entry *wide = identities_find(&w->identities, id);

	return (own == NULL ? 0 : own->n_watchers) +
	       (wide == NULL ? 0 : wide->n_subscriptions);
}

static size_t copy_own(const struct list *watchers, struct cursor **ret,
		       size_t max)
{
	const struct list *n = watchers->next;
	size_t found = 0;

	for (; n != watchers && found < max; n = n->next)
		ret[found++] = LIST_ENTRY(n, struct cursor, watch);
	return found;
}

static size_t copy_wide(const struct list *subscriptions, struct cursor **ret,
			size_t max)
{
	const struct list *n = subscriptions->next;
	size_t found = 0;

	for (; n != subscriptions && found < max; n = n->next)
		ret[found++] =
			LIST_ENTRY(n, struct wide_cursor, of_identity)->cursor;
	return found;
}

size_t hub_watch_find(const struct hub_watch *w, struct span id,
		      struct cursor **ret, size_t max)
{
	const struct buffer_subject *own = find_own_entry(w, id);
	const struct identity_entry *wide = identities_find(&w->identities, id);
	size_t found = 0;

	if (own != NULL)
		found = copy_own(&own->watchers, ret, max);
	if (wide != NULL)
		copy_wide(&wide->subscriptions, ret + found, max - found);
	return hub_watch_count(w, id);
}
