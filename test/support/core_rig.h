/* A core_hub between a fake NATS and clients in memory: each client's socket
 * takes as many bytes as its `room`. */
#ifndef TEST_CORE_RIG_H
#define TEST_CORE_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "delivery/core_hub.h"
#include "fake_publisher.h"

enum { CORE_CLIENTS = 64, CORE_PING_MS = 15000, CORE_OPEN_MS = 5000 };

struct core_client {
	struct core_subscription s;
	struct bytes out;
	size_t room; /* SIZE_MAX: any number of bytes */
	size_t writes;
	bool opened;
	bool done;
	bool failed;
	enum publish_failure failure;
	bool wants_writable;
	bool is_broken; /* the next write fails */
};

struct core_rig {
	struct fake_publisher fake;
	struct metrics metrics;
	struct core_hub *hub;
	struct core_client clients[CORE_CLIENTS];
	uint64_t now_ms;
};

/* With a session, unless cfg is changed before; NULL: the default. */
void core_rig_begin(struct core_rig *r, const struct core_hub_config *cfg);
/* Closes everything; frames that are left are a fault. */
void core_rig_end(struct core_rig *r);

/* Events, ticks and flushes, until nothing is left to do; checks the
 * invariants. */
void core_rig_run(struct core_rig *r);
/* The calls of the hub reach the server; then core_rig_run(). */
void core_rig_serve(struct core_rig *r);
void core_rig_advance(struct core_rig *r, uint64_t ms);

/* Returns the result of core_hub_open(). `open`: NULL for raw events; its
 * selection is replaced. */
int core_rig_open(struct core_rig *r, size_t client, const char *pattern,
		  const struct core_open *open);
/* The same, with a denied pattern. */
int core_rig_open_denied(struct core_rig *r, size_t client, const char *pattern,
			 const char *denied);
void core_rig_close(struct core_rig *r, size_t client);
/* The socket takes `room` more bytes. */
void core_rig_drain(struct core_rig *r, size_t client, size_t room);

/* Id of the newest subscription of this subject that the server has, or that
 * is on its way; 0: none. */
uint64_t core_rig_id(const struct core_rig *r, const char *subject);
/* How many subscriptions of this subject the server has now. */
size_t core_rig_at_server(const struct core_rig *r, const char *subject);
/* A message to each of them; events are taken later. */
void core_rig_publish(struct core_rig *r, const char *subscribed,
		      const char *subject, const char *data);

/* What the client got since the last call, behind its head and its opening. */
const char *core_rig_take(struct core_rig *r, size_t client);

#endif
