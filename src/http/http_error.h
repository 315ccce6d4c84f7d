/* Why a request is refused: one table for the enum and the label in metrics and
 * the log. The text for the client is made where the wrong value is known. */
#ifndef SLUICE_HTTP_ERROR_H
#define SLUICE_HTTP_ERROR_H

#include <stddef.h>

#define REFUSALS(X)                                                            \
	X(NONE, "none")                                                        \
	X(MALFORMED, "malformed")	/* 400, 505: not HTTP as we want it */ \
	X(BAD_PREFACE, "bad_preface")	/* none: the connection ends */        \
	X(BAD_DELIVER, "bad_deliver")	/* 400 */                              \
	X(BAD_IDENTITY, "bad_identity") /* 400 */                              \
	X(BAD_CURSOR, "bad_cursor")	/* 400 */                              \
	X(BAD_QUERY, "bad_query")	/* 400 */                              \
	X(NO_TOKEN, "no_token")		/* 401 */                              \
	X(BAD_TOKEN, "bad_token")	/* 401, 400: two */                    \
	X(BAD_SIGNATURE, "bad_signature")   /* 401: or no key */               \
	X(TOKEN_EXPIRED, "token_expired")   /* 401 */                          \
	X(TOKEN_EARLY, "token_early")	    /* 401 */                          \
	X(TOKEN_AUDIENCE, "token_audience") /* 401 */                          \
	X(TOKEN_ISSUER, "token_issuer")	    /* 401 */                          \
	X(BAD_CLAIM, "bad_claim")	    /* 403 */                          \
	X(NOT_FOUND, "not_found")	    /* 404 */                          \
	X(BAD_METHOD, "bad_method")	    /* 405 */                          \
	X(NOT_ACCEPTABLE, "not_acceptable") /* 406 */                          \
	X(HEAD_TIMEOUT, "head_timeout")	    /* 408 */                          \
	X(HAS_BODY, "has_body")		    /* 413 */                          \
	X(TOO_LARGE, "too_large")	    /* 414, 431 */                     \
	X(FULL, "full")			    /* 503 */                          \
	X(ID_FULL, "id_full")		    /* 429 */                          \
	X(ADDRESS_FULL, "address_full")	    /* 429 */                          \
	X(BAD_HOST, "bad_host")		    /* 421 */                          \
	X(DRAINING, "draining")		    /* 503 */

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

/* Room for what a text quotes of a request, with its NUL. */
enum { REFUSAL_QUOTE_MAX = 64 };

/* Fills in all of `r`, with no Allow. A text that is too long is cut. Returns
 * -EINVAL always, for the caller to return in turn. */
int refusal_set(struct refusal *r, int status, enum refusal_reason reason,
		const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* "bad_cursor" */
const char *refusal_label(enum refusal_reason reason);

/* What a client sent, for a text: printable ASCII as it is, the rest \xNN. What
 * does not fit `size` bytes ends with "..."; NUL-terminated. Returns `out`. */
const char *refusal_quote(char *out, size_t size, const char *bytes,
			  size_t len);
/* The same of what might be a secret, or hold one: a target, a header's value.
 * "(hidden)" unless it is harmless: without userinfo, parameters, percent signs
 * and words as long as a token's. */
const char *refusal_quote_harmless(char *out, size_t size, const char *bytes,
				   size_t len);

#endif
