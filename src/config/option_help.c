/* --help and --check-config. */
#include "base/printable.h"
#include "config/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "nats/server_url.h"
#include "version.h"

enum { SHOWN_MAX = 1024 };

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
		len += (size_t)snprintf(out + len, OPTIONS_TAKES_MAX - len,
					"%s%s", before, *w);
	}
}

void options_takes(const struct options_row *row, char *out)
{
	const char *zero = row->flags & OPTIONS_ZERO ? ", or 0 for none" : "";
	char min[UNITS_TEXT_MAX], max[UNITS_TEXT_MAX];

	format_range(row, min, max);
	if (row->takes != NULL)
		snprintf(out, OPTIONS_TAKES_MAX, "%s", row->takes);
	else if (row->type == OPTIONS_WORD)
		format_words(row, out);
	else if (row->type == OPTIONS_BOOL)
		snprintf(out, OPTIONS_TAKES_MAX, "1 or 0");
	else if (row->type == OPTIONS_DURATION)
		snprintf(out, OPTIONS_TAKES_MAX,
			 "a duration from %s to %s%s "
			 "(such as 250ms, 30s, 5m, 1h)",
			 min, max, zero);
	else if (row->type == OPTIONS_SIZE)
		snprintf(out, OPTIONS_TAKES_MAX,
			 "a size from %s to %s%s "
			 "(such as 64KiB, 8MiB, 1GiB, or plain bytes)",
			 min, max, zero);
	else
		snprintf(out, OPTIONS_TAKES_MAX, "a number from %s to %s%s",
			 min, max, zero);
}

static int put_help_lines(struct buf *out, const char *text)
{
	int rc = 0;

	while (rc == 0 && *text != '\0') {
		int len = (int)strcspn(text, "\n");

		rc = buf_printf(out, "        %.*s\n", len, text);
		text += len + (text[len] == '\n');
	}
	return rc;
}

static int put_help_row(struct buf *out, const struct options_row *row)
{
	const char *value = row->value != NULL ? row->value : row->none;
	char takes[OPTIONS_TAKES_MAX];
	int rc = 0;

	if (row->group != NULL)
		rc = buf_printf(out, "\n%s:\n", row->group);
	if (rc == 0 && row->alone != NULL)
		rc = buf_printf(out, "  --%s[=%s]\n", row->name, row->metavar);
	else if (rc == 0)
		rc = buf_printf(out, "  --%s%s%s\n", row->name,
				row->metavar == NULL ? "" : " ",
				row->metavar == NULL ? "" : row->metavar);
	if (rc == 0)
		rc = put_help_lines(out, row->help);
	if (rc < 0 || row->type == OPTIONS_BOOL)
		return rc;
	options_takes(row, takes);
	return buf_printf(out, "        takes %s\n        default: %s\n", takes,
			  value == NULL ? "none" : value);
}

int options_help(struct buf *out)
{
	int rc = buf_puts(
		out,
		"Usage: " SLUICE_PROGRAM " [OPTION]...\n\n"
		"Serves NATS JetStream to HTTP clients as Server-Sent "
		"Events.\n\n"
		"Every option --some-name VALUE can also be given as the "
		"environment variable\n"
		"SLUICE_SOME_NAME (a flag without a value takes 1 or 0 "
		"there); an empty one counts\n"
		"as not set. The command line wins over SLUICE_*, that over "
		"the nats command's own\n"
		"variables (NATS_URL, NATS_CONTEXT, NATS_CREDS, ...), and "
		"those over the NATS CLI\n"
		"context.\n");

	for (size_t i = 0; rc == 0 && i < options_rows; i++)
		if (!(options_table[i].flags & OPTIONS_HIDDEN))
			rc = put_help_row(out, &options_table[i]);
	if (rc == 0)
		rc = buf_puts(out,
			      "\nExit status: 0 after a drain, 2 for a wrong "
			      "option, 1 for anything else.\n");
	return rc;
}

static int print_text_value(struct buf *out, const struct options_row *row,
			    const char *text)
{
	char url[SHOWN_MAX], shown[SHOWN_MAX];

	if (row->flags & OPTIONS_URL) {
		server_url_hide_userinfo(text, url, sizeof(url));
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

/* A user without a password is a token. */
static bool is_secret_row(const struct options *o,
			  const struct options_row *row)
{
	return (row->flags & OPTIONS_SECRET) ||
	       (row->offset == offsetof(struct options, user) &&
		o->password == NULL);
}

static int print_option_value(const struct options *o,
			      const struct options_row *row, struct buf *out)
{
	const void *at = (const char *)o + row->offset;
	char text[UNITS_TEXT_MAX];

	switch (row->type) {
	case OPTIONS_STRING:
		return is_secret_row(o, row)
			       ? buf_puts(out, "(hidden)")
			       : print_text_value(out, row, *(char *const *)at);
	case OPTIONS_LIST:
		return print_value_list(out, row, at);
	case OPTIONS_WORD:
		return buf_puts(out, row->words[*(const unsigned *)at]);
	case OPTIONS_BOOL:
		return buf_puts(out, *(const bool *)at ? "1" : "0");
	case OPTIONS_DURATION:
		units_duration_text(*(const uint64_t *)at, text);
		return buf_puts(out, text);
	case OPTIONS_SIZE:
		units_size_text(*(const uint64_t *)at, text);
		return buf_puts(out, text);
	case OPTIONS_COUNT:
		return buf_printf(out, "%" PRIu64, *(const uint64_t *)at);
	}
	return 0;
}

static int print_origin(const struct options *o, const struct options_row *row,
			struct buf *out)
{
	char name[OPTIONS_ORIGIN_MAX], context[SHOWN_MAX];

	options_origin(o, row->name, name);
	switch (options_layer_of(o, row)) {
	case OPTIONS_FLAG:
		return buf_puts(out, "  (flag)\n");
	case OPTIONS_ENV:
	case OPTIONS_NATS_ENV:
		return buf_printf(out, "  (environment %s)\n", name);
	case OPTIONS_CONTEXT:
		/* The selected context's name comes this way, too. */
		if (row->offset == offsetof(struct options, context))
			return buf_puts(out, "  (selected)\n");
		printable_text(context, sizeof(context),
			       o->context == NULL ? "" : o->context);
		return buf_printf(out, "  (context %s)\n", context);
	case OPTIONS_DEFAULT:
		break;
	}
	return buf_puts(out, "  (default)\n");
}

int options_describe(const struct options *o, const struct options_row *row,
		     struct buf *value, char *from)
{
	if ((row->flags & OPTIONS_ACTION) ||
	    options_layer_of(o, row) == OPTIONS_DEFAULT)
		return -ENOENT;
	options_origin(o, row->name, from);
	return print_option_value(o, row, value);
}

static int print_option_row(const struct options *o,
			    const struct options_row *row, struct buf *out)
{
	bool given = options_layer_of(o, row) != OPTIONS_DEFAULT;
	int rc;

	if ((row->flags & OPTIONS_ACTION) ||
	    ((row->flags & OPTIONS_HIDDEN) && !given))
		return 0;
	rc = buf_printf(out, "%s = ", row->name);
	if (rc < 0)
		return rc;
	if (!given && row->value == NULL)
		rc = buf_puts(out, row->none == NULL ? "none" : row->none);
	else
		rc = print_option_value(o, row, out);
	return rc < 0 ? rc : print_origin(o, row, out);
}

int options_print(const struct options *o, struct buf *out)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < options_rows; i++)
		rc = print_option_row(o, &options_table[i], out);
	return rc;
}
