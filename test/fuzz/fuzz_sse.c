/* Events on the wire: what a decoder of the standard reads of an encoded
 * payload is that payload; and cursors.
 *
 * Input: how many bytes the sequence has (a digit), these bytes, and the
 * payload, which is also read as a cursor. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <sodium.h>

#include "base/check.h"
#include "bytes.h"
#include "fuzz.h"
#include "http/sse.h"
#include "sse_decoder.h"

enum { GUARD = 16, GUARD_BYTE = 0xa5, EVENTS = 2 };

struct seen {
	size_t n;
	struct {
		struct bytes type, data, id;
	} events[EVENTS];
};

static void on_event(void *arg, const struct sse_event *ev)
{
	struct seen *s = arg;

	MUST(s->n < EVENTS);
	bytes_add(&s->events[s->n].type, ev->type, strlen(ev->type));
	bytes_add(&s->events[s->n].data, ev->data, ev->len);
	bytes_add(&s->events[s->n].id, ev->id, strlen(ev->id));
	s->n++;
}

static void seen_finish(struct seen *s)
{
	for (size_t i = 0; i < EVENTS; i++) {
		bytes_free(&s->events[i].type);
		bytes_free(&s->events[i].data);
		bytes_free(&s->events[i].id);
	}
}

static bool is_text(const struct bytes *b, const char *text)
{
	return b->len == strlen(text) &&
	       memcmp(bytes_text(b), text, b->len) == 0;
}

/* ---- the frame ------------------------------------------------------------
 */

/* Writes the frame between guards, which must stand. To be freed; the frame
 * begins at GUARD. */
static uint8_t *encode(const struct sse_frame *f)
{
	uint8_t *room = malloc(f->total + 2 * GUARD);

	MUST(room != NULL);
	memset(room, GUARD_BYTE, f->total + 2 * GUARD);
	sse_encode(f, room + GUARD);
	for (size_t i = 0; i < GUARD; i++)
		MUST(room[i] == GUARD_BYTE &&
		     room[GUARD + f->total + i] == GUARD_BYTE);
	return room;
}

/* The one chunk's data (RFC 9112, 7.1), without leading zeros in its size. */
static const uint8_t *chunk_data(const uint8_t *at, size_t total, size_t *len)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = at;
	const char *digit;
	size_t n = 0;

	MUST(total > 0 && *p != '0');
	while ((digit = memchr(digits, *p, 16)) != NULL) {
		n = n * 16 + (size_t)(digit - digits);
		MUST((size_t)(++p - at) < total);
	}
	MUST(p > at && total - (size_t)(p - at) == 2 + n + 2);
	MUST(memcmp(p, "\r\n", 2) == 0 && memcmp(p + 2 + n, "\r\n", 2) == 0);
	*len = n;
	return p + 2;
}

/* A payload's lines, as the standard ends them. */
static void normalise(struct bytes *out, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\r' && i + 1 < len && data[i + 1] == '\n')
			i++;
		bytes_add_char(out, data[i] == '\r' ? '\n' : (char)data[i]);
	}
}

static bool is_utf8(const uint8_t *data, size_t len)
{
	json_t *json = json_stringn((const char *)data, len);
	bool ok = json != NULL;

	json_decref(json);
	return ok;
}

static void must_be_payload(const struct bytes *got, const uint8_t *data,
			    size_t len)
{
	struct bytes want = {0};

	normalise(&want, data, len);
	MUST(got->len == want.len);
	MUST(memcmp(bytes_text(got), bytes_text(&want), want.len) == 0);
	bytes_free(&want);
}

static void must_be_base64(const struct bytes *got, const uint8_t *data,
			   size_t len)
{
	uint8_t *plain = malloc(got->len + 1);
	size_t plain_len;

	MUST(plain != NULL && got->len == (len + 2) / 3 * 4);
	MUST(sodium_base642bin(plain, got->len + 1, bytes_text(got), got->len,
			       NULL, &plain_len, NULL,
			       sodium_base64_VARIANT_ORIGINAL) == 0);
	MUST(plain_len == len && memcmp(plain, data, len) == 0);
	free(plain);
}

/* The frame and then a ping: that the first ends where the second begins is
 * seen in the second. */
