/* Lines of JSON: each is one object on one line that jansson reads, with the
 * payload that was put in; and a line that is made of an event in the log is
 * the one that is made of the message.
 *
 * Input: a byte (1: a payload that is JSON stands as JSON; 2: the event has a
 * name; 4: the message has headers), then the payload. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <sodium.h>

#include "base/check.h"
#include "base/json_compact.h"
#include "fuzz.h"
#include "http/ndjson.h"
#include "http/sse.h"

static const struct sse_tag tag = {"9f31c2"};

/* Some of what JSON allows is too much for jansson: numbers beyond its own.
 * Whether a line is JSON is then seen with the data taken out. */
static json_t *read_text(const char *text, size_t len)
{
	return json_loadb(text, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
}

/* ---- lines --------------------------------------------------------------- */

/* The bare line, to be freed. */
static char *make_line(enum ndjson_data kind, const void *data, size_t len,
		       struct span headers, bool json, struct ndjson_line *l)
{
	struct ndjson_message m = {
		.seq = 7,
		.time_ns = 1,
		.subject = "a.\"b\\",
		.subject_len = 6,
		.tag = &tag,
		.headers = headers,
		.kind = kind,
		.data = data,
		.len = len,
	};
	char *chunk, *line;

	ndjson_measure(l, &m, json);
	chunk = malloc(l->total);
	MUST(chunk != NULL);
	ndjson_encode(l, (uint8_t *)chunk);
	MUST(memcmp(chunk + l->total - 4, "}\n\r\n", 4) == 0);
	line = malloc(l->body_len);
	MUST(line != NULL);
	memcpy(line, chunk + l->size_line_len, l->body_len);
	MUST(memchr(line, '\n', l->body_len - 1) == NULL);
	MUST(memchr(line, '\r', l->body_len) == NULL);
	free(chunk);
	return line;
}

static void check_members(json_t *object)
{
	const char *id = json_string_value(json_object_get(object, "id"));
	const char *subject =
		json_string_value(json_object_get(object, "subject"));

	MUST(json_integer_value(json_object_get(object, "seq")) == 7);
	MUST(subject != NULL && strcmp(subject, "a.\"b\\") == 0);
	MUST(id != NULL && strcmp(id, "7-9f31c2") == 0);
	MUST(json_object_get(object, "system") == NULL);
}

static void check_string(json_t *object, const void *data, size_t len)
{
	const json_t *value = json_object_get(object, "data");

	MUST(json_is_string(value));
	MUST(json_string_length(value) == len);
	MUST(memcmp(json_string_value(value), data, len) == 0);
}

/* Base64, which libsodium reads. */
static void check_binary(json_t *object, const void *data, size_t len)
{
	const json_t *value = json_object_get(object, "data");
	const char *encoding =
		json_string_value(json_object_get(object, "encoding"));
	unsigned char *bytes = malloc(len + 1);
	size_t n;

	MUST(bytes != NULL && encoding != NULL &&
	     strcmp(encoding, "base64") == 0);
	MUST(sodium_base642bin(bytes, len + 1, json_string_value(value),
			       json_string_length(value), NULL, &n, NULL,
			       sodium_base64_VARIANT_ORIGINAL) == 0);
	MUST(n == len && memcmp(bytes, data, len) == 0);
	free(bytes);
}

/* What the line has for the data is the same value as the payload. */
static void check_json(const char *line, const struct ndjson_line *l,
		       const void *data, size_t len)
{
	size_t n = json_compact_len(data, len);
	const char *at = line + l->body_len - l->end_len - n;
	json_t *is = read_text(at, n);
	json_t *was = read_text(data, len);

	MUST((is == NULL) == (was == NULL));
	MUST(is == NULL || json_equal(is, was));
	/* Once is enough: the one-line form is its own. */
	MUST(json_compact_len(at, n) == n);
	json_decref(is);
	json_decref(was);
}

static void check_line(const char *line, const struct ndjson_line *l,
		       const void *data, size_t len)
{
	json_t *object = read_text(line, l->body_len);

	if (l->m.kind == NDJSON_JSON)
		check_json(line, l, data, len);
	if (object == NULL) {
		MUST(l->m.kind == NDJSON_JSON && read_text(data, len) == NULL);
		return;
	}
	check_members(object);
	if (l->m.kind == NDJSON_TEXT)
		check_string(object, data, len);
	else if (l->m.kind == NDJSON_BINARY)
		check_binary(object, data, len);
	json_decref(object);
}

/* ---- by way of the log --------------------------------------------------- */

/* The frame with what is kept behind it, as the log has it. To be freed. */
static uint8_t *make_frame(const struct sse_frame *f)
{
	uint8_t *frame = malloc(f->total + f->kept);

	MUST(frame != NULL);
	sse_encode(f, frame);
	if (f->kept > 0)
		sse_keep(f, frame + f->total);
	return frame;
}

static void must_be_span(struct span got, struct span want)
{
	MUST(got.len == want.len);
	MUST(got.len == 0 || memcmp(got.at, want.at, got.len) == 0);
}

static void check_log(const struct sse_frame *f, bool json, const char *line,
		      size_t line_len)
{
	uint8_t *frame = make_frame(f), *room = malloc(f->body_len);
	struct sse_payload p;
	struct ndjson_line l;
	char *again;

	MUST(room != NULL);
	sse_decode(&p, frame + f->size_line_len, f->body_len,
		   f->kept > 0 ? frame + f->total : NULL, room);
	MUST(p.base64 == f->base64);
	must_be_span(p.event, f->event);
	must_be_span(p.headers, f->headers);
	if (!p.base64)
		MUST(p.len == f->len && memcmp(p.at, f->data, p.len) == 0);
	again = make_line(p.base64 ? NDJSON_BASE64 : NDJSON_TEXT, p.at, p.len,
			  p.headers, json, &l);
	MUST(l.body_len == line_len && memcmp(again, line, line_len) == 0);
	free(again);
	free(room);
	free(frame);
}

/* What is JSON for us is so for jansson, and the other way round, but for what
 * the two have their own limits of. */
static void check_verdict(const char *text, size_t len)
{
	json_error_t error;
	json_t *value =
		json_loadb(text, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
	bool ours = json_compact_len(text, len) > 0;

	if (value != NULL && !ours)
		/* Too deep; or a NUL behind the value, which ends it for
		 * jansson. */
		MUST(strspn(text, "[{ \t\r\n") > 0 ||
		     memchr(text, '\0', len) != NULL);
	if (value == NULL && ours)
		MUST(strstr(error.text, "too big") != NULL ||
		     strstr(error.text, "overflow") != NULL ||
		     strstr(error.text, "NUL byte in object key") != NULL);
	json_decref(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	uint8_t flags = fuzz_take_byte(&in);
	bool json = (flags & 1) != 0;
	struct sse_frame f;
	struct ndjson_line l;
	char *line, *text;
	size_t len;

	text = fuzz_take_rest(&in, &len);
	if (text == NULL)
		return 0;
	sse_measure(&f, text, len, 7, &tag);
	sse_extend(&f, span_of((flags & 2) != 0 ? "order" : ""),
		   span_of((flags & 4) != 0 ? "\"headers\":{\"A\":[]}," : ""));
	line = make_line(f.base64 ? NDJSON_BINARY : NDJSON_TEXT, text, len,
			 f.headers, json, &l);
	check_line(line, &l, text, len);
	check_log(&f, json, line, l.body_len);
	if (!f.base64)
		check_verdict(text, len);
	free(line);
	free(text);
	return 0;
}
