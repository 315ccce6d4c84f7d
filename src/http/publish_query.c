#include "http/publish_query.h"

#include <errno.h>

static int take_publish_subject(struct publish_query *q,
				const struct query_text *value,
				struct http_error *why)
{
	if (q->has_subject)
		return query_reject_duplicate(why, REJECT_BAD_SUBJECT,
					      "subject");
	q->has_subject = true;
	q->subject = *value;
	return 0;
}

static int take_atomic(struct publish_query *q, bool *seen,
		       const struct query_text *value, struct http_error *why)
{
	if (*seen)
		return query_reject_duplicate(why, REJECT_BAD_QUERY, "atomic");
	*seen = true;
	q->atomic = query_text_is(value, "1");
	if (!q->atomic && !query_text_is(value, "0"))
		return query_reject_value(why, "atomic", value, "0 or 1");
	return 0;
}

int publish_query_parse(struct publish_query *ret, struct http_error *why,
			const char *query, const char *id_name,
			const char *token_name)
{
	struct query_reader r = {.at = query,
				 .id_name = id_name,
				 .token_name = token_name};
	struct query_text name, value;
	bool has_atomic = false;
	int rc;

	ret->has_subject = false;
	ret->atomic = false;
	while ((rc = query_reader_next(&r, &name, &value, why)) > 0) {
		if (query_text_is(&name, "subject"))
			rc = take_publish_subject(ret, &value, why);
		else if (query_text_is(&name, "atomic"))
			rc = take_atomic(ret, &has_atomic, &value, why);
		if (rc < 0)
			break;
	}
	ret->credentials = r.credentials;
	return rc < 0 ? rc : 0;
}
