/* Connections: a client's socket from the accept to the close. A conn_set is
 * all of one gateway's; each of them is a state, and the list of that state:
 *
 *	HEAD     a request's head is being read: bytes, or --header-timeout
 *	IDLE     kept alive, nothing read yet: bytes, or --idle-timeout
 *	REPLY    a short answer that the socket did not take whole: the socket
 *		 drains, or a time-out
 *	STREAM   an event stream: its cursor's wake-ups, the socket drains, the
 *		 client's end, or nothing more from its machine
 *	LINGER   all is written and the sending half shut: the client's end, or
 *		 a time-out; what it still sends is discarded (a close with
 *		 unread bytes is a reset, which could overtake the response)
 *
 * One read buffer serves all; a parser exists only while a head is read; bytes
 * wait in memory only for a socket that is full. No timer of its own. */
#ifndef SLUICE_CONN_H
#define SLUICE_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/bearer_token.h"
#include "base/address.h"
#include "base/log.h"
#include "base/metrics.h"
#include "delivery/hub.h"
#include "http/cors.h"
#include "http/live_page.h"

struct uv_loop_s;
struct conn;
struct conn_set;
struct request;

/* How --auth jwt takes tokens; the keys may be others from one turn of the loop
 * to the next. */
struct conn_tokens {
	const struct jwks *keys;
	struct jwt_rules rules;
	struct token_sources places;
};

struct conn_config {
	struct uv_loop_s *loop;
	/* Responds to a request, or opens a subscription: dispatch_request() */
	void (*handler)(struct conn *c, const struct request *h);
	uint64_t (*wall_ms)(void); /* since 1970 */
	struct hub *hub;	   /* made with conn_sink() */
	struct metrics *metrics;
	const struct log *log;	  /* may be NULL */
	const struct log *access; /* streams' lines; NULL: none */
	const char *id_header;
	const char *id_query;		  /* NULL: none */
	const struct conn_tokens *tokens; /* NULL: the two above say who asks */
	struct cors cors;		  /* of public requests */
	const struct live_page *ui;	  /* the live page; NULL: none */
	/* Public connections begin with a preface of the PROXY protocol. */
	bool proxy_protocol;
	/* Whose word about addresses is believed. */
	const struct address_range *trusted;
	size_t n_trusted;
	char *const *admin_hosts; /* names of the admin listeners */
	size_t n_admin_hosts;
	bool admin_subscriptions; /* the list of streams is served there */
	uint64_t retry_ms;
	uint64_t header_timeout_ms;
	uint64_t idle_timeout_ms;
	uint64_t ping_ms; /* of the hub's; 0: none, and no peer is missed */
	size_t max_header_bytes;
	size_t max_connections; /* streams; some more for short answers */
	size_t max_per_id;	/* streams; 0: any number */
	size_t max_per_address; /* streams; 0: any number */
	uint64_t max_age_ms;	/* of a stream; 0: any */
	/* Somebody asks for the metrics: gauges of others are due. NULL: none.
	 */
	void (*on_metrics)(void *arg);
	/* The last connection is closed, after conn_set_close(). */
	void (*on_closed)(void *arg);
	void *arg;
};

/* How the hub writes to connections. */
const struct hub_sink *conn_sink(void);

/* Everything in `cfg` is borrowed and must outlive the set. 0, -ENOMEM, or
 * another negative errno when there is no descriptor. */
int conn_set_new(struct conn_set **ret, const struct conn_config *cfg);
/* A new client's socket (non-blocking); it is the set's now, whatever happens.
 * `from`: its peer's address. `admin`: serves /metrics, is not counted, has no
 * streams. */
void conn_set_accept(struct conn_set *s, int fd, const struct address *from,
		     bool admin);

/* Time-outs; hub's are not among them. */
void conn_set_tick(struct conn_set *s, uint64_t now_ms);
/* When conn_set_tick() next has work (absolute ms of uv_now(); UINT64_MAX:
 * none). */
uint64_t conn_set_next_ms(const struct conn_set *s);

/* From now on /readyz is 503, streams are refused, and connections are not kept
 * alive. */
void conn_set_drain(struct conn_set *s);
/* Ends up to n streams, the oldest first, each with a reconnection time around
 * retry_ms and its last chunk. Returns how many there were to end. */
size_t conn_set_end_subscriptions(struct conn_set *s, size_t n);
size_t conn_set_subscriptions(const struct conn_set *s);
/* All connections, in whatever state. */
size_t conn_set_count(const struct conn_set *s);
/* NULL, or the invariant that does not hold (static text). For tests. */
const char *conn_set_check(const struct conn_set *s);
/* Closes all of them as they are; on_closed comes from the loop, and the set is
 * freed after it. Twice is a no-op. */
void conn_set_close(struct conn_set *s);

#endif
