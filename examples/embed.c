/* The gateway on the libuv loop of a program:
 *
 *	embed listen=127.0.0.1:8080 stream=Events ping-interval=15s
 *
 * Options are those of the sluice program, as NAME=VALUE; the others come from
 *the environment and the NATS CLI context. The program has a timer of its own,
 *which prints the number of open subscriptions when it has changed. SIGINT and
 *SIGTERM drain the gateway, a second one stops it; the exit status is 0 in both
 *cases, 2 for a wrong option, 1 when the start fails. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice.h>
#include <uv.h>

enum { TIMER_MS = 100, ADDRESS_MAX = 128 };

struct app {
	uv_loop_t loop;
	uv_signal_t sigint;
	uv_signal_t sigterm;
	uv_timer_t timer;
	struct sluice *gateway; /* NULL after its end */
	size_t subscriptions;	/* as last printed */
	int draining;
};

static void say(const char *what, const char *which)
{
	printf("%s %s\n", what, which);
	fflush(stdout);
}

/* The gateway has ended: only our own handles are left. */
static void on_done(struct sluice *gateway, void *arg)
{
	struct app *app = arg;

	(void)gateway;
	app->gateway = NULL;
	uv_close((uv_handle_t *)&app->sigint, NULL);
	uv_close((uv_handle_t *)&app->sigterm, NULL);
	uv_close((uv_handle_t *)&app->timer, NULL);
}

static void on_signal(uv_signal_t *handle, int signum)
{
	struct app *app = handle->data;

	(void)signum;
	if (app->gateway == NULL)
		return;
	if (app->draining)
		sluice_stop(app->gateway, on_done, app);
	else
		sluice_drain(app->gateway, on_done, app);
	app->draining = 1;
}

static void on_timer(uv_timer_t *timer)
{
	struct app *app = timer->data;
	size_t subscriptions;
	char text[32];

	if (app->gateway == NULL)
		return;
	subscriptions = sluice_subscriptions(app->gateway);
	if (subscriptions == app->subscriptions)
		return;
	app->subscriptions = subscriptions;
	snprintf(text, sizeof(text), "%zu", subscriptions);
	say("subscriptions", text);
}

/* The handles of this program. */
static int start_handles(struct app *app)
{
	int rc = uv_signal_init(&app->loop, &app->sigint);

	if (rc == 0)
		rc = uv_signal_init(&app->loop, &app->sigterm);
	if (rc == 0)
		rc = uv_timer_init(&app->loop, &app->timer);
	app->sigint.data = app->sigterm.data = app->timer.data = app;
	if (rc == 0)
		rc = uv_signal_start(&app->sigint, on_signal, SIGINT);
	if (rc == 0)
		rc = uv_signal_start(&app->sigterm, on_signal, SIGTERM);
	if (rc == 0)
		rc = uv_timer_start(&app->timer, on_timer, TIMER_MS, TIMER_MS);
	return rc;
}

/* Arguments first: they take precedence over what is loaded. */
static int take_options(struct sluice_options *options, char *argv[], char *err)
{
	for (; *argv != NULL; argv++) {
		char *value = strchr(*argv, '=');
		int rc;

		if (value == NULL) {
			snprintf(err, SLUICE_ERROR_MAX,
				 "\"%s\" is not of the form NAME=VALUE", *argv);
			return -1;
		}
		*value++ = '\0';
		rc = sluice_options_set(options, *argv, value, err);
		if (rc < 0)
			return rc;
	}
	return sluice_options_load(options, err);
}

static int fail(int status, const char *err)
{
	fprintf(stderr, "embed: %s\n", err);
	return status;
}

/* Returns the exit status. */
static int run(struct app *app, const struct sluice_options *options)
{
	char err[SLUICE_ERROR_MAX], address[ADDRESS_MAX];
	int rc = start_handles(app);

	if (rc < 0)
		return fail(1, uv_strerror(rc));
	rc = sluice_start(&app->gateway, &app->loop, options, err);
	if (rc < 0) {
		on_done(NULL, app);
		uv_run(&app->loop, UV_RUN_DEFAULT);
		return fail(1, err);
	}
	for (size_t i = 0;
	     sluice_address(app->gateway, i, address, sizeof(address)) == 0;
	     i++)
		say("listening", address);
	uv_run(&app->loop, UV_RUN_DEFAULT);
	return 0;
}

int main(int argc, char *argv[])
{
	static struct app app;
	struct sluice_options *options;
	char err[SLUICE_ERROR_MAX];
	int rc;

	(void)argc;
	rc = uv_loop_init(&app.loop);
	if (rc < 0)
		return fail(1, uv_strerror(rc));
	if (sluice_options_new(&options) < 0)
		return fail(1, "out of memory");
	rc = take_options(options, argv + 1, err) < 0 ? fail(2, err)
						      : run(&app, options);
	sluice_options_free(options);
	/* -EBUSY: a handle was left open. */
	if (uv_loop_close(&app.loop) < 0)
		return fail(1, "the loop has open handles");
	return rc;
}
