/* One walk over the table: a row of another family than the one before it
 * begins with that family's HELP and TYPE. */
#include "metrics.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "check.h"
#include "version.h"

struct row {
	const char *type, *family, *labels, *help;
};

static const struct row rows[METRIC_COUNT] = {
#define X(name, type, family, labels, help) \
	[METRIC_##name] = {#type, family, labels, help},
	METRICS(X)
#undef X
};

static int put_family(struct buf *out, const char *family, const char *type,
		      const char *help)
{
	return buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family, help,
			  family, type);
}

static int put_row(struct buf *out, size_t i, uint64_t value)
{
	const struct row *row = &rows[i];
	bool braces = row->labels[0] != '\0';
	int rc = 0;

	if (i == 0 || strcmp(row->family, rows[i - 1].family) != 0)
		rc = put_family(out, row->family, row->type, row->help);
	if (rc < 0)
		return rc;
	return buf_printf(out, "%s%s%s%s %" PRIu64 "\n", row->family,
			  braces ? "{" : "", row->labels, braces ? "}" : "",
			  value);
}

/* Every reason from the start: a rate needs the 0 before the first one. */
static int put_refused(struct buf *out, const uint64_t *refused)
{
	int rc = put_family(out, "sluice_refused_total", "counter",
			    "Requests refused, by reason.");

	for (int i = REFUSAL_NONE + 1; rc == 0 && i < REFUSAL_COUNT; i++)
		rc = buf_printf(out,
				"sluice_refused_total{reason=\"%s\"} %" PRIu64
				"\n",
				refusal_label((enum refusal_reason)i),
				refused[i]);
	return rc;
}

static int put_build_info(struct buf *out)
{
	int rc = put_family(out, "sluice_build_info", "gauge",
			    "Always 1; the version is in the label.");

	return rc < 0 ? rc
		      : buf_puts(out,
				 "sluice_build_info{version=\"" SLUICE_VERSION
				 "\"} 1\n");
}

int metrics_render(const struct metrics *m, struct buf *out)
{
	size_t had = buf_unread(out);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(rows); i++)
		rc = put_row(out, i, m->value[i]);
	if (rc == 0)
		rc = put_refused(out, m->refused);
	if (rc == 0)
		rc = put_build_info(out);
	if (rc < 0)
		buf_truncate(out, had);
	return rc;
}