static void decode(struct seen *s, const uint8_t *body, size_t len)
{
	struct sse_decoder d = {.on_event = on_event, .arg = s};
	char ping[SSE_TEXT_MAX];
	size_t ping_len = sse_put_ping(ping, false, SSE_PING_MESSAGE, "7");

	sse_decoder_feed(&d, body, len);
	sse_decoder_feed(&d, ping, ping_len);
	MUST(d.n_comments == 0 && !d.has_retry);
	sse_decoder_finish(&d);
	MUST(s->n == EVENTS && is_text(&s->events[1].type, "message") &&
	     is_text(&s->events[1].data, "{\"system\": \"ping\"}") &&
	     is_text(&s->events[1].id, "7"));
}

static void must_come_back(const uint8_t *data, size_t len, uint64_t seq,
			   const struct sse_tag *tag)
{
	struct seen s = {0};
	struct sse_frame f;
	const uint8_t *body;
	uint8_t *room;
	char id[64];
	size_t body_len;

	sse_measure(&f, data, len, seq, tag);
	MUST(f.base64 == !is_utf8(data, len));
	MUST(f.total == f.size_line_len + f.body_len + SSE_CHUNK_TAIL);
	room = encode(&f);
	body = chunk_data(room + GUARD, f.total, &body_len);
	MUST(body == room + GUARD + f.size_line_len && body_len == f.body_len);
	decode(&s, body, body_len);
	MUST(is_text(&s.events[0].type, f.base64 ? "base64" : "message"));
	if (f.base64)
		must_be_base64(&s.events[0].data, data, len);
	else
		must_be_payload(&s.events[0].data, data, len);
	snprintf(id, sizeof(id), "%llu-%s", (unsigned long long)seq, tag->hex);
	MUST(is_text(&s.events[0].id, id));
	seen_finish(&s);
	free(room);
}

/* ---- cursors --------------------------------------------------------------
 */

/* The grammar, read in another way. */
static bool is_cursor(const char *text, size_t len)
{
	static const char most[] = "18446744073709551615";
	size_t digits = 0;

	while (digits < len && text[digits] >= '0' && text[digits] <= '9')
		digits++;
	if (digits == 0 || digits > 20 ||
	    (digits == 20 && memcmp(text, most, 20) > 0))
		return false;
	if (digits == len)
		return true;
	if (text[digits] != '-' || len - digits != 7)
		return false;
	for (size_t i = digits + 1; i < len; i++)
		if (memchr("0123456789abcdef", text[i], 16) == NULL)
			return false;
	return true;
}

static void must_read_cursor(const char *text, size_t len)
{
	struct sse_event_id c;
	char again[SSE_EVENT_ID_MAX];
	size_t zeros = 0, again_len;
	bool good = sse_event_id_parse(&c, text, len) == 0;

	MUST(good == is_cursor(text, len));
	if (!good)
		return;
	while (zeros + 1 < len && text[zeros] == '0' && text[zeros + 1] != '-')
		zeros++;
	again_len = sse_event_id_format(again, c.seq, &c.tag);
	if (!c.has_tag)
		again_len = strcspn(again, "-");
	MUST(again_len == len - zeros);
	MUST(memcmp(again, text + zeros, again_len) == 0);
}

static void must_write_cursor(uint64_t seq, const struct sse_tag *tag)
{
	struct sse_event_id c;
	char text[SSE_EVENT_ID_MAX];
	size_t len = sse_event_id_format(text, seq, tag);

	MUST(len < sizeof(text) && strlen(text) == len);
	MUST(sse_event_id_parse(&c, text, len) == 0);
	MUST(c.seq == seq && c.has_tag && strcmp(c.tag.hex, tag->hex) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	struct sse_tag tag;
	uint64_t seq = 0;

	for (unsigned n = (uint8_t)(fuzz_take_byte(&in) - '0') % 9; n > 0; n--)
		seq = seq << 8 | fuzz_take_byte(&in);
	tag = sse_tag_of((const char *)in.at, in.left);
	must_come_back(in.at, in.left, seq, &tag);
	must_read_cursor((const char *)in.at, in.left);
	must_write_cursor(seq, &tag);
	return 0;
}
