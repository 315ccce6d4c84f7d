#include "config/option_value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/printable.h"
#include "base/units.h"
#include "http/https_url.h"
#include "nats/server_url.h"

enum { PRINTED_MAX = 1024 };

/* ---- memory ----------------------------------------------------------- */

void option_value_free_text(char *text)
{
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
}

void options_strings_finish(struct options_strings *s)
{
	for (size_t i = 0; i < s->n; i++)
		option_value_free_text(s->items[i]);
	free(s->items);
	*s = (struct options_strings){0};
}

int options_strings_add(struct options_strings *s, char *item)
{
	char **items = realloc(s->items, (s->n + 1) * sizeof(*items));

	if (items == NULL) {
		free(item);
		return -ENOMEM;
	}
	s->items = items;
	s->items[s->n++] = item;
	return 0;
}

int options_strings_copy(struct options_strings *dst,
			 const struct options_strings *src)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < src->n; i++) {
		char *item = strdup(src->items[i]);

		rc = item == NULL ? -ENOMEM : options_strings_add(dst, item);
	}
	return rc;
}

void option_value_finish(struct option_value *v)
{
	option_value_free_text(v->text);
	options_strings_finish(&v->list);
	*v = (struct option_value){0};
}

/* ---- parsing ---------------------------------------------------------- */

