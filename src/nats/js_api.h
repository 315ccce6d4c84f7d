/* JetStream's API on the wire: requests as JSON, replies, statuses, and both
 * forms of the ack reply subject (ADR-15). Bytes in, structs out; the server's
 * bytes are checked like anyone's. */
#ifndef SLUICE_JS_API_H
#define SLUICE_JS_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct js_ack {
	const char *consumer; /* points into the subject; not NUL-terminated */
	size_t consumer_len;
	uint64_t delivered;
	uint64_t stream_seq;
	uint64_t consumer_seq;
	uint64_t time_ns;
	uint64_t pending;
};

/* $JS.ACK.<stream>.<consumer>.<delivered>.<sseq>.<cseq>.<ts>.<pending> (9
 * tokens), or with <domain>.<account> behind $JS.ACK and maybe more at the end
 * (11 or more). -EINVAL for anything else. */
int js_ack_parse(struct js_ack *ret, const char *reply, size_t len);

/* Bodies of requests, appended to `out`. 0 or -ENOBUFS/-ENOMEM. */
int js_put_find(struct buf *out, uint64_t seq, const char *subject);
int js_put_get(struct buf *out, uint64_t seq);
int js_put_last(struct buf *out, const char *subject);

struct js_consumer {
	const char *stream;
	const char *name;
	const char *filter; /* NULL: none */
	uint64_t start_seq;
	uint64_t inactive_ms;
};
int js_put_create(struct buf *out, const struct js_consumer *c);

struct js_pull {
	uint32_t batch;
	uint64_t max_bytes;
	uint64_t expires_ms;
	uint64_t heartbeat_ms;
	bool no_wait;
};
int js_put_pull(struct buf *out, const struct js_pull *p);

/* Replies. `err` 0 or an API error code (JETSTREAM_ERR_MALFORMED's value, 1,
 * when it can't be read). Texts are owned by the struct. */
struct js_error {
	int err;
	char text[160]; /* printable ASCII */
};

struct js_info {
	struct js_error error;
	uint64_t first_seq; /* at least 1; last_seq + 1 when empty */
	uint64_t last_seq;
	uint64_t messages;
	char created[64];
	size_t created_len;
	bool filter_covers_all;
	bool work_queue;
	bool no_leader;	 /* see struct jetstream_info */
	bool all_follow; /* ... and this one */
	uint32_t leader; /* a hash of its name; 0: not in a cluster */
	bool before_2_10;
	bool filter_matches_none;
	uint64_t max_inactive_ms; /* consumer_limits; 0: any */
};
/* `filter`: the template's, to see whether it covers all of the stream's
 * subjects (false for a mirror, or a stream with sources). */
void js_info_parse(struct js_info *ret, const char *json, size_t len,
		   const char *filter);

struct js_found {
	struct js_error error;
	uint64_t seq;
	uint64_t time_ns;
	char subject[512];
	size_t subject_len;
	struct buf data; /* decoded */
	bool internal;	 /* see struct jetstream_message */
};
/* `max` bytes of payload at the most. */
void js_found_parse(struct js_found *ret, const char *json, size_t len,
		    size_t max);
void js_found_finish(struct js_found *f);

struct js_created {
	struct js_error error;
	uint64_t num_pending;
	char name[256];
};
void js_created_parse(struct js_created *ret, const char *json, size_t len);

/* A status: the code and description of the header line, and the headers as
 * the caller found them (NULL: absent). */
struct js_status {
	int code;
	bool consumer_gone;
	bool too_big;
	bool has_pending;
	uint64_t pending_msgs;
	bool has_last_consumer;
	uint64_t last_consumer;
	bool has_last_stream;
	uint64_t last_stream;
	/* 409 Exceeded Max...: what the server takes; 0: not that. */
	uint64_t max_batch;
	uint64_t max_bytes;
	uint64_t max_expires_ms;
	char text[100]; /* the description; printable ASCII */
};
int js_status_parse(struct js_status *ret, const char *code,
		    const char *description, const char *pending_msgs,
		    const char *last_consumer);
/* The header Nats-Last-Stream of a heartbeat. */
int js_status_last_stream(struct js_status *ret, const char *last_stream);

#endif
