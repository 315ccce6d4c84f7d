/* struct conn and struct conn_set, and what conn.c does for the files that
 * serve connections. Calls go one way:
 *
 *	conn_set, conn_accept, dispatch (the gateway calls them)
 *	conn_read        calls conn_config.handler for each request
 *	..._handler      what a request asks for
 *	caller           the client of a request
 *	conn_work        requests that are answered later
 *	live_sink        what the core_hub writes, and reports
 *	conn_respond     responses, the end of a subscription
 *	conn_sink        what the hub writes
 *	conn             states, polled events, close
 *	conn_live, conn_write, access_log, subscription_limits, dead_peer   know
 *no state
 */
#ifndef SLUICE_CONN_INTERNAL_H
#define SLUICE_CONN_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "base/address.h"
#include "base/buf.h"
#include "base/close_reason.h"
#include "base/list.h"
#include "base/registry.h"
#include "delivery/cursor.h"
#include "http/forwarded.h"
#include "http/http_date.h"
#include "loop/poller.h"
#include "server/access_log.h"
#include "server/conn_config.h"
#include "server/kv_bucket_cache.h"
#include "server/request_limits.h"
#include "server/subscription_limits.h"

enum {
	CONN_READ_BYTES = 64 * 1024,
	CONN_RESPONSE_MAX = 1024 * 1024, /* bytes */
	CONN_LINGER_MS = 5000,		 /* between two reads, as nginx does */
	/* Memory of all request heads that are not answered yet. */
	CONN_HEADS_BYTES = 32 * 1024 * 1024,
};

enum conn_state {
	CONN_NEW,
	CONN_REQUEST,
	CONN_WAITING, /* a whole request, for keys */
	CONN_IDLE,
	CONN_BODY,    /* conn_work.h: the body is read */
	CONN_PENDING, /* conn_work.h: nothing is read */
	CONN_RESPONSE,
	CONN_SUBSCRIPTION,
	CONN_LINGER,
	CONN_FAILED, /* the hub's write failed: closed by the next tick */
	CONN_CLOSING,
	CONN_STATES
};

/* The response headers of most subscriptions: by HTTP/1.1, by HTTP/1.0. Made
 * once for each Date. */
enum subscription_header {
	HEADER_CHUNKED,
	HEADER_UNTIL_CLOSE,
	SUBSCRIPTION_HEADERS
};

/* Bytes to send when the socket drains. */
struct conn_unsent {
	size_t at;
	size_t end;
	size_t cap;
	uint8_t bytes[];
};

struct conn {
	struct cursor cursor;
	struct conn_set *set;
	struct list link; /* its state's list */
	/* SUBSCRIPTION: of conn_set.peer_checks; of the admin listeners:
	 * conn_set.admins */
	struct list peer_check;
	struct subscription_deadline deadline; /* SUBSCRIPTION */
	uint64_t due_ms;    /* time-out; SUBSCRIPTION: the next peer check */
	uint64_t opened_ms; /* SUBSCRIPTION, LINGER: time of its begin */
	uint64_t number;    /* SUBSCRIPTION: in conn_set.subscriptions */
	union {
		/* REQUEST: while it is awaited */
		struct proxy_protocol *proxy_header;
		struct conn_work *work; /* BODY, PENDING */
		/* is_live: in place of the cursor */
		struct conn_live *live;
	};
	struct request_parser *parser; /* REQUEST, WAITING, IDLE */
	struct conn_unsent *unsent;
	/* WAITING, PENDING, RESPONSE: requests read meanwhile */
	struct conn_unsent *pipelined;
	int fd;
	uint32_t discarded;	/* bytes, while lingering */
	struct address address; /* the peer's; while a request is served, and of
				   a SUBSCRIPTION, the client's */
	uint8_t state;
	uint8_t polled;	      /* enum poller_events */
	uint8_t close_reason; /* SUBSCRIPTION: enum close_reason, if it ends
				 now */
	bool admin : 1;
	bool keep_alive : 1; /* RESPONSE: then IDLE, else LINGER */
	bool waited : 1;     /* WAITING: CONN_WAIT_MS are over */
	bool is_live : 1;    /* SUBSCRIPTION, FAILED: has `live` */
};

