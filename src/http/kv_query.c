#include "http/kv_query.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/decimal.h"
#include "base/printable.h"
#include "base/units.h"
#include "http/accept.h"

/* What a request does: bits, for the table of parameters. */
enum kv_use {
	USE_BUCKETS = 1 << 0,
	USE_KEYS = 1 << 1,
	USE_ENTRIES = 1 << 2,
	USE_WATCH_BUCKET = 1 << 3,
	USE_VALUE = 1 << 4,
	USE_HISTORY = 1 << 5,
	USE_WATCH_KEY = 1 << 6,
	USE_PUT = 1 << 7,
	USE_CREATE = 1 << 8,
	USE_DELETE = 1 << 9,

	USE_WATCH = USE_WATCH_BUCKET | USE_WATCH_KEY,
};

struct kv_reader {
	const struct kv_request *req;
	struct http_error *why;
	struct kv_query query;
	unsigned use;	  /* one bit */
	unsigned seen;	  /* bits: rows of kv_parameters */
	bool has_last_id; /* lastEventId, maybe empty */
};

/* ---- values -------------------------------------------------------------- */

static int take_key_filter(struct kv_reader *r, const struct query_text *value)
{
	struct span kept = query_text_kept(value);
	/* One that does not fit is too long for a filter as well. */
	const char *fault = kv_filter_fault(r->req->bucket, kept);
	char shown[PRINTABLE_MAX];

	_Static_assert(sizeof(r->query.filter) < sizeof(value->bytes),
		       "every filter fits");
	if (fault != NULL)
		return http_error_set(r->why, 400, REJECT_BAD_QUERY,
				      "filter \"%s\" is not a pattern of keys: "
				      "%s",
				      http_error_quote(shown, sizeof(shown),
						       kept.at, kept.len),
				      fault);
	memcpy(r->query.filter, value->bytes, value->len + 1);
	return 0;
}

static int take_revision(struct kv_reader *r, const struct query_text *value)
{
	struct span kept = query_text_kept(value);

	if (decimal_parse(&r->query.revision, kept.at, kept.len) < 0 ||
	    r->query.revision == 0)
		return query_reject_value(r->why, "revision", value,
					  "a number from 1 to 2^64 - 1");
	return 0;
}

static int take_read(struct kv_reader *r, const struct query_text *value)
{
	if (!query_text_is(value, "leader"))
		return query_reject_value(r->why, "read", value, "leader");
	r->query.from_leader = true;
	return 0;
}

static int take_include(struct kv_reader *r, const struct query_text *value)
{
	static const char *const words[] = {
		[KV_INCLUDE_LAST] = "last",
		[KV_INCLUDE_HISTORY] = "history",
		[KV_INCLUDE_NEW] = "new",
	};
	size_t n =
		(r->use & USE_WATCH) != 0 ? ARRAY_LEN(words) : KV_INCLUDE_NEW;

	for (size_t i = 0; i < n; i++) {
		if (query_text_is(value, words[i])) {
			r->query.include = (enum kv_include)i;
			return 0;
		}
	}
	return query_reject_value(r->why, "include", value,
				  n == ARRAY_LEN(words)
					  ? "one of last, history, new"
					  : "last or history (new is for a "
					    "watch)");
}

static int take_kv_flag(struct kv_reader *r, const char *name,
			const struct query_text *value, bool *ret)
{
	if (!query_text_fits(value) || units_bool(value->bytes, ret) < 0)
		return query_reject_value(r->why, name, value, "1 or 0");
	return 0;
}

static int take_deletes(struct kv_reader *r, const struct query_text *value)
{
	bool deletes = true;
	int rc = take_kv_flag(r, "deletes", value, &deletes);

	r->query.no_deletes = !deletes;
	return rc;
}

static int take_values(struct kv_reader *r, const struct query_text *value)
{
	bool values = true;
	int rc = take_kv_flag(r, "values", value, &values);

	r->query.no_values = !values;
	return rc;
}

static int take_purge(struct kv_reader *r, const struct query_text *value)
{
	return take_kv_flag(r, "purge", value, &r->query.purge);
}

