/* Encoding reads a payload twice and allocates nothing. sse_measure()
 * checks UTF-8 and counts line ends, eight bytes at a time while they are plain
 * ASCII; sse_encode() copies line by line, eight bytes at a time in the search
 * for the next line end. Both run for every message of the stream: this is the
 * hot path.
 *
 * A decoder (WHATWG HTML, section 9.2.6) takes \r\n, \n and a lone \r as line
 * ends, strips one space after the colon, appends each data line and a \n, and
 * finally removes the last \n. So a payload with k line ends is k + 1 data
 * lines, the last of them empty when the payload ends with a line end. */
#include "http/sse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/base64.h"
#include "base/check.h"
#include "base/encode.h"
#include "base/utf8.h"
#include "http/chunked.h"

#define DATA_FIELD    "data: "
#define ID_FIELD      "id: "
#define EVENT_FIELD   "event: "
#define BASE64_FIELDS EVENT_FIELD "base64\n" DATA_FIELD

#define LEN(literal) (sizeof(literal) - 1)

/* What is kept behind a frame: the line ends, each a byte; or before them the
 * event's name and the headers, behind a mark, the name's length (a byte) and
 * the headers' (4 bytes). */
enum {
	KEPT_BOTH = 'B',    /* \r\n; a lone line end is kept as itself */
	KEPT_HEADERS = 'H', /* the mark without line ends */
	KEPT_ALL = 'L',	    /* the mark, line ends follow */
	KEPT_HEAD = 1 + 1 + 4,
};

/* ---- scanning ------------------------------------------------------------ */

#define ONES  UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

/* Not 0 when a byte of the word is 0. */
static inline uint64_t has_zero(uint64_t word)
{
	return (word - ONES) & ~word & HIGHS;
}

static inline uint64_t has_line_end(uint64_t word)
{
	return has_zero(word ^ (ONES * '\n')) | has_zero(word ^ (ONES * '\r'));
}

static inline uint64_t load_word(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

static inline bool is_line_end(uint8_t c)
{
	return c == '\n' || c == '\r';
}

/* First byte that is not ASCII or ends a line; `end` for none. */
static const uint8_t *skip_plain_bytes(const uint8_t *p, const uint8_t *end)
{
	while (end - p >= (ptrdiff_t)sizeof(uint64_t)) {
		uint64_t word = load_word(p);

		if (((word & HIGHS) | has_line_end(word)) != 0)
			break;
		p += sizeof(word);
	}
	while (p < end && *p < 0x80 && !is_line_end(*p))
		p++;
	return p;
}

/* First byte that ends a line; `end` for none. */
static const uint8_t *skip_text_line(const uint8_t *p, const uint8_t *end)
{
	while (end - p >= (ptrdiff_t)sizeof(uint64_t)) {
		if (has_line_end(load_word(p)) != 0)
			break;
		p += sizeof(uint64_t);
	}
	while (p < end && !is_line_end(*p))
		p++;
	return p;
}

/* 2 for \r\n, otherwise 1; `p` is at a line end. */
static inline size_t line_end_len(const uint8_t *p, const uint8_t *end)
{
	return p[0] == '\r' && end - p > 1 && p[1] == '\n' ? 2 : 1;
}

/* Length of the data lines of a text; 0: not UTF-8. *ends: number of line ends,
 * when some are not \n. */
static size_t data_lines_len(const uint8_t *data, size_t len, size_t *ends)
{
	const uint8_t *p = data, *end = data + len;
	size_t lines = 1, line_end_bytes = 0;
	bool any_cr = false;

	while (p < end) {
		size_t n;

		if (*p >= 0x80) {
			n = utf8_sequence_len(p, end);
			if (n == 0)
				return 0;
			p += n;
			continue;
		}
		p = skip_plain_bytes(p, end);
		if (p < end && is_line_end(*p)) {
			n = line_end_len(p, end);
			lines++;
			line_end_bytes += n;
			any_cr |= *p == '\r';
			p += n;
		}
	}
	*ends = any_cr ? lines - 1 : 0;
	return lines * LEN(DATA_FIELD "\n") + len - line_end_bytes;
}

/* ---- writing ------------------------------------------------------------- */

static uint8_t *put_data_lines(uint8_t *out, const uint8_t *p, size_t len)
{
	const uint8_t *end = p + len;

	for (;;) {
		const uint8_t *stop = skip_text_line(p, end);

		out = encode_bytes(out, DATA_FIELD, LEN(DATA_FIELD));
		out = encode_bytes(out, p, (size_t)(stop - p));
		*out++ = '\n';
		if (stop == end)
			return out;
		p = stop + line_end_len(stop, end);
	}
}

static uint8_t *put_event_id(uint8_t *out, uint64_t seq,
			     const struct sse_tag *tag)
{
	out = encode_decimal(out, seq);
	*out++ = '-';
	return encode_bytes(out, tag->hex, SSE_TAG_LEN);
}

/* ---- frames -------------------------------------------------------------- */

struct sse_tag sse_tag_of(const char *created, size_t len)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	struct sse_tag tag;

	/* FNV-1a, with the final mix of MurmurHash3 because only 24 bits are
	 * kept. All gateways of one stream must agree, and clients keep event
	 * ids over an upgrade: this must never change. */
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)created[i]) * UINT64_C(0x100000001b3);
	hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
	hash = (hash ^ hash >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	hash ^= hash >> 33;
	snprintf(tag.hex, sizeof(tag.hex), "%06x", (unsigned)(hash & 0xffffff));
	return tag;
}

