#include "http/batch_line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/check.h"
#include "base/decimal.h"
#include "base/json_compact.h"
#include "base/json_walk.h"
#include "base/printable.h"
#include "base/utf8.h"

static int reject_line(struct http_error *why, const char *fault)
{
	return http_error_set(why, 400, REJECT_BAD_BODY, "bad line: %s", fault);
}

static int reject_member(struct http_error *why, struct span name,
			 const char *fault)
{
	char shown[PRINTABLE_MAX];

	return http_error_set(
		why, 400, REJECT_BAD_BODY, "bad line: member %s %s",
		printable(shown, sizeof(shown), name.at, name.len), fault);
}

/* ---- values -------------------------------------------------------------- */

/* Decodes a string to the room of the line. Texts are no longer than their
 * JSON, so that the room, reserved once, never moves. */
static struct span decode_text(struct batch_line *l, struct span string)
{
	char *at = (char *)buf_tail(&l->room);
	size_t len = json_walk_text(at, string);

	buf_added(&l->room, len);
	return (struct span){at, len};
}

/* In place. */
static int decode_in_place(struct span *text)
{
	char *at = (char *)(uintptr_t)text->at;

	return base64_decode(text->at, text->len, at, text->len, &text->len);
}

static bool is_string(struct span value)
{
	return json_walk_kind(value) == JSON_KIND_STRING;
}

static int read_sequence(uint64_t *ret, struct span value)
{
	if (is_string(value))
		value = (struct span){value.at + 1, value.len - 2};
	return decimal_parse(ret, value.at, value.len);
}

static bool is_text(struct span value, const char *text)
{
	return value.len == strlen(text) + 2 &&
	       memcmp(value.at + 1, text, strlen(text)) == 0;
}

/* ---- members ------------------------------------------------------------- */

/* What the members hold, in any order. */
struct batch_members {
	struct span data, encoding, headers, headers_base64, expect, key,
		subject, ignored;
};

static int add_line_header(struct batch_line *l, struct http_error *why,
			   struct span name, struct span value, bool is_base64)
{
	struct span text;

	if (!is_string(value))
		return reject_member(why, name,
				     "of headers is not a string or a list of "
				     "strings");
	text = decode_text(l, value);
	if (is_base64 && decode_in_place(&text) < 0)
		return reject_member(why, name,
				     "of headers_base64 is not base64");
	return publish_headers_add(&l->headers, why, name, text);
}

static int add_header_values(struct batch_line *l, struct http_error *why,
			     struct span name, struct span value,
			     bool is_base64)
{
	struct json_walk w;
	struct span item;
	int rc = 0;

	if (json_walk_kind(value) != JSON_KIND_ARRAY)
		return add_line_header(l, why, name, value, is_base64);
	w = json_walk_begin(value);
	while (rc == 0 && json_walk_item(&w, &item))
		rc = add_line_header(l, why, name, item, is_base64);
	return rc;
}

static int take_line_headers(struct batch_line *l, struct http_error *why,
			     struct span value, bool is_base64)
{
	struct json_walk w;
	struct span name, item;
	int rc = 0;

	if (value.at == NULL)
		return 0;
	if (json_walk_kind(value) != JSON_KIND_OBJECT)
		return reject_line(why, "headers are not an object");
	w = json_walk_begin(value);
	while (rc == 0 && json_walk_member(&w, &name, &item))
		rc = add_header_values(l, why, decode_text(l, name), item,
				       is_base64);
	return rc;
}

static int take_line_expect(struct batch_line *l, struct http_error *why,
			    struct span value)
{
	enum publish_expected what = PUBLISH_LAST_SUBJECT_SEQUENCE;
	struct span name, other;
	uint64_t seq;

	if (value.at == NULL)
		return 0;
	if (json_walk_kind(value) == JSON_KIND_OBJECT) {
		struct json_walk w = json_walk_begin(value);

		if (!json_walk_member(&w, &name, &value) ||
		    json_walk_member(&w, &name, &other) ||
		    (!is_text(name, "last_sequence") &&
		     !is_text(name, "last_subject_sequence")))
			return reject_line(why, "expect has not exactly one of "
						"last_sequence and "
						"last_subject_sequence");
		if (is_text(name, "last_sequence"))
			what = PUBLISH_LAST_SEQUENCE;
	}
	if (read_sequence(&seq, value) < 0)
		return reject_line(why, "expect is not a sequence, 1 to 20 "
					"digits below 2^64");
	return publish_headers_expect(&l->headers, why, what, seq);
}

static int take_line_key(struct batch_line *l, struct http_error *why,
			 struct span value)
{
	if (value.at == NULL)
		return 0;
	if (!is_string(value))
		return reject_line(why, "key is not a string");
	return publish_headers_key(&l->headers, why, decode_text(l, value));
}

