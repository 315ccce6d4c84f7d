/* A key-value bucket, as STREAM.INFO of its stream describes it. The server's
 * bytes are hostile. */
#ifndef SLUICE_JS_BUCKET_H
#define SLUICE_JS_BUCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nats/js_json.h"
#include "nats/kv_name.h"

struct js_bucket {
	/* JS_JSON_MALFORMED as well for a stream that is no bucket: its
	 * subjects do not have those of the bucket, and it is no mirror of
	 * one. */
	struct js_error error;
	char created[64]; /* text of a time; identifies the stream */
	size_t created_len;
	uint64_t first_seq;
	uint64_t last_seq;
	uint64_t messages;
	uint64_t n_keys;     /* with deleted ones */
	uint64_t history;    /* messages kept for each key; 0: no limit */
	uint64_t max_age_ns; /* 0: none */
	/* Direct Get is answered; without it STREAM.MSG.GET is. */
	bool allow_direct;
	bool allow_msg_ttl; /* entries may have a TTL (2.11) */
	bool allow_rollup;  /* needed to purge a key */
	bool sealed;	    /* takes no messages */
	/* Of a mirror. Its entries have the subjects of the mirrored bucket,
	 * where writes go as well. */
	bool is_mirror;
	char origin[KV_BUCKET_MAX + 1]; /* the mirrored bucket; otherwise the
					   bucket itself */
	char api_prefix[SUBJECT_NAME_MAX + 1]; /* of a mirror in another domain
						  or account; empty: none */
};

/* `bucket`: without kv_bucket_fault(). */
void js_bucket_parse(struct js_bucket *ret, const char *json, size_t len,
		     struct span bucket);

#endif
