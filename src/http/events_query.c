#include "http/events_query.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/printable.h"
#include "base/units.h"
#include "http/accept.h"
#include "http/resume.h"

enum {
	LIMIT_MAX = 1000000000,
	TIMEOUT_MAX_MS = 24 * 3600 * 1000,
};

struct events_reader {
	const struct events_request *req;
	struct http_error *why;
	struct events_query query;
	bool has_deliver;
	bool has_last_event_id; /* in the query, maybe empty */
	unsigned seen;		/* bits: rows of `parameters` */
};

/* ---- where a subscription starts ----------------------------------------- */

static int take_deliver(struct events_reader *r, const struct query_text *value)
{
	static const char *const words[] = {
		[DELIVER_NEW] = "new",
		[DELIVER_ALL] = "all",
		[DELIVER_LAST] = "last",
	};
	char shown[PRINTABLE_MAX];
	struct span s = query_text_kept(value);

	if (r->has_deliver)
		return query_reject_duplicate(r->why, REJECT_BAD_DELIVER,
					      "deliver");
	r->has_deliver = true;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (query_text_is(value, words[i])) {
			r->query.deliver = (enum deliver)i;
			return 0;
		}
	}
	return http_error_set(r->why, 400, REJECT_BAD_DELIVER,
			      "deliver \"%s\" is not one of new, all, last",
			      http_error_quote(shown, sizeof(shown), s.at,
					       s.len));
}

/* `name`: of the header or parameter. An empty event id counts as none. */
static int take_event_id(struct events_reader *r, const char *name,
			 struct span s)
{
	struct events_query *q = &r->query;
	struct resume resume = {0};
	int rc = resume_take(&resume, r->why, name, s);

	_Static_assert(sizeof(q->event_id) == sizeof(resume.text),
		       "room for every good event id");
	if (rc < 0 || !resume.is_given)
		return rc;
	q->has_event_id = true;
	q->event_seq = resume.seq;
	q->event_has_tag = resume.has_tag;
	memcpy(q->event_id, resume.text, sizeof(q->event_id));
	return 0;
}

static int take_last_event_id(struct events_reader *r,
			      const struct query_text *value)
{
	if (r->has_last_event_id)
		return query_reject_duplicate(r->why, REJECT_BAD_CURSOR,
					      "lastEventId");
	r->has_last_event_id = true;
	return take_event_id(r, "lastEventId", query_text_kept(value));
}

/* ---- what it follows ----------------------------------------------------- */

static int take_subject(struct events_reader *r, const struct query_text *value)
{
	struct events_subjects *s = r->req->subjects;
	char shown[PRINTABLE_MAX];
	struct span kept = query_text_kept(value), *to;

	if (s->n == EVENTS_SUBJECTS_MAX)
		return http_error_set(r->why, 400, REJECT_BAD_SUBJECT,
				      "subject is given more than %d times",
				      EVENTS_SUBJECTS_MAX);
	if (value->len > PATTERN_MAX)
		return http_error_set(
			r->why, 400, REJECT_BAD_SUBJECT,
			"subject \"%s\" is not a NATS pattern: it "
			"has more than %d bytes",
			http_error_quote(shown, sizeof(shown), kept.at,
					 kept.len),
			PATTERN_MAX);
	to = &s->list[s->n++];
	*to = (struct span){s->text + s->len, value->len};
	memcpy(s->text + s->len, value->bytes, value->len);
	s->len += value->len;
	return 0;
}

/* ---- when it ends, and what its lines hold ------------------------------- */

static int take_limit_parameter(struct events_reader *r,
				const struct query_text *value)
{
	uint64_t n;

	if (!query_text_fits(value) || units_count(value->bytes, &n) < 0 ||
	    n == 0 || n > LIMIT_MAX)
		return query_reject_value(
			r->why, "limit", value,
			"a number of events from 1 to 1000000000");
	r->query.limit = (uint32_t)n;
	return 0;
}

