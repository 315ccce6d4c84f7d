/* Each byte passes two readers in step. scan_byte() knows just enough of a head
 * to reject what packaged versions of llhttp let through (8.1: continuation
 * lines, empty names, some bare LF; all: fragments, other versions). Then
 * llhttp parses it and calls back with pieces of the target and of headers,
 * which are collected in `text`, each with a NUL. At the end of the head llhttp
 * is paused, before it acts on a body or an upgrade, and request.c checks the
 * whole.
 *
 * The verdict is that of the first byte that either reader rejects, so that it
 * does not depend on how the bytes are cut: a fault of the scan counts only
 * after llhttp has accepted all bytes before it, and no decision depends on
 * where the piece of a callback ends. */
#include "http/request_parser.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <llhttp.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/printable.h"

#define VERSION_FORM "HTTP/1.1"
#define EMPTY_BODY   "0\r\n\r\n"

enum {
	VERSION_LEN = sizeof(VERSION_FORM) - 1,
	TEXT_KEPT = 1024,   /* bytes kept from one head to the next */
	TEXT_STEP = 512,    /* an unfinished head must stay small */
	HEADERS_FIRST = 12, /* first allocation */
};

/* Position of the scan. */
enum part {
	PART_LEADING, /* before the first byte of the request */
	PART_METHOD,
	PART_TARGET,
	PART_VERSION,
	PART_LINE, /* inside of a header line, which llhttp checks */
	PART_LINE_START,
	PART_BODY, /* chunked, must be empty */
};

/* Position of the callbacks. */
enum field { FIELD_NONE, FIELD_NAME, FIELD_VALUE };

struct request_parser {
	llhttp_t llhttp;
	enum http_verdict verdict;
	struct request head;
	struct http_error error;
	const char *id_header;

	size_t max_bytes;
	size_t n_bytes; /* scanned, without leading CRLFs */
	enum part part;
	size_t part_len; /* bytes of the target, version or body so far */
	char version[VERSION_LEN];
	unsigned n_leading; /* CRLFs */
	bool after_cr;

	/* target NUL (name NUL value NUL)*. Pointers into it are set at the
	 * end, because it moves when it grows. */
	struct buf text;
	struct http_header *headers;
	size_t cap_headers;
	enum field field;
	bool has_error; /* a callback has set `error` */
};

/* ---- what llhttp calls --------------------------------------------------- */

static int reject_over_limit(struct request_parser *p, int rc)
{
	p->has_error = true;
	if (rc == -ENOMEM)
		http_error_set(&p->error, 503, REJECT_MAX_CONNECTIONS,
			       "out of memory");
	else
		http_error_set(&p->error, 431, REJECT_TOO_LARGE,
			       "the head of the request is over %zu bytes",
			       p->max_bytes);
	return -1;
}

static int append_head_text(struct request_parser *p, const char *at,
			    size_t len)
{
	/* Larger steps for large heads: each step may copy everything. */
	size_t step = p->text.cap / 4 > TEXT_STEP ? p->text.cap / 4 : TEXT_STEP;
	int rc = buf_reserve_step(&p->text, len, step);

	if (rc == 0)
		rc = buf_put(&p->text, at, len);
	return rc < 0 ? reject_over_limit(p, rc) : 0;
}

static int on_url(llhttp_t *llhttp, const char *at, size_t len)
{
	return append_head_text(llhttp->data, at, len);
}

static int on_url_complete(llhttp_t *llhttp)
{
	return append_head_text(llhttp->data, "", 1);
}

/* Trailing blanks are not part of a value (RFC 9112, section 5.1). */
static int end_header_value(struct request_parser *p)
{
	struct http_header *h = &p->headers[p->head.n_headers - 1];

	while (h->value_len > 0 && (buf_tail(&p->text)[-1] == ' ' ||
				    buf_tail(&p->text)[-1] == '\t')) {
		h->value_len--;
		p->text.end--;
	}
	return append_head_text(p, "", 1);
}

static int grow_headers(struct request_parser *p)
{
	size_t cap = p->cap_headers > 0 ? p->cap_headers * 2 : HEADERS_FIRST;
	struct http_header *headers;

	headers = realloc(p->headers, cap * sizeof(*headers));
	if (headers == NULL)
		return reject_over_limit(p, -ENOMEM);
	p->headers = headers;
	p->cap_headers = cap;
	return 0;
}

static int begin_header_name(struct request_parser *p)
{
	if (p->field == FIELD_VALUE && end_header_value(p) < 0)
		return -1;
	if (p->head.n_headers == p->cap_headers && grow_headers(p) < 0)
		return -1;
	p->headers[p->head.n_headers++] = (struct http_header){0};
	p->field = FIELD_NAME;
	return 0;
}

