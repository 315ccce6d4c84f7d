/* The acknowledgement of a publish, as JetStream sends it:
 *
 *	{"stream":"Events","seq":10,"domain":"hub","duplicate":true}
 *	{"error":{"code":400,"err_code":10071,"description":"..."},"seq":0}
 *
 * Any responder on the subject can answer a publish, so these bytes are
 * hostile: a reply without a stream and a sequence is no acknowledgement. */
#ifndef SLUICE_JS_PUB_ACK_H
#define SLUICE_JS_PUB_ACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nats/js_json.h"

enum {
	JS_ERR_WRONG_LAST_SEQUENCE = 10071,
	/* The first message with the id is being stored. */
	JS_ERR_DUPLICATE_PENDING = 10158,
};

struct js_pub_ack {
	/* JS_JSON_MALFORMED: no acknowledgement, or one of another stream. */
	struct js_error error;
	uint64_t seq; /* at least 1; of a duplicate: of the first message */
	bool duplicate;
	uint64_t count;	  /* messages of an atomic batch; 0: of none */
	char domain[256]; /* empty: none */
	/* JS_ERR_WRONG_LAST_SEQUENCE: the sequence that is the last one. */
	bool has_current;
	uint64_t current;
};

/* `stream`: the expected one. */
void js_pub_ack_parse(struct js_pub_ack *ret, const char *json, size_t len,
		      const char *stream);

#endif
