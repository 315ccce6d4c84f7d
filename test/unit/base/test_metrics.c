/* The page, parsed by a reader of the text format 0.0.4 that does not know the
 * table; and that the manual and the examples name the same metrics. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/metrics.h"

/* ---- a reader ------------------------------------------------------------ */

enum { MAX_SAMPLES = 256, MAX_FAMILIES = 96 };

struct sample {
	char series[160]; /* name and labels */
	uint64_t value;
};

struct family {
	char name[80];
	char type[16];
	bool helped;
};

struct page {
	char *text;
	struct sample samples[MAX_SAMPLES];
	size_t n_samples;
	struct family families[MAX_FAMILIES];
	size_t n_families;
};

static size_t name_len(const char *at)
{
	size_t len = 0;

	while (isalnum((unsigned char)at[len]) || at[len] == '_' ||
	       at[len] == ':')
		len++;
	if (len == 0 || isdigit((unsigned char)at[0]))
		fail_msg("no name: %s", at);
	return len;
}

static struct family *last_family(struct page *page)
{
	assert_true(page->n_families > 0);
	return &page->families[page->n_families - 1];
}

static void read_help(struct page *page, const char *line)
{
	size_t len = name_len(line);
	struct family *family;

	assert_int_equal(line[len], ' ');
	assert_true(strlen(line + len + 1) > 0);
	assert_true(len < sizeof(family->name));
	for (size_t i = 0; i < page->n_families; i++)
		if (strlen(page->families[i].name) == len &&
		    memcmp(page->families[i].name, line, len) == 0)
			fail_msg("a second HELP: %s", line);
	assert_true(page->n_families < MAX_FAMILIES);
	family = &page->families[page->n_families++];
	*family = (struct family){.helped = true};
	memcpy(family->name, line, len);
}

/* TYPE comes once, after HELP of the same family and before its samples. */
static void read_type(struct page *page, const char *line)
{
	struct family *family = last_family(page);
	size_t len = name_len(line);

	assert_int_equal(strlen(family->name), len);
	assert_memory_equal(family->name, line, len);
	assert_string_equal(family->type, "");
	assert_int_equal(line[len], ' ');
	line += len + 1;
	if (strcmp(line, "counter") != 0 && strcmp(line, "gauge") != 0 &&
	    strcmp(line, "histogram") != 0)
		fail_msg("%s: of no type", family->name);
	strcpy(family->type, line);
}

/* {name="value",...}; returns the end. */
static const char *read_labels(const char *at)
{
	do {
		at++;
		at += name_len(at);
		assert_memory_equal(at, "=\"", 2);
		at += 2;
		at += strcspn(at, "\"\\");
		assert_int_equal(*at, '"');
		at++;
	} while (*at == ',');
	assert_int_equal(*at, '}');
	return at + 1;
}

/* A histogram has three kinds of series. */
static bool is_of(const struct family *family, const char *name, size_t len)
{
	size_t own = strlen(family->name);

	if (family->type[0] == '\0' || len < own ||
	    memcmp(family->name, name, own) != 0)
		return false;
	if (strcmp(family->type, "histogram") != 0)
		return len == own;
	name += own;
	len -= own;
	return (len == 7 && memcmp(name, "_bucket", len) == 0) ||
	       (len == 4 && memcmp(name, "_sum", len) == 0) ||
	       (len == 6 && memcmp(name, "_count", len) == 0);
}