static void measure_chunk(struct sse_frame *f)
{
	f->size_line_len = chunk_size_len(f->body_len) + LEN("\r\n");
	f->total = f->size_line_len + f->body_len + SSE_CHUNK_TAIL;
}

void sse_measure(struct sse_frame *f, const void *data, size_t len,
		 uint64_t seq, const struct sse_tag *tag)
{
	size_t data_len;

	f->line_ends = 0;
	f->event.len = f->headers.len = 0;
	f->data = data != NULL ? data : "";
	f->len = len;
	f->seq = seq;
	f->tag = tag;
	data_len = data_lines_len(f->data, len, &f->line_ends);
	f->kept = f->line_ends;
	f->base64 = data_len == 0;
	if (f->base64)
		data_len = LEN(BASE64_FIELDS "\n") + base64_encoded_len(len);
	f->body_len = data_len + LEN("\n");
	if (tag != NULL)
		f->body_len += LEN(ID_FIELD) + encode_decimal_len(seq) +
			       LEN("-") + SSE_TAG_LEN + LEN("\n");
	measure_chunk(f);
}

void sse_extend(struct sse_frame *f, struct span event, struct span headers)
{
	if (event.len + headers.len == 0)
		return;
	MUST(event.len <= SSE_EVENT_MAX && headers.len <= UINT32_MAX);
	f->event = event;
	f->headers = headers;
	f->kept += KEPT_HEAD + event.len + headers.len;
	if (event.len > 0 && !f->base64) {
		f->body_len += LEN(EVENT_FIELD "\n") + event.len;
		measure_chunk(f);
	}
}

void sse_encode(const struct sse_frame *f, uint8_t *out)
{
	uint8_t *p = encode_chunk_size_line(out, f->body_len);

	if (f->base64) {
		p = encode_bytes(p, BASE64_FIELDS, LEN(BASE64_FIELDS));
		p = base64_encode(p, f->data, f->len);
		*p++ = '\n';
	} else {
		if (f->event.len > 0) {
			p = encode_bytes(p, EVENT_FIELD, LEN(EVENT_FIELD));
			p = encode_bytes(p, f->event.at, f->event.len);
			*p++ = '\n';
		}
		p = put_data_lines(p, f->data, f->len);
	}
	if (f->tag != NULL) {
		p = encode_bytes(p, ID_FIELD, LEN(ID_FIELD));
		p = put_event_id(p, f->seq, f->tag);
		*p++ = '\n';
	}
	p = encode_bytes(p, "\n\r\n", 3);
	MUST((size_t)(p - out) == f->total);
}

/* ---- back to the payload ------------------------------------------------- */

static void keep_line_ends(const struct sse_frame *f, uint8_t *out)
{
	const uint8_t *p = f->data, *end = p + f->len;

	for (p = skip_text_line(p, end); p < end; p = skip_text_line(p, end)) {
		size_t n = line_end_len(p, end);

		*out++ = n == 2 ? KEPT_BOTH : *p;
		p += n;
	}
}

