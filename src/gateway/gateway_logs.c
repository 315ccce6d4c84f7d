#include "gateway/gateway_logs.h"

#include <stdio.h>
#include <string.h>

#include "config/option_help.h"
#include "sluice.h"

enum { OPTION_VALUE_MAX = 4096 }; /* of an option, in the log */

static bool is_access_log_off(const char *access_log)
{
	return access_log != NULL && strcmp(access_log, "off") == 0;
}

/* ---- callbacks ----------------------------------------------------------- */

static void write_report(struct gateway_logs *l, const char *log,
			 const struct log_file_report *report)
{
	const char *file = l->options->access_log;

	if (report->reopened && report->reopen_rc < 0)
		LOG(&l->main, LOG_WARN,
		    "cannot reopen the access log, keeping the old file",
		    LOG_STR("file", file),
		    LOG_STR("error", strerror(-report->reopen_rc)));
	else if (report->reopened)
		LOG(&l->main, LOG_INFO, "access log reopened",
		    LOG_STR("file", file));
	if (report->write_rc < 0)
		LOG(&l->main, LOG_WARN, "cannot write, lines are lost",
		    LOG_STR("log", log),
		    LOG_STR("error", strerror(-report->write_rc)));
	if (report->lost > 0)
		LOG(&l->main, LOG_WARN, "log lines were lost",
		    LOG_STR("log", log), LOG_U64("lines", report->lost));
}

static void on_main_report(void *arg)
{
	struct gateway_logs *l = arg;
	struct log_file_report report;

	if (!log_file_take_report(l->main_file, &report))
		return;
	/* A failure of standard error cannot be logged anywhere. */
	report.write_rc = 0;
	write_report(l, "main", &report);
}

static void on_access_report(void *arg)
{
	struct gateway_logs *l = arg;
	struct log_file_report report;

	if (log_file_take_report(l->access_file, &report))
		write_report(l, "access", &report);
}

static void on_main_closed(void *arg)
{
	struct gateway_logs *l = arg;

	l->on_closed(l->arg);
}

/* Standard error closes last: reports on the access log go there. */
static void on_access_closed(void *arg)
{
	struct gateway_logs *l = arg;

	l->access_file = NULL;
	l->access.arg = l->main_file;
	log_file_close(l->main_file);
}

/* ---- the owner's calls --------------------------------------------------- */

int gateway_logs_open(struct gateway_logs *l)
{
	const struct options *o = l->options;
	const struct log_file_cbs cbs = {
		.on_report = on_main_report,
		.on_closed = on_main_closed,
		.arg = l,
	};
	int rc = log_file_new(&l->main_file, l->loop, NULL, l->lost, &cbs);

	if (rc < 0)
		return rc;
	log_init(&l->main, o->log_format, o->log_level);
	l->main.sink = log_file_put_now;
	l->main.arg = l->main_file;
	l->access = l->main;
	l->access.sink = log_file_put;
	return 0;
}

/* An access log with a file of its own has its lines at every --log-level. If
 * the file is the one that standard error is, one descriptor writes both: two
 * offsets in one file would overwrite each other's lines. */
int gateway_logs_open_access(struct gateway_logs *l, char *err)
{
	const char *path = l->options->access_log;
	const struct log_file_cbs cbs = {
		.on_report = on_access_report,
		.on_closed = on_access_closed,
		.arg = l,
	};
	int rc;

	if (path == NULL || is_access_log_off(path))
		return 0;
	l->access.level = LOG_INFO;
	if (log_file_is_stderr(path))
		return 0;
	rc = log_file_new(&l->access_file, l->loop, path, l->lost, &cbs);
	if (rc < 0)
		snprintf(err, SLUICE_ERROR_MAX, "--access-log: %s: %s", path,
			 strerror(-rc));
	else
		l->access.arg = l->access_file;
	return rc;
}

const struct log *gateway_logs_access(const struct gateway_logs *l)
{
	return is_access_log_off(l->options->access_log) ? NULL : &l->access;
}

void gateway_logs_options(const struct gateway_logs *l)
{
	char from[OPTIONS_ORIGIN_MAX];
	struct buf value;

	buf_init(&value, OPTION_VALUE_MAX);
	for (size_t i = 0; i < options_rows; i++) {
		const struct options_row *row = &options_table[i];

		buf_clear(&value);
		if (option_help_describe(l->options, row, &value, from) < 0)
			continue;
		LOG(&l->main, LOG_INFO, "setting", LOG_STR("name", row->name),
		    LOG_MEM("value", buf_data(&value), buf_unread(&value)),
		    LOG_STR("from", from));
	}
	buf_finish(&value);
}

void gateway_logs_reopen(struct gateway_logs *l)
{
	if (l->access_file != NULL)
		log_file_reopen(l->access_file);
}

void gateway_logs_flush(struct gateway_logs *l)
{
	log_file_flush(l->main_file);
	if (l->access_file != NULL)
		log_file_flush(l->access_file);
}

void gateway_logs_close(struct gateway_logs *l)
{
	if (l->access_file != NULL)
		log_file_close(l->access_file);
	else
		log_file_close(l->main_file);
}
