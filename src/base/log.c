/* A line is written on the stack, without allocation, in one pass. Only a line
 * that does not fit is written again, with a limit for each value that a binary
 * search finds: short values stay whole, long ones are cut to the same length.
 */
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/calendar.h"
#include "base/check.h"

enum { LINE_MAX_BYTES = 4096 };

static const char *const level_names[] = {
	[LOG_ERROR] = "error",
	[LOG_WARN] = "warn",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};

static const char *const format_names[] = {
	[LOG_TEXT] = "text",
	[LOG_JSON] = "json",
};

/* `value_max`: escaped bytes of each value. */
struct line {
	char text[LINE_MAX_BYTES];
	size_t len;
	size_t value_max;
	bool json;
	bool full;
};

static void put_line_bytes(struct line *l, const char *text, size_t len)
{
	/* Keep two bytes for "}\n". */
	if (l->full || len > sizeof(l->text) - 2 - l->len) {
		l->full = true;
		return;
	}
	memcpy(l->text + l->len, text, len);
	l->len += len;
}

static void put_field_string(struct line *l, const char *text)
{
	put_line_bytes(l, text, strlen(text));
}

/* Length of the UTF-8 sequence at p (RFC 3629, section 4); 0: none. */
static size_t utf8_char_len(const unsigned char *p, size_t len)
{
	unsigned char low = 0x80, high = 0xBF;
	size_t n;

	if (p[0] >= 0xC2 && p[0] <= 0xDF)
		n = 2;
	else if (p[0] >= 0xE0 && p[0] <= 0xEF)
		n = 3;
	else if (p[0] >= 0xF0 && p[0] <= 0xF4)
		n = 4;
	else
		return 0;
	if (p[0] == 0xE0)
		low = 0xA0; /* overlong */
	else if (p[0] == 0xED)
		high = 0x9F; /* surrogates */
	else if (p[0] == 0xF0)
		low = 0x90; /* overlong */
	else if (p[0] == 0xF4)
		high = 0x8F; /* above U+10FFFF */
	if (len < n || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xC0) != 0x80)
			return 0;
	return n;
}

/* Escapes the character at p into out[8]; returns its length at p. Text format:
 * everything but printable ASCII is \xNN. JSON: UTF-8 passes, except the C1
 * controls, which a terminal may obey; other bytes become U+FFFD. */
static size_t put_escaped_byte(bool json, const unsigned char *p, size_t len,
			       char *out, size_t *out_len)
{
	static const char named[] = "\"\"\\\\\nn\rr\tt";
	size_t taken = 1;

	for (const char *n = named; *n != '\0'; n += 2) {
		if (*p == (unsigned char)*n) {
			out[0] = '\\';
			out[1] = n[1];
			*out_len = 2;
			return 1;
		}
	}
	if (*p >= 0x20 && *p < 0x7F) {
		out[0] = (char)*p;
		*out_len = 1;
	} else if (!json) {
		*out_len = (size_t)snprintf(out, 8, "\\x%02x", *p);
	} else if (*p < 0x80) {
		*out_len = (size_t)snprintf(out, 8, "\\u%04x", *p);
	} else if ((taken = utf8_char_len(p, len)) == 0) {
		memcpy(out, "\\ufffd", 6);
		*out_len = 6;
		taken = 1;
	} else if (p[0] == 0xC2 && p[1] < 0xA0) {
		*out_len = (size_t)snprintf(out, 8, "\\u%04x", p[1]);
	} else {
		memcpy(out, p, taken);
		*out_len = taken;
	}
	return taken;
}

/* Length of the prefix that needs no escape in either format. */
static size_t plain_prefix_len(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && text[n] >= ' ' && text[n] <= '~' && text[n] != '"' &&
	       text[n] != '\\')
		n++;
	return n;
}

/* logfmt needs no quotes around such a value. `plain`: its plain_prefix_len().
 */
static bool is_bare_value(const char *text, size_t len, size_t plain)
{
	return len > 0 && plain == len && memchr(text, ' ', len) == NULL &&
	       memchr(text, '=', len) == NULL;
}

static void put_field_value(struct line *l, const char *text, size_t len)
{
	size_t plain = plain_prefix_len(text, len), used = 0;
	bool quoted = l->json || !is_bare_value(text, len, plain);

	if (quoted)
		put_line_bytes(l, "\"", 1);
	while (len > 0 && !l->full) {
		char esc[8];
		const char *piece = text;
		size_t n = plain, taken = plain;

		if (plain == 0) {
			taken = put_escaped_byte(l->json,
						 (const unsigned char *)text,
						 len, esc, &n);
			piece = esc;
		} else if (n > l->value_max - used) {
			put_line_bytes(l, text, l->value_max - used);
			n = SIZE_MAX;
		}
		if (n > l->value_max - used) {
			put_line_bytes(l, "...", 3);
			break;
		}
		put_line_bytes(l, piece, n);
		used += n;
		text += taken;
		len -= taken;
		plain = plain_prefix_len(text, len);
	}
	if (quoted)
		put_line_bytes(l, "\"", 1);
}

