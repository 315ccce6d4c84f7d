/* Why an event stream ends: one table for the enum, and for the label in
 * metrics and the log. */
#ifndef SLUICE_CLOSE_REASON_H
#define SLUICE_CLOSE_REASON_H

#define ENDINGS(X)                                                      \
	X(CLIENT_LEFT, "client_left") /* it closed, or reset */         \
	X(WRITE_ERROR, "write_error") /* what was sent could not be */  \
	X(GONE_DARK, "gone_dark")     /* its machine is silent */       \
	X(STRAY_BYTES, "stray_bytes") /* it sent more than a request */ \
	X(DRAIN, "drain")	      /* this gateway goes */           \
	X(SHUTDOWN, "shutdown")	      /* at once */                     \
	X(ADMIN, "admin")	      /* DELETE /streams */             \
	X(MAX_AGE, "max_age")	      /* it was open for long enough */ \
	X(LIMIT, "limit")	      /* the client wanted no more */   \
	X(TIMEOUT, "timeout")	      /* it wanted no longer */         \
	X(EXPIRED, "expired")	      /* its token is too old */

enum ending {
#define X(name, label) ENDING_##name,
	ENDINGS(X)
#undef X
		ENDING_COUNT
};

/* "client_left" */
const char *ending_label(enum ending why);

#endif
