/* A client's bytes are read behind each other: heads and "raw" as they are on
 * the wire, the rest without its chunks. An expectation takes exactly what it
 * names; so what is never named is found at the conversation's end. */
#include "expect.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "http/http_date.h"
#include "script.h"

enum { SHOWN_MAX = 400 };

struct expected {
	struct client *c;
	const char *line;
	const char *rest;  /* behind the first word */
	struct bytes want; /* `rest` without its escapes */
	uint64_t retry_ms;
	struct bytes *why;
};

static void say(struct bytes *why, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void say(struct bytes *why, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	bytes_add(why, text, strlen(text));
}

static void say_bytes(struct bytes *why, const char *data, size_t len)
{
	script_escape(why, data, len < SHOWN_MAX ? len : SHOWN_MAX);
	if (len > SHOWN_MAX)
		say(why, "... (%zu bytes)", len);
}

static size_t left(const struct client *c)
{
	return c->in.len - c->at;
}

static const char *here(const struct client *c)
{
	return bytes_text(&c->in) + c->at;
}

static bool differs(const struct expected *e, const char *what)
{
	say(e->why, "%s; next bytes are \"", what);
	say_bytes(e->why, here(e->c), left(e->c));
	say(e->why, "\"");
	return false;
}

/* ---- heads --------------------------------------------------------------- */

static const char *header_value(const struct client *c, const char *name,
				size_t name_len, size_t *len, size_t *count)
{
	const char *at = bytes_text(&c->in) + c->head_at;
	const char *end = bytes_text(&c->in) + c->head_end;
	const char *found = NULL;

	*count = 0;
	while (at < end) {
		const char *stop = strstr(at, "\r\n");

		if (strncasecmp(at, name, name_len) == 0 &&
		    at[name_len] == ':') {
			found = at + name_len + 1;
			found += *found == ' ';
			*len = (size_t)(stop - found);
			(*count)++;
		}
		at = stop + 2;
	}
	return found;
}

/* In every response (RFC 9110, 6.6.1): once, and as http_date.h has it. */
static bool has_date(struct expected *e)
{
	size_t len = 0, count;
	const char *value = header_value(e->c, "Date", 4, &len, &count);
	char text[HTTP_DATE_MAX], same[HTTP_DATE_MAX];
	struct tm tm = {0};
	char *end;

	if (count == 1 && len == HTTP_DATE_MAX - 1) {
		memcpy(text, value, len);
		text[len] = '\0';
		end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
		if (end != NULL && *end == '\0' &&
		    http_date_format(same, (uint64_t)timegm(&tm)) == 0 &&
		    strcmp(same, text) == 0)
			return true;
	}
	say(e->why, "Date is there %zu times, or is none: \"%.*s\"", count,
	    (int)len, count > 0 ? value : "");
	return false;
}

static bool expect_status(struct expected *e)
{
	struct client *c = e->c;
	const char *end = strstr(here(c), "\r\n\r\n");
	char want[32];
	size_t len, count;

	snprintf(want, sizeof(want), "HTTP/1.1 %.3s ", e->line);
	if (strlen(e->line) != 3 || end == NULL ||
	    strncmp(here(c), want, strlen(want)) != 0)
		return differs(e, "no head with that status");
	c->head_at = c->at + (size_t)(strstr(here(c), "\r\n") + 2 - here(c));
	c->head_end = c->at + (size_t)(end + 2 - here(c));
	c->at = c->head_end + 2;
	c->chunked =
		header_value(c, "Transfer-Encoding", 17, &len, &count) != NULL;
	c->chunk_left = 0;
	sse_decoder_finish(&c->decoder);
	c->decoder = (struct sse_decoder){0};
	return has_date(e);
}

static bool expect_header(struct expected *e)
{
	size_t name_len = strcspn(e->line, ":"), len = 0, count;
	const char *value = header_value(e->c, e->line, name_len, &len, &count);
	const char *want = e->line + name_len + 1;

	want += *want == ' ';
	/* Of Vary a list may stand in several lines: any of them. */
	if (strncasecmp(e->line, "Vary:", 5) == 0 && count > 1) {
		const char *at = bytes_text(&e->c->in) + e->c->head_at;

		if (strstr(at, e->line) != NULL)
			return true;
	}
	if (count != 1) {
		say(e->why, "the header is there %zu times", count);
		return false;
	}
	if (len == strlen(want) && memcmp(value, want, len) == 0)
		return true;
	say(e->why, "its value is \"%.*s\"", (int)len, value);
	return false;
}

static bool expect_no_header(struct expected *e)
{
	size_t len, count;

	header_value(e->c, e->rest, strlen(e->rest), &len, &count);
	if (count == 0)
		return true;
	say(e->why, "the header is there");
	return false;
}

/* ---- short bodies -------------------------------------------------------- */

static bool take_body(struct expected *e, const char **body, size_t *len)
{
	size_t value_len, count;
	const char *value =
		header_value(e->c, "Content-Length", 14, &value_len, &count);

	if (value == NULL) {
		say(e->why, "the answer has no Content-Length");
		return false;
	}
	*len = strtoul(value, NULL, 10);
	*body = here(e->c);
	if (left(e->c) < *len)
		return differs(e, "the body is not whole");
	e->c->at += *len;
	return true;
}

static bool is_body(struct expected *e, const char *body, size_t len, bool ok)
{
	if (ok)
		return true;
	say(e->why, "the body is \"");
	say_bytes(e->why, body, len);
	say(e->why, "\"");
	return false;
}

static bool expect_body(struct expected *e)
{
	const char *body;
	size_t len;

	if (!take_body(e, &body, &len))
		return false;
	return is_body(e, body, len,
		       len == e->want.len &&
			       memcmp(body, bytes_text(&e->want), len) == 0);
}

/* One line of text that holds it. */
static bool expect_says(struct expected *e)
{
	const char *body;
	size_t len;

	if (!take_body(e, &body, &len))
		return false;
	return is_body(e, body, len,
		       len > 1 && memchr(body, '\n', len) == body + len - 1 &&
			       memmem(body, len, bytes_text(&e->want),
				      e->want.len) != NULL);
}

/* Any number of lines; one of them is this. */
static bool expect_holds(struct expected *e)
{
	const char *body, *end;
	size_t len;

	if (!take_body(e, &body, &len))
		return false;
	end = body + len;
	for (const char *at = body; at < end;) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));

		if (stop == NULL)
			break;
		if ((size_t)(stop - at) == e->want.len &&
		    memcmp(at, bytes_text(&e->want), e->want.len) == 0)
			return true;
		at = stop + 1;
	}
	say(e->why, "the body has no such line");
	return false;
}

