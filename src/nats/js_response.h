/* Responses of the JetStream API: a stream's information, a stored message, a
 * created consumer. The server's bytes are hostile like any other: a field that
 * is missing, of the wrong type or out of range is an error, never zero.
 * Unknown fields are ignored, since every release of the server adds some. */
#ifndef SLUICE_JS_RESPONSE_H
#define SLUICE_JS_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "nats/js_json.h"
#include "nats/readable.h"

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
	uint32_t leader; /* hash of its name; 0: no cluster */
	bool before_2_10;
	bool filter_matches_none;
	uint64_t max_inactive_ms; /* consumer_limits; 0: none */
	unsigned api_level;	  /* see struct jetstream_info */
};
/* filter_covers_all and filter_matches_none are about readable_filter() and the
 * readable subjects. Of a mirror, and of a stream with sources, the subjects
 * are not known: then both are false, but that ">" covers all. */
void js_info_parse(struct js_info *ret, const char *json, size_t len,
		   const struct readable *r);

struct js_message {
	struct js_error error;
	uint64_t seq;
	uint64_t time_ns;
	char *subject; /* any bytes; owned, ends with a NUL */
	size_t subject_len;
	struct buf data;    /* decoded */
	struct buf headers; /* decoded: see message_headers.h */
};
/* `max`: limit of the payload, and of the headers, in bytes. */
void js_message_parse(struct js_message *ret, const char *json, size_t len,
		      size_t max);
void js_message_finish(struct js_message *f);

struct js_created {
	struct js_error error;
	uint64_t num_pending;
	char name[256];
};
void js_created_parse(struct js_created *ret, const char *json, size_t len);

#endif
