/* The parameters of POST /api/v1/events. */
#ifndef SLUICE_PUBLISH_QUERY_H
#define SLUICE_PUBLISH_QUERY_H

#include <stdbool.h>

#include "http/http_error.h"
#include "http/query.h"

struct publish_query {
	struct query_credentials credentials;
	bool has_subject;
	struct query_text subject; /* any bytes */
	bool atomic;		   /* of a batch */
};

/* `query`: after the '?', borrowed; `id_name`, `token_name`: as of struct
 * query_reader. 0, or -EINVAL with *why: a broken percent sign, a parameter
 * twice, a bad value of `atomic`. Unknown parameters are ignored. */
int publish_query_parse(struct publish_query *ret, struct http_error *why,
			const char *query, const char *id_name,
			const char *token_name);

#endif