static void read_sample(struct page *page, const char *line)
{
	struct family *family = last_family(page);
	size_t len = name_len(line);
	const char *at = line + len;
	struct sample *sample;
	char *end;

	if (!is_of(family, line, len))
		fail_msg("outside of its family: %s", line);
	if (*at == '{')
		at = read_labels(at);
	assert_int_equal(*at, ' ');
	assert_true(page->n_samples < MAX_SAMPLES);
	sample = &page->samples[page->n_samples++];
	assert_true((size_t)(at - line) < sizeof(sample->series));
	memcpy(sample->series, line, (size_t)(at - line));
	sample->series[at - line] = '\0';
	for (size_t i = 0; i + 1 < page->n_samples; i++)
		assert_string_not_equal(page->samples[i].series,
					sample->series);
	at++;
	assert_true(isdigit((unsigned char)*at));
	errno = 0;
	sample->value = strtoull(at, &end, 10);
	assert_int_equal(errno, 0);
	/* Seconds have six decimals: here they are microseconds. */
	if (*end == '.') {
		assert_int_equal(strspn(end + 1, "0123456789"), 6);
		sample->value =
			sample->value * 1000000 + strtoull(end + 1, &end, 10);
	}
	assert_int_equal(*end, '\0');
}

static void read_line(struct page *page, const char *line)
{
	if (strncmp(line, "# HELP ", 7) == 0)
		read_help(page, line + 7);
	else if (strncmp(line, "# TYPE ", 7) == 0)
		read_type(page, line + 7);
	else
		read_sample(page, line);
}

static void render(struct page *page, const struct metrics *m)
{
	struct buf b;

	memset(page, 0, sizeof(*page));
	buf_init(&b, 1 << 16);
	assert_int_equal(metrics_render(m, &b), 0);
	page->text = strndup((const char *)buf_data(&b), buf_unread(&b));
	assert_non_null(page->text);
	assert_int_equal(strlen(page->text), buf_unread(&b));
	assert_int_equal(buf_tail(&b)[-1], '\n');
	buf_finish(&b);
	for (char *at = page->text, *next; *at != '\0'; at = next) {
		next = strchr(at, '\n') + 1;
		next[-1] = '\0';
		read_line(page, at);
	}
	free(page->text);
	page->text = NULL;
}

static uint64_t value_of(const struct page *page, const char *series)
{
	for (size_t i = 0; i < page->n_samples; i++)
		if (strcmp(page->samples[i].series, series) == 0)
			return page->samples[i].value;
	fail_msg("not there: %s", series);
	return 0;
}

static const char *type_of(const struct page *page, const char *family)
{
	for (size_t i = 0; i < page->n_families; i++)
		if (strcmp(page->families[i].name, family) == 0)
			return page->families[i].type;
	fail_msg("not there: %s", family);
	return "";
}

/* ---- the tests ----------------------------------------------------------- */

static void test_every_row_is_there(void **state)
{
	static const struct {
		const char *type, *family, *labels;
	} rows[] = {
#define X(name, type, family, labels, help) {#type, family, labels},
		METRICS(X)
#undef X
	};
	struct metrics m = {0};
	struct page page;

	(void)state;
	for (size_t i = 0; i < METRIC_COUNT; i++)
		m.value[i] = 1000 + i;
	render(&page, &m);
	assert_true(page.n_samples >
		    METRIC_COUNT + METRIC_TIMES + 4 * METRIC_SPREADS +
			    (REJECT_COUNT - 1) + CLOSE_REASON_COUNT + 1);
	for (size_t i = 0; i < METRIC_COUNT; i++) {
		char series[160];

		snprintf(series, sizeof(series),
			 rows[i].labels[0] == '\0' ? "%s" : "%s{%s}",
			 rows[i].family, rows[i].labels);
		assert_true(value_of(&page, series) == 1000 + i);
		assert_string_equal(type_of(&page, rows[i].family),
				    rows[i].type);
		/* the convention for names of counters */
		assert_int_equal(strcmp(rows[i].type, "counter") == 0,
				 strstr(rows[i].family, "_total") != NULL);
	}
}