static int parse_word_value(const struct options_row *row, const char *value,
			    uint64_t *ret)
{
	for (uint64_t i = 0; row->words[i] != NULL; i++) {
		if (strcmp(row->words[i], value) == 0) {
			*ret = i;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_number(const struct options_row *row, const char *value,
			uint64_t *ret)
{
	uint64_t n = 0;
	int rc = row->type == OPTIONS_DURATION ? units_duration(value, &n)
		 : row->type == OPTIONS_SIZE   ? units_size(value, &n)
					       : units_count(value, &n);

	if (rc < 0)
		return rc;
	if ((n < row->min || n > row->max) &&
	    !(n == 0 && (row->flags & OPTIONS_ZERO)))
		return -EINVAL;
	*ret = n;
	return 0;
}

static int parse_text_value(const struct options_row *row, const char *value,
			    size_t len, char **ret, const char **why)
{
	char *text;

	if (len == 0) {
		*why = "it is empty";
		return -EINVAL;
	}
	text = strndup(value, len);
	if (text == NULL)
		return -ENOMEM;
	*why = row->fault == NULL ? NULL : row->fault(text);
	if (*why != NULL) {
		free(text);
		return -EINVAL;
	}
	*ret = text;
	return 0;
}

/* "a, b": blanks around items and empty items are ignored, as in nats.go. At
 * least one item is required. */
static int parse_list_value(const struct options_row *row, const char *value,
			    struct options_strings *ret, const char **why)
{
	static const char blanks[] = " \t";
	int rc = 0;

	if ((row->flags & OPTIONS_OFF) && strcmp(value, "off") == 0)
		return 0;
	for (const char *p = value; rc == 0 && *p != '\0';) {
		size_t len = strcspn(p, ",");
		const char *next = p + len + (p[len] == ',');
		size_t before = strspn(p, blanks);
		char *item;

		p += before < len ? before : len;
		len -= before < len ? before : len;
		while (len > 0 && strchr(blanks, p[len - 1]) != NULL)
			len--;
		if (len > 0) {
			rc = parse_text_value(row, p, len, &item, why);
			if (rc == 0)
				rc = options_strings_add(ret, item);
		}
		p = next;
	}
	if (rc == 0 && ret->n == 0) {
		*why = "it is empty";
		rc = -EINVAL;
	}
	return rc;
}

int option_value_parse(const struct options_row *row, const char *text,
		       struct option_value *ret, const char **why)
{
	size_t len = strlen(text);
	bool on;
	int rc;

	switch (row->type) {
	case OPTIONS_STRING:
		if ((row->flags & OPTIONS_DOT) && len > 1 &&
		    text[len - 1] == '.')
			len--;
		return parse_text_value(row, text, len, &ret->text, why);
	case OPTIONS_LIST:
		return parse_list_value(row, text, &ret->list, why);
	case OPTIONS_WORD:
		return parse_word_value(row, text, &ret->number);
	case OPTIONS_BOOL:
		rc = units_bool(text, &on);
		ret->number = rc == 0 && on;
		return rc;
	default:
		return parse_number(row, text, &ret->number);
	}
}

/* ---- printing --------------------------------------------------------- */

static int print_text_value(struct buf *out, const struct options_row *row,
			    const char *text)
{
	char url[PRINTED_MAX], shown[PRINTED_MAX];

	if (row->flags & OPTIONS_URL) {
		server_url_hide_userinfo(text, url, sizeof(url));
		text = url;
	} else if (row->flags & OPTIONS_HTTPS) {
		https_url_hide(text, url, sizeof(url));
		text = url;
	}
	printable_text(shown, sizeof(shown), text);
	return buf_puts(out, shown);
}

static int print_value_list(struct buf *out, const struct options_row *row,
			    const struct options_strings *list)
{
	int rc = 0;

	if (list->n == 0)
		return buf_puts(out, "off");
	for (size_t i = 0; rc == 0 && i < list->n; i++) {
		if (i > 0)
			rc = buf_puts(out, ",");
		if (rc == 0)
			rc = print_text_value(out, row, list->items[i]);
	}
	return rc;
}

int option_value_print(const struct options_row *row, const void *field,
		       bool secret, struct buf *out)
{
	char text[UNITS_TEXT_MAX];

	switch (row->type) {
	case OPTIONS_STRING:
		return secret ? buf_puts(out, "(hidden)")
			      : print_text_value(out, row,
						 *(char *const *)field);
	case OPTIONS_LIST:
		return print_value_list(out, row, field);
	case OPTIONS_WORD:
		return buf_puts(out, row->words[*(const unsigned *)field]);
	case OPTIONS_BOOL:
		return buf_puts(out, *(const bool *)field ? "1" : "0");
	case OPTIONS_DURATION:
		units_duration_text(*(const uint64_t *)field, text);
		return buf_puts(out, text);
	case OPTIONS_SIZE:
		units_size_text(*(const uint64_t *)field, text);
		return buf_puts(out, text);
	case OPTIONS_COUNT:
		return buf_printf(out, "%" PRIu64, *(const uint64_t *)field);
	}
	return 0;
}

/* ---- what a row takes -------------------------------------------------- */

static void format_range(const struct options_row *row, char *min, char *max)
{
	switch (row->type) {
	case OPTIONS_DURATION:
		units_duration_text(row->min, min);
		units_duration_text(row->max, max);
		break;
	case OPTIONS_SIZE:
		units_size_text(row->min, min);
		units_size_text(row->max, max);
		break;
	default:
		snprintf(min, UNITS_TEXT_MAX, "%" PRIu64, row->min);
		snprintf(max, UNITS_TEXT_MAX, "%" PRIu64, row->max);
		break;
	}
}

/* "message or comment"; "error, warn, info or debug" */
static void format_words(const struct options_row *row, char *out)
{
	size_t len = 0;

	for (const char *const *w = row->words; *w != NULL; w++) {
		const char *before = ", ";

		if (w == row->words)
			before = "";
		else if (w[1] == NULL)
			before = " or ";
		len += (size_t)snprintf(out + len, OPTION_VALUE_TAKES_MAX - len,
					"%s%s", before, *w);
	}
}

void option_value_takes(const struct options_row *row, char *out)
{
	const char *zero = row->flags & OPTIONS_ZERO ? ", or 0 for none" : "";
	char min[UNITS_TEXT_MAX], max[UNITS_TEXT_MAX];

	format_range(row, min, max);
	if (row->takes != NULL)
		snprintf(out, OPTION_VALUE_TAKES_MAX, "%s", row->takes);
	else if (row->type == OPTIONS_WORD)
		format_words(row, out);
	else if (row->type == OPTIONS_BOOL)
		snprintf(out, OPTION_VALUE_TAKES_MAX, "1 or 0");
	else if (row->type == OPTIONS_DURATION)
		snprintf(out, OPTION_VALUE_TAKES_MAX,
			 "a duration from %s to %s%s "
			 "(such as 250ms, 30s, 5m, 1h)",
			 min, max, zero);
	else if (row->type == OPTIONS_SIZE)
		snprintf(out, OPTION_VALUE_TAKES_MAX,
			 "a size from %s to %s%s "
			 "(such as 64KiB, 8MiB, 1GiB, or plain bytes)",
			 min, max, zero);
	else
		snprintf(out, OPTION_VALUE_TAKES_MAX,
			 "a number from %s to %s%s", min, max, zero);
}
