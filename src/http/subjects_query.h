/* The path and the parameters of /api/v1/subjects/{subject}. */
#ifndef SLUICE_SUBJECTS_QUERY_H
#define SLUICE_SUBJECTS_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "http/http_error.h"
#include "http/query.h"

enum { SUBJECTS_REPLIES_MAX = 100000 };

struct subjects_query {
	struct query_credentials credentials;
	bool has_reply;
	struct query_text
		reply; /* of a publish: its reply subject, any bytes */
	/* Of a request. */
	uint64_t timeout_ms; /* for all replies; 2 s by default */
	bool is_many;	     /* `replies` or `stall` is given */
	uint32_t replies;    /* at most this many; without is_many 1 */
	uint64_t stall_ms;   /* from one reply to the next; 0: no limit */
	bool json;	     /* payloads that are JSON are embedded as JSON */
};

/* Decodes the last part of the path, once; '+' stays '+'. 0, or -EINVAL with
 * *why (400) for a broken percent sign or a NUL. Other bytes are not
 * checked. */
int subjects_query_path(struct query_text *ret, struct span sent,
			struct http_error *why);

/* Of PUT and POST. `query`: after the '?', borrowed; `id_name`, `token_name`:
 * as of struct query_reader. 0, or -EINVAL with *why (400): a broken percent
 * sign, a parameter twice, a bad value. Unknown parameters are ignored. */
int subjects_query_parse(struct subjects_query *ret, struct http_error *why,
			 const char *query, const char *id_name,
			 const char *token_name);

/* The parameter `queue` of GET; its other parameters are those of
 * events_query.h. Empty: not given. 0, or -EINVAL with *why (400): twice, or no
 * name of a queue group: a subject without wildcards. */
int subjects_query_group(struct query_text *ret, struct http_error *why,
			 const char *query);

#endif