static int on_header_field(llhttp_t *llhttp, const char *at, size_t len)
{
	struct request_parser *p = llhttp->data;

	if (p->field != FIELD_NAME && begin_header_name(p) < 0)
		return -1;
	p->headers[p->head.n_headers - 1].name_len += len;
	return append_head_text(p, at, len);
}

static int on_header_field_complete(llhttp_t *llhttp)
{
	struct request_parser *p = llhttp->data;

	if (p->head.n_headers > HEAD_MAX_FIELDS) {
		p->has_error = true;
		http_error_set(&p->error, 431, REJECT_TOO_LARGE,
			       "the request has more than %d headers",
			       HEAD_MAX_FIELDS);
		return -1;
	}
	p->field = FIELD_VALUE;
	return append_head_text(p, "", 1);
}

static int on_header_value(llhttp_t *llhttp, const char *at, size_t len)
{
	struct request_parser *p = llhttp->data;

	p->headers[p->head.n_headers - 1].value_len += len;
	return append_head_text(p, at, len);
}

static int on_headers_complete(llhttp_t *llhttp)
{
	struct request_parser *p = llhttp->data;

	if (p->field == FIELD_VALUE && end_header_value(p) < 0)
		return -1;
	return HPE_PAUSED;
}

static const llhttp_settings_t callbacks = {
	.on_url = on_url,
	.on_url_complete = on_url_complete,
	.on_header_field = on_header_field,
	.on_header_field_complete = on_header_field_complete,
	.on_header_value = on_header_value,
	.on_headers_complete = on_headers_complete,
};

/* ---- the scan ------------------------------------------------------------ */

/* Each scan_...() returns false, with `error` set, when it rejects the byte. */

static bool reject_malformed(struct request_parser *p, const char *what)
{
	http_error_set(&p->error, 400, REJECT_MALFORMED,
		       "malformed request: %s", what);
	return false;
}

static void begin_head_part(struct request_parser *p, enum part part)
{
	p->part = part;
	p->part_len = 0;
}

static bool scan_request_target(struct request_parser *p, char c)
{
	char shown[PRINTABLE_MAX];

	if ((c == ' ' || c == '\r' || c == '\n') && p->part_len == 0)
		return reject_malformed(p, "no target after the method and one "
					   "blank");
	if (c == ' ') {
		begin_head_part(p, PART_VERSION);
		return true;
	}
	if (c == '\r' || c == '\n') {
		http_error_set(&p->error, 505, REJECT_MALFORMED,
			       "no HTTP version after the target, allowed are "
			       "HTTP/1.1 and HTTP/1.0");
		return false;
	}
	if (c == '#')
		return reject_malformed(p, "the target has a fragment (#)");
	if (c < 0x21 || c > 0x7e) {
		http_error_set(&p->error, 400, REJECT_MALFORMED,
			       "malformed request: the target has the byte %s, "
			       "allowed are printable ASCII and %%XX",
			       printable(shown, sizeof(shown), &c, 1));
		return false;
	}
	p->part_len++;
	return true;
}

static bool scan_version(struct request_parser *p, char c)
{
	static const char form[] = VERSION_FORM;
	const size_t major = VERSION_LEN - 3, minor = VERSION_LEN - 1;

	if (c == ' ' && p->part_len == 0)
		return reject_malformed(p, "two blanks after the target");
	if (p->part_len != major && p->part_len != minor &&
	    c != form[p->part_len])
		return reject_malformed(
			p, "what follows the target is not HTTP/1.1 "
			   "or HTTP/1.0");
	p->version[p->part_len++] = c;
	if (p->part_len < VERSION_LEN)
		return true;
	p->part = PART_LINE;
	if (p->version[major] == '1' && (c == '0' || c == '1'))
		return true;
	if (!ascii_is_digit(p->version[major]) || !ascii_is_digit(c))
		return reject_malformed(p, "the HTTP version is not of digits");
	http_error_set(&p->error, 505, REJECT_MALFORMED,
		       "HTTP version %.*s is not one of HTTP/1.1, HTTP/1.0",
		       VERSION_LEN, p->version);
	return false;
}

static bool scan_line_start(struct request_parser *p, char c)
{
	p->part = PART_LINE;
	if (c == ' ' || c == '\t')
		return reject_malformed(p,
					"a header line begins with a blank, "
					"continuation lines are not allowed");
	if (c == ':')
		return reject_malformed(p, "a header has no name");
	return true;
}

