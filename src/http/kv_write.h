/* What a request writes to a key, and the headers of the message (ADR-8):
 *
 *	PUT                            Nats-Expected-Stream
 *	PUT, If-Match: "17"            Nats-Expected-Last-Subject-Sequence: 17
 *	PUT, If-None-Match: *; POST    Nats-Expected-Last-Subject-Sequence: 0
 *	    and ttl=1h                 Nats-TTL: 3600s
 *	DELETE                         KV-Operation: DEL
 *	DELETE, purge=1                KV-Operation: PURGE, Nats-Rollup: sub
 *
 * A create over a deleted key fails at first, since its marker has a sequence.
 * The writer then reads the newest entry from the leader, and repeats the
 * message once with the marker's sequence. Between both another client may
 * write; the second message fails then. */
#ifndef SLUICE_KV_WRITE_H
#define SLUICE_KV_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "http/kv_query.h"
#include "http/publish_headers.h"
#include "http/request.h"
#include "nats/js_pub_ack.h"
#include "nats/kv_read.h"

struct kv_write {
	bool is_marker; /* DELETE: the message has no data */
	bool is_purge;
	bool is_create;	     /* over a deleted key, too */
	bool is_conditional; /* by If-Match or If-None-Match: a conflict is 412,
				otherwise 409 */
	bool has_expected;
	uint64_t expected; /* last sequence of the subject; 0: none */
	uint64_t ttl_ms;   /* 0: none */
	bool is_repeated;
};

/* `action`: PUT, create or delete. 0, or -EINVAL with *why: etag.h's errors;
 * 400 for a ttl without create, for If-Match with POST, for If-None-Match with
 * DELETE, and for
 * headers that are for messages (Nats-..., KV-..., NatsH-...,
 * Idempotency-Key). */
int kv_write_init(struct kv_write *ret, struct http_error *why,
		  enum kv_action action, const struct kv_query *query,
		  const struct request *req);

/* True when the write failed with a conflict that kv_write_over() may resolve:
 * the newest entry must be read from the leader. */
bool kv_write_may_repeat(const struct kv_write *w,
			 const struct js_pub_ack *ack);
/* True when the write is to be repeated, with *w changed: the key is deleted,
 * or has no entry any more. False: the conflict stands, or the read failed. */
bool kv_write_over(struct kv_write *w, const struct kv_read_answer *newest);

/* Initialises and composes the block; publish_headers_finish() follows in any
 * case. `stream`: of kv_stream(), of a mirror that of its origin. 0, -ENOMEM,
 * or -EINVAL with *why (400): the bucket's name contains the name of a control
 * header, which would switch that one off. */
int kv_write_headers(struct publish_headers *ret, struct http_error *why,
		     const struct kv_write *w, struct span stream);

#endif
