/* The gateway's NATS source: its settings from the options, and its status in
 * the log and the metrics. */
#ifndef SLUICE_GATEWAY_NATS_H
#define SLUICE_GATEWAY_NATS_H

#include <stdbool.h>

#include "base/log.h"
#include "base/metrics.h"
#include "config/options.h"
#include "nats/jetstream.h"
#include "nats/publisher.h"

struct readable;
struct uv_loop_s;
struct nats_source;

struct gateway_nats_cbs {
	void (*on_event)(void *arg, const struct jetstream_event *ev);
	/* May be NULL. */
	void (*on_publisher_event)(void *arg, const struct publisher_event *ev);
	/* Pending events were delivered: flush. */
	void (*on_flush)(void *arg);
	void (*on_closed)(void *arg);
	void *arg;
};

/* The log and the metrics are borrowed. */
struct gateway_nats {
	const struct log *log;
	struct metrics *metrics;
	struct gateway_nats_cbs cbs;
	struct nats_source *source; /* NULL: not open */
	bool failure_logged;	    /* since the last connection */
};

/* Takes a reference to `readable`. 0, or a negative errno with `err`
 * (SLUICE_ERROR_MAX bytes). */
int gateway_nats_open(struct gateway_nats *n, struct uv_loop_s *loop,
		      const struct options *o, struct readable *readable,
		      char *err);
struct jetstream *gateway_nats_jetstream(const struct gateway_nats *n);
struct publisher *gateway_nats_publisher(const struct gateway_nats *n);
/* Sets the gauges of the NATS side. */
void gateway_nats_gauges(const struct gateway_nats *n);
/* Asynchronous; ends in on_closed if it was open. */
void gateway_nats_close(struct gateway_nats *n);

#endif
