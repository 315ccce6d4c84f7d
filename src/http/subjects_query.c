#include "http/subjects_query.h"

#include <errno.h>

#include "base/check.h"
#include "base/units.h"
#include "nats/pattern.h"

enum {
	TIMEOUT_DEFAULT_MS = 2000,
	REPLY_TIME_MAX_MS = 60000,
};

int subjects_query_path(struct query_text *ret, struct span sent,
			struct http_error *why)
{
	if (query_decode(ret, sent, sent, why) == 0)
		return 0;
	return http_error_set(why, 400, REJECT_BAD_SUBJECT,
			      "the subject in the path has a %% that is not "
			      "followed by two hex digits from 01 to FF");
}

/* ---- parameters ---------------------------------------------------------- */

static int take_reply_subject(struct subjects_query *q,
			      const struct query_text *value,
			      struct http_error *why)
{
	(void)why;
	q->has_reply = true;
	q->reply = *value;
	return 0;
}

static int take_reply_time(uint64_t *ret, const char *name,
			   const struct query_text *value,
			   struct http_error *why)
{
	uint64_t ms;

	if (!query_text_fits(value) || units_duration(value->bytes, &ms) < 0 ||
	    ms == 0 || ms > REPLY_TIME_MAX_MS)
		return query_reject_value(why, name, value,
					  "a duration from 1ms to 60s (such as "
					  "200ms, 2s)");
	*ret = ms;
	return 0;
}

static int take_reply_timeout(struct subjects_query *q,
			      const struct query_text *value,
			      struct http_error *why)
{
	return take_reply_time(&q->timeout_ms, "timeout", value, why);
}

static int take_stall(struct subjects_query *q, const struct query_text *value,
		      struct http_error *why)
{
	q->is_many = true;
	return take_reply_time(&q->stall_ms, "stall", value, why);
}

static int take_replies(struct subjects_query *q,
			const struct query_text *value, struct http_error *why)
{
	uint64_t n;

	if (!query_text_fits(value) || units_count(value->bytes, &n) < 0 ||
	    n == 0 || n > SUBJECTS_REPLIES_MAX)
		return query_reject_value(why, "replies", value,
					  "a number from 1 to 100000");
	q->is_many = true;
	q->replies = (uint32_t)n;
	return 0;
}

static int take_json_replies(struct subjects_query *q,
			     const struct query_text *value,
			     struct http_error *why)
{
	if (!query_text_fits(value) || units_bool(value->bytes, &q->json) < 0)
		return query_reject_value(why, "json", value, "1 or 0");
	return 0;
}

static const struct subjects_parameter {
	const char *name;
	int (*take)(struct subjects_query *q, const struct query_text *value,
		    struct http_error *why);
} known[] = {
	{"reply", take_reply_subject}, {"timeout", take_reply_timeout},
	{"replies", take_replies},     {"stall", take_stall},
	{"json", take_json_replies},
};

static int take_subjects_parameter(struct subjects_query *q, unsigned *seen,
				   const struct query_text *name,
				   const struct query_text *value,
				   struct http_error *why)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (!query_text_is(name, known[i].name))
			continue;
		if (*seen & 1u << i)
			return query_reject_duplicate(why, REJECT_BAD_QUERY,
						      known[i].name);
		*seen |= 1u << i;
		return known[i].take(q, value, why);
	}
	return 0;
}

int subjects_query_parse(struct subjects_query *ret, struct http_error *why,
			 const char *query, const char *id_name,
			 const char *token_name)
{
	struct query_reader r = {.at = query,
				 .id_name = id_name,
				 .token_name = token_name};
	struct query_text name, value;
	unsigned seen = 0; /* bits: parameters of `known` */
	int rc;

	ret->has_reply = ret->is_many = ret->json = false;
	ret->timeout_ms = TIMEOUT_DEFAULT_MS;
	ret->stall_ms = 0;
	ret->replies = 0;
	while ((rc = query_reader_next(&r, &name, &value, why)) > 0) {
		rc = take_subjects_parameter(ret, &seen, &name, &value, why);
		if (rc < 0)
			break;
	}
	if (ret->replies == 0)
		ret->replies = ret->is_many ? SUBJECTS_REPLIES_MAX : 1;
	ret->credentials = r.credentials;
	return rc < 0 ? rc : 0;
}

/* ---- queue groups -------------------------------------------------------- */

static int take_group(struct query_text *ret, bool *seen,
		      const struct query_text *value, struct http_error *why)
{
	struct span name = query_text_kept(value);

	if (*seen)
		return query_reject_duplicate(why, REJECT_BAD_QUERY, "queue");
	*seen = true;
	if (!query_text_fits(value) || pattern_fault(name) != NULL ||
	    !pattern_is_literal(name))
		return query_reject_value(why, "queue", value,
					  "the name of a queue group: 1 to 255 "
					  "printable bytes in tokens, without "
					  "wildcards");
	*ret = *value;
	return 0;
}

int subjects_query_group(struct query_text *ret, struct http_error *why,
			 const char *query)
{
	struct query_reader r = {.at = query};
	struct query_text name, value;
	bool seen = false;
	int rc;

	ret->len = 0;
	while ((rc = query_reader_next(&r, &name, &value, why)) > 0) {
		if (query_text_is(&name, "queue"))
			rc = take_group(ret, &seen, &value, why);
		if (rc < 0)
			break;
	}
	return rc < 0 ? rc : 0;
}