void sse_keep(const struct sse_frame *f, uint8_t *out)
{
	uint32_t len = (uint32_t)f->headers.len;

	if (f->kept > f->line_ends) {
		*out++ = f->line_ends > 0 ? KEPT_ALL : KEPT_HEADERS;
		*out++ = (uint8_t)f->event.len;
		out = encode_bytes(out, &len, sizeof(len));
		if (f->event.len > 0)
			out = encode_bytes(out, f->event.at, f->event.len);
		if (len > 0)
			out = encode_bytes(out, f->headers.at, len);
	}
	if (f->line_ends > 0)
		keep_line_ends(f, out);
}

/* Returns the line ends; NULL: all are \n. */
static const uint8_t *restore_kept(struct sse_payload *ret, const uint8_t *kept)
{
	bool line_ends;
	uint32_t len;

	ret->event = ret->headers = (struct span){NULL, 0};
	if (kept == NULL || (*kept != KEPT_ALL && *kept != KEPT_HEADERS))
		return kept;
	line_ends = *kept == KEPT_ALL;
	ret->event.len = kept[1];
	memcpy(&len, kept + 2, sizeof(len));
	ret->headers.len = len;
	ret->event.at = (const char *)kept + KEPT_HEAD;
	ret->headers.at = ret->event.at + ret->event.len;
	return line_ends ? (const uint8_t *)ret->headers.at + len : NULL;
}

static bool begins_with_field(const uint8_t *p, const uint8_t *end,
			      const char *with, size_t len)
{
	return (size_t)(end - p) >= len && memcmp(p, with, len) == 0;
}

static uint8_t *put_line_end(uint8_t *out, const uint8_t **kept)
{
	uint8_t c = *kept == NULL ? '\n' : *(*kept)++;

	if (c == KEPT_BOTH)
		return encode_bytes(out, "\r\n", 2);
	*out++ = c;
	return out;
}

void sse_decode(struct sse_payload *ret, const uint8_t *body, size_t len,
		const uint8_t *kept, uint8_t *room)
{
	const uint8_t *p = body, *end = body + len;
	uint8_t *out = room;

	kept = restore_kept(ret, kept);
	ret->base64 =
		begins_with_field(p, end, BASE64_FIELDS, LEN(BASE64_FIELDS));
	if (ret->base64)
		p += LEN(BASE64_FIELDS) - LEN(DATA_FIELD);
	else if (ret->event.len > 0)
		p += LEN(EVENT_FIELD "\n") + ret->event.len;
	MUST(begins_with_field(p, end, DATA_FIELD, LEN(DATA_FIELD)));
	for (;;) {
		const uint8_t *line = p + LEN(DATA_FIELD);
		const uint8_t *stop = memchr(line, '\n', (size_t)(end - line));
		size_t n = (size_t)(stop - line);

		p = stop + 1;
		if (!begins_with_field(p, end, DATA_FIELD, LEN(DATA_FIELD)) &&
		    out == room) {
			ret->at = line;
			ret->len = n;
			return;
		}
		out = encode_bytes(out, line, n);
		if (!begins_with_field(p, end, DATA_FIELD, LEN(DATA_FIELD)))
			break;
		out = put_line_end(out, &kept);
	}
	ret->at = room;
	ret->len = (size_t)(out - room);
}

/* ---- the short ones ------------------------------------------------------ */

size_t sse_put_body(char *out, bool chunked, const char *body, int len)
{
	uint8_t *begin = (uint8_t *)out;

	MUST(len > 0 && len <= SSE_BODY_MAX);
	return (size_t)(encode_chunk(begin, chunked, body, (size_t)len) -
			begin);
}

/* The parts of an optional id line, for "%s%s%s". */
#define ID_LINE(event_id)                             \
	(event_id) != NULL ? ID_FIELD : "",           \
		(event_id) != NULL ? (event_id) : "", \
		(event_id) != NULL ? "\n" : ""

#define SYSTEM(what) "event: system\n" DATA_FIELD "{\"system\": \"" what "\"}\n"

size_t sse_put_opening(char *out, bool chunked, uint64_t retry_ms,
		       const char *event_id)
{
	char body[SSE_BODY_MAX + 1];
	int len = snprintf(body, sizeof(body), "retry: %" PRIu64 "\n%s%s%s%s\n",
			   retry_ms, event_id != NULL ? SYSTEM("open") : "",
			   ID_LINE(event_id));

	return sse_put_body(out, chunked, body, len);
}

