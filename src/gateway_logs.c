/* Where lines go: standard error, and the file of --access-log. */
#include "gateway_inside.h"

#include <stdio.h>
#include <string.h>

enum { GATEWAY_VALUE_MAX = 4096 }; /* of a setting, in the log */

static bool is_off(const char *access_log)
{
	return access_log != NULL && strcmp(access_log, "off") == 0;
}

void gateway_open_log(struct sluice *gw)
{
	const struct options *o = &gw->options;
	uint64_t *lost = &gw->metrics.value[METRIC_LINES_LOST];

	log_file_init(&gw->errors, lost);
	log_file_init(&gw->access_file, lost);
	logging_init(&gw->log, o->log_format, o->log_level);
	gw->log.sink = log_file_put_now;
	gw->log.arg = &gw->errors;
	gw->access = gw->log;
	gw->access.sink = log_file_put;
}

/* Whoever names a file wants the lines in it, whatever else is logged. */
int gateway_open_access_log(struct sluice *gw, char *err)
{
	const char *path = gw->options.access_log;
	int rc;

	if (path == NULL || is_off(path))
		return 0;
	rc = log_file_open(&gw->access_file, path);
	if (rc < 0) {
		snprintf(err, SLUICE_ERROR_MAX, "--access-log: %s: %s", path,
			 strerror(-rc));
		return rc;
	}
	gw->access.level = LOGGING_INFO;
	gw->access.arg = &gw->access_file;
	return 0;
}

void gateway_log_settings(const struct sluice *gw)
{
	char from[OPTIONS_ORIGIN_MAX];
	struct buf value;

	buf_init(&value, GATEWAY_VALUE_MAX);
	for (size_t i = 0; i < options_rows; i++) {
		const struct options_row *row = &options_table[i];

		buf_clear(&value);
		if (options_describe(&gw->options, row, &value, from) < 0)
			continue;
		LOGGING(&gw->log, LOGGING_INFO, "setting",
			LOG_STR("name", row->name),
			LOG_MEM("value", buf_head(&value), buf_unread(&value)),
			LOG_STR("from", from));
	}
	buf_finish(&value);
}

const struct logging *gateway_access_log(const struct sluice *gw)
{
	return is_off(gw->options.access_log) ? NULL : &gw->access;
}
