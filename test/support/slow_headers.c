#include "slow_headers.h"

#include <stdbool.h>
#include <stdio.h>
#include <strings.h>

#include <jansson.h>
#include <sodium.h>

#include "base/check.h"

struct line {
	struct bytes name, value;
	bool done;
};

struct lines {
	struct line *all;
	size_t n;
};

static bool is_text(const struct bytes *b)
{
	json_t *json = json_stringn(bytes_text(b), b->len);
	bool ok = json != NULL;

	json_decref(json);
	return ok;
}

static bool is_same(const struct bytes *a, const struct bytes *b)
{
	return a->len == b->len &&
	       memcmp(bytes_text(a), bytes_text(b), a->len) == 0;
}

/* ---- lines --------------------------------------------------------------- */

static void take_char(struct bytes *b)
{
	memmove(b->at, b->at + 1, b->len);
	b->len--;
}

static void trim(struct bytes *b)
{
	while (b->len > 0 && memchr(" \t\r\n\v\f", b->at[0], 6) != NULL)
		take_char(b);
	while (b->len > 0 && memchr(" \t\r\n\v\f", b->at[b->len - 1], 6))
		b->at[--b->len] = '\0';
}

static void add_line(struct lines *to, const struct bytes *text)
{
	struct line l = {0};
	size_t i = 0;

	/* A colon of a continuation is none of the line. */
	while (i < text->len && text->at[i] != ':' &&
	       !(text->at[i] == '\r' && text->at[i + 1] == '\n'))
		bytes_add_char(&l.name, text->at[i++]);
	if (i == text->len || text->at[i] != ':' || i == 0 ||
	    text->at[0] == ' ' || text->at[0] == '\t') {
		bytes_free(&l.name);
		return;
	}
	for (i++; i < text->len; i++)
		bytes_add_char(&l.value, text->at[i]);
	trim(&l.value);
	to->all = realloc(to->all, (to->n + 1) * sizeof(*to->all));
	MUST(to->all != NULL);
	to->all[to->n++] = l;
}

/* Ends a line at \r\n, unless a blank or a tab follows. */
static void split(struct lines *to, const char *block, size_t len)
{
	struct bytes line = {0};
	bool version = true;

	for (size_t i = 0; i <= len; i++) {
		bool end = i == len || (i + 1 < len && block[i] == '\r' &&
					block[i + 1] == '\n');
		bool folds = i + 2 < len && !version && line.len > 0 &&
			     (block[i + 2] == ' ' || block[i + 2] == '\t');

		if (!end || (folds && i < len)) {
			bytes_add_char(&line, block[i]);
			continue;
		}
		if (version && strncmp(bytes_text(&line), "NATS/1.0", 8) != 0)
			break;
		if (!version && line.len == 0)
			break;
		if (!version)
			add_line(to, &line);
		version = false;
		bytes_clear(&line);
		i++;
	}
	bytes_free(&line);
}

/* ---- JSON ---------------------------------------------------------------- */

static void add_text(struct bytes *to, const struct bytes *text)
{
	char escape[8];

	for (size_t i = 0; i < text->len; i++) {
		unsigned char c = (unsigned char)text->at[i];
		const char *at =
			c > 0 ? strchr("\nn\rr\tt\bb\ff\"\"\\\\", c) : NULL;

		if (at != NULL && c < ' ') {
			bytes_add_char(to, '\\');
			bytes_add_char(to, at[1]);
		} else if (c == '"' || c == '\\') {
			bytes_add_char(to, '\\');
			bytes_add_char(to, (char)c);
		} else if (c < ' ') {
			snprintf(escape, sizeof(escape), "\\u%04x", c);
			bytes_add(to, escape, 6);
		} else {
			bytes_add_char(to, (char)c);
		}
	}
}

static void add_value(struct bytes *to, const struct bytes *value, bool binary)
{
	size_t room = sodium_base64_encoded_len(value->len,
						sodium_base64_VARIANT_ORIGINAL);
	char *text = malloc(room);

	MUST(text != NULL);
	bytes_add_char(to, '"');
	if (binary) {
		sodium_bin2base64(text, room,
				  (const unsigned char *)bytes_text(value),
				  value->len, sodium_base64_VARIANT_ORIGINAL);
		bytes_add(to, text, strlen(text));
	} else {
		add_text(to, value);
	}
	bytes_add_char(to, '"');
	free(text);
}

static bool any_is_binary(const struct lines *l, const struct bytes *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (is_same(&l->all[i].name, name) &&
		    !is_text(&l->all[i].value))
			return true;
	return false;
}

static void add_name(struct bytes *to, const struct lines *l, size_t first,
		     bool binary)
{
	const struct bytes *name = &l->all[first].name;

	bytes_add_char(to, '"');
	add_text(to, name);
	bytes_add(to, "\":[", 3);
	for (size_t i = first; i < l->n; i++) {
		if (!is_same(&l->all[i].name, name))
			continue;
		if (i != first)
			bytes_add_char(to, ',');
		add_value(to, &l->all[i].value, binary);
		l->all[i].done = true;
	}
	bytes_add_char(to, ']');
}

static void add_member(struct bytes *to, const struct lines *l, bool binary)
{
	const char *begin = binary ? "\"headers_base64\":{" : "\"headers\":{";
	bool any = false;

	for (size_t i = 0; i < l->n; i++) {
		const struct line *at = &l->all[i];

		if (at->done || !is_text(&at->name) ||
		    strncasecmp(bytes_text(&at->name), "nats-", 5) == 0 ||
		    any_is_binary(l, &at->name) != binary)
			continue;
		bytes_add(to, any ? "," : begin, any ? 1 : strlen(begin));
		add_name(to, l, i, binary);
		any = true;
	}
	if (any)
		bytes_add(to, "},", 2);
}

void slow_headers(struct bytes *to, const char *block, size_t len)
{
	struct lines l = {0};

	split(&l, block, len);
	add_member(to, &l, false);
	add_member(to, &l, true);
	for (size_t i = 0; i < l.n; i++) {
		bytes_free(&l.all[i].name);
		bytes_free(&l.all[i].value);
	}
	free(l.all);
}