static void test_some_by_name(void **state)
{
	struct metrics m = {0};
	struct page page;

	(void)state;
	metric_set(&m, METRIC_SUBSCRIPTIONS_LIVE, 3);
	metric_set(&m, METRIC_SUBSCRIPTIONS_WAITING, 4);
	metric_add(&m, METRIC_EVENTS_REPLAY, 5);
	metric_add(&m, METRIC_EVENTS_REPLAY, 6);
	metric_set(&m, METRIC_CONN_IDLE, 7);
	render(&page, &m);
	assert_true(value_of(&page, "sluice_subscriptions{state=\"live\"}") ==
		    3);
	assert_true(value_of(&page,
			     "sluice_subscriptions{state=\"waiting\"}") == 4);
	assert_true(value_of(&page,
			     "sluice_events_sent_total{source=\"replay\"}") ==
		    11);
	assert_true(value_of(&page, "sluice_connections{state=\"idle\"}") == 7);
	assert_true(value_of(&page, "sluice_connections_accepted_total") == 0);
	assert_string_equal(type_of(&page, "sluice_subscriptions"), "gauge");
}

static void test_errors(void **state)
{
	struct metrics m = {0};
	struct page page;

	(void)state;
	for (int i = 0; i < REJECT_COUNT; i++)
		m.rejected[i] = 500 + (uint64_t)i;
	render(&page, &m);
	assert_string_equal(type_of(&page, "sluice_requests_rejected_total"),
			    "counter");
	for (int i = REJECT_NONE + 1; i < REJECT_COUNT; i++) {
		char series[160];

		snprintf(series, sizeof(series),
			 "sluice_requests_rejected_total{reason=\"%s\"}",
			 reject_reason_label((enum reject_reason)i));
		assert_true(value_of(&page, series) == 500 + (uint64_t)i);
	}
	for (size_t i = 0; i < page.n_samples; i++)
		assert_null(strstr(page.samples[i].series, "none"));
}

static void test_build_info(void **state)
{
	static const char prefix[] = "sluice_build_info{version=\"";
	struct metrics m = {0};
	struct page page;
	const struct sample *last;

	(void)state;
	render(&page, &m);
	last = &page.samples[page.n_samples - 1];
	assert_memory_equal(last->series, prefix, sizeof(prefix) - 1);
	assert_true(isdigit((unsigned char)last->series[sizeof(prefix) - 1]));
	assert_true(last->value == 1);
	assert_string_equal(type_of(&page, "sluice_build_info"), "gauge");
}

static void test_big_numbers_are_exact(void **state)
{
	static const uint64_t values[] = {0,
					  1,
					  UINT64_C(9007199254740993),
					  INT64_MAX,
					  UINT64_MAX - 1,
					  UINT64_MAX};
	struct metrics m = {0};
	struct page page;

	(void)state;
	for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
		for (size_t i = 0; i < METRIC_COUNT; i++)
			m.value[i] = values[v];
		for (size_t i = 0; i < REJECT_COUNT; i++)
			m.rejected[i] = values[v];
		render(&page, &m);
		for (size_t i = 0; i < METRIC_COUNT; i++)
			assert_true(page.samples[i].value == values[v]);
	}
}

static void test_endings(void **state)
{
	struct metrics m = {0};
	struct page page;

	(void)state;
	for (int i = 0; i < CLOSE_REASON_COUNT; i++)
		m.closed[i] = 700 + (uint64_t)i;
	render(&page, &m);
	assert_string_equal(type_of(&page, "sluice_subscriptions_closed_total"),
			    "counter");
	for (int i = 0; i < CLOSE_REASON_COUNT; i++) {
		char series[160];

		snprintf(series, sizeof(series),
			 "sluice_subscriptions_closed_total{reason=\"%s\"}",
			 close_reason_label((enum close_reason)i));
		assert_true(value_of(&page, series) == 700 + (uint64_t)i);
	}
}

static void test_times_are_seconds(void **state)
{
	struct metrics m = {0};
	struct page page;
	struct buf b;

	(void)state;
	m.time_us[METRIC_TIME_PROCESS_CPU] = 12000345;
	render(&page, &m);
	assert_true(value_of(&page, "process_cpu_seconds_total") == 12000345);
	assert_string_equal(type_of(&page, "process_cpu_seconds_total"),
			    "counter");
	buf_init(&b, 1 << 16);
	assert_int_equal(metrics_render(&m, &b), 0);
	assert_int_equal(buf_putc(&b, '\0'), 0);
	assert_non_null(strstr((const char *)buf_data(&b),
			       "\nprocess_cpu_seconds_total 12.000345\n"));
	buf_finish(&b);
}