struct conn_set {
	struct conn_config cfg;
	struct access_log access_log;
	struct list in[CONN_STATES]; /* in due order, where there is one */
	struct subscription_limits limits;
	struct request_limits requests;
	struct kv_bucket_cache buckets;
	/* WAITING: the next to be served again, up to the end of the list;
	 * NULL: none. */
	struct list *serve_next;
	struct list peer_checks; /* of subscriptions, in due order */
	struct list admins; /* the one whose state changed longest ago is first
			     */
	size_t n_in[CONN_STATES];
	size_t n_open;	   /* all that are not CLOSING */
	size_t n_admin;	   /* of them */
	size_t head_bytes; /* memory of all request heads */
	size_t body_bytes; /* memory of all works */
	bool draining;
	bool closing;
	struct registry subscriptions;
	struct forwarded_proxies proxies; /* trusted peers */
	struct poller *poller;
	/* After a response of a work: serves what was read meanwhile. */
	void (*serve_pipelined)(struct conn *c);
	struct request_parser *spare_parser; /* or NULL */
	/* Frees closed connections in the next iteration of the loop: until
	 * then a caller may look at their state. Of poller and reaper, the last
	 * one that is closed frees the set. */
	uv_idle_t reaper;
	int open_parts;		  /* poller and reaper */
	char date[HTTP_DATE_MAX]; /* of date_s */
	uint64_t date_s;
	uint64_t headers_s; /* date of the headers */
	struct buf headers[SUBSCRIPTION_HEADERS];
	uint8_t input[CONN_READ_BYTES];
};

/* ---- conn.c -------------------------------------------------------------- */

/* Any function that may move or close a connection may have closed it
 * (CONN_CLOSING) by the time it returns. */
void conn_move(struct conn *c, enum conn_state to);
/* Closes at once; twice is a no-op. The memory lives until the next iteration
 * of the loop. */
void conn_close(struct conn *c);
/* A subscription that cannot be closed here, since the hub has it in hand: the
 * next tick closes it. */
void conn_fail(struct conn *c);
/* Closes the cursor, and logs the end of the subscription; nothing happens to a
 * connection without one. */
void conn_close_subscription(struct conn *c);
/* enum poller_events: those that the state and the unsent bytes want. None to
 * read while a response is pending: otherwise a client could make us buffer
 * without bound. */
unsigned conn_wanted_events(const struct conn *c);
/* Polls for them; in PENDING also for bytes, until some come. */
void conn_arm(struct conn *c);
/* Polls for nothing else. */
void conn_arm_exactly(struct conn *c);
/* Counts and logs a broken contract; the caller closes the connection. `what`
 * is static text. */
void conn_fault(struct conn *c, const char *what);
uint64_t conn_now_ms(const struct conn_set *s);
/* The clocks as of now. conn_now_ms() is the time at which the iteration of the
 * loop began: after a long one, a token's subscription would end too soon. */
struct clocks conn_clocks(const struct conn_set *s);
/* True in the states of a work (conn_work.h). */
static inline bool conn_has_work(const struct conn *c)
{
	return c->state == CONN_BODY || c->state == CONN_PENDING;
}
/* The work is over, and gone. */
void conn_end_work(struct conn *c);
/* The first connection of a state's list, or NULL. */
struct conn *conn_first_in(const struct conn_set *s, enum conn_state state);
/* Frees those that are CLOSING. */
void conn_free_closed(struct conn_set *s);

/* Takes a parser where there is none. -ENOMEM or 0. */
int conn_acquire_parser(struct conn *c);

#endif
