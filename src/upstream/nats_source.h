/* JetStream and publishes on a real server: the implementation of
 * nats/jetstream.h and nats/publisher.h.
 *
 * One worker thread calls nats.c, and nats.c's own threads deliver. The loop
 * never calls nats.c: three bounded mailboxes connect the sides (commands of
 * JetStream and messages to publish down, events up), and a uv_async wakes the
 * loop. One natsConnection is one session: when it closes, for
 * whatever reason, the worker destroys it and connects again, with backoff and
 * jitter, to the configured and discovered servers. */
#ifndef SLUICE_NATS_SOURCE_H
#define SLUICE_NATS_SOURCE_H

#include "nats/jetstream.h"
#include "nats/publisher.h"
#include "upstream/nats_options.h"
#include "upstream/nats_status.h"

struct uv_loop_s;
struct nats_source;

/* All on the loop's thread. */
struct nats_source_cbs {
	void (*on_event)(void *arg, const struct jetstream_event *ev);
	/* Events of both interfaces come in one order. May be NULL. */
	void (*on_publisher_event)(void *arg, const struct publisher_event *ev);
	/* Pending events were delivered, or a slice of many: flush. */
	void (*on_flush)(void *arg);
	void (*on_status)(void *arg, const struct nats_status *status);
	void (*on_closed)(void *arg); /* threads joined, memory freed */
	void *arg;
};

enum { NATS_SOURCE_ERROR_MAX = 512 };

/* Checks the settings (files, URLs, what this version of nats.c supports:
 * -EINVAL with `err`), and starts the worker. The loop is borrowed and must
 * outlive the source. On failure nothing is left except a handle that closes in
 * the next iteration. */
int nats_source_new(struct nats_source **ret, struct uv_loop_s *loop,
		    const struct nats_settings *settings,
		    const struct nats_source_cbs *cbs, char *err);
struct jetstream *nats_source_jetstream(struct nats_source *s);
struct publisher *nats_source_publisher(struct nats_source *s);
/* Number of hung connects. Each has a thread. */
unsigned nats_source_hung(const struct nats_source *s);
/* Asynchronous; ends in on_closed, the only callback after this call, within
 * seconds, whatever the server does. Requests made before it (deletions of
 * consumers) are still sent. Accepts NULL. */
void nats_source_close(struct nats_source *s);

#endif