#define LATENCY "sluice_event_latency_seconds"

/* A bucket counts all values up to its bound. */
static void test_a_histogram_adds_up(void **state)
{
	struct metrics m = {0};
	struct page page;

	(void)state;
	metrics_observe(&m, METRIC_SPREAD_LATENCY, 0, 3);
	metrics_observe(&m, METRIC_SPREAD_LATENCY, 500, 1);
	metrics_observe(&m, METRIC_SPREAD_LATENCY, 501, 1);
	metrics_observe(&m, METRIC_SPREAD_LATENCY, 2500, 10);
	metrics_observe(&m, METRIC_SPREAD_LATENCY, 10000000, 1);
	metrics_observe(&m, METRIC_SPREAD_LATENCY, 10000001, 2);
	render(&page, &m);
	assert_string_equal(type_of(&page, LATENCY), "histogram");
	assert_true(value_of(&page, LATENCY "_bucket{le=\"0.0005\"}") == 4);
	assert_true(value_of(&page, LATENCY "_bucket{le=\"0.001\"}") == 5);
	assert_true(value_of(&page, LATENCY "_bucket{le=\"0.0025\"}") == 15);
	assert_true(value_of(&page, LATENCY "_bucket{le=\"5\"}") == 15);
	assert_true(value_of(&page, LATENCY "_bucket{le=\"10\"}") == 16);
	assert_true(value_of(&page, LATENCY "_bucket{le=\"+Inf\"}") == 18);
	assert_true(value_of(&page, LATENCY "_count") == 18);
	assert_true(value_of(&page, LATENCY "_sum") ==
		    500 + 501 + 25000 + 10000000 + 2 * 10000001);
}

/* Bounds rise, and each text is its number. */
static void test_bounds_rise(void **state)
{
	struct metrics m = {0};
	struct page page;

	(void)state;
	for (int i = 0; i < METRIC_SPREADS; i++)
		for (uint64_t us = 1; us < UINT64_C(1) << 40; us *= 2)
			metrics_observe(&m, (enum metric_spread)i, us, 1);
	render(&page, &m);
	for (size_t i = 0; i + 1 < page.n_samples; i++) {
		const char *le = strstr(page.samples[i].series, "{le=\"");
		const char *next = strstr(page.samples[i + 1].series, "{le=\"");
		uint64_t below = 0;

		if (le == NULL)
			continue;
		for (uint64_t us = 1; us < UINT64_C(1) << 40; us *= 2)
			below += (double)us <= strtod(le + 5, NULL) * 1e6;
		assert_true(page.samples[i].value == below);
		if (next != NULL)
			assert_true(strtod(le + 5, NULL) <
				    strtod(next + 5, NULL));
	}
}

/* ---- the manual ---------------------------------------------------------- */

static char *read_text(const char *name)
{
	char path[512];
	char *text = NULL;
	size_t cap = 0;
	ssize_t len;
	FILE *f;

	assert_non_null(getenv("SLUICE_TEST_ROOT"));
	snprintf(path, sizeof(path), "%s/%s", getenv("SLUICE_TEST_ROOT"), name);
	f = fopen(path, "r");
	assert_non_null(f);
	len = getdelim(&text, &cap, '\0', f);
	assert_true(len > 0);
	fclose(f);
	return text;
}

static bool is_family(const char *name, size_t len)
{
	const char *family;

	for (size_t i = 0; (family = metrics_family(i)) != NULL; i++)
		if (strlen(family) == len && memcmp(family, name, len) == 0)
			return true;
	return false;
}

/* docs/metrics.md has a row for each family, "| `sluice_ready` | gauge | ...",
 * with its type and labels, and no other rows. */
