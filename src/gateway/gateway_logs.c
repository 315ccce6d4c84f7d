/* Where lines go: standard error, and the file of --access-log. */
#include "gateway/gateway_internal.h"

#include <stdio.h>
#include <string.h>

enum { GATEWAY_VALUE_MAX = 4096 }; /* of a setting, in the log */

static bool is_access_log_off(const char *access_log)
{
	return access_log != NULL && strcmp(access_log, "off") == 0;
}

static void log_news(struct sluice *gw, const char *log,
		     const struct log_file_news *news)
{
	const char *file = gw->options.access_log;

	if (news->reopened && news->reopen_rc < 0)
		LOG(&gw->log, LOG_WARN,
		    "can't open the access log anew, going on with the old",
		    LOG_STR("file", file),
		    LOG_STR("error", strerror(-news->reopen_rc)));
	else if (news->reopened)
		LOG(&gw->log, LOG_INFO, "access log opened anew",
		    LOG_STR("file", file));
	if (news->write_rc < 0)
		LOG(&gw->log, LOG_WARN, "cannot write, lines are lost",
		    LOG_STR("log", log),
		    LOG_STR("error", strerror(-news->write_rc)));
	if (news->lost > 0)
		LOG(&gw->log, LOG_WARN, "log lines were lost",
		    LOG_STR("log", log), LOG_U64("lines", news->lost));
}

static void on_errors_news(void *arg)
{
	struct sluice *gw = arg;
	struct log_file_news news;

	if (!log_file_take_news(gw->errors, &news))
		return;
	/* There is no place to say that standard error fails. */
	news.write_rc = 0;
	log_news(gw, "main", &news);
}

static void on_access_news(void *arg)
{
	struct sluice *gw = arg;
	struct log_file_news news;

	if (log_file_take_news(gw->access_file, &news))
		log_news(gw, "access", &news);
}

static void on_errors_closed(void *arg)
{
	gateway_on_logs_closed(arg);
}

/* Standard error is the last to close: it has the news of the other one. */
static void on_access_closed(void *arg)
{
	struct sluice *gw = arg;

	gw->access_file = NULL;
	gw->access.arg = gw->errors;
	log_file_close(gw->errors);
}

int gateway_open_log(struct sluice *gw)
{
	const struct options *o = &gw->options;
	const struct log_file_cbs cbs = {
		.on_news = on_errors_news,
		.on_closed = on_errors_closed,
		.arg = gw,
	};
	int rc = log_file_new(&gw->errors, gw->loop, NULL,
			      &gw->metrics.value[METRIC_LINES_LOST], &cbs);

	if (rc < 0)
		return rc;
	log_init(&gw->log, o->log_format, o->log_level);
	gw->log.sink = log_file_put_now;
	gw->log.arg = gw->errors;
	gw->access = gw->log;
	gw->access.sink = log_file_put;
	return 0;
}

void gateway_close_logs(struct sluice *gw)
{
	if (gw->access_file != NULL)
		log_file_close(gw->access_file);
	else
		log_file_close(gw->errors);
}

/* Whoever names a file wants the lines in it, whatever else is logged. If it is
 * the one that standard error is, one descriptor writes both: two offsets in
 * one file would overwrite each other's lines. */
int gateway_open_access_log(struct sluice *gw, char *err)
{
	const char *path = gw->options.access_log;
	const struct log_file_cbs cbs = {
		.on_news = on_access_news,
		.on_closed = on_access_closed,
		.arg = gw,
	};
	int rc;

	if (path == NULL || is_access_log_off(path))
		return 0;
	gw->access.level = LOG_INFO;
	if (log_file_is_stderr(path))
		return 0;
	rc = log_file_new(&gw->access_file, gw->loop, path,
			  &gw->metrics.value[METRIC_LINES_LOST], &cbs);
	if (rc < 0)
		snprintf(err, SLUICE_ERROR_MAX, "--access-log: %s: %s", path,
			 strerror(-rc));
	else
		gw->access.arg = gw->access_file;
	return rc;
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
		LOG(&gw->log, LOG_INFO, "setting", LOG_STR("name", row->name),
		    LOG_MEM("value", buf_head(&value), buf_unread(&value)),
		    LOG_STR("from", from));
	}
	buf_finish(&value);
}

const struct log *gateway_access_log(const struct sluice *gw)
{
	return is_access_log_off(gw->options.access_log) ? NULL : &gw->access;
}