/* ---- streams ------------------------------------------------------------- */

/* Into the next chunk, when the last one is used up. */
static bool begin_chunk(struct client *c)
{
	char *end;

	c->chunk_left = strtoul(here(c), &end, 16);
	if (c->chunk_left == 0 || strncmp(end, "\r\n", 2) != 0)
		return false;
	c->at += (size_t)(end + 2 - here(c));
	return true;
}

static bool next_byte(struct client *c, char *ret)
{
	if (c->chunked && c->chunk_left == 0 && !begin_chunk(c))
		return false;
	if (left(c) == 0)
		return false;
	*ret = *here(c);
	c->at++;
	if (c->chunked && --c->chunk_left == 0) {
		if (strncmp(here(c), "\r\n", 2) != 0)
			return false;
		c->at += 2;
	}
	return true;
}

/* The next line of the stream, without its end. Nothing is taken if it is not
 * whole. */
static bool next_line(struct client *c, struct bytes *line)
{
	size_t at = c->at, chunk_left = c->chunk_left;
	char b = '\0';

	bytes_clear(line);
	while (next_byte(c, &b) && b != '\n')
		bytes_add_char(line, b);
	if (b == '\n')
		return true;
	c->at = at;
	c->chunk_left = chunk_left;
	return false;
}

static bool take_line(struct expected *e, const char *want, size_t len)
{
	struct bytes line = {0};
	size_t at = e->c->at, chunk_left = e->c->chunk_left;
	bool ok = next_line(e->c, &line) && line.len == len &&
		  memcmp(bytes_text(&line), want, len) == 0;

	bytes_free(&line);
	if (ok)
		return true;
	e->c->at = at;
	e->c->chunk_left = chunk_left;
	return differs(e, "no such line");
}

static bool expect_stream_line(struct expected *e)
{
	return take_line(e, bytes_text(&e->want), e->want.len);
}

/* The block "open" with its id. */
static bool expect_cursor(struct expected *e)
{
	static const char event[] = "event: system";
	static const char data[] = "data: {\"system\": \"open\"}";
	struct bytes id = {0};
	bool ok;

	bytes_add(&id, "id: ", 4);
	bytes_add(&id, bytes_text(&e->want), e->want.len);
	ok = take_line(e, event, strlen(event)) &&
	     take_line(e, data, strlen(data)) &&
	     take_line(e, bytes_text(&id), id.len) && take_line(e, "", 0);
	bytes_free(&id);
	return ok;
}

static bool expect_opens(struct expected *e)
{
	char retry[32];

	snprintf(retry, sizeof(retry), "retry: %llu",
		 (unsigned long long)e->retry_ms);
	if (!take_line(e, retry, strlen(retry)))
		return false;
	return e->rest[0] != '\0' ? expect_cursor(e) : take_line(e, "", 0);
}

static void note_event(void *arg, const struct sse_event *ev)
{
	struct bytes *got = arg;

	if (got->len > 0)
		bytes_add(got, " AND ", 5);
	if (strcmp(ev->type, "message") != 0)
		say(got, "type: %s ", ev->type);
	say(got, "id: %s data: ", ev->id);
	bytes_add(got, ev->data, ev->len);
}