/* Go's durations, which the server reads, end at 2^63 ns. */
static int take_entry_ttl(struct kv_reader *r, const struct query_text *value)
{
	static const uint64_t max_ms = INT64_MAX / 1000000;
	struct span kept = query_text_kept(value);
	uint64_t s, *ms = &r->query.ttl_ms;

	if (decimal_parse(&s, kept.at, kept.len) == 0)
		*ms = s > max_ms / 1000 ? 0 : s * 1000;
	else if (!query_text_fits(value) ||
		 units_duration(value->bytes, ms) < 0)
		*ms = 0;
	if (*ms < 1000 || *ms > max_ms)
		return query_reject_value(r->why, "ttl", value,
					  "a duration of at least 1 s, like 60 "
					  "(seconds), 90s or 1h");
	return 0;
}

static const struct kv_parameter {
	const char *name;
	int (*take)(struct kv_reader *r, const struct query_text *value);
	unsigned uses;
	const char *where; /* it is allowed */
} kv_parameters[] = {
	{"filter", take_key_filter, USE_KEYS | USE_ENTRIES | USE_WATCH_BUCKET,
	 "with GET of a bucket"},
	{"revision", take_revision, USE_VALUE,
	 "with GET of a key, as its value or as JSON"},
	{"read", take_read, USE_VALUE,
	 "with GET of a key, as its value or as JSON"},
	{"include", take_include, USE_ENTRIES | USE_WATCH,
	 "with a watch, or with the entries of a bucket"},
	{"deletes", take_deletes, USE_ENTRIES | USE_HISTORY | USE_WATCH,
	 "with a watch, the entries of a bucket, or the history of a key"},
	{"values", take_values, USE_ENTRIES | USE_HISTORY | USE_WATCH,
	 "with a watch, the entries of a bucket, or the history of a key"},
	{"ttl", take_entry_ttl, USE_PUT | USE_CREATE,
	 "when a key is created: POST, or PUT with If-None-Match: *"},
	{"purge", take_purge, USE_DELETE, "with DELETE"},
};

/* ---- the query ----------------------------------------------------------- */

static int take_resume(struct kv_reader *r, const struct query_text *value)
{
	if ((r->use & USE_WATCH) == 0)
		return 0;
	if (r->has_last_id)
		return query_reject_duplicate(r->why, REJECT_BAD_CURSOR,
					      "lastEventId");
	r->has_last_id = true;
	return resume_take(&r->query.resume, r->why, "lastEventId",
			   query_text_kept(value));
}

static int take_kv_parameter(struct kv_reader *r, const struct query_text *name,
			     const struct query_text *value)
{
	if (resume_is_parameter(name))
		return take_resume(r, value);
	for (size_t i = 0; i < ARRAY_LEN(kv_parameters); i++) {
		const struct kv_parameter *p = &kv_parameters[i];

		if (!query_text_is(name, p->name))
			continue;
		if ((r->use & p->uses) == 0)
			return http_error_set(r->why, 400, REJECT_BAD_QUERY,
					      "query parameter %s is not "
					      "allowed here, but %s",
					      p->name, p->where);
		if (r->seen & 1u << i)
			return query_reject_duplicate(r->why, REJECT_BAD_QUERY,
						      p->name);
		r->seen |= 1u << i;
		return p->take(r, value);
	}
	return 0;
}

/* ---- the form ------------------------------------------------------------ */

/* The first one is for clients that take anything. */
static const struct kv_offers {
	struct accept_offer types[4];
	enum kv_form forms[4];
	size_t n;
	const char *text;
} bucket_offers =
	{
		.types = {{"application", "json"},
			  {"application", "x-ndjson"},
			  {"text", "event-stream"}},
		.forms = {KV_FORM_JSON, KV_FORM_LINES, KV_FORM_WATCH},
		.n = 3,
		.text = "application/json, application/x-ndjson, "
			"text/event-stream",
},
  key_offers = {
	  .types = {{"application", "octet-stream"},
		    {"application", "json"},
		    {"application", "x-ndjson"},
		    {"text", "event-stream"}},
	  .forms = {KV_FORM_VALUE, KV_FORM_JSON, KV_FORM_LINES, KV_FORM_WATCH},
	  .n = 4,
	  .text = "application/octet-stream, application/json, "
		  "application/x-ndjson, text/event-stream",
};

