/* Reasons of rejected requests: one table for the enum and for the label in
 * metrics and the log. The text for the client is written where the wrong value
 * is known (http/http_error.h). */
#ifndef SLUICE_REJECT_REASON_H
#define SLUICE_REJECT_REASON_H

#define REJECT_REASONS(X)                                                      \
	X(NONE, "none")                                                        \
	X(MALFORMED, "malformed") /* 400, 505 */                               \
	X(BAD_PROXY_HEADER,                                                    \
	  "bad_proxy_header")		  /* none: the connection is closed */ \
	X(BAD_DELIVER, "bad_deliver")	  /* 400 */                            \
	X(BAD_IDENTITY, "bad_identity")	  /* 400 */                            \
	X(BAD_CURSOR, "bad_cursor")	  /* 400 */                            \
	X(BAD_QUERY, "bad_query")	  /* 400 */                            \
	X(BAD_SUBJECT, "bad_subject")	  /* 400 */                            \
	X(BAD_HEADER, "bad_header")	  /* 400 */                            \
	X(BAD_BODY, "bad_body")		  /* 400 */                            \
	X(NO_TOKEN, "no_token")		  /* 401 */                            \
	X(BAD_TOKEN, "bad_token")	  /* 401; 400: two tokens */           \
	X(BAD_SIGNATURE, "bad_signature") /* 401; also without a key */        \
	X(TOKEN_EXPIRED, "token_expired") /* 401 */                            \
	X(TOKEN_NOT_YET_VALID, "token_not_yet_valid")		/* 401 */      \
	X(TOKEN_AUDIENCE, "token_audience")			/* 401 */      \
	X(TOKEN_ISSUER, "token_issuer")				/* 401 */      \
	X(BAD_IDENTITY_CLAIM, "bad_identity_claim")		/* 403 */      \
	X(BAD_RIGHTS, "bad_rights")				/* 403 */      \
	X(SUBJECT_NOT_ALLOWED, "subject_not_allowed")		/* 403 */      \
	X(CROSS_SITE, "cross_site")				/* 403 */      \
	X(NOT_FOUND, "not_found")				/* 404 */      \
	X(BAD_METHOD, "bad_method")				/* 405 */      \
	X(NOT_ACCEPTABLE, "not_acceptable")			/* 406 */      \
	X(HEAD_TIMEOUT, "head_timeout")				/* 408 */      \
	X(BODY_TIMEOUT, "body_timeout")				/* 408 */      \
	X(HAS_BODY, "has_body")					/* 413 */      \
	X(BODY_TOO_LARGE, "body_too_large")			/* 413 */      \
	X(TOO_LARGE, "too_large")				/* 414, 431 */ \
	X(MAX_CONNECTIONS, "max_connections")			/* 503 */      \
	X(MAX_SUBSCRIPTIONS_PER_ID, "max_subscriptions_per_id") /* 429 */      \
	X(MAX_SUBSCRIPTIONS_PER_ADDRESS,                                       \
	  "max_subscriptions_per_address")	      /* 429 */                \
	X(MAX_REQUESTS, "max_requests")		      /* 503 */                \
	X(MAX_REQUESTS_PER_ID, "max_requests_per_id") /* 429 */                \
	X(MAX_BODY_MEMORY, "max_body_memory")	      /* 503 */                \
	X(BAD_HOST, "bad_host")			      /* 421 */                \
	X(NO_KEYS, "no_keys")			      /* 503 */                \
	X(NOT_PUBLISHED, "not_published")	      /* 4xx, 5xx */           \
	X(NOT_SUBSCRIBED, "not_subscribed")	      /* 403, 503 */           \
	X(DRAINING, "draining")			      /* 503 */

enum reject_reason {
#define X(name, label) REJECT_##name,
	REJECT_REASONS(X)
#undef X
		REJECT_COUNT
};

/* "bad_cursor" */
const char *reject_reason_label(enum reject_reason reason);

#endif