static int take_line_subject(struct batch_line *l, struct http_error *why,
			     struct span value)
{
	if (value.at == NULL)
		return 0;
	if (!is_string(value))
		return reject_line(why, "subject is not a string");
	l->subject = decode_text(l, value);
	/* An empty one is not an absent one. */
	return l->subject.len > 0 ? 0 : reject_line(why, "subject is empty");
}

static int take_line_data(struct batch_line *l, struct http_error *why,
			  const struct batch_members *m)
{
	bool is_base64 = m->encoding.at != NULL;

	if (m->data.at == NULL)
		return reject_line(why, "data is missing");
	if (is_base64 &&
	    (!is_string(m->encoding) || !is_text(m->encoding, "base64")))
		return reject_line(why, "encoding is not \"base64\"");
	if (!is_string(m->data)) {
		if (is_base64)
			return reject_line(why, "data with an encoding is not "
						"a string");
		l->data = (struct span){(char *)buf_tail(&l->room), 0};
		l->data.len =
			(size_t)(json_compact_put(buf_tail(&l->room),
						  m->data.at, m->data.len) -
				 buf_tail(&l->room));
		buf_added(&l->room, l->data.len);
		return 0;
	}
	l->data = decode_text(l, m->data);
	if (is_base64 && decode_in_place(&l->data) < 0)
		return reject_line(why, "data is not base64");
	return 0;
}

/* ---- the line ------------------------------------------------------------ */

static const struct member {
	const char *name;
	size_t place;
} members[] = {
#define MEMBER(name)                                        \
	{                                                   \
#name, offsetof(struct batch_members, name) \
	}
	MEMBER(data),
	MEMBER(encoding),
	MEMBER(headers),
	MEMBER(headers_base64),
	MEMBER(expect),
	MEMBER(key),
	MEMBER(subject),
#undef MEMBER
	{"seq", offsetof(struct batch_members, ignored)},
	{"time", offsetof(struct batch_members, ignored)},
	{"id", offsetof(struct batch_members, ignored)},
};

static int take_member(struct batch_line *l, struct batch_members *m,
		       struct http_error *why, struct span name,
		       struct span value)
{
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		if (!is_text(name, members[i].name))
			continue;
		if ((l->seen & 1u << i) != 0)
			return reject_member(why, name, "stands twice");
		l->seen |= 1u << i;
		*(struct span *)(void *)((char *)m + members[i].place) = value;
		return 0;
	}
	return reject_member(why, name,
			     "is not one of subject, headers, headers_base64, "
			     "data, encoding, expect, key");
}

static int split_members(struct batch_line *l, struct batch_members *m,
			 struct http_error *why, struct span line)
{
	struct span name, value, object;
	struct json_walk w;
	int rc = 0;

	if (!utf8_is_valid(line.at, line.len) ||
	    json_compact_len(line.at, line.len) == 0)
		return reject_line(why, "it is not JSON in UTF-8");
	object = json_walk_value(line);
	if (json_walk_kind(object) != JSON_KIND_OBJECT)
		return reject_line(why, "it is not a JSON object");
	w = json_walk_begin(object);
	while (rc == 0 && json_walk_member(&w, &name, &value))
		rc = take_member(l, m, why, name, value);
	return rc;
}

static int take_members(struct batch_line *l, struct http_error *why,
			const struct batch_members *m, struct span stream,
			struct span identity)
{
	int rc = publish_headers_init(&l->headers, why, stream, identity);

	if (rc == 0)
		rc = take_line_subject(l, why, m->subject);
	if (rc == 0)
		rc = take_line_headers(l, why, m->headers, false);
	if (rc == 0)
		rc = take_line_headers(l, why, m->headers_base64, true);
	if (rc == 0)
		rc = take_line_expect(l, why, m->expect);
	if (rc == 0)
		rc = take_line_key(l, why, m->key);
	if (rc == 0)
		rc = take_line_data(l, why, m);
	return rc < 0 ? rc : publish_headers_end(&l->headers, why);
}

int batch_line_parse(struct batch_line *ret, struct http_error *why,
		     struct span line, struct span stream, struct span identity)
{
	struct batch_members m = {0};
	int rc;

	*ret = (struct batch_line){0};
	buf_init(&ret->room, line.len);
	rc = split_members(ret, &m, why, line);
	if (rc == 0)
		rc = buf_reserve(&ret->room, line.len);
	if (rc == 0)
		rc = take_members(ret, why, &m, stream, identity);
	if (rc < 0)
		batch_line_finish(ret);
	return rc;
}

void batch_line_finish(struct batch_line *l)
{
	publish_headers_finish(&l->headers);
	buf_finish(&l->room);
}
