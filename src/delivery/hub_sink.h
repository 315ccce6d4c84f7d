/* Where the hub writes: the connections behind the cursors. */
#ifndef SLUICE_HUB_SINK_H
#define SLUICE_HUB_SINK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/probe.h"
#include "delivery/subscription_step.h"

struct cursor;

struct hub_sink {
	/* Writes to the socket now. Returns how many bytes it took (0 to all),
	 * or a negative errno: the connection failed, and its owner calls
	 * hub_close() later (never inside this call). Not called while the
	 * sink holds bytes.
	 *
	 * `header`: hub_open.header before the first write, else NULL. It goes
	 * before `iov` and is not counted; the sink keeps the part that the
	 * socket does not take. */
	ssize_t (*write)(struct cursor *c, const struct iovec *header,
			 const struct iovec *iov, int n);
	/* Copies these bytes (the rest of one cut frame), writes them as the
	 * socket drains, then calls hub_writable(). -ENOMEM: failed, as
	 * above. */
	int (*hold)(struct cursor *c, const void *bytes, size_t len);
	/* The subscription has had as many messages as hub_open.limit says, and
	 * all of them are on the socket: its owner ends it (never inside this
	 * call). May be called more than once. */
	void (*done)(struct cursor *c);
	/* For debugging: a step of the subscription's hand-over. May be
	 * NULL. */
	void (*step)(struct cursor *c, enum subscription_step step,
		     uint64_t seq);
};

/* `sink` may be NULL. */
static inline void hub_sink_step(const struct hub_sink *sink, struct cursor *c,
				 enum subscription_step step, uint64_t seq)
{
	PROBE3(subscription_step, c, step, seq);
	if (sink != NULL && sink->step != NULL)
		sink->step(c, step, seq);
}

#endif
