/* The parameters of a request for events: Accept, the query and Last-Event-ID.
 */
#ifndef SLUICE_EVENTS_QUERY_H
#define SLUICE_EVENTS_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/query.h"
#include "nats/pattern.h"

enum { EVENTS_SUBJECTS_MAX = 32 }; /* in a request, repeats included */

enum deliver { DELIVER_NEW, DELIVER_ALL, DELIVER_LAST };

/* The values of `subject`, decoded: any bytes but NUL. */
struct events_subjects {
	size_t n;
	size_t len; /* of `text` */
	struct span list[EVENTS_SUBJECTS_MAX];
	char text[EVENTS_SUBJECTS_MAX * PATTERN_MAX];
};

/* All borrowed, NUL-terminated. */
struct events_request {
	const char *query;	   /* after the '?'; "" for none */
	const char *accept;	   /* header; NULL for none */
	const char *last_event_id; /* header; NULL for none */
	const char *id_name;	   /* parameter that carries the identity, or
				      NULL */
	const char *token_name;	   /* parameter that carries a token, or NULL */
	struct events_subjects *subjects; /* filled, also where the request is
					     rejected */
};

struct events_query {
	enum deliver deliver; /* also where has_event_id overrides it */
	bool has_event_id;    /* resume after it */
	uint64_t event_seq;
	bool event_has_tag;
	char event_id[28]; /* as sent; a good event id */
	struct query_credentials credentials;
	uint32_t limit;	     /* events; 0: no limit */
	uint64_t timeout_ms; /* 0: none */
	bool ndjson;	     /* NDJSON instead of events, by Accept */
	bool json_events;    /* events with a line of JSON as their data */
	bool json;   /* in both: payloads that are JSON are embedded as JSON */
	bool system; /* ndjson: with lines about the state */
};

/* 0, or -EINVAL with *why, checked in this order:
 *
 * - Accept allows text/event-stream or names application/x-ndjson.
 * - The query. A broken '%' or a NUL is 400 anywhere; unknown parameters are
 *   ignored. A bad or doubled lastEventId is 400 even where the header wins; so
 *   is a bad or doubled deliver, limit, timeout, format, json, system or
 *   identity, and one of `subject` that is too long for a pattern, or too many
 *   of them. Their form is not checked.
 * - Last-Event-ID. An empty one counts as none; otherwise it wins over the
 *   query. */
int events_query_parse(struct events_query *ret, struct http_error *why,
		       const struct events_request *req);

#endif
