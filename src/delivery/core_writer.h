/* How a live subscription gets its bytes: the rest of a cut frame, control
 * frames (opening, gaps, ping, expiry) and frames of its queue become one
 * write. Frames are not copied: of a cut one the subscription keeps a
 * reference. */
#ifndef SLUICE_CORE_WRITER_H
#define SLUICE_CORE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/metrics.h"
#include "delivery/core_frame.h"
#include "delivery/core_subscription.h"
#include "http/sse.h"

struct core_writer {
	const struct core_sink *sink;
	struct core_encoder *encoder;
	struct metrics *metrics;
	enum sse_ping ping;
	uint64_t retry_ms;
	struct list pinned; /* struct core_subscription.pinned, by age */
	struct buf head;    /* of a response */
};

/* The sink, the encoder and the metrics are borrowed. */
void core_writer_init(struct core_writer *w, const struct core_sink *sink,
		      struct core_encoder *encoder, struct metrics *metrics);
void core_writer_finish(struct core_writer *w);

/* Writes the response head and the opening. -ENOMEM or 0. */
int core_writer_open(struct core_writer *w, struct core_subscription *s);
/* Writes everything that it has coming, unless it is blocked. The first nodes
 * of its queue may be needed no more. */
void core_writer_write(struct core_writer *w, struct core_subscription *s);
/* Drops the rest of a cut frame. */
void core_writer_drop_rest(struct core_subscription *s);

#endif
