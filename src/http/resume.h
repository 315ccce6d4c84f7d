/* The event id after which a client resumes: from the header Last-Event-ID, or
 * a parameter of the query. */
#ifndef SLUICE_RESUME_H
#define SLUICE_RESUME_H

#include <stdbool.h>
#include <stdint.h>

#include "http/query.h"
#include "http/sse.h"

struct resume {
	bool is_given;
	uint64_t seq;
	bool has_tag;
	char text[SSE_EVENT_ID_MAX]; /* as sent; a good event id */
};

/* lastEventId, in the spellings that clients use: last-event-id, Last_Event_ID.
 * Ignoring one of them would lose events silently. */
bool resume_is_parameter(const struct query_text *name);
/* `name`: of the header or parameter. An empty value leaves *ret. 0, or -EINVAL
 * with *why (400). */
int resume_take(struct resume *ret, struct http_error *why, const char *name,
		struct span value);

#endif