static int choose_form(struct kv_reader *r, const struct kv_offers *offers)
{
	const char *accept = r->req->accept;
	char shown[PRINTABLE_MAX];
	int best = accept_best(accept, offers->types, offers->n);

	if (best < 0)
		return http_error_set(
			r->why, 406, REJECT_NOT_ACCEPTABLE,
			"Accept \"%s\" rules out all types here: %s",
			http_error_quote(shown, sizeof(shown), accept,
					 strlen(accept)),
			offers->text);
	r->query.form = offers->forms[best];
	return 0;
}

static int choose_use(struct kv_reader *r)
{
	static const unsigned bucket_uses[] = {
		[KV_FORM_JSON] = USE_KEYS,
		[KV_FORM_LINES] = USE_ENTRIES,
		[KV_FORM_WATCH] = USE_WATCH_BUCKET,
	};
	static const unsigned key_uses[] = {
		[KV_FORM_VALUE] = USE_VALUE,
		[KV_FORM_JSON] = USE_VALUE,
		[KV_FORM_LINES] = USE_HISTORY,
		[KV_FORM_WATCH] = USE_WATCH_KEY,
	};
	static const unsigned other_uses[] = {
		[KV_LIST_BUCKETS] = USE_BUCKETS,
		[KV_PUT_KEY] = USE_PUT,
		[KV_CREATE_KEY] = USE_CREATE,
		[KV_DELETE_KEY] = USE_DELETE,
	};
	enum kv_action action = r->req->action;
	bool of_bucket = action == KV_GET_BUCKET;

	r->query.form = KV_FORM_JSON;
	if (!of_bucket && action != KV_GET_KEY) {
		r->use = other_uses[action];
		return 0;
	}
	if (choose_form(r, of_bucket ? &bucket_offers : &key_offers) < 0)
		return -EINVAL;
	r->use = (of_bucket ? bucket_uses : key_uses)[r->query.form];
	return 0;
}

int kv_query_parse(struct kv_query *ret, struct http_error *why,
		   const struct kv_request *req)
{
	struct kv_reader r = {.req = req, .why = why, .query.filter = ">"};
	struct query_reader query = {.at = req->query,
				     .id_name = req->id_name,
				     .token_name = req->token_name};
	struct query_text name, value;
	const char *id = req->last_event_id;
	int rc;

	if (choose_use(&r) < 0)
		return -EINVAL;
	while ((rc = query_reader_next(&query, &name, &value, why)) > 0)
		if (take_kv_parameter(&r, &name, &value) < 0)
			return -EINVAL;
	if (rc < 0)
		return rc;
	if (id != NULL && (r.use & USE_WATCH) != 0 &&
	    resume_take(&r.query.resume, why, "Last-Event-ID", span_of(id)) < 0)
		return -EINVAL;
	r.query.credentials = query.credentials;
	*ret = r.query;
	return 0;
}

/* ---- names of the path --------------------------------------------------- */

static int reject_name(struct http_error *why, const char *what,
		       struct span name, const char *fault)
{
	char shown[PRINTABLE_MAX];

	return http_error_set(why, 400, REJECT_BAD_SUBJECT,
			      "%s \"%s\" is not valid: %s", what,
			      http_error_quote(shown, sizeof(shown), name.at,
					       name.len),
			      fault);
}

int kv_query_check_bucket(struct http_error *why, struct span bucket)
{
	const char *fault = kv_bucket_fault(bucket);

	return fault == NULL ? 0 : reject_name(why, "bucket", bucket, fault);
}

int kv_query_check_key(struct http_error *why, struct span bucket,
		       struct span key)
{
	const char *fault = kv_key_fault(bucket, key);

	return fault == NULL ? 0 : reject_name(why, "key", key, fault);
}
