/* Request heads: whole and in pieces they come to the same end, and a head that
 * is taken is the one that a plain reading of its lines gives.
 *
 * Input: how the head is cut (fuzz.h; the next two bits choose the limit), then
 * the bytes of the connection. */
#include <string.h>
#include <strings.h>

#include "auth/identity.h"
#include "base/check.h"
#include "bytes.h"
#include "fuzz.h"
#include "http/events_query.h"
#include "http/request_parser.h"
#include "http/route.h"
#include "nats/subject.h"

#define ID_HEADER "user_id"

struct outcome {
	enum http_verdict verdict;
	size_t used;
	bool started;
	struct bytes text; /* the head or the error */
};

/* ---- outcomes -------------------------------------------------------------
 */

static void put_field(struct bytes *out, const char *text)
{
	bytes_add(out, text, strlen(text));
	bytes_add_char(out, '\n');
}

static void put_head(struct bytes *out, const struct request *h)
{
	put_field(out, h->method);
	put_field(out, h->target);
	put_field(out, h->host);
	bytes_add_char(out, (char)('0' + h->minor));
	bytes_add_char(out, h->is_head ? 'h' : '-');
	bytes_add_char(out, h->keep_alive ? 'k' : '-');
	for (size_t i = 0; i < h->n_headers; i++) {
		put_field(out, h->headers[i].name);
		put_field(out, h->headers[i].value);
	}
}

static void put_error(struct bytes *out, const struct http_error *r)
{
	fuzz_must_be_line(r->text, sizeof(r->text));
	MUST(r->status >= 400 && r->status <= 505);
	MUST(r->reason != REJECT_NONE && r->reason < REJECT_COUNT);
	MUST(r->allow[0] == '\0');
	bytes_add(out, &r->status, sizeof(r->status));
	put_field(out, reject_reason_label(r->reason));
	put_field(out, r->text);
}

static void feed(struct request_parser *p, struct outcome *o,
		 const uint8_t *bytes, size_t len)
{
	enum http_verdict before = o->verdict;
	uint8_t *piece = malloc(len);
	size_t used = SIZE_MAX;

	MUST(piece != NULL || len == 0);
	if (len > 0)
		memcpy(piece, bytes, len);
	o->verdict = request_parser_feed(p, piece, len, &used);
	/* Nothing may point into what was fed. */
	if (len > 0)
		memset(piece, 0xa5, len);
	free(piece);
	MUST(used <= len);
	MUST(before == VERDICT_MORE || o->verdict == before);
	MUST(before != VERDICT_READY || used == 0);
	MUST(o->verdict == VERDICT_READY || used == len);
	o->used += used;
}

static void take_outcome(struct outcome *o, const struct request_parser *p)
{
	o->started = request_parser_started(p);
	if (o->verdict == VERDICT_READY)
		put_head(&o->text, request_parser_head(p));
	else if (o->verdict == VERDICT_REJECT)
		put_error(&o->text, request_parser_error(p));
}

/* ---- a head that is taken -------------------------------------------------
 */

