#include "sse_client.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#include "test_clock.h"

/* The reading half of the client: a reply's head, its body by Content-Length,
 * by chunks or to the end, and the events in it. Everything comes in pieces of
 * any size; feed() hands each byte on exactly once. */

enum chunk_state {
	CHUNK_SIZE,
	CHUNK_SIZE_LF,
	CHUNK_DATA,
	CHUNK_CR,
	CHUNK_LF,
	CHUNK_END_CR, /* behind the last chunk; no trailers are expected */
	CHUNK_END_LF,
};

static void bad(struct sse_client *c, const char *what)
{
	if (c->bad[0] == '\0')
		snprintf(c->bad, sizeof(c->bad), "%s", what);
}

/* ---- events -------------------------------------------------------------- */

bool sse_event_is_ping(const struct sse_event *ev)
{
	return strcmp(ev->type, "message") == 0 &&
	       strcmp(ev->data, "{\"system\": \"ping\"}") == 0;
}

bool sse_event_is_message(const struct sse_event *ev)
{
	if (strcmp(ev->type, "base64") == 0)
		return true;
	return strcmp(ev->type, "message") == 0 && !sse_event_is_ping(ev);
}

static bool is_opening(const struct sse_event *ev)
{
	return strcmp(ev->type, "system") == 0 &&
	       strcmp(ev->data, "{\"system\": \"open\"}") == 0;
}

static char *copy(const char *text, size_t len)
{
	char *own = malloc(len + 1);

	if (own == NULL)
		abort();
	memcpy(own, text, len);
	own[len] = '\0';
	return own;
}

static void keep(struct sse_client *c, const struct sse_event *ev)
{
	struct sse_event *own;

	if (c->n_events == c->events_cap) {
		c->events_cap = c->events_cap == 0 ? 16 : c->events_cap * 2;
		c->events =
			realloc(c->events, c->events_cap * sizeof(*c->events));
		if (c->events == NULL)
			abort();
	}
	own = &c->events[c->n_events++];
	own->type = copy(ev->type, strlen(ev->type));
	own->data = copy(ev->data, ev->len);
	own->len = ev->len;
	own->id = copy(ev->id, strlen(ev->id));
	own->at_ms = test_now_ms();
}

static void on_event(void *arg, const struct sse_event *ev)
{
	struct sse_client *c = arg;

	if (is_opening(ev))
		return; /* its id is what counts */
	if (sse_event_is_ping(ev))
		c->n_pings++;
	else if (sse_event_is_message(ev))
		c->n_messages++;
	if (c->sink != NULL)
		c->sink(c->sink_arg, ev);
	else
		keep(c, ev);
}

/* ---- the body ------------------------------------------------------------ */

static void body_bytes(struct sse_client *c, const char *at, size_t len)
{
	c->body_len += len;
	if (c->sink == NULL)
		bytes_add(&c->body, at, len);
	c->decoder.on_event = on_event;
	c->decoder.arg = c;
	sse_decoder_feed(&c->decoder, at, len);
}

static int hex_digit(char ch)
{
	if (ch >= '0' && ch <= '9')
		return ch - '0';
	if (ch >= 'a' && ch <= 'f')
		return ch - 'a' + 10;
	if (ch >= 'A' && ch <= 'F')
		return ch - 'A' + 10;
	return -1;
}

static void expect(struct sse_client *c, char got, char want, int next)
{
	if (got != want)
		bad(c, "a chunk's framing is broken");
	c->chunk_state = next;
}

static void chunk_size(struct sse_client *c, char ch)
{
	int digit = hex_digit(ch);

	if (digit >= 0) {
		c->chunk_left = c->chunk_left * 16 + (size_t)digit;
		return;
	}
	expect(c, ch, '\r', CHUNK_SIZE_LF);
}