static void test_the_manual_has_them_all(void **state)
{
	char *text = read_text("docs/metrics.md");
	struct metrics m = {0};
	struct page page;
	const char *family;

	(void)state;
	render(&page, &m);
	for (size_t i = 0; (family = metrics_family(i)) != NULL; i++) {
		char row[200];

		snprintf(row, sizeof(row), "\n| `%s` | %s |", family,
			 type_of(&page, family));
		if (strstr(text, row) == NULL)
			fail_msg("docs/metrics.md has no row%s", row);
	}
	for (int i = 0; i < CLOSE_REASON_COUNT; i++) {
		char row[64];

		snprintf(row, sizeof(row), "\n| `%s` |",
			 close_reason_label((enum close_reason)i));
		if (strstr(text, row) == NULL)
			fail_msg("docs/metrics.md has no row%s", row);
	}
	for (const char *at = text; (at = strstr(at, "\n| `")) != NULL; at++) {
		const char *name = at + 4;
		size_t len = strcspn(name, "`");

		if ((strncmp(name, "sluice_", 7) == 0 ||
		     strncmp(name, "process_", 8) == 0) &&
		    !is_family(name, len))
			fail_msg("docs/metrics.md: no metric is called %.*s",
				 (int)len, name);
	}
	free(text);
}

/* Names of the series of a histogram, without their suffix. */
static size_t without_suffix(const char *name, size_t len)
{
	static const char *const suffixes[] = {"_bucket", "_sum", "_count"};

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		size_t n = strlen(suffixes[i]);

		if (len > n && memcmp(name + len - n, suffixes[i], n) == 0 &&
		    is_family(name, len - n))
			return len - n;
	}
	return len;
}

static void check_names(const char *file, const char *prefix)
{
	char *text = read_text(file);
	size_t n = 0;

	for (const char *at = text; (at = strstr(at, prefix)) != NULL; at++) {
		size_t len = strspn(at, "abcdefghijklmnopqrstuvwxyz_");

		if (at > text && (at[-1] == '_' || isalnum(at[-1])))
			continue;
		n++;
		if (!is_family(at, without_suffix(at, len)))
			fail_msg("%s: no metric is called %.*s", file, (int)len,
				 at);
	}
	assert_true(n > 0 || strcmp(prefix, "process_") == 0);
	free(text);
}

/* A rule with an unknown metric would never fire. */
static void test_the_examples_ask_for_what_there_is(void **state)
{
	static const char *const files[] = {
		"examples/monitoring/alerts.yml",
		"examples/monitoring/dashboard.json"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		check_names(files[i], "sluice_");
		check_names(files[i], "process_");
	}
}

/* With each cap that is too small nothing is put, and earlier bytes stay. */
static void test_whole_or_nothing(void **state)
{
	struct metrics m = {0};
	struct buf b;
	size_t whole;

	(void)state;
	buf_init(&b, 1 << 16);
	assert_int_equal(metrics_render(&m, &b), 0);
	whole = buf_unread(&b);
	buf_finish(&b);
	for (size_t cap = 3; cap <= 3 + whole; cap++) {
		bool fits = cap == 3 + whole;

		buf_init(&b, cap);
		assert_int_equal(buf_puts(&b, "old"), 0);
		assert_int_equal(metrics_render(&m, &b), fits ? 0 : -ENOBUFS);
		assert_int_equal(buf_unread(&b), fits ? cap : 3);
		assert_memory_equal(buf_data(&b), "old", 3);
		buf_finish(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_row_is_there),
		cmocka_unit_test(test_some_by_name),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_build_info),
		cmocka_unit_test(test_big_numbers_are_exact),
		cmocka_unit_test(test_endings),
		cmocka_unit_test(test_times_are_seconds),
		cmocka_unit_test(test_a_histogram_adds_up),
		cmocka_unit_test(test_bounds_rise),
		cmocka_unit_test(test_the_manual_has_them_all),
		cmocka_unit_test(test_the_examples_ask_for_what_there_is),
		cmocka_unit_test(test_whole_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
