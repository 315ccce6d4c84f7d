/* The query of /subscriptions: which open subscriptions to list or to end. */
#ifndef SLUICE_SUBSCRIPTIONS_QUERY_H
#define SLUICE_SUBSCRIPTIONS_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "http/query.h"

enum subscription_state {
	STATE_ANY,
	/* of the cursor */
	STATE_LIVE,
	STATE_EVICTED,
	STATE_REPLAY,
	STATE_WAITING,
	/* of the socket, which is full */
	STATE_SLOW,
};

struct subscriptions_query {
	bool is_delete;
	enum subscription_state state;
	struct query_id id;
	bool has_after;
	uint64_t after; /* list those with a higher number */
};

/* `query` is the text after the '?'. 0, or -EINVAL with *why. An unknown
 * parameter is 400 here: a misspelt filter would list, or end, more than was
 * meant. DELETE takes an id, and nothing else. */
int subscriptions_query_parse(struct subscriptions_query *ret,
			      struct http_error *why, const char *method,
			      const char *query);

#endif
