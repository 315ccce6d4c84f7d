/* Why an event stream ends: one table for the enum, and for the label in
 * metrics and the log. */
#ifndef SLUICE_CLOSE_REASON_H
#define SLUICE_CLOSE_REASON_H

#define CLOSE_REASONS(X)                                                    \
	X(CLIENT_CLOSED, "client_closed") /* it closed, or reset */         \
	X(WRITE_ERROR, "write_error")	  /* what was sent could not be */  \
	X(PEER_TIMEOUT, "peer_timeout")	  /* its machine is silent */       \
	X(UNEXPECTED_DATA,                                                  \
	  "unexpected_data")		  /* it sent more than a request */ \
	X(DRAIN, "drain")		  /* this gateway goes */           \
	X(SHUTDOWN, "shutdown")		  /* at once */                     \
	X(ADMIN, "admin")		  /* DELETE /subscriptions */       \
	X(MAX_AGE, "max_age")		  /* it was open for long enough */ \
	X(LIMIT, "limit")		  /* the client wanted no more */   \
	X(TIMEOUT, "timeout")		  /* it wanted no longer */         \
	X(TOKEN_EXPIRED, "token_expired") /* its token is too old */

enum close_reason {
#define X(name, label) CLOSE_##name,
	CLOSE_REASONS(X)
#undef X
		CLOSE_REASON_COUNT
};

/* "client_closed" */
const char *close_reason_label(enum close_reason why);

#endif
