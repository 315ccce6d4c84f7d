/* JetStream on a real server: the implementation of nats/jetstream.h.
 *
 * One worker thread makes the calls of nats.c; nats.c's own threads deliver.
 * The loop's thread never calls nats.c: two bounded mailboxes join the sides,
 * one uv_async is the bell. One natsConnection is one session: when it closes,
 * for whatever reason, the worker destroys it and connects a new one, for ever,
 * with back-off and jitter, over the servers given and those discovered. */
#ifndef SLUICE_NATS_SOURCE_H
#define SLUICE_NATS_SOURCE_H

#include "nats/jetstream.h"
#include "upstream/nats_options.h"
#include "upstream/nats_status.h"

struct uv_loop_s;
struct nats_source;

/* All on the loop's thread. */
struct nats_source_cbs {
	void (*on_event)(void *arg, const struct jetstream_event *ev);
	/* The events of this turn are in (also called between slices of a long
	 * chain): flush. */
	void (*on_turn)(void *arg);
	void (*on_status)(void *arg, const struct nats_status *status);
	void (*on_closed)(void *arg); /* threads joined, memory may be freed */
	void *arg;
};

enum { NATS_SOURCE_ERROR_MAX = 512 };

/* Checks the settings (files are there and readable, schemes, what this
 * version of nats.c can't honour: -EINVAL with `err`), starts the worker. The
 * loop is borrowed and must outlive the source. On failure nothing is left but
 * a handle that closes in the loop's next turn. */
int nats_source_new(struct nats_source **ret, struct uv_loop_s *loop,
		    const struct nats_settings *settings,
		    const struct nats_source_cbs *cbs, char *err);
struct jetstream *nats_source_source(struct nats_source *s);
/* Connects that hang, each with a thread. */
unsigned nats_source_hung(const struct nats_source *s);
/* Asynchronous: ends in on_closed, after which nothing of it is left. No
 * callback but on_closed comes after this call. What was asked for before it
 * (consumers to be deleted) is still sent. It takes seconds at the most,
 * whatever the server does. */
void nats_source_close(struct nats_source *s);

#endif
