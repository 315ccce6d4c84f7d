/* --help and --check-config: printed values are read as the same values; the
 * rows, the help and the manual agree. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "options_rig.h"

/* Values of --check-config, given back as flags, mean the same. */
static void printed_values_can_be_read_again(void **state)
{
	struct options *o = *state, again;
	char err[OPTIONS_ERROR_MAX], *text, *save = NULL;

	assert_int_equal(args(o, err, "--ping-interval", "0", "--retry",
			      "1500ms", "--buffer-size", "100000",
			      "--max-header-bytes", "20KiB", "--log-level",
			      "warn"),
			 0);
	assert_int_equal(options_init(&again), 0);
	text = printed(o);
	assert_contains(text, "retry = 1500ms  (flag)\n");
	assert_contains(text, "buffer-size = 100000  (flag)\n");
	assert_contains(text, "max-connections = what RLIMIT_NOFILE allows, "
			      "less a reserve  (default)\n");
	for (char *line = strtok_r(text, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		char *value = strstr(line, " = ");
		char *from = strstr(line, "  (");

		assert_non_null(value);
		assert_non_null(from);
		*value = '\0';
		*from = '\0';
		if (strcmp(from + 3, "flag)") == 0)
			assert_int_equal(options_set(&again, OPTIONS_FLAG, line,
						     value + 3, err),
					 0);
	}
	free(text);
	assert_int_equal(again.ping_interval_ms, 0);
	assert_int_equal(again.retry_ms, 1500);
	assert_int_equal(again.buffer_size, 100000);
	assert_int_equal(again.max_header_bytes, 20480);
	assert_int_equal(again.log_level, LOG_WARN);
	options_finish(&again);
}

static void printed_text_stays_on_its_line(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(args(o, err, "--creds", "/a\nb = c\x1b"), 0);
	assert_printed(o, "creds = /a\\x0ab = c\\x1b  (flag)");
}

/* As the manual and --help show it. */
static void option_form(const struct options_row *row, char *out, size_t size)
{
	if (row->alone != NULL)
		snprintf(out, size, "--%s[=%s]", row->name, row->metavar);
	else if (row->metavar != NULL)
		snprintf(out, size, "--%s %s", row->name, row->metavar);
	else
		snprintf(out, size, "--%s", row->name);
}

static void help_has_every_option(void **state)
{
	struct buf b;
	const char *text;

	(void)state;
	buf_init(&b, 1 << 16);
	assert_int_equal(option_help_print(&b), 0);
	assert_int_equal(buf_putc(&b, '\0'), 0);
	text = (const char *)buf_data(&b);
	for (size_t i = 0; i < options_rows; i++) {
		char want[64], form[56];
		const char *at;

		option_form(&options_table[i], form, sizeof(form));
		snprintf(want, sizeof(want), "\n  %s\n", form);
		at = strstr(text, want);
		if (options_table[i].flags & OPTIONS_HIDDEN)
			assert_null(at);
		else
			assert_non_null(at);
	}
	assert_contains(text, "takes a duration from 10ms to 24h, or 0 for "
			      "none");
	assert_contains(text, "default: 30s");
	buf_finish(&b);
	buf_init(&b, 100);
	assert_int_equal(option_help_print(&b), -ENOBUFS);
	buf_finish(&b);
}

/* Help and errors fit their buffers. */
static void the_table_is_sane(void **state)
{
	(void)state;
	for (size_t i = 0; i < options_rows; i++) {
		const struct options_row *row = &options_table[i];
		char takes[OPTION_VALUE_TAKES_MAX];

		option_value_takes(row, takes);
		assert_true(strlen(takes) < OPTION_VALUE_TAKES_MAX - 1);
		assert_true(strlen(row->name) < 32);
		assert_ptr_equal(options_find(row->name), row);
		assert_true(row->help != NULL || (row->flags & OPTIONS_HIDDEN));
		assert_true(row->metavar != NULL || row->type == OPTIONS_BOOL ||
			    (row->flags & OPTIONS_HIDDEN));
		if (row->type == OPTIONS_STRING || row->type == OPTIONS_LIST)
			assert_non_null(row->takes);
		if (row->type == OPTIONS_COUNT ||
		    row->type == OPTIONS_DURATION || row->type == OPTIONS_SIZE)
			assert_true(row->min < row->max);
	}
}

/* A | ends a cell of Markdown's tables. */
static void escape_bars(char *out, const char *text)
{
	for (; *text != '\0'; *out++ = *text++)
		if (*text == '|')
			*out++ = '\\';
	*out = '\0';
}

/* docs/cli.md is written by hand; this keeps it whole. Where it cannot be
 * read the test fails. */
static void the_manual_has_every_option_and_default(void **state)
{
	const char *root = getenv("SLUICE_TEST_ROOT");
	char path[4096], *text;
	size_t len;
	FILE *f;

	(void)state;
	snprintf(path, sizeof(path), "%s/docs/cli.md",
		 root == NULL ? "." : root);
	f = fopen(path, "r");
	if (f == NULL)
		fail_msg("%s: %s (SLUICE_TEST_ROOT is where the source is)",
			 path, strerror(errno));
	text = calloc(1, 1 << 16);
	assert_non_null(text);
	len = fread(text, 1, (1 << 16) - 1, f);
	fclose(f);
	assert_true(len > 0);
	for (size_t i = 0; i < options_rows; i++) {
		const struct options_row *row = &options_table[i];
		char want[128], form[56], cell[2 * sizeof(form)];
		char takes[OPTION_VALUE_TAKES_MAX], *line, *end;

		if (row->flags & OPTIONS_HIDDEN) {
			assert_contains(text, row->nats_env);
			continue;
		}
		option_form(row, form, sizeof(form));
		escape_bars(cell, form);
		snprintf(want, sizeof(want), "\n| `%s` |", cell);
		line = strstr(text, want);
		if (line == NULL)
			fail_msg("docs/cli.md lacks%s", want);
		end = strchr(++line, '\n');
		assert_non_null(end);
		*end = '\0';
		if (row->value != NULL && row->type != OPTIONS_BOOL) {
			snprintf(want, sizeof(want), "| `%s` |", row->value);
			assert_contains(line, want);
		}
		option_value_takes(row, takes);
		if (row->type == OPTIONS_COUNT || row->type == OPTIONS_SIZE ||
		    row->type == OPTIONS_DURATION) {
			char *range = strchr(takes, ' ');

			range = strstr(range, "from");
			range[strcspn(range, ",(")] = '\0';
			while (range[strlen(range) - 1] == ' ')
				range[strlen(range) - 1] = '\0';
			assert_contains(line, range + strlen("from "));
		}
		if (row->nats_env != NULL)
			assert_contains(line, row->nats_env);
		*end = '\n';
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(printed_values_can_be_read_again),
		test(printed_text_stays_on_its_line),
		cmocka_unit_test(help_has_every_option),
		cmocka_unit_test(the_table_is_sane),
		cmocka_unit_test(the_manual_has_every_option_and_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
