/* Rows of a family are adjacent; HELP and TYPE precede the first one. */
#include "base/metrics.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "version.h"

#define REJECTED "sluice_requests_rejected_total"
#define CLOSED	 "sluice_subscriptions_closed_total"
#define BUILD	 "sluice_build_info"

struct row {
	const char *type, *family, *labels, *help;
};

static const struct row rows[METRIC_COUNT] = {
#define X(name, type, family, labels, help) \
	[METRIC_##name] = {#type, family, labels, help},
	METRICS(X)
#undef X
};

static const struct row times[METRIC_TIMES] = {
#define X(name, type, family, help) \
	[METRIC_TIME_##name] = {#type, family, "", help},
	METRICS_TIMES(X)
#undef X
};

static const struct row spreads[METRIC_SPREADS] = {
#define X(name, family, help) \
	[METRIC_SPREAD_##name] = {"histogram", family, "", help},
	METRICS_SPREADS(X)
#undef X
};

/* ---- the bounds of histograms -------------------------------------------- */

/* From a local network to what is no longer live. */
static const struct histogram_bound latencies[] = {
	{500, "0.0005"},  {1000, "0.001"},  {2500, "0.0025"}, {5000, "0.005"},
	{10000, "0.01"},  {25000, "0.025"}, {50000, "0.05"},  {100000, "0.1"},
	{250000, "0.25"}, {500000, "0.5"},  {1000000, "1"},   {2500000, "2.5"},
	{5000000, "5"},	  {10000000, "10"},
};

/* From a failed request to a browser tab open for a day. */
static const struct histogram_bound durations[] = {
	{1000000, "1"},		{10000000, "10"},	{60000000, "60"},
	{300000000, "300"},	{900000000, "900"},	{3600000000, "3600"},
	{14400000000, "14400"}, {86400000000, "86400"},
};

/* From one message to a long history. */
static const struct histogram_bound replays[] = {
	{5000, "0.005"},  {10000, "0.01"},    {25000, "0.025"},
	{50000, "0.05"},  {100000, "0.1"},    {250000, "0.25"},
	{500000, "0.5"},  {1000000, "1"},     {5000000, "5"},
	{30000000, "30"}, {120000000, "120"}, {600000000, "600"},
};

static const struct {
	const struct histogram_bound *at;
	size_t n;
} bounds[METRIC_SPREADS] = {
	[METRIC_SPREAD_LATENCY] = {latencies, ARRAY_LEN(latencies)},
	[METRIC_SPREAD_SUBSCRIPTION_TIME] = {durations, ARRAY_LEN(durations)},
	[METRIC_SPREAD_REPLAY_TIME] = {replays, ARRAY_LEN(replays)},
	[METRIC_SPREAD_ROUND_TRIP] = {latencies, ARRAY_LEN(latencies)},
	[METRIC_SPREAD_LOOP_LAG] = {latencies, ARRAY_LEN(latencies)},
};

_Static_assert(ARRAY_LEN(latencies) <= HISTOGRAM_MAX &&
		       ARRAY_LEN(durations) <= HISTOGRAM_MAX &&
		       ARRAY_LEN(replays) <= HISTOGRAM_MAX,
	       "room for every bound");

void metrics_observe(struct metrics *m, enum metric_spread which, uint64_t us,
		     uint64_t n)
{
	histogram_add(&m->spread[which], bounds[which].at, bounds[which].n, us,
		      n);
}

/* ---- families ------------------------------------------------------------ */

const char *metrics_family(size_t i)
{
	static const char *const others[] = {REJECTED, CLOSED, BUILD};
	const char *last = "";

	for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
		if (strcmp(rows[k].family, last) == 0)
			continue;
		last = rows[k].family;
		if (i-- == 0)
			return last;
	}
	if (i < METRIC_TIMES)
		return times[i].family;
	i -= METRIC_TIMES;
	if (i < METRIC_SPREADS)
		return spreads[i].family;
	i -= METRIC_SPREADS;
	return i < ARRAY_LEN(others) ? others[i] : NULL;
}

static int put_family_head(struct buf *out, const char *family,
			   const char *type, const char *help)
{
	return buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family, help,
			  family, type);
}

static int put_metric_row(struct buf *out, size_t i, uint64_t value)
{
	const struct row *row = &rows[i];
	bool braces = row->labels[0] != '\0';
	int rc = 0;

	if (i == 0 || strcmp(row->family, rows[i - 1].family) != 0)
		rc = put_family_head(out, row->family, row->type, row->help);
	if (rc < 0)
		return rc;
	return buf_printf(out, "%s%s%s%s %" PRIu64 "\n", row->family,
			  braces ? "{" : "", row->labels, braces ? "}" : "",
			  value);
}

static int put_seconds_value(struct buf *out, const char *name,
			     const char *suffix, uint64_t us)
{
	return buf_printf(out, "%s%s %" PRIu64 ".%06" PRIu64 "\n", name, suffix,
			  us / 1000000, us % 1000000);
}

static int put_time_row(struct buf *out, const struct row *row, uint64_t us)
{
	int rc = put_family_head(out, row->family, row->type, row->help);

	return rc < 0 ? rc : put_seconds_value(out, row->family, "", us);
}

/* Every reason, from the start: rate() needs the 0 before the first 1. */
static int put_reason_rows(struct buf *out, const char *family,
			   const char *help, const char *(*label)(int),
			   const uint64_t *values, int first, int end)
{
	int rc = put_family_head(out, family, "counter", help);

	for (int i = first; rc == 0 && i < end; i++)
		rc = buf_printf(out, "%s{reason=\"%s\"} %" PRIu64 "\n", family,
				label(i), values[i]);
	return rc;
}

static const char *reject_label_at(int i)
{
	return reject_reason_label((enum reject_reason)i);
}

static const char *close_label_at(int i)
{
	return close_reason_label((enum close_reason)i);
}

/* ---- histograms ---------------------------------------------------------- */

static int put_histogram(struct buf *out, enum metric_spread which,
			 const struct histogram *b)
{
	const struct row *row = &spreads[which];
	uint64_t count = 0;
	int rc = put_family_head(out, row->family, row->type, row->help);

	for (size_t i = 0; rc == 0 && i < bounds[which].n; i++) {
		count += b->count[i];
		rc = buf_printf(out, "%s_bucket{le=\"%s\"} %" PRIu64 "\n",
				row->family, bounds[which].at[i].text, count);
	}
	count += b->count[bounds[which].n];
	if (rc == 0)
		rc = buf_printf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n",
				row->family, count);
	if (rc == 0)
		rc = put_seconds_value(out, row->family, "_sum", b->sum_us);
	if (rc == 0)
		rc = buf_printf(out, "%s_count %" PRIu64 "\n", row->family,
				count);
	return rc;
}