/* Lines end with CR LF; neither occurs alone. */
static bool scan_head_line(struct request_parser *p, char c)
{
	if (p->after_cr != (c == '\n'))
		return reject_malformed(p, "a CR or LF that is no line's end");
	p->after_cr = c == '\r';
	if (c == '\n')
		p->part = PART_LINE_START;
	return true;
}

/* Exactly "0\r\n\r\n": no extension, no trailer. */
static bool scan_body(struct request_parser *p, char c)
{
	if (c == EMPTY_BODY[p->part_len]) {
		p->part_len++;
		return true;
	}
	http_error_set(
		&p->error, 413, REJECT_HAS_BODY,
		"the request has a body, %s is taken without one, or with "
		"an empty one",
		p->head.method);
	return false;
}

static bool scan_head_byte(struct request_parser *p, char c)
{
	switch (p->part) {
	case PART_LEADING:
		p->part = PART_METHOD;
		return true;
	case PART_METHOD:
		if (c == ' ')
			begin_head_part(p, PART_TARGET);
		return true;
	case PART_TARGET:
		return scan_request_target(p, c);
	case PART_VERSION:
		return scan_version(p, c);
	case PART_LINE:
		return scan_head_line(p, c);
	case PART_LINE_START:
		return scan_line_start(p, c) && scan_head_line(p, c);
	case PART_BODY: /* feed_body() reads it */
		break;
	}
	return true;
}

static bool scan_size_limit(struct request_parser *p)
{
	bool in_target = p->part == PART_METHOD || p->part == PART_TARGET;

	if (++p->n_bytes <= p->max_bytes)
		return true;
	http_error_set(&p->error, in_target ? 414 : 431, REJECT_TOO_LARGE,
		       "the %s of the request is over %zu bytes",
		       in_target ? "target" : "head", p->max_bytes);
	return false;
}

/* Skips empty lines before a request (RFC 9112, section 2.2), up to a limit.
 * Returns their bytes; *ok is false above the limit. */
static size_t scan_leading(struct request_parser *p, const char *bytes,
			   size_t len, bool *ok)
{
	size_t n = 0;

	while (*ok && n < len && p->part == PART_LEADING) {
		char c = bytes[n];

		if (p->after_cr != (c == '\n'))
			*ok = reject_malformed(p, "a lone CR or LF before it");
		else if (c != '\r' && c != '\n')
			break;
		else if (c == '\n' && ++p->n_leading > HEAD_MAX_LEADING_CRLF)
			*ok = reject_malformed(
				p, "too many empty lines before it");
		p->after_cr = c == '\r';
		n++;
	}
	return n;
}

/* Returns the number of good bytes; *ok is false when the next one is bad. */
static size_t scan_bytes(struct request_parser *p, const char *bytes,
			 size_t len, bool *ok)
{
	size_t n = 0;

	while (*ok && n < len) {
		*ok = scan_size_limit(p) && scan_head_byte(p, bytes[n]);
		n += *ok;
	}
	return n;
}

/* ---- the parser ---------------------------------------------------------- */

static void begin_request(struct request_parser *p)
{
	llhttp_init(&p->llhttp, HTTP_REQUEST, &callbacks);
	p->llhttp.data = p;
	p->verdict = VERDICT_MORE;
}

int request_parser_new(struct request_parser **ret, size_t max_bytes,
		       const char *id_header)
{
	struct request_parser *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return -ENOMEM;
	p->max_bytes = max_bytes;
	p->id_header = id_header;
	/* Each NUL replaces a byte of the head that is not kept. */
	buf_init(&p->text, max_bytes);
	begin_request(p);
	*ret = p;
	return 0;
}

void request_parser_take_bodies(struct request_parser *p)
{
	MUST(!request_parser_started(p));
	p->head.takes_body = true;
}

void request_parser_again(struct request_parser *p)
{
	struct request_parser kept = {
		.id_header = p->id_header,
		.max_bytes = p->max_bytes,
		.text = p->text,
		.headers = p->headers,
		.cap_headers = p->cap_headers,
		.head.takes_body = p->head.takes_body,
	};

	*p = kept;
	buf_clear(&p->text);
	if (p->text.cap > TEXT_KEPT)
		buf_finish(&p->text);
	begin_request(p);
}

void request_parser_free(struct request_parser *p)
{
	if (p == NULL)
		return;
	buf_finish(&p->text);
	free(p->headers);
	free(p);
}

