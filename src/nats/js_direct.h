/* Direct Get (ADR-31): a stored message, from any replica of its stream. It
 * needs allow_direct: without, nats-server 2.9 does not answer at all, and 2.10
 * and later answer 503.
 *
 * The response is the stored message, with lines of the server behind its
 * headers:
 *
 *	NATS/1.0
 *	KV-Operation: DEL                 headers of the stored message
 *	Nats-Stream: KV_cfg
 *	Nats-Subject: $KV.cfg.a
 *	Nats-Sequence: 4
 *	Nats-Time-Stamp: 2026-12-01T00:45:59.825683956Z
 *	(empty line)
 *
 * Or it is a status line: 404 for no such message, 408 for a bad request.
 *
 * A publisher can store any block: with a status line of its own, an empty line
 * in the middle, or the names of the server's lines. All three servers put
 * their lines behind such a block as it is. So the server's lines are the last
 * ones: they begin at the last "Nats-Stream: " of the block, and no subject
 * has a blank. */
#ifndef SLUICE_JS_DIRECT_H
#define SLUICE_JS_DIRECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "nats/subject.h"

/* Prefix, DIRECT.GET, stream, subject, with the NUL. */
enum { JS_DIRECT_SUBJECT_MAX = 2 * SUBJECT_NAME_MAX + SUBJECT_MAX + 16 };

/* Subject of a request for the newest message of a literal subject, with an
 * empty body; returns its length. The bodies of js_request_get() and
 * js_request_get_last() go to that with an empty `subject`. `api_prefix`:
 * "$JS.API" or another subject_prefix_ok(); `stream`: subject_stream_name_ok();
 * `subject`: below SUBJECT_MAX bytes. */
size_t js_direct_subject(char *out, const char *api_prefix, const char *stream,
			 struct span subject);

enum js_direct_result {
	JS_DIRECT_FOUND,
	JS_DIRECT_NONE,	    /* no such message, for this replica */
	JS_DIRECT_NOWHERE,  /* no replica answers: no stream, or without
			       allow_direct */
	JS_DIRECT_REJECTED, /* 408, or another status */
	JS_DIRECT_MALFORMED,
};

/* Borrowed from the block, but the value. */
struct js_direct {
	enum js_direct_result result;
	int code; /* of the status line; 0: none */
	/* With JS_DIRECT_FOUND: */
	uint64_t seq;
	uint64_t time_ns;
	struct span subject;
	struct span headers; /* of the stored message: message_headers.h */
};

/* `block`: of the response; `data_len`: bytes of its payload. */
void js_direct_parse(struct js_direct *ret, struct span block, size_t data_len,
		     const char *stream);

#endif
