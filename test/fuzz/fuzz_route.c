/* What a request asks for: what is read of a query is what a plain reading of
 * it gives, and an identity that is taken is one token.
 *
 * Input: a letter (the lowest bit: the admin listener; then: the page,
 * writing are on), then method, target, Accept, Last-Event-ID, name of the
 * identity parameter, and identity header, with NULs between them. What is
 * missing at the end, or empty, is not there.
 */
#include <stdlib.h>
#include <ctype.h>
#include <string.h>

#include "auth/identity.h"
#include "base/check.h"
#include "bytes.h"
#include "config/option_checks.h"
#include "fuzz.h"
#include "http/accept.h"
#include "http/events_query.h"
#include "http/route.h"
#include "http/subscriptions_query.h"
#include "http/sse.h"

/* ---- a plain reading ------------------------------------------------------
 */

/* "%41b" is "Ab"; -1 for a broken percent sign, or a NUL. */
static int decode(struct bytes *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char hex[3] = "", *end;
		long c = (unsigned char)text[i];

		if (c == '%') {
			if (len - i < 3)
				return -1;
			memcpy(hex, text + i + 1, 2);
			c = strtol(hex, &end, 16);
			/* strtol() takes blanks and signs, too. */
			if (end != hex + 2 || strpbrk(hex, " \t+-xX") != NULL)
				return -1;
			i += 2;
		}
		if (c == 0)
			return -1;
		bytes_add_char(out, (char)c);
	}
	return 0;
}

/* Of a cursor's name case, '-' and '_' mean nothing. */
static bool is_name(const struct bytes *got, const char *name)
{
	const char *text = bytes_text(got);
	size_t n = 0;

	if (strcmp(name, "lastEventId") != 0)
		return got->len == strlen(name) &&
		       memcmp(text, name, got->len) == 0;
	for (size_t i = 0; i < got->len; i++) {
		if (text[i] == '-' || text[i] == '_')
			continue;
		if (n == strlen(name) ||
		    tolower((unsigned char)text[i]) !=
			    tolower((unsigned char)name[n]))
			return false;
		n++;
	}
	return n == strlen(name);
}

/* How often the query has a parameter, and the last one's value. All of the
 * query can be decoded, or it was not taken. */
static size_t find(const char *target, const char *name, struct bytes *value)
{
	const char *p = strchr(target, '?');
	size_t found = 0;

	for (; p != NULL; p = strchr(p, '&')) {
		size_t len = strcspn(++p, "&");
		const char *equals = memchr(p, '=', len);
		size_t name_len = equals == NULL ? len : (size_t)(equals - p);
		struct bytes got_name = {0}, got = {0};

		MUST(decode(&got_name, p, name_len) == 0);
		if (equals != NULL)
			MUST(decode(&got, equals + 1, len - name_len - 1) == 0);
		if (is_name(&got_name, name)) {
			found++;
			bytes_clear(value);
			bytes_add(value, bytes_text(&got), got.len);
		}
		bytes_free(&got_name);
		bytes_free(&got);
	}
	return found;
}

/* ---- what is taken --------------------------------------------------------
 */

enum { PAGE, EVENTS, PUBLISH, LIVE, METRICS, LIST, NUMBERED };

#define WRITES (ROUTE_PUBLIC | ROUTE_WITH_WRITING | ROUTE_PROBLEMS)

static const struct route rows[] = {
	[PAGE] = {"/", "GET, HEAD", ROUTE_PUBLIC | ROUTE_WITH_PAGE},
	[EVENTS] = {"/api/v1/events", "GET, HEAD", ROUTE_PUBLIC},
	[PUBLISH] = {"/api/v1/events", "POST", WRITES},
	[LIVE] = {"/api/v1/subjects/{subject}", "GET, HEAD, PUT", WRITES},
	[METRICS] = {"/metrics", "GET, HEAD", ROUTE_ADMIN},
	[LIST] = {"/subscriptions", "GET, HEAD, DELETE", ROUTE_ADMIN},
	[NUMBERED] = {"/subscriptions/{number}", "GET", ROUTE_ADMIN},
};

static void must_be_deliver(const struct events_query *q, const char *target)
{
	static const char *const words[] = {"new", "all", "last"};
	struct bytes value = {0};
	size_t n = find(target, "deliver", &value);

	MUST(n <= 1);
	MUST(strcmp(n == 0 ? "new" : bytes_text(&value), words[q->deliver]) ==
	     0);
	bytes_free(&value);
}

static void must_be_cursor(const struct events_query *q, const char *target,
			   const struct events_request *req)
{
	const char *header = req->last_event_id;
	struct bytes value = {0};
	struct sse_event_id c;
	const char *want;

	MUST(find(target, "lastEventId", &value) <= 1);
	want = header != NULL && *header != '\0' ? header : bytes_text(&value);
	MUST(q->has_event_id == (*want != '\0'));
	if (q->has_event_id) {
		MUST(sse_event_id_parse(&c, want, strlen(want)) == 0);
		MUST(strcmp(q->event_id, want) == 0);
		MUST(q->event_seq == c.seq);
		MUST(q->event_has_tag == c.has_tag);
	}
	bytes_free(&value);
}

static void must_be_query_id(const struct events_query *q, const char *target,
			     const struct events_request *req)
{
	struct bytes value = {0};
	size_t n;

	if (req->id_name == NULL) {
		MUST(!q->credentials.id.given);
		return;
	}
	n = find(target, req->id_name, &value);
	MUST(n == q->credentials.id.given);
	if (q->credentials.id.given) {
		MUST(q->credentials.id.len == value.len);
		MUST(strcmp(q->credentials.id.text, bytes_text(&value)) == 0);
	}
	bytes_free(&value);
}

