/* Log lines and counters about connections: one line when a subscription opens
 * and one when it closes; rejected requests and dropped connections, of which
 * at most ten a second are logged one by one and the others by their number. */
#ifndef SLUICE_ACCESS_LOG_H
#define SLUICE_ACCESS_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/close_reason.h"
#include "base/log.h"
#include "base/metrics.h"
#include "delivery/core_hub.h"
#include "delivery/hub.h"
#include "http/http_error.h"

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

/* Lines of the present second. */
struct access_log_window {
	uint64_t since_ms;
	unsigned logged;
	bool any_left_out;
	uint64_t left_out[REJECT_COUNT];
	uint64_t drops_left_out[DROP_REASONS];
};

struct access_log {
	const struct log *log;	  /* rejections and drops; may be NULL */
	const struct log *access; /* subscriptions; NULL: none */
	struct metrics *metrics;
	struct access_log_window window;
};

/* An open subscription, for its two lines. */
struct access_log_subscription {
	const struct hub *hub;
	const struct cursor *cursor; /* NULL: `core` */
	const struct core_subscription *core;
	const struct address *address; /* the client's */
	uint64_t number;
};

void access_log_opened(const struct access_log *l,
		       const struct access_log_subscription *s);
/* Before the cursor is closed. */
void access_log_closed(const struct access_log *l,
		       const struct access_log_subscription *s,
		       enum close_reason why, uint64_t age_ms);
/* `why->status` 0: the connection is closed without a response. */
void access_log_rejected(struct access_log *l, const struct address *from,
			 const struct http_error *why, uint64_t now_ms);
void access_log_dropped(struct access_log *l, const struct address *from,
			enum conn_drop_reason why, uint64_t now_ms);
/* A broken contract of one connection, which the caller closes. `what` is
 * static text. */
void access_log_fault(struct access_log *l, const struct address *from,
		      const char *what, uint64_t now_ms);
/* At access_log_next_ms(): logs how many lines were left out. */
void access_log_tick(struct access_log *l, uint64_t now_ms);
uint64_t access_log_next_ms(const struct access_log *l);

#endif