static bool is_among(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static bool is_token_byte(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || is_among(c, "!#$%&'*+-.^_`|~");
}

static void must_be_target(const struct request *h)
{
	MUST(h->target_len > 0 && strlen(h->target) == h->target_len);
	for (size_t i = 0; i < h->target_len; i++)
		MUST(h->target[i] > ' ' && h->target[i] <= '~' &&
		     h->target[i] != '#');
	MUST(h->target[0] == '/' || strcmp(h->method, "CONNECT") == 0 ||
	     (strcmp(h->method, "OPTIONS") == 0 &&
	      strcmp(h->target, "*") == 0));
}

static void must_be_host(const struct request *h)
{
	MUST(h->host != NULL);
	MUST(h->minor == 0 || request_count(h, "Host") == 1);
	for (const char *p = h->host; *p != '\0'; p++)
		MUST(*p > ' ' && *p <= '~' && !is_among(*p, "/?#@\\\"<>"));
}

static void must_be_header(const struct http_header *f)
{
	MUST(f->name_len > 0 && strlen(f->name) == f->name_len);
	for (size_t i = 0; i < f->name_len; i++)
		MUST(is_token_byte(f->name[i]));
	MUST(strlen(f->value) == f->value_len);
	for (size_t i = 0; i < f->value_len; i++)
		MUST(!is_among(f->value[i], "\r\n"));
	MUST(f->value_len == 0 ||
	     (!is_among(f->value[0], " \t") &&
	      !is_among(f->value[f->value_len - 1], " \t")));
}

static void must_be_without_body(const struct request *h)
{
	const char *length = request_find(h, "content-length", NULL);

	MUST(h->chunked ==
	     (request_find(h, "TRANSFER-ENCODING", NULL) != NULL));
	MUST(length == NULL || strspn(length, "0") == strlen(length));
}

static void must_be_head(const struct request *h)
{
	static const char *const once[] = {
		"host",		 "content-length", "authorization",
		"last-event-id", ID_HEADER,	   "transfer-encoding"};

	MUST(h->minor == 0 || h->minor == 1);
	MUST(h->is_head == (strcmp(h->method, "HEAD") == 0));
	MUST(h->n_headers <= HEAD_MAX_FIELDS);
	must_be_target(h);
	must_be_host(h);
	for (size_t i = 0; i < h->n_headers; i++)
		must_be_header(&h->headers[i]);
	for (size_t i = 0; i < ARRAY_LEN(once); i++)
		MUST(request_count(h, once[i]) <= 1);
	if (h->keep_alive || h->is_head || strcmp(h->method, "GET") == 0)
		must_be_without_body(h);
}

/* ---- and the bytes that it was --------------------------------------------
 */

/* The line at *at, without its CR LF, which are nowhere else. */
static size_t take_line(const char **at, const char *end)
{
	const char *begin = *at;
	const char *lf = memchr(begin, '\n', (size_t)(end - begin));

	MUST(lf != NULL && lf > begin && lf[-1] == '\r');
	MUST(memchr(begin, '\r', (size_t)(lf - begin)) == lf - 1);
	*at = lf + 1;
	return (size_t)(lf - 1 - begin);
}

static void must_be_line_of(const struct http_header *f, const char *line,
			    size_t len)
{
	const char *colon = memchr(line, ':', len);
	const char *value, *end = line + len;

	MUST(colon != NULL && (size_t)(colon - line) == f->name_len);
	MUST(memcmp(line, f->name, f->name_len) == 0);
	value = colon + 1;
	while (value < end && is_among(*value, " \t"))
		value++;
	while (end > value && is_among(end[-1], " \t"))
		end--;
	MUST((size_t)(end - value) == f->value_len);
	MUST(memcmp(value, f->value, f->value_len) == 0);
}

/* The request line has two blanks, with the method and the version around what
 * the target ends with. */
static void must_be_request_line(const struct request *h, const char *line,
				 size_t len)
{
	size_t method = strlen(h->method), version = strlen(" HTTP/1.1");
	char minor = (char)('0' + h->minor);

	MUST(len > method + 1 + version && line[method] == ' ');
	MUST(memcmp(line, h->method, method) == 0);
	MUST(memcmp(line + len - version, " HTTP/1.", version - 1) == 0);
	MUST(line[len - 1] == minor);
	MUST(memchr(line + method + 1, ' ', len - method - 1 - version) ==
	     NULL);
	/* An absolute form may have had no path. */
	if (h->target_len > 1)
		MUST(memmem(line, len, h->target + 1, h->target_len - 1) !=
		     NULL);
}

static void must_be_bytes(const struct request *h, const char *bytes,
			  size_t used, size_t max)
{
	const char *at = bytes, *end = bytes + used, *line;
	static const char empty[] = "0\r\n\r\n"; /* the one body there may be */
	size_t len;

	if (h->chunked) {
		end -= sizeof(empty) - 1;
		MUST(end > at && memcmp(end, empty, sizeof(empty) - 1) == 0);
	}
	while (end - at >= 2 && memcmp(at, "\r\n", 2) == 0)
		at += 2;
	MUST(at - bytes <= 2 * HEAD_MAX_LEADING_CRLF);
	MUST((size_t)(end - at) <= max);
	line = at;
	len = take_line(&at, end);
	must_be_request_line(h, line, len);
	for (size_t i = 0; i < h->n_headers; i++) {
		line = at;
		len = take_line(&at, end);
		must_be_line_of(&h->headers[i], line, len);
	}
	MUST(end - at == 2 && memcmp(at, "\r\n", 2) == 0);
}

/* ---- and what it asks for -------------------------------------------------
 */

static int route_events(const struct request *h, struct events_query *ret,
			struct http_error *why)
{
	static const struct route row = {"/api/v1/events", "GET, HEAD",
					 ROUTE_PUBLIC};
	const struct route_request req = {.method = h->method,
					  .target = h->target};
	static struct events_subjects subjects;
	struct events_request asked = {
		.subjects = &subjects,
		.accept = request_find(h, "Accept", NULL),
		.last_event_id = request_find(h, "Last-Event-ID", NULL),
		.id_name = "id",
	};
	struct route_match m;

	if (route_find(&m, why, &row, 1, &req) < 0)
		return -1;
	asked.query = m.query;
	return events_query_parse(ret, why, &asked);
}

static void must_be_answered(const struct request *h)
{
	struct identity_request asks = {.header_name = ID_HEADER,
					.query_name = "id"};
	struct identity id;
	struct http_error why;
	struct events_query q;
	int rc = route_events(h, &q, &why);

	if (rc == 0) {
		asks.header = request_find(h, ID_HEADER, &asks.header_len);
		asks.query =
			q.credentials.id.given ? q.credentials.id.text : NULL;
		asks.query_len = q.credentials.id.len;
		rc = identity_take(&id, &why, &asks);
	}
	if (rc == 0)
		MUST(subject_id_ok(id.id, id.len));
	else
		fuzz_must_be_line(why.text, sizeof(why.text));
}

/* ---- the target -----------------------------------------------------------
 */

static struct outcome run(const struct fuzz_input *in, struct fuzz_cuts *cuts,
			  size_t max)
{
	struct outcome o = {.verdict = VERDICT_MORE};
	struct request_parser *p;

	MUST(request_parser_new(&p, max, ID_HEADER) == 0);
	for (size_t at = 0; at < in->left;) {
		size_t left = in->left - at;
		size_t len = cuts == NULL ? left : fuzz_cut(cuts, left);

		feed(p, &o, in->at + at, len);
		at += len;
	}
	take_outcome(&o, p);
	if (o.verdict == VERDICT_READY && cuts == NULL) {
		must_be_head(request_parser_head(p));
		must_be_bytes(request_parser_head(p), (const char *)in->at,
			      o.used, max);
		must_be_answered(request_parser_head(p));
	}
	request_parser_free(p);
	return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t limits[] = {300, 1024, 16384, 4096};
	struct fuzz_input in = {data, size};
	struct fuzz_cuts cuts;
	size_t max = limits[fuzz_take_cuts(&in, &cuts) >> 3 & 3];
	struct outcome whole = run(&in, NULL, max);
	struct outcome pieces = run(&in, &cuts, max);

	MUST(whole.verdict == pieces.verdict);
	MUST(whole.used == pieces.used);
	MUST(whole.started == pieces.started);
	MUST(whole.text.len == pieces.text.len);
	MUST(memcmp(bytes_text(&whole.text), bytes_text(&pieces.text),
		    whole.text.len) == 0);
	bytes_free(&whole.text);
	bytes_free(&pieces.text);
	return 0;
}