size_t sse_put_core_opening(char *out, bool chunked, uint64_t retry_ms)
{
	char body[SSE_BODY_MAX + 1];
	int len =
		snprintf(body, sizeof(body),
			 "retry: %" PRIu64 "\n" SYSTEM("open") "\n", retry_ms);

	return sse_put_body(out, chunked, body, len);
}

size_t sse_put_system(char *out, bool chunked, const char *what,
		      const char *event_id)
{
	char body[SSE_BODY_MAX + 1];
	int len = snprintf(body, sizeof(body), SYSTEM("%s") "%s%s%s\n", what,
			   ID_LINE(event_id));

	return sse_put_body(out, chunked, body, len);
}

size_t sse_put_ping(char *out, bool chunked, enum sse_ping style,
		    const char *event_id)
{
	static const char *const texts[] = {
		[SSE_PING_MESSAGE] = DATA_FIELD "{\"system\": \"ping\"}\n",
		[SSE_PING_COMMENT] = ": ping\n",
		[SSE_PING_EVENT] = SYSTEM("ping"),
	};
	char body[SSE_BODY_MAX + 1];
	int len = snprintf(body, sizeof(body), "%s%s%s%s\n", texts[style],
			   ID_LINE(event_id));

	return sse_put_body(out, chunked, body, len);
}

size_t sse_put_gap(char *out, bool chunked, const char *reason, uint64_t after,
		   uint64_t first, uint64_t id, const struct sse_tag *tag)
{
	char body[SSE_BODY_MAX + 1], event_id[SSE_EVENT_ID_MAX];
	int len;

	sse_event_id_format(event_id, id, tag);
	len = snprintf(body, sizeof(body),
		       "event: gap\n" DATA_FIELD "{\"system\": \"gap\", "
		       "\"reason\": \"%s\", \"after\": %" PRIu64
		       ", \"first\": %" PRIu64 "}\n" ID_FIELD "%s\n\n",
		       reason, after, first, event_id);
	return sse_put_body(out, chunked, body, len);
}

size_t sse_put_core_gap(char *out, bool chunked, bool is_line,
			const char *reason, uint64_t dropped)
{
	char body[SSE_BODY_MAX + 1], member[40] = "";
	int len;

	if (dropped > 0)
		snprintf(member, sizeof(member), ",\"dropped\":%" PRIu64,
			 dropped);
	len = snprintf(body, sizeof(body),
		       "%s{\"system\":\"gap\",\"reason\":\"%s\"%s}\n%s",
		       is_line ? "" : "event: gap\n" DATA_FIELD, reason, member,
		       is_line ? "" : "\n");
	return sse_put_body(out, chunked, body, len);
}

size_t sse_put_retry(char *out, bool chunked, uint64_t retry_ms)
{
	return sse_put_opening(out, chunked, retry_ms, NULL);
}

size_t sse_put_end(char *out, bool chunked)
{
	if (!chunked)
		return 0;
	memcpy(out, "0\r\n\r\n", 5);
	return 5;
}

/* ---- event ids ----------------------------------------------------------- */

size_t sse_event_id_format(char *out, uint64_t seq, const struct sse_tag *tag)
{
	uint8_t *end = put_event_id((uint8_t *)out, seq, tag);

	*end = '\0';
	return (size_t)(end - (uint8_t *)out);
}

static bool is_tag_text(const char *text, size_t len)
{
	if (len != SSE_TAG_LEN)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!ascii_is_digit(text[i]) &&
		    !(text[i] >= 'a' && text[i] <= 'f'))
			return false;
	return true;
}

int sse_event_id_parse(struct sse_event_id *ret, const char *text, size_t len)
{
	struct sse_event_id c = {0};
	size_t i = 0;

	for (; i < len && ascii_is_digit(text[i]); i++) {
		if (i == 20 || __builtin_mul_overflow(c.seq, 10, &c.seq) ||
		    __builtin_add_overflow(c.seq, text[i] - '0', &c.seq))
			return -EINVAL;
	}
	if (i == 0)
		return -EINVAL;
	if (i < len) {
		if (text[i] != '-' || !is_tag_text(text + i + 1, len - i - 1))
			return -EINVAL;
		c.has_tag = true;
		memcpy(c.tag.hex, text + i + 1, SSE_TAG_LEN);
	}
	*ret = c;
	return 0;
}
