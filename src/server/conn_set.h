/* Connections: from the accept of a client's socket to its close. A conn_set
 * holds those of one gateway. Each connection is in one state, and in the list
 * of that state:
 *
 *	REQUEST       reading a request head: until it is whole, or
 *		      --header-timeout
 *	WAITING       a whole request, until there are newer keys for its
 *		      token, or CONN_WAIT_MS
 *	BODY          reading the body of a request: until it is whole, or
 *		      --body-timeout
 *	PENDING       a whole request, until NATS has answered
 *	IDLE          kept alive, nothing read yet: until bytes come, or
 *		      --idle-timeout
 *	RESPONSE      sending the rest of a short response: until the socket
 *		      drains, or a time-out
 *	SUBSCRIPTION  events: until its deadline, the client closes, its peer is
 *		      dead, or the gateway drains
 *	LINGER        all is sent and the sending half is shut down: until the
 *		      client closes, or a time-out; what it still sends is
 *		      discarded (a close with unread bytes is a reset, which
 *		      could overtake the response)
 *
 * One read buffer serves all; a parser exists only while a head is read; bytes
 * are kept only for a socket that is full; no connection has a timer of its
 *own. */
#ifndef SLUICE_CONN_SET_H
#define SLUICE_CONN_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "server/conn_config.h"

struct conn_set;

/* Everything in `cfg` is borrowed and must outlive the set. 0, -ENOMEM, or
 * another negative errno when there is no descriptor. */
int conn_set_new(struct conn_set **ret, const struct conn_config *cfg);
/* Takes a new client's socket (non-blocking), whatever happens. `from`: the
 * peer's address. `admin`: accepted by the admin listener. */
void conn_set_accept(struct conn_set *s, int fd, const struct address *from,
		     bool admin);

/* Time-outs, peer checks, deadlines of subscriptions. */
void conn_set_tick(struct conn_set *s, uint64_t now_ms);
/* When conn_set_tick() next has work (absolute ms of uv_now(); UINT64_MAX:
 * none). */
uint64_t conn_set_next_ms(const struct conn_set *s);

/* Serves WAITING requests again, some in each tick: conn_tokens.keys has
 * changed, or a fetch has failed. */
void conn_set_keys_changed(struct conn_set *s);
/* False with a reason (static text): what /readyz reports. */
bool conn_set_is_ready(const struct conn_set *s, const char **why);

/* From now on /readyz is 503, subscriptions are rejected, and connections are
 * not kept alive. */
void conn_set_drain(struct conn_set *s);
/* Ends up to n subscriptions, the oldest first, each with a reconnection time
 * around retry_ms and its last chunk. Returns how many it ended. */
size_t conn_set_end_subscriptions(struct conn_set *s, size_t n);
size_t conn_set_subscriptions(const struct conn_set *s);
/* Requests that read a body or wait for NATS. */
size_t conn_set_requests(const struct conn_set *s);
/* All connections, in whatever state. */
size_t conn_set_count(const struct conn_set *s);
/* NULL, or the invariant that does not hold (static text). For tests. */
const char *conn_set_check(const struct conn_set *s);
/* Closes all of them as they are; on_closed comes from the loop, and the set is
 * freed after it. Twice is a no-op. */
void conn_set_close(struct conn_set *s);

#endif
