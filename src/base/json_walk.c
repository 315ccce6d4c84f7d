#include "base/json_walk.h"

#include <string.h>

#include "base/ascii.h"
#include "base/check.h"

static bool is_insignificant(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_insignificant(struct json_walk *w)
{
	while (w->at < w->end && is_insignificant(*w->at))
		w->at++;
}

static void skip_string(struct json_walk *w)
{
	w->at++;
	while (w->at < w->end && *w->at != '"')
		w->at += *w->at == '\\' ? 2 : 1;
	w->at++;
	MUST(w->at <= w->end);
}

static void skip_nested(struct json_walk *w)
{
	size_t depth = 0;

	do {
		MUST(w->at < w->end);
		if (*w->at == '"') {
			skip_string(w);
			continue;
		}
		depth += *w->at == '[' || *w->at == '{';
		depth -= *w->at == ']' || *w->at == '}';
		w->at++;
	} while (depth > 0);
}

static struct span take_raw_value(struct json_walk *w)
{
	const char *begin = w->at;

	MUST(w->at < w->end);
	if (*w->at == '"')
		skip_string(w);
	else if (*w->at == '[' || *w->at == '{')
		skip_nested(w);
	else
		while (w->at < w->end && !is_insignificant(*w->at) &&
		       strchr(",]}", *w->at) == NULL)
			w->at++;
	return (struct span){begin, (size_t)(w->at - begin)};
}

struct span json_walk_value(struct span text)
{
	struct json_walk w = {text.at, text.at + text.len};

	skip_insignificant(&w);
	return take_raw_value(&w);
}

enum json_kind json_walk_kind(struct span value)
{
	switch (value.at[0]) {
	case '{':
		return JSON_KIND_OBJECT;
	case '[':
		return JSON_KIND_ARRAY;
	case '"':
		return JSON_KIND_STRING;
	case 't':
	case 'f':
	case 'n':
		return JSON_KIND_WORD;
	default:
		return JSON_KIND_NUMBER;
	}
}

struct json_walk json_walk_begin(struct span value)
{
	MUST(value.len >= 2);
	/* Without the brackets. */
	return (struct json_walk){value.at + 1, value.at + value.len - 1};
}

bool json_walk_item(struct json_walk *w, struct span *value)
{
	skip_insignificant(w);
	if (w->at < w->end && *w->at == ',') {
		w->at++;
		skip_insignificant(w);
	}
	if (w->at == w->end)
		return false;
	*value = take_raw_value(w);
	return true;
}

bool json_walk_member(struct json_walk *w, struct span *name,
		      struct span *value)
{
	if (!json_walk_item(w, name))
		return false;
	skip_insignificant(w);
	MUST(w->at < w->end && *w->at == ':');
	w->at++;
	skip_insignificant(w);
	*value = take_raw_value(w);
	return true;
}

/* ---- strings ------------------------------------------------------------- */

static unsigned read_hex_quad(const char *at)
{
	unsigned n = 0;

	for (int i = 0; i < 4; i++)
		n = n * 16 + (unsigned)ascii_hex_value(at[i]);
	return n;
}

static char *put_utf8(char *out, unsigned c)
{
	if (c < 0x80) {
		*out++ = (char)c;
		return out;
	}
	if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
	} else if (c < 0x10000) {
		*out++ = (char)(0xe0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
	} else {
		*out++ = (char)(0xf0 | c >> 18);
		*out++ = (char)(0x80 | (c >> 12 & 0x3f));
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
	}
	*out++ = (char)(0x80 | (c & 0x3f));
	return out;
}

/* *at: behind "\u"; moves it behind the digits, of a pair both. */
static char *put_unicode(char *out, const char **at)
{
	unsigned c = read_hex_quad(*at);

	*at += 4;
	if (c >= 0xd800 && c <= 0xdbff) {
		unsigned low = read_hex_quad(*at + 2);

		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		*at += 6;
	}
	return put_utf8(out, c);
}

static char escaped_char(char letter)
{
	static const char letters[] = "bfnrt", chars[] = "\b\f\n\r\t";
	const char *found = strchr(letters, letter);

	return found != NULL ? chars[found - letters] : letter;
}

size_t json_walk_text(char *out, struct span string)
{
	const char *at = string.at + 1, *end = string.at + string.len - 1;
	char *begin = out;

	while (at < end) {
		if (*at != '\\') {
			*out++ = *at++;
			continue;
		}
		at += 2;
		if (at[-1] == 'u')
			out = put_unicode(out, &at);
		else
			*out++ = escaped_char(at[-1]);
	}
	return (size_t)(out - begin);
}