static bool feed_block(struct client *c)
{
	struct bytes line = {0};
	bool ok;

	do {
		ok = next_line(c, &line);
		if (!ok)
			break;
		sse_decoder_feed(&c->decoder, bytes_text(&line), line.len);
		sse_decoder_feed(&c->decoder, "\n", 1);
	} while (line.len > 0);
	bytes_free(&line);
	return ok;
}

/* The next block as a browser takes it: "[type: T] id: ID data: DATA". */
static bool expect_event(struct expected *e)
{
	struct bytes got = {0};
	bool ok;

	e->c->decoder.on_event = note_event;
	e->c->decoder.arg = &got;
	if (!feed_block(e->c))
		return differs(e, "no whole event");
	ok = got.len == e->want.len &&
	     memcmp(bytes_text(&got), bytes_text(&e->want), got.len) == 0;
	if (!ok) {
		say(e->why, "the event is \"");
		say_bytes(e->why, bytes_text(&got), got.len);
		say(e->why, "\"");
	}
	bytes_free(&got);
	return ok;
}

/* "retry: N" with another N than the option's, and the empty line. */
static bool expect_jitter(struct expected *e)
{
	struct bytes line = {0};
	unsigned long from = 0, to = 0, ms = 0;
	bool ok = sscanf(e->rest, "%lu %lu", &from, &to) == 2 &&
		  next_line(e->c, &line) &&
		  sscanf(bytes_text(&line), "retry: %lu", &ms) == 1 &&
		  ms >= from && ms <= to;

	if (!ok) {
		say(e->why, "the line is \"");
		say_bytes(e->why, bytes_text(&line), line.len);
		say(e->why, "\"");
	}
	bytes_free(&line);
	return ok && take_line(e, "", 0);
}

static bool take_raw(struct expected *e, const char *want, size_t len)
{
	if (left(e->c) < len || memcmp(here(e->c), want, len) != 0)
		return differs(e, "other bytes");
	e->c->at += len;
	return true;
}

static bool expect_raw(struct expected *e)
{
	return take_raw(e, bytes_text(&e->want), e->want.len);
}

static bool expect_last_chunk(struct expected *e)
{
	return take_raw(e, "0\r\n\r\n", 5);
}

/* ---- the end ------------------------------------------------------------- */

static bool expect_nothing(struct expected *e)
{
	if (left(e->c) > 0)
		return differs(e, "there is more");
	if (e->c->end == CLIENT_OPEN)
		return true;
	say(e->why, "the connection has ended");
	return false;
}

static bool expect_end(struct expected *e, enum client_end end)
{
	static const char *const names[] = {"open", "eof", "reset"};

	if (left(e->c) > 0)
		return differs(e, "there is more before it");
	e->c->end_seen = true;
	if (e->c->end == end)
		return true;
	say(e->why, "the connection is: %s", names[e->c->end]);
	return false;
}

static bool expect_eof(struct expected *e)
{
	return expect_end(e, CLIENT_EOF);
}

static bool expect_reset(struct expected *e)
{
	return expect_end(e, CLIENT_RESET);
}

bool expect_all_seen(const struct client *c, struct bytes *why)
{
	if (left(c) > 0) {
		say(why, "client %s: not expected: \"", c->name);
		say_bytes(why, here(c), left(c));
		say(why, "\"");
		return false;
	}
	if (c->end == CLIENT_OPEN || c->end_seen)
		return true;
	say(why, "client %s: the end of the connection (%s) is not expected",
	    c->name, c->end == CLIENT_EOF ? "eof" : "reset");
	return false;
}

/* ---- words --------------------------------------------------------------- */

static const struct word {
	const char *name;
	bool (*take)(struct expected *e);
} words[] = {
	{"no", expect_no_header},
	{"body", expect_body},
	{"says", expect_says},
	{"holds", expect_holds},
	{"|", expect_stream_line},
	{"opens", expect_opens},
	{"cursor", expect_cursor},
	{"event", expect_event},
	{"jitter", expect_jitter},
	{"raw", expect_raw},
	{"last-chunk", expect_last_chunk},
	{"nothing", expect_nothing},
	{"eof", expect_eof},
	{"reset", expect_reset},
};

static bool take(struct expected *e, size_t word_len)
{
	if (e->line[0] >= '1' && e->line[0] <= '9')
		return expect_status(e);
	if (word_len > 0 && e->line[word_len - 1] == ':')
		return expect_header(e);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i].name) == word_len &&
		    memcmp(words[i].name, e->line, word_len) == 0)
			return words[i].take(e);
	say(e->why, "no such expectation");
	return false;
}

bool expect_line(struct client *c, const char *line, uint64_t retry_ms,
		 struct bytes *why)
{
	size_t len = strcspn(line, " ");
	struct expected e = {.c = c,
			     .line = line,
			     .rest = line + len + (line[len] == ' '),
			     .retry_ms = retry_ms,
			     .why = why};
	bool ok = script_unescape(&e.want, e.rest, strlen(e.rest));

	if (!ok)
		say(why, "a malformed escape");
	ok = ok && take(&e, len);
	bytes_free(&e.want);
	return ok;
}