/* ---- the page ------------------------------------------------------------ */

static int put_build_info(struct buf *out)
{
	int rc = put_family_head(out, BUILD, "gauge",
				 "Always 1; the version is in the label.");

	return rc < 0 ? rc
		      : buf_puts(out,
				 BUILD "{version=\"" SLUICE_VERSION "\"} 1\n");
}

int metrics_render(const struct metrics *m, struct buf *out)
{
	size_t had = buf_unread(out);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(rows); i++)
		rc = put_metric_row(out, i, m->value[i]);
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(times); i++)
		rc = put_time_row(out, &times[i], m->time_us[i]);
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(spreads); i++)
		rc = put_histogram(out, (enum metric_spread)i, &m->spread[i]);
	if (rc == 0)
		rc = put_reason_rows(out, REJECTED,
				     "Requests rejected, by reason.",
				     reject_label_at, m->rejected,
				     REJECT_NONE + 1, REJECT_COUNT);
	if (rc == 0)
		rc = put_reason_rows(out, CLOSED,
				     "Subscriptions closed, by reason.",
				     close_label_at, m->closed, 0,
				     CLOSE_REASON_COUNT);
	if (rc == 0)
		rc = put_build_info(out);
	if (rc < 0)
		buf_truncate(out, had);
	return rc;
}
