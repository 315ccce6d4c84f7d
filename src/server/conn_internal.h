/* What the files of a connection share: conn.c (states, reading, time),
 * conn_peer.c (one that comes, and whose it is), conn_limits.c (how many
 * streams, and how old), conn_token.c (whose by a token), conn_write.c (the
 * socket, and what the hub writes), conn_serve.c (answers) and conn_cors.c
 * (what they have for pages of other origins). Nobody else includes it. */
#ifndef SLUICE_CONN_INTERNAL_H
#define SLUICE_CONN_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "auth/identity.h"
#include "base/address.h"
#include "base/address_counter.h"
#include "base/buf.h"
#include "base/close_reason.h"
#include "base/list.h"
#include "base/registry.h"
#include "base/timer_heap.h"
#include "delivery/cursor.h"
#include "http/forwarded.h"
#include "http/http_date.h"
#include "http/proxy_protocol.h"
#include "http/request_parser.h"
#include "http/response.h"
#include "http/route.h"
#include "loop/poller.h"
#include "server/conn.h"

enum {
	CONN_READ_BYTES = 64 * 1024,
	CONN_ANSWER_MAX = 1024 * 1024,
};

enum conn_state {
	CONN_NEW,
	CONN_REQUEST,
	CONN_IDLE,
	CONN_RESPONSE,
	CONN_SUBSCRIPTION,
	CONN_LINGER,
	CONN_FAILED, /* the hub's write failed: closed in the next tick */
	CONN_CLOSING,
	CONN_STATES
};

/* The two heads that most streams have: by HTTP/1.1, by HTTP/1.0. Made anew
 * when the Date is another. */
enum subscription_head { HEAD_CHUNKED, HEAD_OLD, SUBSCRIPTION_HEADS };

/* Bytes that wait until a full socket drains. */
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
	/* STREAM: of conn_set.looks; of the admin listeners: conn_set.admins */
	struct list peer_check;
	struct timer_node end; /* STREAM: when it ends by itself */
	uint64_t due_ms;       /* its time-out; STREAM: its look */
	uint64_t opened_ms;    /* STREAM, LINGER: since when */
	uint64_t token_ms;     /* STREAM: its token's end since 1970; 0: none */
	uint64_t number;       /* STREAM: in the roll */
	struct proxy_protocol *proxy_header; /* HEAD: while it is awaited */
	struct request_parser *parser;	     /* HEAD, IDLE */
	struct conn_unsent *unsent;	     /* to send */
	struct conn_unsent *pipelined; /* REPLY: requests that came meanwhile */
	int fd;
	uint32_t discarded;	/* bytes, while lingering */
	struct address address; /* the peer's; while a request is served, and of
				   a STREAM, the client's */
	uint8_t state;
	uint8_t polled;	      /* enum poller_events that are asked for */
	uint8_t close_reason; /* STREAM: enum close_reason, should it end now */
	uint8_t deadline_reason; /* STREAM: the same, at `end` */
	bool admin : 1;
	bool head_due : 1; /* conn_set.head goes before the first bytes */
	bool warned : 1;   /* STREAM: that its token ends */
	bool address_counted : 1; /* STREAM: in conn_set.parties */
	bool keep_alive : 1;	  /* REPLY: then IDLE, else LINGER */
};

/* Why a connection was closed without a response. X(enum, label): the metrics
 * are METRIC_DROPPED_... */
#define CONN_DROPS(X)                                                 \
	X(PUBLIC_FULL, "public_full") /* to make room, or no room */  \
	X(ADMIN_FULL, "admin_full")   /* to make room */              \
	X(HEADS_FULL, "heads_full")   /* unfinished heads: memory */  \
	X(NO_MEMORY, "no_memory")     /* at the accept */             \
	X(NO_WATCH, "no_watch")	      /* epoll_ctl() at the accept */ \
	X(FAULT, "internal_error")    /* a broken contract, epoll_ctl() */

