/* Generates the man page from its template and the table of options:
 *
 *	manpage TEMPLATE VERSION PROGRAM >sluice.1
 *
 * A line of the template that is "@OPTIONS@" or "@NATS_VARIABLES@" is replaced
 * from the table. The page is written in mdoc(7). */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "config/option_value.h"
#include "config/options.h"

enum { LINE_MAX_BYTES = 1024, NAME_MAX_BYTES = 64, TEXT_COLUMNS = 60 };

/* Escapes a character for roff. A hyphen inside a word stays a hyphen; before
 * an option or a number it becomes a minus, which can be copied. */
static void put_char(char before, char c)
{
	if (c == '\\')
		fputs("\\e", stdout);
	else if (c == '-' && (before == ' ' || before == '-'))
		fputs("\\-", stdout);
	else if (c == '\'')
		fputs("\\(aq", stdout);
	else if (c == '~')
		fputs("\\(ti", stdout);
	else
		putchar(c);
}

/* Breaks lines at TEXT_COLUMNS. A line that starts with a dot or a quote would
 * be a control line, so the dot is escaped. */
static void put_text(const char *text)
{
	size_t column = 0;

	while (*text != '\0') {
		size_t len = strcspn(text, " \n");

		if (column > 0 && column + len > TEXT_COLUMNS) {
			putchar('\n');
			column = 0;
		} else if (column > 0) {
			putchar(' ');
			column++;
		}
		if (column == 0 && *text == '.')
			fputs("\\&", stdout);
		for (size_t i = 0; i < len; i++)
			put_char(i == 0 ? ' ' : text[i - 1], text[i]);
		column += len;
		text += len + (text[len] != '\0');
	}
}

/* The name of an option: all hyphens become minuses. */
static void put_name(const char *name)
{
	for (; *name != '\0'; name++)
		put_char('-', *name);
}

/* Makes the text a sentence. */
static void put_sentence(const char *begin, const char *text)
{
	if (*begin == '\0' && *text >= 'a' && *text <= 'z')
		putchar(*text++ - 'a' + 'A');
	fputs(begin, stdout);
	put_text(text);
	fputs(".\n", stdout);
}

static void put_default(const struct options_row *row)
{
	if (row->value == NULL) {
		put_sentence("Default: ",
			     row->none == NULL ? "none" : row->none);
		return;
	}
	fputs("Default:\n.Ql ", stdout);
	put_name(row->value);
	fputs(" .\n", stdout);
}

static void put_row(const struct options_row *row)
{
	char takes[OPTION_VALUE_TAKES_MAX];

	fputs(".It Fl \\-", stdout);
	put_name(row->name);
	if (row->alone != NULL) {
		printf(" Ns Op = Ns Ar %s", row->metavar);
	} else if (row->metavar != NULL) {
		fputs(" Ar ", stdout);
		put_text(row->metavar);
	}
	putchar('\n');
	put_sentence("", row->help);
	if (row->type == OPTIONS_BOOL)
		return;
	option_value_takes(row, takes);
	put_sentence("Takes ", takes);
	put_default(row);
}

static void put_options(void)
{
	bool open = false;

	for (size_t i = 0; i < options_rows; i++) {
		const struct options_row *row = &options_table[i];

		if (row->group != NULL) {
			if (open)
				fputs(".El\n", stdout);
			fputs(".Ss ", stdout);
			put_text(row->group);
			fputs("\n.Bl -tag -width Ds\n", stdout);
			open = true;
		}
		if (!(row->flags & OPTIONS_HIDDEN))
			put_row(row);
	}
	fputs(".El\n", stdout);
}

static void put_nats_variables(void)
{
	size_t left = 0;

	for (size_t i = 0; i < options_rows; i++)
		left += options_table[i].nats_env != NULL;
	for (size_t i = 0; i < options_rows; i++) {
		const struct options_row *row = &options_table[i];

		if (row->nats_env == NULL)
			continue;
		left--;
		printf(".Ev %s", row->nats_env);
		if (row->flags & OPTIONS_HIDDEN)
			printf("%s\n", left == 0 ? " ." : " ,");
		else {
			fputs("\n.Pq Fl \\-", stdout);
			put_name(row->name);
			printf("%s\n", left == 0 ? " ." : " ,");
		}
	}
}

/* A placeholder in a line of the template, and its text. */
struct mark {
	const char *name;
	const char *text;
};

enum { MARKS = 3 };

static void put_line(const char *line, const struct mark *marks)
{
	const char *at = strchr(line, '@');

	if (strcmp(line, "@OPTIONS@\n") == 0) {
		put_options();
		return;
	}
	if (strcmp(line, "@NATS_VARIABLES@\n") == 0) {
		put_nats_variables();
		return;
	}
	for (size_t i = 0; at != NULL && i < MARKS; i++) {
		size_t len = strlen(marks[i].name);

		if (strncmp(at, marks[i].name, len) == 0) {
			printf("%.*s%s%s", (int)(at - line), line,
			       marks[i].text, at + len);
			return;
		}
	}
	fputs(line, stdout);
}

/* "SLUICE": titles of manual pages are in capitals. */
static void upper_case(const char *text, char *out, size_t size)
{
	size_t i = 0;

	for (; text[i] != '\0' && i < size - 1; i++)
		out[i] = text[i] >= 'a' && text[i] <= 'z'
				 ? (char)(text[i] - 'a' + 'A')
				 : text[i];
	out[i] = '\0';
}

int main(int argc, char *argv[])
{
	FILE *template = argc == 4 ? fopen(argv[1], "r") : NULL;
	char line[LINE_MAX_BYTES], title[NAME_MAX_BYTES];
	struct mark marks[MARKS];

	if (template == NULL) {
		fprintf(stderr, "usage: manpage TEMPLATE VERSION PROGRAM%s%s\n",
			argc == 4 ? ": " : "",
			argc == 4 ? strerror(errno) : "");
		return 2;
	}
	upper_case(argv[3], title, sizeof(title));
	marks[0] = (struct mark){"@VERSION@", argv[2]};
	marks[1] = (struct mark){"@PROGRAM@", argv[3]};
	marks[2] = (struct mark){"@TITLE@", title};
	while (fgets(line, sizeof(line), template) != NULL)
		put_line(line, marks);
	fclose(template);
	return fflush(stdout) == 0 ? 0 : 1;
}
