/* A query is read in one pass, pair by pair: split as sent, then decoded, so
 * that an encoded '&' or '=' is data. Every byte of it is checked, also in
 * parameters that are not ours. */
#include "base/printable.h"
#include "http/route_internal.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "http/sse.h"
#include "nats/subject.h"

/* ---- bytes -------------------------------------------------------------- */

static unsigned char lower_accept_byte(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

/* Not strcasecmp(): that one follows the locale of a program we live in. */
static bool is_same_media_word(struct span a, const char *b)
{
	if (a.len != strlen(b))
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower_accept_byte(a.at[i]) != lower_accept_byte(b[i]))
			return false;
	return true;
}

static bool is_number_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* ---- Accept (RFC 9110, 12.5.1) ------------------------------------------- */

/* How closely a range names a type; the closest decides. */
enum closeness { CLOSE_NOT, CLOSE_ANY, CLOSE_TYPE, CLOSE_EXACT };

struct range {
	struct span type, subtype;
	int weight; /* q in thousandths; above 0 where q is */
};

static bool is_token_char(char c)
{
	return (lower_accept_byte(c) >= 'a' && lower_accept_byte(c) <= 'z') ||
	       is_number_digit(c) ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static void skip_accept_blanks(const char **p)
{
	*p += strspn(*p, " \t");
}

static struct span take_media_token(const char **p)
{
	struct span token = {*p, 0};

	while (is_token_char(**p))
		(*p)++;
	token.len = (size_t)(*p - token.at);
	return token;
}

/* To behind the closing quote; false at the text's end when there is none. */
static bool skip_quoted_string(const char **p)
{
	(*p)++;
	while (**p != '\0' && **p != '"') {
		if (**p == '\\' && (*p)[1] != '\0')
			(*p)++;
		(*p)++;
	}
	if (**p == '\0')
		return false;
	(*p)++;
	return true;
}

/* To the comma that ends a range, or the text's end. */
static void skip_media_range(const char **p)
{
	while (**p != '\0' && **p != ',') {
		if (**p == '"')
			skip_quoted_string(p);
		else
			(*p)++;
	}
}

/* 0 to 1. More than three decimals pass, and ".2": old Java clients send it. */
static bool parse_weight(struct span text, int *weight)
{
	int n = 0, unit = 100;
	size_t digits = 0, i = 0;
	bool fraction = false;

	if (i < text.len && (text.at[i] == '0' || text.at[i] == '1')) {
		n = text.at[i++] == '1' ? 1000 : 0;
		digits++;
	}
	if (i < text.len && text.at[i] == '.')
		i++;
	else if (i < text.len)
		return false;
	for (; i < text.len && is_number_digit(text.at[i]);
	     i++, digits++, unit /= 10) {
		n += (text.at[i] - '0') * unit;
		fraction |= text.at[i] != '0';
	}
	if (i < text.len || digits == 0 || n > 1000 || (n == 1000 && fraction))
		return false;
	*weight = n == 0 && fraction ? 1 : n;
	return true;
}

/* `;name=value` of a range; only q means something. */
static bool take_parameter(const char **p, struct range *r)
{
	struct span name, value;

	skip_accept_blanks(p);
	name = take_media_token(p);
	if (name.len == 0)
		return **p == ';' || **p == ',' || **p == '\0';
	if (**p != '=')
		return false;
	(*p)++;
	if (**p == '"' && !is_same_media_word(name, "q"))
		return skip_quoted_string(p);
	value = take_media_token(p);
	if (is_same_media_word(name, "q"))
		return parse_weight(value, &r->weight);
	return value.len > 0;
}

/* False for a malformed one, with *p somewhere inside of it. */
static bool take_media_range(const char **p, struct range *r)
{
	r->weight = 1000;
	skip_accept_blanks(p);
	r->type = take_media_token(p);
	if (r->type.len == 0 || **p != '/')
		return false;
	(*p)++;
	r->subtype = take_media_token(p);
	if (r->subtype.len == 0)
		return false;
	for (skip_accept_blanks(p); **p == ';'; skip_accept_blanks(p)) {
		(*p)++;
		if (!take_parameter(p, r))
			return false;
	}
	return **p == ',' || **p == '\0';
}

static enum closeness range_closeness(const struct range *r, const char *type,
				      const char *subtype)
{
	bool any = is_same_media_word(r->subtype, "*");

	if (is_same_media_word(r->type, "*"))
		return any ? CLOSE_ANY : CLOSE_NOT;
	if (!is_same_media_word(r->type, type))
		return CLOSE_NOT;
	if (any)
		return CLOSE_TYPE;
	return is_same_media_word(r->subtype, subtype) ? CLOSE_EXACT
						       : CLOSE_NOT;
}

struct verdict {
	enum closeness closest;
	int weight;    /* by the closest */
	bool no_range; /* there is none that is well formed */
};

static struct verdict judge_method(const char *accept, const char *type,
				   const char *subtype)
{
	struct verdict v = {.no_range = true};

	for (const char *p = accept; p != NULL && *p != '\0';) {
		struct range r;
		enum closeness closeness;

		if (take_media_range(&p, &r)) {
			v.no_range = false;
			closeness = range_closeness(&r, type, subtype);
			if (closeness > v.closest ||
			    (closeness == v.closest && r.weight > v.weight))
				v.weight = r.weight;
			if (closeness > v.closest)
				v.closest = closeness;
		}
		skip_media_range(&p);
		if (*p == ',')
			p++;
	}
	return v;
}

bool route_accepts(const char *accept, const char *type, const char *subtype)
{
	struct verdict v = judge_method(accept, type, subtype);

	return v.no_range || (v.closest != CLOSE_NOT && v.weight > 0);
}

bool route_accepts_exactly(const char *accept, const char *type,
			   const char *subtype)
{
	struct verdict v = judge_method(accept, type, subtype);

	return v.closest == CLOSE_EXACT && v.weight > 0;
}

/* Only where it is named, and events are not named as well with as much right:
 * whoever takes anything takes events. */
static bool wants_ndjson(const char *accept)
{
	struct verdict lines = judge_method(accept, "application", "x-ndjson");
	struct verdict events = judge_method(accept, "text", "event-stream");

	if (lines.closest != CLOSE_EXACT || lines.weight == 0)
		return false;
	return events.closest == CLOSE_NOT || lines.weight > events.weight ||
	       (lines.weight == events.weight && events.closest != CLOSE_EXACT);
}

/* ---- the query ----------------------------------------------------------- */

static int percent_digit_value(char c)
{
	if (is_number_digit(c))
		return c - '0';
	if (lower_accept_byte(c) >= 'a' && lower_accept_byte(c) <= 'f')
		return lower_accept_byte(c) - 'a' + 10;
	return -1;
}

/* 1 to 255; 0 for NUL, and -1 for what is not two hex digits. */
static int decode_percent_byte(const char *hex, size_t len)
{
	int high = len < 2 ? -1 : percent_digit_value(hex[0]);
	int low = len < 2 ? -1 : percent_digit_value(hex[1]);

	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* `at` is the percent sign. */
static int refuse_percent(struct span name, struct span at, bool nul,
			  struct http_error *why)
{
	char shown_name[PRINTABLE_MAX], shown[PRINTABLE_MAX];

	return http_error_set(
		why, 400, REJECT_BAD_QUERY,
		"query parameter \"%s\" has \"%s\", allowed is %s",
		refusal_quote_harmless(shown_name, sizeof(shown_name), name.at,
				       name.len),
		printable(shown, sizeof(shown), at.at, at.len < 3 ? at.len : 3),
		nul ? "%01 to %FF" : "% and two hex digits");
}

/* Decodes `s`, a part of the parameter that was sent as `name`. */
static int decode_component(struct text *ret, struct span s, struct span name,
			    struct http_error *why)
{
	ret->len = 0;
	while (s.len > 0) {
		int byte = (unsigned char)*s.at;
		size_t used = 1;

		if (byte == '%') {
			byte = decode_percent_byte(s.at + 1, s.len - 1);
			used = 3;
		}
		if (byte <= 0)
			return refuse_percent(name, s, byte == 0, why);
		if (text_fits(ret))
			ret->bytes[ret->len] = (char)byte;
		ret->len++;
		s.at += used;
		s.len -= used;
	}
	if (text_fits(ret))
		ret->bytes[ret->len] = '\0';
	return 0;
}

int route_refuse_value(struct reader *r, const char *name,
		       const struct text *value, const char *allowed)
{
	char shown[PRINTABLE_MAX];
	struct span s = text_kept(value);

	return http_error_set(r->why, 400, REJECT_BAD_QUERY,
			      "%s \"%s\" is not %s", name,
			      refusal_quote_harmless(shown, sizeof(shown), s.at,
						     s.len),
			      allowed);
}

int route_refuse_twice(struct reader *r, enum reject_reason reason,
		       const char *name)
{
	return http_error_set(
		r->why, 400, reason,
		"query parameter %s is given twice, allowed is once", name);
}

static int take_deliver(struct reader *r, const struct text *value)
{
	static const char *const words[] = {
		[DELIVER_NEW] = "new",
		[DELIVER_ALL] = "all",
		[DELIVER_LAST] = "last",
	};
	char shown[PRINTABLE_MAX];
	struct span s = text_kept(value);

	if (r->has_deliver)
		return route_refuse_twice(r, REJECT_BAD_DELIVER, "deliver");
	r->has_deliver = true;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (text_is(value, words[i])) {
			r->route.deliver = (enum route_deliver)i;
			return 0;
		}
	}
	return http_error_set(r->why, 400, REJECT_BAD_DELIVER,
			      "deliver \"%s\" is not one of new, all, last",
			      refusal_quote_harmless(shown, sizeof(shown), s.at,
						     s.len));
}

/* `from` is what the client knows the cursor by. An empty one is none. */
static int take_cursor_text(struct reader *r, const char *from, struct span s)
{
	char shown[PRINTABLE_MAX];
	struct sse_cursor cursor;

	_Static_assert(sizeof(r->route.cursor_text) >= SSE_CURSOR_MAX,
		       "room for every good cursor");
	if (s.len == 0)
		return 0;
	if (sse_cursor_parse(&cursor, s.at, s.len) < 0)
		return http_error_set(
			r->why, 400, REJECT_BAD_CURSOR,
			"%s \"%s\" is no event id: allowed are 1 to "
			"20 digits below 2^64, then nothing, or - "
			"and six of 0-9a-f",
			from,
			refusal_quote_harmless(shown, sizeof(shown), s.at,
					       s.len));
	r->route.has_cursor = true;
	r->route.cursor_seq = cursor.seq;
	r->route.cursor_has_tag = cursor.has_tag;
	memcpy(r->route.cursor_text, s.at, s.len);
	r->route.cursor_text[s.len] = '\0';
	return 0;
}

static int take_last_event_id(struct reader *r, const struct text *value)
{
	if (r->has_last_event_id)
		return route_refuse_twice(r, REJECT_BAD_CURSOR, "lastEventId");
	r->has_last_event_id = true;
	return take_cursor_text(r, "lastEventId", text_kept(value));
}

/* In the spellings that clients have: lastEventId, last-event-id,
 * Last_Event_ID. One that is not known would lose events in silence. */
static bool is_last_event_id(const struct text *name)
{
	static const char letters[] = "lasteventid";
	size_t n = 0;

	if (!text_fits(name))
		return false;
	for (size_t i = 0; i < name->len; i++) {
		char c = name->bytes[i];

		if (c == '-' || c == '_')
			continue;
		if (n == sizeof(letters) - 1 ||
		    lower_accept_byte(c) != (unsigned char)letters[n])
			return false;
		n++;
	}
	return n == sizeof(letters) - 1;
}

int route_take_id(struct reader *r, const struct text *value, const char *name)
{
	struct route *route = &r->route;

	if (route->has_query_id)
		return route_refuse_twice(r, REJECT_BAD_IDENTITY, name);
	if (!text_fits(value))
		return http_error_set(
			r->why, 400, REJECT_BAD_IDENTITY,
			"query parameter %s has %zu bytes, allowed "
			"are 1 to %d",
			name, value->len, SUBJECT_ID_MAX);
	route->has_query_id = true;
	route->query_id_len = value->len;
	memcpy(route->query_id, value->bytes, value->len + 1);
	return 0;
}

/* A token, which no text may quote. */
static int take_query_token(struct reader *r, struct span sent)
{
	const char *name = r->req->token_query;
	struct http_error quotes;
	struct text value;

	if (r->route.token != NULL)
		return route_refuse_twice(r, REJECT_BAD_TOKEN, name);
	if (decode_component(&value, sent, sent, &quotes) < 0)
		return http_error_set(
			r->why, 400, REJECT_BAD_QUERY,
			"query parameter %s has a %% that is not "
			"followed by two hex digits from 01 to FF",
			name);
	r->route.token = sent.at;
	r->route.token_len = sent.len;
	return 0;
}

static int take_query_pair(struct reader *r, struct span pair)
{
	const char *equals = memchr(pair.at, '=', pair.len);
	struct span name_sent = pair, value_sent = {pair.at, 0};
	struct text name, value;

	if (equals != NULL) {
		name_sent.len = (size_t)(equals - pair.at);
		value_sent.at = equals + 1;
		value_sent.len = pair.len - name_sent.len - 1;
	}
	if (decode_component(&name, name_sent, name_sent, r->why) < 0)
		return -EINVAL;
	if (r->route.kind == ROUTE_EVENTS && r->req->token_query != NULL &&
	    text_is(&name, r->req->token_query))
		return take_query_token(r, value_sent);
	if (decode_component(&value, value_sent, name_sent, r->why) < 0)
		return -EINVAL;
	if (r->route.kind == ROUTE_SUBSCRIPTIONS)
		return route_take_filter(r, &name, &value);
	if (text_is(&name, "deliver"))
		return take_deliver(r, &value);
	if (is_last_event_id(&name))
		return take_last_event_id(r, &value);
	if (r->req->id_query != NULL && text_is(&name, r->req->id_query))
		return route_take_id(r, &value, r->req->id_query);
	return route_take_script(r, &name, &value);
}

static int take_query_string(struct reader *r, const char *query)
{
	for (;;) {
		struct span pair = {query, strcspn(query, "&")};

		if (take_query_pair(r, pair) < 0)
			return -EINVAL;
		query += pair.len;
		if (*query == '\0')
			return 0;
		query++;
	}
}

/* ---- the whole ----------------------------------------------------------- */

#define METHODS	     "GET, HEAD"
#define WITH_OPTIONS METHODS ", OPTIONS"
/* Allowed somewhere, or common enough to be told what is: the others are 501.
 */
#define KNOWN_METHODS "GET, HEAD, OPTIONS, POST, PUT, DELETE, CONNECT"
#define HEALTH_PATHS  "/livez, /healthz, /readyz"

static const struct place {
	const char *path;
	enum route_kind kind;
	bool on_public, on_admin;
	const char *methods;
} places[] = {
	{"/api/v1/events", ROUTE_EVENTS, true, false, METHODS},
	{"/livez", ROUTE_LIVEZ, true, true, METHODS},
	{"/healthz", ROUTE_LIVEZ, true, true, METHODS},
	{"/readyz", ROUTE_READYZ, true, true, METHODS},
	{"/", ROUTE_UI, true, false, METHODS}, /* with --ui */
	{"/metrics", ROUTE_METRICS, false, true, METHODS},
	{"/subscriptions", ROUTE_SUBSCRIPTIONS, false, true,
	 METHODS ", DELETE"},
	{"/subscriptions/", ROUTE_SUBSCRIPTION, false, true,
	 METHODS}, /* and a number */
};

static bool is_path_at(struct reader *r, const struct place *p,
		       struct span path)
{
	size_t len = strlen(p->path);

	if (!(r->req->admin ? p->on_admin : p->on_public) ||
	    (p->kind == ROUTE_UI && !r->req->ui) || path.len < len ||
	    memcmp(path.at, p->path, len) != 0)
		return false;
	path.at += len;
	path.len -= len;
	return p->kind == ROUTE_SUBSCRIPTION
		       ? route_take_number(path, &r->route.number)
		       : path.len == 0;
}

static const char *format_methods(const struct route_request *req,
				  const struct place *p)
{
	return p->kind == ROUTE_EVENTS && req->cors ? WITH_OPTIONS : p->methods;
}

static const char *format_known_paths(const struct route_request *req)
{
	if (req->admin)
		return "/metrics, /subscriptions, " HEALTH_PATHS;
	return req->ui ? "/, /api/v1/events, " HEALTH_PATHS
		       : "/api/v1/events, " HEALTH_PATHS;
}

static const struct place *find_endpoint(struct reader *r, struct span path)
{
	char shown[PRINTABLE_MAX];

	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (is_path_at(r, &places[i], path))
			return &places[i];
	http_error_set(r->why, 404, REJECT_NOT_FOUND,
		       "nothing is at \"%s\", paths here are %s",
		       refusal_quote_harmless(shown, sizeof(shown), path.at,
					      path.len),
		       format_known_paths(r->req));
	return NULL;
}

/* Is it a word of the list "GET, HEAD"? */
static bool is_method_allowed(const char *method, const char *methods)
{
	size_t len = strlen(method);

	for (const char *at = methods; *at != '\0';) {
		size_t n = strcspn(at, ",");

		if (n == len && memcmp(at, method, n) == 0)
			return true;
		at += n + strspn(at + n, ", ");
	}
	return false;
}

static int check_method(const struct route_request *req, const char *methods,
			struct http_error *why)
{
	char shown[PRINTABLE_MAX];

	if (is_method_allowed(req->method, methods))
		return 0;
	if (!is_method_allowed(req->method, KNOWN_METHODS))
		return http_error_set(
			why, 501, REJECT_BAD_METHOD,
			"method \"%s\" is not known here, allowed "
			"are %s",
			refusal_quote_harmless(shown, sizeof(shown),
					       req->method,
					       strlen(req->method)),
			methods);
	http_error_set(why, 405, REJECT_BAD_METHOD,
		       "method \"%s\" is not allowed, allowed are %s",
		       refusal_quote_harmless(shown, sizeof(shown), req->method,
					      strlen(req->method)),
		       methods);
	why->allow = methods;
	return -EINVAL;
}

static int check_accept(const struct route_request *req, struct http_error *why)
{
	char shown[PRINTABLE_MAX];

	if (route_accepts(req->accept, "text", "event-stream"))
		return 0;
	return http_error_set(
		why, 406, REJECT_NOT_ACCEPTABLE,
		"Accept \"%s\" rules out text/event-stream, and does not "
		"name application/x-ndjson, the other one that is here",
		refusal_quote_harmless(shown, sizeof(shown), req->accept,
				       strlen(req->accept)));
}

static int take_events_route(struct reader *r, const char *query)
{
	const char *id = r->req->last_event_id;

	r->route.ndjson = wants_ndjson(r->req->accept);
	if (!r->route.ndjson && check_accept(r->req, r->why) < 0)
		return -EINVAL;
	if (take_query_string(r, query) < 0)
		return -EINVAL;
	return id == NULL ? 0
			  : take_cursor_text(r, "Last-Event-ID", span_of(id));
}

int route_parse(struct route *ret, struct http_error *why,
		const struct route_request *req)
{
	struct reader r = {.req = req, .why = why};
	const struct place *place;
	struct span path = {req->target, strcspn(req->target, "?")};
	const char *query = path.at + path.len;

	if (*query == '?')
		query++;
	/* The target of CONNECT is no path (RFC 9112, 3.2.3). */
	if (strcmp(req->method, "CONNECT") == 0)
		return check_method(req, METHODS, why);
	/* RFC 9110, 9.3.7: of the server as a whole. */
	if (strcmp(req->target, "*") == 0 &&
	    strcmp(req->method, "OPTIONS") == 0) {
		r.route.kind = ROUTE_OPTIONS;
		*ret = r.route;
		return 0;
	}
	place = find_endpoint(&r, path);
	if (place == NULL ||
	    check_method(req, format_methods(req, place), why) < 0)
		return -EINVAL;
	r.route.kind = place->kind;
	if (r.route.kind == ROUTE_EVENTS && strcmp(req->method, "OPTIONS") == 0)
		r.route.kind = ROUTE_OPTIONS;
	if (r.route.kind == ROUTE_EVENTS && take_events_route(&r, query) < 0)
		return -EINVAL;
	if (r.route.kind == ROUTE_SUBSCRIPTIONS &&
	    (take_query_string(&r, query) < 0 || route_check_filter(&r) < 0))
		return -EINVAL;
	*ret = r.route;
	return 0;
}