enum conn_drop_reason {
#define X(name, label) DROP_##name,
	CONN_DROPS(X)
#undef X
		DROP_REASONS
};

/* Of the present second. */
struct conn_rejections {
	uint64_t since_ms;
	unsigned told;
	bool any_left_out;
	uint64_t left_out[REJECT_COUNT];
	uint64_t drops_left_out[DROP_REASONS];
};

struct conn_set {
	struct conn_config cfg;
	struct list in[CONN_STATES]; /* in due order, where there is one */
	struct timer_heap ends;	     /* of streams: struct conn.end */
	int64_t wall_ahead_ms;	     /* of uv_now(), when it last moved */
	uint64_t clocks_due_ms;	     /* for a look at that */
	struct address_counter *by_address; /* streams by address, or NULL */
	struct list peer_checks; /* streams whose peer may be missed, in due
				    order */
	struct list admins; /* that whose state changed longest ago is first */
	size_t n_in[CONN_STATES];
	size_t n_open;	   /* all that are not CLOSING */
	size_t n_admin;	   /* of them */
	size_t head_bytes; /* memory of all unfinished request heads */
	bool draining;
	bool closing;
	struct registry roll; /* of all streams */
	struct conn_rejections refusals;
	struct forwarded_proxies proxies; /* trusted peers */
	struct poller *poller;
	struct request_parser *spare; /* as new, or NULL */
	/* Rings in the turn after something was closed: until then somebody may
	 * look at its state. The last of the two that is closed ends the set.
	 */
	uv_idle_t bell;
	int n_parts;		  /* poller and bell */
	char date[HTTP_DATE_MAX]; /* of date_s */
	uint64_t date_s;
	uint64_t heads_s; /* whose date the heads have */
	struct buf heads[SUBSCRIPTION_HEADS];
	const struct buf *head; /* of the stream that is being opened */
	uint8_t input[CONN_READ_BYTES];
};

/* conn.c: any function that may move or drop a connection may have closed it
 * (CONN_CLOSING) by the time it returns. */
void conn_move(struct conn *c, enum conn_state to);
/* Closes at once. */
void conn_close_now(struct conn *c);
/* Asks the loop for the events that its state and its rest want. */
void conn_arm(struct conn *c);
uint64_t conn_now_ms(const struct conn_set *s);
/* With a reconnection time and its last chunk. */
void conn_end_subscription(struct conn *c, enum close_reason why);

/* conn_peer.c */

/* Bytes of a preface, where one is awaited. */
void conn_take_proxy_header(struct conn *c, const uint8_t **bytes, size_t *len);
/* Over all limits? Then closes the oldest unfinished heads. */
void conn_bound_heads(struct conn_set *s);
/* Whose a request is. */
struct address conn_identify_client(struct conn *c, const struct request *h);
/* "192.0.2.1", "2001:db8::1" or "unix"; `out` has ADDRESS_TEXT_MAX bytes. */
void conn_address(const struct conn *c, char *out);

/* conn_limits.c */

/* -ENOMEM or 0. */
int conn_limits_init(struct conn_set *s);
void conn_limits_finish(struct conn_set *s);
/* REJECT_NONE, or why there is no stream more for this identity or address. */
enum reject_reason conn_over_limit(const struct conn *c,
				   const struct identity *id);
/* Before it is a STREAM that ends by itself. -ENOMEM or 0. */
int conn_reserve_end(struct conn_set *s);
/* A STREAM ends at `ms` for this reason, unless another one ends it sooner. One
 * that ends with its token is told so before. */
void conn_end_by(struct conn *c, uint64_t ms, enum close_reason why);
/* A STREAM ends with its token, at `end_ms` since 1970. */
void conn_end_with_token(struct conn *c, uint64_t end_ms);
/* The wall clock ends a token's stream as well: where it has moved against the
 * monotonic one (a suspended machine, a clock that is set), the ends are moved
 * forward. Never back: the sooner of the two clocks counts. */
