/* A connection in state SUBSCRIPTION with a live subscription to a subject of
 * core NATS, in place of a cursor. Allocated by live_handler, owned by the
 * connection (conn.is_live). Knows no state of connections. */
#ifndef SLUICE_CONN_LIVE_H
#define SLUICE_CONN_LIVE_H

#include <stdbool.h>

#include "base/buf.h"
#include "delivery/core_hub.h"
#include "http/response.h"

struct conn;
struct request_limits;

struct conn_live {
	struct core_subscription core;
	struct conn *conn;
	struct response_to to; /* `lines` is in this block; no date */
	bool is_event_source;  /* a browser's: see conn_reject_for_now() */
	bool has_head;	       /* of the response: sent, and logged */
	char lines[];
};

/* A copy of `to`. NULL: no memory. */
struct conn_live *conn_live_new(struct conn *c, const struct response_to *to);
void conn_live_free(struct conn_live *l);
/* Takes it out of the connection: logs the end, closes the subscription; *rest
 * (may be NULL): as of core_hub_close(); core.is_cut: there was no memory for
 * it. For conn_live_free(). */
struct conn_live *conn_live_take(struct conn *c, struct buf *rest);
/* Waits for room in its socket. */
bool conn_live_is_blocked(const struct conn *c);

#endif