/* One step of the framing; returns how many bytes it took. */
static size_t chunk_bytes(struct sse_client *c, const char *at, size_t len)
{
	size_t n = 1;

	switch (c->chunk_state) {
	case CHUNK_SIZE:
		chunk_size(c, *at);
		break;
	case CHUNK_SIZE_LF:
		c->n_chunks++;
		expect(c, *at, '\n',
		       c->chunk_left == 0 ? CHUNK_END_CR : CHUNK_DATA);
		break;
	case CHUNK_DATA:
		n = len < c->chunk_left ? len : c->chunk_left;
		c->chunk_left -= n;
		if (c->chunk_left == 0)
			c->chunk_state = CHUNK_CR;
		body_bytes(c, at, n);
		break;
	case CHUNK_CR:
		expect(c, *at, '\r', CHUNK_LF);
		break;
	case CHUNK_LF:
		expect(c, *at, '\n', CHUNK_SIZE);
		break;
	case CHUNK_END_CR:
		expect(c, *at, '\r', CHUNK_END_LF);
		break;
	case CHUNK_END_LF:
		expect(c, *at, '\n', CHUNK_SIZE);
		c->last_chunk = true;
		c->state = SSE_CLIENT_DONE;
		break;
	}
	return n;
}

static size_t length_bytes(struct sse_client *c, const char *at, size_t len)
{
	size_t left = c->length - c->body_len;
	size_t n = len < left ? len : left;

	body_bytes(c, at, n);
	if (c->body_len == c->length)
		c->state = SSE_CLIENT_DONE;
	return n;
}

/* ---- the head ------------------------------------------------------------ */

bool sse_client_header(const struct sse_client *c, const char *name, char *out,
		       size_t size)
{
	const char *line = strstr(bytes_text(&c->head), "\r\n");
	size_t len = strlen(name);
	int found = 0;

	for (; line != NULL; line = strstr(line + 2, "\r\n")) {
		const char *at = line + 2, *end = strstr(at, "\r\n");

		if (end == NULL || strncasecmp(at, name, len) != 0 ||
		    at[len] != ':')
			continue;
		for (at += len + 1; *at == ' '; at++)
			;
		if (found++ == 0)
			snprintf(out, size, "%.*s", (int)(end - at), at);
	}
	return found == 1;
}

static void head_whole(struct sse_client *c)
{
	char value[64];

	if (sscanf(c->head.at, "HTTP/1.%*1[01] %3d ", &c->status) != 1)
		bad(c, "no status line");
	c->chunked =
		sse_client_header(c, "Transfer-Encoding", value, sizeof(value));
	if (c->chunked && strcmp(value, "chunked") != 0)
		bad(c, "an unknown transfer coding");
	c->has_length =
		sse_client_header(c, "Content-Length", value, sizeof(value));
	c->length = c->has_length ? strtoull(value, NULL, 10) : 0;
	if (c->chunked && c->has_length)
		bad(c, "Content-Length beside Transfer-Encoding");
	c->state = SSE_CLIENT_BODY;
	if (c->head_only || c->status == 204 || c->status == 304 ||
	    (c->has_length && c->length == 0))
		c->state = SSE_CLIENT_DONE;
}

static void head_byte(struct sse_client *c, char ch)
{
	bytes_add_char(&c->head, ch);
	if (c->head.len >= 4 &&
	    memcmp(c->head.at + c->head.len - 4, "\r\n\r\n", 4) == 0)
		head_whole(c);
}

void sse_client_feed(struct sse_client *c, const char *bytes, size_t len)
{
	while (len > 0) {
		size_t n = 1;

		if (c->state == SSE_CLIENT_HEAD) {
			head_byte(c, *bytes);
		} else if (c->state != SSE_CLIENT_BODY) {
			n = len;
			bytes_add(&c->rest, bytes, n);
		} else if (c->chunked) {
			n = chunk_bytes(c, bytes, len);
		} else if (c->has_length) {
			n = length_bytes(c, bytes, len);
		} else {
			n = len;
			body_bytes(c, bytes, n);
		}
		bytes += n;
		len -= n;
	}
}