void conn_compare_clocks(struct conn_set *s, uint64_t now_ms);
uint64_t conn_next_clocks_ms(const struct conn_set *s);
/* It is a STREAM now; it is none any more. */
void conn_subscription_begins(struct conn *c);
void conn_subscription_ends(struct conn *c);
/* Those that are due, some hundreds a turn. */
void conn_end_due(struct conn_set *s, uint64_t now_ms);
uint64_t conn_next_end_ms(const struct conn_set *s);

/* conn_token.c */

/* identity_take(), by the request's token; *end_ms is when a stream of it ends
 * (since 1970), UINT64_MAX: never. */
int conn_take_token(const struct conn *c, const struct request *h,
		    const struct route *r, struct identity *ret,
		    uint64_t *end_ms, struct http_error *why);

/* conn_write.c */

/* Puts bytes behind those that wait already. -ENOMEM. */
int conn_keep(struct conn_unsent **to, const void *bytes, size_t len);
/* Sends, and keeps what does not go out. Negative: the connection is lost. */
int conn_send(struct conn *c, const void *bytes, size_t len);
/* Negative: lost. Else c->rest is NULL when all is out. */
int conn_send_unsent(struct conn *c);
/* A stream's write failed while the hub has it in hand: to be dropped later. */
void conn_fail(struct conn *c);

/* conn_look.c */

/* Drops some hundreds of those that are due, if nobody is there. */
void conn_check_peers(struct conn_set *s, uint64_t now_ms);
uint64_t conn_next_peer_check_ms(const struct conn_set *s);

/* conn_note.c */

/* Its cursor is open. */
void access_log_opened(struct conn *c);
/* Before its cursor is closed; of a connection without a stream there is
 * nothing to say. */
void access_log_closed(struct conn *c);
/* Counts it, too. `status` 0: nothing is answered. */
void access_log_rejected(struct conn *c, const struct http_error *why);
/* The same of a connection that is closed without a response. */
void conn_note_dropped(struct conn_set *s, const struct address *from,
		       enum conn_drop_reason why);
/* A broken contract of one connection, whose caller closes it. `what` is static
 * text. */
void conn_note_fault(const struct conn *c, const char *what);
uint64_t access_log_next_ms(const struct conn_set *s);
void access_log_tick(struct conn_set *s, uint64_t now_ms);

/* conn_admin.c */

/* A page of another site can make a browser ask under a name of its own that
 * leads here (DNS rebinding): only addresses, "localhost" and --admin-host are
 * answered. */
bool conn_admin_knows_host(const struct conn *c, const struct request *h);

void conn_admin_subscription(struct conn *c, const struct response_to *to,
			     uint64_t number);
void conn_admin_subscriptions(struct conn *c, const struct response_to *to,
			      const struct subscriptions_query *want);

/* conn_cors.c */

/* What the answer to a request has for pages of other origins: NULL, or lines
 * in `out` (CORS_LINES_MAX bytes). */
const char *conn_cors_lines(const struct conn *c, const struct request *h,
			    char *out);
/* The answer to OPTIONS, by which a browser asks before it asks. */
void conn_answer_options(struct conn *c, const struct response_to *to,
			 const struct request *h);

/* conn_serve.c */

/* Sends a whole answer, made with the result `rc`, and frees it. */
void conn_finish(struct conn *c, struct buf *out, int rc, bool keep_alive);
/* A whole short answer. */
void conn_answer(struct conn *c, const struct response_to *to, int status,
		 const char *type, const void *body, size_t len);

/* What a response has for its Date, as of now; NULL: the clock has none. Valid
 * until the next call. */
const char *conn_date(struct conn_set *s);
/* The parser has a whole head: answers it, or opens the stream. */
void conn_serve(struct conn *c);
void conn_reject(struct conn *c, const struct response_to *to,
		 const struct http_error *why);
/* An answer is out, or the rest of it waits: what is next. */
void conn_after_answer(struct conn *c);
/* Around the configured reconnection time, so that not all come back at once.
 */
uint64_t conn_jittered_retry_ms(const struct conn_set *s);

#endif
