/* The gateway's two logs: lines to standard error, and lines of subscriptions
 * there too or to the file of --access-log. */
#ifndef SLUICE_GATEWAY_LOGS_H
#define SLUICE_GATEWAY_LOGS_H

#include <stdint.h>

#include "base/log.h"
#include "config/options.h"
#include "gateway/log_file.h"

struct uv_loop_s;

struct gateway_logs {
	struct uv_loop_s *loop;
	const struct options *options; /* borrowed */
	uint64_t *lost;		       /* counter of lost lines; borrowed */
	void (*on_closed)(void *arg);
	void *arg;
	/* From here on set by gateway_logs_open(). */
	struct log main;
	struct log access;
	struct log_file *main_file;   /* standard error */
	struct log_file *access_file; /* NULL: the lines go to main_file */
};

/* The main log. A negative errno: there is no thread for it. */
int gateway_logs_open(struct gateway_logs *l);
/* The access log, where it has a file. A negative errno with `err`
 * (SLUICE_ERROR_MAX bytes). */
int gateway_logs_open_access(struct gateway_logs *l, char *err);
/* For the lines of subscriptions; NULL: --access-log off. */
const struct log *gateway_logs_access(const struct gateway_logs *l);
/* Logs the options in effect. */
void gateway_logs_options(const struct gateway_logs *l);
/* Reopens the file of --access-log, in the background. */
void gateway_logs_reopen(struct gateway_logs *l);
/* Has the lines written that wait for the end of an iteration. */
void gateway_logs_flush(struct gateway_logs *l);
/* Asynchronous; ends in on_closed when the lines are written. */
void gateway_logs_close(struct gateway_logs *l);

#endif
