#include "config/option_help.h"

#include <errno.h>
#include <string.h>

#include "base/printable.h"
#include "version.h"

enum { SHOWN_MAX = 1024 };

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
	char takes[OPTION_VALUE_TAKES_MAX];
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
	option_value_takes(row, takes);
	return buf_printf(out, "        takes %s\n        default: %s\n", takes,
			  value == NULL ? "none" : value);
}

int option_help_print(struct buf *out)
{
	int rc = buf_puts(
		out,
		"Usage: " SLUICE_PROGRAM " [OPTION]...\n\n"
		"Streams NATS JetStream to HTTP clients as Server-Sent "
		"Events, and\n"
		"publishes their messages where a rule allows it "
		"(--allow-pub).\n\n"
		"Every option --some-name VALUE is also an environment "
		"variable:\n"
		"SLUICE_SOME_NAME. A flag without a value is 1 or 0 there; an "
		"empty variable\n"
		"counts as not set.\n"
		"Precedence: the command line, SLUICE_*, the variables of the "
		"nats command\n"
		"(NATS_URL, NATS_CONTEXT, NATS_CREDS, ...), the NATS CLI "
		"context, the default.\n");

	for (size_t i = 0; rc == 0 && i < options_rows; i++)
		if (!(options_table[i].flags & OPTIONS_HIDDEN))
			rc = put_help_row(out, &options_table[i]);
	if (rc == 0)
		rc = buf_puts(out,
			      "\nExit status: 0 after a drain, 2 for a wrong "
			      "option, 1 for anything else.\n");
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

static int print_field(const struct options *o, const struct options_row *row,
		       struct buf *out)
{
	return option_value_print(row, (const char *)o + row->offset,
				  is_secret_row(o, row), out);
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
		/* The name of the selected context has this layer too. */
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

int option_help_describe(const struct options *o, const struct options_row *row,
			 struct buf *value, char *from)
{
	if ((row->flags & OPTIONS_ACTION) ||
	    options_layer_of(o, row) == OPTIONS_DEFAULT)
		return -ENOENT;
	options_origin(o, row->name, from);
	return print_field(o, row, value);
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
		rc = print_field(o, row, out);
	return rc < 0 ? rc : print_origin(o, row, out);
}

int option_help_print_config(const struct options *o, struct buf *out)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < options_rows; i++)
		rc = print_option_row(o, &options_table[i], out);
	return rc;
}