size_t request_parser_bytes(const struct request_parser *p)
{
	return p == NULL ? 0
			 : sizeof(*p) + p->text.cap +
				   p->cap_headers * sizeof(*p->headers);
}

/* Sets the pointers: `text` does not move any more. */
static enum http_verdict finish_request_head(struct request_parser *p)
{
	struct request *h = &p->head;
	char *target = (char *)p->text.data;
	const char *at = target + strlen(target) + 1;

	for (size_t i = 0; i < h->n_headers; i++) {
		p->headers[i].name = at;
		at += p->headers[i].name_len + 1;
		p->headers[i].value = at;
		at += p->headers[i].value_len + 1;
	}
	MUST(at == (const char *)buf_tail(&p->text));
	h->headers = p->headers;
	h->method = llhttp_method_name((llhttp_method_t)p->llhttp.method);
	h->minor = p->version[VERSION_LEN - 1] - '0';
	return request_finish(h, target, p->id_header, &p->error) < 0
		       ? VERDICT_REJECT
		       : VERDICT_READY;
}

/* llhttp stops at the first byte that fits none of its methods. A method that
 * is only unknown is 501 (RFC 9110, section 9.1). */
static bool is_unknown_method(const struct request_parser *p, llhttp_errno_t rc)
{
	const char *at = llhttp_get_error_pos(&p->llhttp);

	return rc == HPE_INVALID_METHOD && at != NULL &&
	       ((*at >= 'A' && *at <= 'Z') || *at == '-');
}

/* `ok`: the scan found no fault in the bytes that llhttp parsed. */
static enum http_verdict set_parser_error(struct request_parser *p,
					  llhttp_errno_t rc, bool ok)
{
	const char *reason = llhttp_get_error_reason(&p->llhttp);

	if (rc == HPE_PAUSED)
		return finish_request_head(p);
	if (rc == HPE_OK)
		return ok ? VERDICT_MORE : VERDICT_REJECT;
	if (!p->has_error && is_unknown_method(p, rc))
		http_error_set(
			&p->error, 501, REJECT_BAD_METHOD,
			"the method is not known here, allowed are GET, "
			"HEAD, OPTIONS and DELETE, each where its resource "
			"has it");
	else if (!p->has_error)
		reject_malformed(p, reason != NULL && *reason != '\0'
					    ? reason
					    : llhttp_errno_name(rc));
	return VERDICT_REJECT;
}

/* Returns the bytes of the body; the verdict is MORE until it is whole. */
static size_t feed_body(struct request_parser *p, const char *bytes, size_t len)
{
	for (size_t n = 0; n < len; n++) {
		if (!scan_body(p, bytes[n])) {
			p->verdict = VERDICT_REJECT;
			return len;
		}
		if (p->part_len == sizeof(EMPTY_BODY) - 1) {
			p->verdict = VERDICT_READY;
			return n + 1;
		}
	}
	return len;
}

enum http_verdict request_parser_feed(struct request_parser *p,
				      const void *bytes, size_t len,
				      size_t *used)
{
	llhttp_errno_t rc = HPE_OK;
	const char *begin = bytes;
	bool ok = true;
	size_t n;

	*used = p->verdict == VERDICT_READY ? 0 : len;
	if (p->verdict != VERDICT_MORE)
		return p->verdict;
	if (p->part == PART_BODY) {
		*used = feed_body(p, bytes, len);
		return p->verdict;
	}
	n = scan_leading(p, begin, len, &ok);
	begin += n;
	n = scan_bytes(p, begin, len - n, &ok);
	if (n > 0)
		rc = llhttp_execute(&p->llhttp, begin, n);
	p->verdict = set_parser_error(p, rc, ok);
	if (p->verdict == VERDICT_READY)
		*used = (size_t)(llhttp_get_error_pos(&p->llhttp) -
				 (const char *)bytes);
	if (p->verdict == VERDICT_READY && p->head.chunked) {
		p->verdict = VERDICT_MORE;
		begin_head_part(p, PART_BODY);
		*used += feed_body(p, (const char *)bytes + *used, len - *used);
	}
	return p->verdict;
}

bool request_parser_is_head(const struct request_parser *p)
{
	return p->part > PART_METHOD && p->llhttp.method == HTTP_HEAD;
}

bool request_parser_started(const struct request_parser *p)
{
	return p->part != PART_LEADING;
}

const struct request *request_parser_head(const struct request_parser *p)
{
	MUST(p->verdict == VERDICT_READY);
	return &p->head;
}

const struct http_error *request_parser_error(const struct request_parser *p)
{
	MUST(p->verdict == VERDICT_REJECT);
	return &p->error;
}
