/* The program: arguments -> options -> gateway -> loop -> exit status. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <uv.h>

#include "base/buf.h"
#include "base/check.h"
#include "config/config.h"
#include "config/option_help.h"
#include "config/option_sources.h"
#include "config/options.h"
#include "gateway/gateway.h"
#include "gateway/healthcheck.h"
#include "gateway/systemd.h"
#include "version.h"

enum { STATUS_OK, STATUS_FAILED, STATUS_USAGE };

static const int program_signals[] = {SIGTERM, SIGINT, SIGHUP};

enum { PROGRAM_SIGNALS = ARRAY_LEN(program_signals) };

enum { TEXT_MAX = 256 * 1024 };

struct program {
	uv_loop_t loop;
	uv_signal_t signals[PROGRAM_SIGNALS];
	struct sluice *gateway;	 /* NULL after its end */
	struct systemd *systemd; /* NULL: no NOTIFY_SOCKET */
	bool draining;
	int status;
};

/* ---- printing ----------------------------------------------------- */

static int fail_program(int status, const char *what)
{
	fprintf(stderr, "sluice: %s\n", what);
	return status;
}

/* `rc`: result of the call that filled `text`. */
static int print_buffer(struct buf *text, int rc)
{
	size_t len = buf_unread(text);
	int status = STATUS_OK;

	if (rc < 0)
		status = fail_program(STATUS_FAILED, strerror(-rc));
	else if (fwrite(buf_data(text), 1, len, stdout) != len ||
		 fflush(stdout) != 0)
		status = fail_program(STATUS_FAILED,
				      "cannot write to standard output");
	buf_finish(text);
	return status;
}

static int print_help_text(void)
{
	struct buf text;

	buf_init(&text, TEXT_MAX);
	return print_buffer(&text, option_help_print(&text));
}

static int print_version(void)
{
	struct buf text;

	buf_init(&text, TEXT_MAX);
	return print_buffer(&text,
			    buf_puts(&text, "sluice " SLUICE_VERSION "\n"));
}

static int print_settings(const struct options *o)
{
	struct buf text;

	buf_init(&text, TEXT_MAX);
	return print_buffer(&text, option_help_print_config(o, &text));
}

/* Asks a gateway that runs with the same options; prints one line. */
static int print_health(const struct options *o)
{
	char line[HEALTHCHECK_LINE_MAX];
	bool good = healthcheck_ask(o, line);

	if (printf("%s\n", line) < 0 || fflush(stdout) != 0)
		return fail_program(STATUS_FAILED,
				    "cannot write to standard output");
	return good ? STATUS_OK : STATUS_FAILED;
}

/* ---- running ------------------------------------------------------------- */

/* `how`: SIG_BLOCK or SIG_UNBLOCK. */
static void mask_signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < PROGRAM_SIGNALS; i++)
		sigaddset(&set, program_signals[i]);
	sigprocmask(how, &set, NULL);
}

static void close_signals(struct program *p)
{
	for (size_t i = 0; i < PROGRAM_SIGNALS; i++)
		uv_close((uv_handle_t *)&p->signals[i], NULL);
}

static void on_done(struct sluice *gw, void *arg)
{
	struct program *p = arg;

	(void)gw;
	p->gateway = NULL;
	systemd_close(p->systemd);
	close_signals(p);
}

/* The first signal drains, the second stops; SIGHUP reopens files. */
static void on_signal(uv_signal_t *handle, int number)
{
	struct program *p = handle->data;

	if (p->gateway == NULL)
		return;
	if (number == SIGHUP) {
		sluice_reopen(p->gateway);
		return;
	}
	if (!p->draining) {
		p->draining = true;
		sluice_drain(p->gateway, on_done, p);
		systemd_stopping(p->systemd);
		return;
	}
	p->status = STATUS_FAILED;
	sluice_stop(p->gateway, on_done, p);
}

/* Called before the gateway starts. The callbacks run in the loop: a signal
 * during the start takes effect after it. */