static void must_be_match(const struct route_match *m,
			  const struct route_request *req)
{
	if (m->options) {
		MUST(strcmp(req->target, "*") == 0);
		return;
	}
	MUST(m->row < ARRAY_LEN(rows));
	MUST(strstr(rows[m->row].methods, req->method) != NULL);
	MUST((m->row <= LIVE) == !req->admin);
	MUST((m->row != PUBLISH && m->row != LIVE) || req->writing);
	MUST(m->problems == (m->row == PUBLISH || m->row == LIVE));
	if (m->row == LIVE) {
		const char *end = m->subject.at + m->subject.len;

		MUST(m->subject.len > 0 && (*end == '?' || *end == '\0'));
		MUST(memchr(m->subject.at, '/', m->subject.len) == NULL);
	}
	MUST(m->row != PAGE || (req->page && !req->admin));
	MUST(m->query == strchr(req->target, '\0') || m->query[-1] == '?');
}

static void must_be_refusal(const struct http_error *why)
{
	fuzz_must_be_line(why->text, sizeof(why->text));
	MUST(why->status >= 400 && (why->status <= 406 || why->status == 501));
	MUST(why->reason != REJECT_NONE && why->reason < REJECT_COUNT);
	MUST((why->status == 405) == (why->allow[0] != '\0'));
}

static void must_be_identity(const struct events_query *q,
			     const struct events_request *req,
			     const char *header)
{
	struct identity_request asks = {
		.header_name = "user_id",
		.header = header,
		.header_len = header == NULL ? 0 : strlen(header),
		.query_name = req->id_name,
		.query =
			q->credentials.id.given ? q->credentials.id.text : NULL,
		.query_len = q->credentials.id.len,
	};
	const char *want = header != NULL ? header : asks.query;
	struct http_error why;
	struct identity id;

	if (identity_take(&id, &why, &asks) < 0) {
		must_be_refusal(&why);
		return;
	}
	MUST((header != NULL) != (asks.query != NULL));
	MUST(subject_id_ok(id.id, id.len) && strlen(id.id) == id.len);
	MUST(strcmp(id.id, want) == 0);
}

/* ---- the target -----------------------------------------------------------
 */

/* NULL for an empty one. */
static char *take(struct fuzz_input *in)
{
	char *text = fuzz_take_text(in);

	if (text == NULL || *text != '\0')
		return text;
	free(text);
	return NULL;
}

/* A target as request.h describes it. */
static char *take_target(struct fuzz_input *in)
{
	char *text = take(in);

	if (text == NULL)
		text = strdup("/");
	for (char *p = text; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~' || *p == '#')
			*p = '%';
	return text;
}

static void must_be_subjects(const struct events_subjects *s)
{
	size_t len = 0;

	MUST(s->n <= EVENTS_SUBJECTS_MAX);
	for (size_t i = 0; i < s->n; i++) {
		MUST(s->list[i].at == s->text + len);
		MUST(s->list[i].len <= PATTERN_MAX);
		MUST(memchr(s->list[i].at, '\0', s->list[i].len) == NULL);
		len += s->list[i].len;
	}
	MUST(len == s->len);
}

static void run_events(const char *target, const struct events_request *req,
		       const char *header)
{
	struct http_error why;
	struct events_query q;

	memset(&q, 0xa5, sizeof(q));
	MUST(!accept_names(req->accept, "text", "event-stream") ||
	     accept_allows(req->accept, "text", "event-stream"));
	if (events_query_parse(&q, &why, req) < 0) {
		must_be_refusal(&why);
		return;
	}
	MUST(accept_allows(req->accept, "text", "event-stream"));
	must_be_subjects(req->subjects);
	must_be_deliver(&q, target);
	must_be_cursor(&q, target, req);
	must_be_query_id(&q, target, req);
	must_be_identity(&q, req, header);
}

static void run_list(const char *method, const char *query)
{
	struct subscriptions_query q;
	struct http_error why;

	if (subscriptions_query_parse(&q, &why, method, query) < 0)
		must_be_refusal(&why);
	else
		MUST(q.is_delete == (strcmp(method, "DELETE") == 0));
}

static void run(const struct route_request *req, struct events_request *events,
		const char *header)
{
	struct route_match m;
	struct http_error why;

	memset(&m, 0xa5, sizeof(m));
	if (route_find(&m, &why, rows, ARRAY_LEN(rows), req) < 0) {
		must_be_refusal(&why);
		return;
	}
	must_be_match(&m, req);
	events->query = m.query;
	if (!m.options && m.row == EVENTS)
		run_events(req->target, events, header);
	else if (!m.options && m.row == LIST)
		run_list(req->method, m.query);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	uint8_t bits = fuzz_take_byte(&in);
	char *method = take(&in), *target = take_target(&in);
	char *accept = take(&in), *last_event_id = take(&in);
	char *id_query = take(&in), *header = take(&in);
	struct route_request req = {
		.method = method == NULL ? "GET" : method,
		.target = target,
		.page = (bits & 2) != 0,
		.writing = (bits & 4) != 0,
		.admin = (bits & 1) != 0,
	};
	static struct events_subjects subjects;
	struct events_request events = {
		.subjects = &subjects,
		.accept = accept,
		.last_event_id = last_event_id,
		.id_name = id_query,
	};

	/* Other names are rejected when the options are read. */
	if (id_query == NULL || option_checks_query_fault(id_query) == NULL)
		run(&req, &events, header);
	free(method);
	free(target);
	free(accept);
	free(last_event_id);
	free(id_query);
	free(header);
	return 0;
}
