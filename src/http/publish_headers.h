/* The headers of a message that a client publishes, from those of its request:
 *
 *	NatsH-NAME: value                    NAME: value (Http-Canonical-Form)
 *	Nats-Expected-Last-Sequence: N       as it is
 *	Nats-Expected-Last-Subject-Sequence: N
 *	If-Match: "N"                        the same
 *	If-None-Match: *                     the same with 0
 *	Nats-TTL: 60 | 90s                   as it is
 *	Idempotency-Key: key                 Nats-Msg-Id: <identity>.<key>
 *
 * Headers control what a server does with a message: Nats-Rollup empties a
 * stream. So all other names that begin with Nats- or KV- are rejected, in any
 * case.
 *
 * nats-server up to 2.11.10 looks for a control header at the first place where
 * its name stands, case-sensitive, and finds none when that place is no
 * beginning of a line: a value, or a longer name, that contains the name of a
 * control header switches the real one off. nats.c writes headers in any order.
 * So the composed block has these names at the beginning of the gateway's own
 * lines and nowhere else. */
#ifndef SLUICE_PUBLISH_HEADERS_H
#define SLUICE_PUBLISH_HEADERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"
#include "http/http_error.h"
#include "http/request.h"

enum {
	/* Bytes of a block; JetStream stores no larger ones (10097). */
	PUBLISH_HEADERS_MAX = 65535,
	PUBLISH_KEY_MAX = 200, /* bytes of an idempotency key */
};

struct publish_headers {
	/* As of nats/message_headers.h; empty without headers. */
	struct buf block;
	struct span identity; /* borrowed; empty: none */
	bool has_expected;    /* a precondition on a sequence */
	bool is_conditional;  /* by If-Match or If-None-Match */
	bool has_key;
	bool has_ttl; /* servers before 2.11 ignore it silently */
};

/* The last sequence that the publisher expects. */
enum publish_expected {
	PUBLISH_LAST_SEQUENCE,	       /* of the stream */
	PUBLISH_LAST_SUBJECT_SEQUENCE, /* of the subject; 0: no message */
};

/* Functions return 0, -ENOMEM, or -EINVAL with *why (400; 431 for a block over
 * PUBLISH_HEADERS_MAX). After an error only publish_headers_finish(). */

/* `stream`: of Nats-Expected-Stream, which makes another stream on that subject
 * an error; empty: none. */
int publish_headers_init(struct publish_headers *ret, struct http_error *why,
			 struct span stream, struct span identity);
void publish_headers_finish(struct publish_headers *h);

/* Takes all headers of a request that are for the message. */
int publish_headers_take(struct publish_headers *h, struct http_error *why,
			 const struct request *req);
/* Adds a header with its exact name. Blanks around the value are dropped. */
int publish_headers_add(struct publish_headers *h, struct http_error *why,
			struct span name, struct span value);
/* Each at most once, and not both: servers differ in which they check first. */
int publish_headers_expect(struct publish_headers *h, struct http_error *why,
			   enum publish_expected what, uint64_t seq);
int publish_headers_key(struct publish_headers *h, struct http_error *why,
			struct span key);
/* For entries of key-value buckets (ADR-8): a time to live, at least 1 s; and
 * the marker of a delete, or of a purge, which drops the history of the key. */
int publish_headers_ttl(struct publish_headers *h, struct http_error *why,
			uint64_t ttl_ms);
int publish_headers_marker(struct publish_headers *h, struct http_error *why,
			   bool purge);
/* Ends the block, after the last header. */
int publish_headers_end(struct publish_headers *h, struct http_error *why);

/* Of a message in an atomic batch (ADR-50): `seq` from 1 on; `is_last` commits
 * the batch. Adds to a block that has ended. */
int publish_headers_batch(struct publish_headers *h, struct http_error *why,
			  const char *batch_id, uint64_t seq, bool is_last);

/* Rejects a request with headers for a message: the lines of a batch have their
 * own. */
int publish_headers_none(const struct request *req, struct http_error *why);

#endif
