/* Why a request is refused: one table for the enum, the label in metrics and
 * the log, and nothing else. The text for the client is made where the wrong
 * value is known. */
#ifndef SLUICE_REFUSAL_H
#define SLUICE_REFUSAL_H

#define REFUSALS(X)                                                            \
	X(NONE, "none")                                                        \
	X(MALFORMED, "malformed")	   /* 400, 505: not HTTP as we want it */\
	X(BAD_DELIVER, "bad_deliver")	   /* 400 */                           \
	X(BAD_IDENTITY, "bad_identity")	   /* 400, 403 */                      \
	X(BAD_CURSOR, "bad_cursor")	   /* 400 */                           \
	X(BAD_QUERY, "bad_query")	   /* 400 */                           \
	X(UNAUTHORIZED, "unauthorized")	   /* 401 */                           \
	X(NOT_FOUND, "not_found")	   /* 404 */                           \
	X(BAD_METHOD, "bad_method")	   /* 405 */                           \
	X(NOT_ACCEPTABLE, "not_acceptable") /* 406 */                          \
	X(HEAD_TIMEOUT, "head_timeout")	   /* 408 */                           \
	X(HAS_BODY, "has_body")		   /* 413 */                           \
	X(TOO_LARGE, "too_large")	   /* 414, 431 */                      \
	X(FULL, "full")			   /* 503 */                           \
	X(DRAINING, "draining")		   /* 503 */

enum refusal_reason {
#define X(name, label) REFUSAL_##name,
	REFUSALS(X)
#undef X
	REFUSAL_COUNT
};

/* One line for the client without its '\n'. What it quotes of the request is
 * printable ASCII, the rest as \xNN. */
struct refusal {
	int status;
	enum refusal_reason reason;
	const char *allow; /* 405: the Allow header; else NULL */
	char text[256];
};

#endif