static int take_timeout(struct events_reader *r, const struct query_text *value)
{
	uint64_t ms;

	if (!query_text_fits(value) || units_duration(value->bytes, &ms) < 0 ||
	    ms == 0 || ms > TIMEOUT_MAX_MS)
		return query_reject_value(r->why, "timeout", value,
					  "a duration from 1ms to 24h (such as "
					  "500ms, 5s, 10m)");
	r->query.timeout_ms = ms;
	return 0;
}

static int take_flag_parameter(struct events_reader *r, const char *name,
			       const struct query_text *value, bool *ret)
{
	if (!query_text_fits(value) || units_bool(value->bytes, ret) < 0)
		return query_reject_value(r->why, name, value, "1 or 0");
	return 0;
}

static int take_format(struct events_reader *r, const struct query_text *value)
{
	r->query.json_events = query_text_is(value, "json");
	if (!r->query.json_events && !query_text_is(value, "raw"))
		return query_reject_value(r->why, "format", value,
					  "raw or json");
	return 0;
}

static int take_json_flag(struct events_reader *r,
			  const struct query_text *value)
{
	return take_flag_parameter(r, "json", value, &r->query.json);
}

static int take_system_flag(struct events_reader *r,
			    const struct query_text *value)
{
	return take_flag_parameter(r, "system", value, &r->query.system);
}

static const struct parameter {
	const char *name;
	int (*take)(struct events_reader *r, const struct query_text *value);
} parameters[] = {
	{"limit", take_limit_parameter}, {"timeout", take_timeout},
	{"format", take_format},	 {"json", take_json_flag},
	{"system", take_system_flag},
};

/* Ignores unknown parameters. */
static int take_known_parameter(struct events_reader *r,
				const struct query_text *name,
				const struct query_text *value)
{
	for (size_t i = 0; i < ARRAY_LEN(parameters); i++) {
		const struct parameter *p = &parameters[i];

		if (!query_text_is(name, p->name))
			continue;
		if (r->seen & 1u << i)
			return query_reject_duplicate(r->why, REJECT_BAD_QUERY,
						      p->name);
		r->seen |= 1u << i;
		return p->take(r, value);
	}
	return 0;
}

/* ---- all of it ----------------------------------------------------------- */

static int take_events_parameter(struct events_reader *r,
				 const struct query_text *name,
				 const struct query_text *value)
{
	if (query_text_is(name, "deliver"))
		return take_deliver(r, value);
	if (query_text_is(name, "subject"))
		return take_subject(r, value);
	if (resume_is_parameter(name))
		return take_last_event_id(r, value);
	return take_known_parameter(r, name, value);
}

static int check_accept(const char *accept, struct http_error *why)
{
	char shown[PRINTABLE_MAX];

	if (accept_allows(accept, "text", "event-stream"))
		return 0;
	return http_error_set(
		why, 406, REJECT_NOT_ACCEPTABLE,
		"Accept \"%s\" rules out text/event-stream, and does not "
		"name application/x-ndjson, the other type here",
		http_error_quote(shown, sizeof(shown), accept, strlen(accept)));
}

int events_query_parse(struct events_query *ret, struct http_error *why,
		       const struct events_request *req)
{
	struct events_reader r = {.req = req, .why = why};
	struct query_reader query = {.at = req->query,
				     .id_name = req->id_name,
				     .token_name = req->token_name};
	const char *id = req->last_event_id;
	struct query_text name, value;
	int rc;

	req->subjects->n = req->subjects->len = 0;
	r.query.ndjson = accept_prefers_ndjson(req->accept);
	if (!r.query.ndjson && check_accept(req->accept, why) < 0)
		return -EINVAL;
	while ((rc = query_reader_next(&query, &name, &value, why)) > 0)
		if (take_events_parameter(&r, &name, &value) < 0)
			return -EINVAL;
	if (rc < 0)
		return rc;
	if (id != NULL && take_event_id(&r, "Last-Event-ID", span_of(id)) < 0)
		return -EINVAL;
	r.query.credentials = query.credentials;
	*ret = r.query;
	return 0;
}
