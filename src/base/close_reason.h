/* Why a subscription ends: one table for the enum and for the label in metrics
 * and the log. */
#ifndef SLUICE_CLOSE_REASON_H
#define SLUICE_CLOSE_REASON_H

#define CLOSE_REASONS(X)                                                      \
	X(CLIENT_CLOSED, "client_closed") /* closed or reset by the client */ \
	X(WRITE_ERROR, "write_error")	  /* a write failed */                \
	X(PEER_TIMEOUT, "peer_timeout")	  /* no sign of life from the peer */ \
	X(UNEXPECTED_DATA, "unexpected_data") /* bytes after the request */   \
	X(DRAIN, "drain")		      /* graceful shutdown */         \
	X(SHUTDOWN, "shutdown")		      /* immediate shutdown */        \
	X(ADMIN, "admin")		      /* DELETE /subscriptions */     \
	X(MAX_AGE, "max_age")		      /* --max-subscription-age */    \
	X(LIMIT, "limit")		      /* ?limit= reached */           \
	X(TIMEOUT, "timeout")		      /* ?timeout= reached */         \
	X(TOKEN_EXPIRED, "token_expired")     /* exp of the token */          \
	X(NATS_DENIED, "nats_denied")	      /* the gateway's NATS user */   \
	X(TOO_SLOW, "too_slow")		      /* memory of live messages */

enum close_reason {
#define X(name, label) CLOSE_##name,
	CLOSE_REASONS(X)
#undef X
		CLOSE_REASON_COUNT
};

/* "client_closed" */
const char *close_reason_label(enum close_reason why);

#endif