static void put_field_key(struct line *l, const char *key)
{
	if (l->len > (l->json ? 1u : 0u))
		put_line_bytes(l, l->json ? "," : " ", 1);
	if (l->json)
		put_line_bytes(l, "\"", 1);
	put_field_string(l, key);
	if (l->json)
		put_line_bytes(l, "\"", 1);
	put_line_bytes(l, l->json ? ":" : "=", 1);
}

static void put_field_text(struct line *l, const char *key, const char *text,
			   size_t len)
{
	put_field_key(l, key);
	put_field_value(l, text, len);
}

/* Faster than printf(): numbers are most of what lines hold. */
static void put_field_number(struct line *l, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	put_line_bytes(l, digits + at, sizeof(digits) - at);
}

static void put_log_field(struct line *l, const struct log_field *f)
{
	const char *text = f->text == NULL ? "" : f->text;
	bool negative = (int64_t)f->number < 0;

	switch (f->kind) {
	case LOG_KIND_STR:
		put_field_text(l, f->key, text, strlen(text));
		return;
	case LOG_KIND_MEM:
		put_field_text(l, f->key, text, f->text == NULL ? 0 : f->len);
		return;
	case LOG_KIND_U64:
		put_field_key(l, f->key);
		put_field_number(l, f->number);
		return;
	case LOG_KIND_I64:
		put_field_key(l, f->key);
		if (negative)
			put_line_bytes(l, "-", 1);
		put_field_number(l, negative ? 0 - f->number : f->number);
		return;
	case LOG_KIND_BOOL:
		put_field_key(l, f->key);
		put_field_string(l, f->number ? "true" : "false");
		return;
	case LOG_KIND_END:
		return;
	}
}

static uint64_t wall_clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void put_padded_digits(char *at, unsigned n, unsigned number)
{
	while (n-- > 0) {
		at[n] = (char)('0' + number % 10);
		number /= 10;
	}
}

/* RFC 3339 with milliseconds, UTC. strftime() and gmtime_r() would take half as
 * long as the rest of the line. */
static void put_line_time(struct line *l, uint64_t ns)
{
	char text[] = "1970-01-01T00:00:00.000Z";
	struct calendar_time t = calendar_time_at(ns / 1000000000u);

	put_padded_digits(text, 4, t.year);
	put_padded_digits(text + 5, 2, t.month);
	put_padded_digits(text + 8, 2, t.day);
	put_padded_digits(text + 11, 2, t.hour);
	put_padded_digits(text + 14, 2, t.minute);
	put_padded_digits(text + 17, 2, t.second);
	put_padded_digits(text + 20, 3, (unsigned)(ns / 1000000u % 1000u));
	put_field_text(l, "time", text, sizeof(text) - 1);
}

/* Drops the first field that does not fit, and all after it. */
static void make_log_line(struct line *l, uint64_t ns, const char *level,
			  const char *msg, const struct log_field *fields)
{
	size_t whole;

	l->len = 0;
	l->full = false;
	if (l->json)
		put_field_string(l, "{");
	put_line_time(l, ns);
	put_field_text(l, "level", level, strlen(level));
	whole = l->len;
	put_field_text(l, "msg", msg, strlen(msg));
	for (; fields->kind != LOG_KIND_END && !l->full; fields++) {
		whole = l->len;
		put_log_field(l, fields);
	}
	if (l->full)
		l->len = whole;
	if (l->json)
		l->text[l->len++] = '}';
	l->text[l->len++] = '\n';
}

void log_write(const struct log *lg, enum log_level level, const char *msg,
	       const struct log_field *fields)
{
	struct line l;
	uint64_t ns;
	size_t low = 0, high = LINE_MAX_BYTES;

	if (!log_on(lg, level))
		return;
	ns = lg->now_ns != NULL ? lg->now_ns(lg->arg) : wall_clock_ns();
	l.json = lg->format == LOG_JSON;
	l.value_max = high;
	make_log_line(&l, ns, level_names[level], msg, fields);
	if (l.full) {
		/* Find the highest limit with which all fields fit. */
		while (high - low > 1) {
			l.value_max = low + (high - low) / 2;
			make_log_line(&l, ns, level_names[level], msg, fields);
			if (l.full)
				high = l.value_max;
			else
				low = l.value_max;
		}
		l.value_max = low;
		make_log_line(&l, ns, level_names[level], msg, fields);
	}
	lg->sink(lg->arg, l.text, l.len);
}

static void write_to_stderr(void *arg, const char *line, size_t len)
{
	(void)arg;
	while (len > 0) {
		ssize_t n = write(STDERR_FILENO, line, len);

		/* There is no other place to report that. */
		if (n < 0 && errno != EINTR)
			return;
		if (n > 0) {
			line += n;
			len -= (size_t)n;
		}
	}
}

void log_init(struct log *lg, enum log_format format, enum log_level level)
{
	*lg = (struct log){
		.format = format,
		.level = level,
		.sink = write_to_stderr,
	};
}

int log_level_parse(const char *word, enum log_level *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
		if (strcmp(word, level_names[i]) == 0) {
			*ret = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

int log_format_parse(const char *word, enum log_format *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(format_names); i++) {
		if (strcmp(word, format_names[i]) == 0) {
			*ret = (enum log_format)i;
			return 0;
		}
	}
	return -EINVAL;
}