static int catch_signals(struct program *p)
{
	int rc = 0;

	for (size_t i = 0; i < PROGRAM_SIGNALS; i++) {
		uv_signal_init(&p->loop, &p->signals[i]);
		p->signals[i].data = p;
		if (rc == 0)
			rc = uv_signal_start(&p->signals[i], on_signal,
					     program_signals[i]);
	}
	mask_signals(SIG_UNBLOCK);
	return rc;
}

/* The number of descriptors bounds the number of clients. */
static void raise_descriptors(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) == 0 &&
	    lim.rlim_cur < lim.rlim_max) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_NOFILE, &lim);
	}
}

static int close_loop(struct program *p)
{
	uv_run(&p->loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&p->loop) == 0)
		return p->status;
	return fail_program(STATUS_FAILED, "a handle is still open");
}

static void on_status(void *arg, char *out)
{
	const struct program *p = arg;

	if (p->gateway != NULL)
		gateway_status(p->gateway, out, SYSTEMD_STATUS_MAX);
}

/* With the sockets that a service manager has opened, if any. */
static int start_gateway(struct program *p, const struct options *o, char *err)
{
	struct systemd_socket sockets[SYSTEMD_SOCKETS_MAX];
	int n = systemd_take_sockets(sockets, err), rc;

	if (n < 0)
		return -EIO;
	if (systemd_new(&p->systemd, &p->loop, on_status, p, err) < 0)
		return -EIO;
	rc = gateway_start(&p->gateway, &p->loop, o, sockets, (size_t)n, err);
	if (rc < 0)
		systemd_close(p->systemd);
	else
		systemd_ready(p->systemd);
	return rc;
}

static int run_gateway(const struct options *o)
{
	struct program p = {.status = STATUS_OK};
	char err[SLUICE_ERROR_MAX];
	int rc;

	signal(SIGPIPE, SIG_IGN);
	raise_descriptors();
	rc = uv_loop_init(&p.loop);
	if (rc < 0)
		return fail_program(STATUS_FAILED, uv_strerror(rc));
	rc = catch_signals(&p);
	if (rc < 0)
		snprintf(err, sizeof(err), "signals: %s", uv_strerror(rc));
	else
		rc = start_gateway(&p, o, err);
	if (rc == 0)
		return close_loop(&p);
	close_signals(&p);
	/* -EINVAL: a wrong option that only the start could detect. */
	p.status = rc == -EINVAL ? STATUS_USAGE : STATUS_FAILED;
	/* Run the loop first: it writes the log lines of the start. */
	return fail_program(close_loop(&p), err);
}

static int act_on_options(struct options *o, int argc, char *argv[])
{
	char err[OPTIONS_ERROR_MAX];
	int rc = option_sources_parse_args(o, argc, argv, err);

	if (rc == 0 && o->help)
		return print_help_text();
	if (rc == 0 && o->version)
		return print_version();
	if (rc == 0)
		rc = config_load(o, environ, NULL, err);
	if (rc < 0)
		return fail_program(rc == -ENOMEM ? STATUS_FAILED
						  : STATUS_USAGE,
				    err);
	if (o->check)
		return print_settings(o);
	return o->healthcheck != HEALTHCHECK_OFF ? print_health(o)
						 : run_gateway(o);
}

/* A socket could get the number of a closed standard descriptor, and log lines
 * would be written to it. */
static bool fill_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int main(int argc, char *argv[])
{
	struct options o;
	int status;

	/* PID 1 has no default actions: an early signal would be lost unless it
	 * is blocked. Other processes just end. */
	if (getpid() == 1)
		mask_signals(SIG_BLOCK);
	if (!fill_descriptors())
		return STATUS_FAILED;
	if (options_init(&o) < 0)
		return fail_program(STATUS_FAILED, "out of memory");
	status = act_on_options(&o, argc, argv);
	options_finish(&o);
	return status;
}
