/* What each subscription follows, and the subscriptions of each identity.
 *
 * Most subscriptions follow the one subject that belongs to their identity:
 * they are watchers of the subject's entry, which names the identity as well.
 * All others share a selection, and know their identity by a wide_cursor. */
#ifndef SLUICE_HUB_WATCH_H
#define SLUICE_HUB_WATCH_H

#include <stddef.h>

#include "base/hash_table.h"
#include "base/span.h"
#include "delivery/cursor.h"
#include "delivery/event_buffer.h"
#include "nats/subject.h"

struct hub_watch {
	struct event_buffer *buffer;
	const struct subject_template *own; /* of own subjects; NULL: none */
	struct hash_table identities;	    /* struct identity_entry */
};

/* Buffer and template are borrowed. -ENOMEM or 0. */
int hub_watch_init(struct hub_watch *w, struct event_buffer *buffer,
		   const struct subject_template *own);
void hub_watch_finish(struct hub_watch *w);

/* `id` empty: no identity. `selection` NULL: the identity's own subject.
 * -ENOMEM or 0. */
int hub_watch_begin(struct hub_watch *w, struct cursor *c, struct span id,
		    const struct rights_selection *selection);
void hub_watch_end(struct hub_watch *w, struct cursor *c);

/* See hub_identity(), hub_subscriptions_of() and hub_find_subscriptions(). */
struct span hub_watch_identity(const struct hub_watch *w,
			       const struct cursor *c);
size_t hub_watch_count(const struct hub_watch *w, struct span id);
size_t hub_watch_find(const struct hub_watch *w, struct span id,
		      struct cursor **ret, size_t max);

#endif
