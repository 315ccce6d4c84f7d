/* A gateway and its parts. Each part has a struct of its own, knows none of the
 * others, and closes asynchronously; the last one to close frees the gateway:
 *
 *	gateway_logs       standard error, the access log; closed last
 *	gateway_loop       one callback an iteration, the timer
 *	gateway_listeners  -> conn_set
 *	gateway_nats       events -> hub
 *	gateway_keys       -> conn_set's tokens
 *	conn_set           connections; hub -> its sink
 *	drain              what is due in a drain
 */
#include "gateway/gateway.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>
#include <uv.h>

#include "base/check.h"
#include "config/option_sources.h"
#include "delivery/core_hub.h"
#include "delivery/hub.h"
#include "gateway/descriptors.h"
#include "gateway/drain.h"
#include "gateway/gateway_config.h"
#include "gateway/gateway_keys.h"
#include "gateway/gateway_listeners.h"
#include "gateway/gateway_logs.h"
#include "gateway/gateway_loop.h"
#include "gateway/gateway_nats.h"
#include "gateway/process_stats.h"
#include "nats/messenger.h"
#include "server/batch_window.h"
#include "server/conn_set.h"
#include "server/conn_sink.h"
#include "server/dispatch.h"
#include "server/live_sink.h"

enum {
	GATEWAY_FLUSH = 4096, /* subscriptions written in one iteration */
	GATEWAY_MESSAGES_PER_REQUEST = BATCH_WINDOW, /* on their way */
};

struct sluice {
	struct uv_loop_s *uv_loop;
	struct options options;
	struct metrics metrics;
	struct process_stats process;
	struct gateway_logs logs;
	struct gateway_loop loop;
	struct gateway_listeners listeners;
	struct gateway_nats nats;
	struct gateway_keys keys;
	struct readable *readable;
	struct hub *hub;
	struct messenger messenger;
	struct core_hub *core;
	char api_prefix[SUBJECT_MAX]; /* of the JetStream API */
	struct gateway_own own;
	struct live_page live_page;    /* empty without --ui */
	struct address_range *trusted; /* of options.trusted_proxy */
	struct conn_set *conns;
	size_t max_connections;

	size_t open_parts; /* that must close before the logs do */
	bool stopping;
	struct drain drain;
	sluice_done_cb done;
	void *done_arg;
};

/* ---- the end ------------------------------------------------------------- */

static void on_logs_closed(void *arg)
{
	struct sluice *gw = arg;
	sluice_done_cb done = gw->done;
	void *done_arg = gw->done_arg;

	hub_free(gw->hub);
	core_hub_free(gw->core);
	messenger_finish(&gw->messenger);
	readable_unref(gw->readable);
	live_page_finish(&gw->live_page);
	gateway_listeners_finish(&gw->listeners);
	free(gw->trusted);
	options_finish(&gw->options);
	if (done != NULL)
		done(gw, done_arg);
	free(gw);
}

static void on_part_closed(void *arg)
{
	struct sluice *gw = arg;

	MUST(gw->open_parts > 0);
	if (--gw->open_parts == 0)
		gateway_logs_close(&gw->logs);
}

/* The other parts close later, as a rule: gateway_subscriptions() may still be
 * called. */
static void on_conns_closed(void *arg)
{
	struct sluice *gw = arg;

	gw->conns = NULL;
	on_part_closed(gw);
}

/* Subscriptions close before the NATS source, which still deletes their
 * consumers; the hub ends before the source, since it takes no more events. */
static void close_all_parts(struct sluice *gw)
{
	if (gw->stopping)
		return;
	gw->stopping = true;
	gateway_listeners_close(&gw->listeners);
	conn_set_close(gw->conns);
	gateway_keys_close(&gw->keys);
	if (gw->hub != NULL)
		hub_end(gw->hub);
	gateway_nats_close(&gw->nats);
	gateway_loop_close(&gw->loop);
}

void gateway_stop(struct sluice *gw, sluice_done_cb done, void *arg)
{
	gw->done = done;
	gw->done_arg = arg;
	close_all_parts(gw);
}

/* ---- an iteration -------------------------------------------------------- */

static void flush_hubs(struct sluice *gw, uint64_t now_ms)
{
	bool more = hub_flush(gw->hub, now_ms, GATEWAY_FLUSH);

	more |= core_hub_flush(gw->core, now_ms, GATEWAY_FLUSH);
	gateway_loop_spin(&gw->loop, more);
}

static void log_hub_status(struct sluice *gw)
{
	struct hub_status_message message;

	while (hub_take_status_message(gw->hub, &message))
		LOG(&gw->logs.main, message.warn ? LOG_WARN : LOG_INFO,
		    message.text);
}

static void carry_out_drain_step(struct sluice *gw,
				 const struct drain_step *step)
{
	switch (step->action) {
	case DRAIN_WAIT:
		break;
	case DRAIN_CLOSE_LISTENERS:
		gateway_listeners_close(&gw->listeners);
		LOG(&gw->logs.main, LOG_INFO, "closing subscriptions",
		    LOG_U64("subscriptions", gw->drain.to_end));
		break;
	case DRAIN_END_SUBSCRIPTIONS:
		conn_set_end_subscriptions(gw->conns, step->n);
		break;
	case DRAIN_STOP:
		close_all_parts(gw);
		break;
	}
}

static void advance_drain(struct sluice *gw, uint64_t now_ms)
{
	struct drain_counts open;
	struct drain_step step;

	do {
		/* Connections without a request have nothing to wait for. */
		if (gw->drain.phase == DRAIN_ENDING ||
		    gw->drain.phase == DRAIN_LINGER)
			conn_set_end_subscriptions(gw->conns, 0);
		open.subscriptions = conn_set_subscriptions(gw->conns);
		open.requests = conn_set_requests(gw->conns);
		open.connections = conn_set_count(gw->conns);
		step = drain_advance(&gw->drain, now_ms, &open);
		carry_out_drain_step(gw, &step);
	} while (step.action != DRAIN_WAIT && !gw->stopping);
}

static uint64_t min_ms(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t on_iteration(void *arg, uint64_t now_ms)
{
	struct sluice *gw = arg;
	uint64_t next_ms;

	if (hub_next_ms(gw->hub) <= now_ms)
		hub_tick(gw->hub, now_ms);
	if (messenger_next_ms(&gw->messenger) <= now_ms)
		messenger_tick(&gw->messenger, now_ms);
	if (core_hub_next_ms(gw->core) <= now_ms)
		core_hub_tick(gw->core, now_ms);
	if (conn_set_next_ms(gw->conns) <= now_ms)
		conn_set_tick(gw->conns, now_ms);
	flush_hubs(gw, now_ms);
	gateway_keys_tick(&gw->keys, now_ms);
	log_hub_status(gw);
	advance_drain(gw, now_ms);
	if (gw->stopping)
		return UINT64_MAX;
	gateway_logs_flush(&gw->logs);
	next_ms = min_ms(hub_next_ms(gw->hub), conn_set_next_ms(gw->conns));
	next_ms = min_ms(next_ms, messenger_next_ms(&gw->messenger));
	next_ms = min_ms(next_ms, core_hub_next_ms(gw->core));
	next_ms = min_ms(next_ms, gateway_keys_next_ms(&gw->keys));
	return min_ms(next_ms, drain_next_ms(&gw->drain, now_ms));
}

void gateway_drain(struct sluice *gw, sluice_done_cb done, void *arg)
{
	if (gw->stopping || gw->drain.phase != DRAIN_OFF)
		return;
	gw->done = done;
	gw->done_arg = arg;
	conn_set_drain(gw->conns);
	LOG(&gw->logs.main, LOG_INFO, "draining",
	    LOG_U64("subscriptions", conn_set_subscriptions(gw->conns)));
	gateway_loop_wake(&gw->loop);
	drain_start(&gw->drain, uv_now(gw->uv_loop));
}

void gateway_reopen(struct sluice *gw)
{
	if (gw->stopping)
		return;
	gateway_logs_reopen(&gw->logs);
	gateway_keys_reload(&gw->keys);
}

/* ---- the parts ----------------------------------------------------------- */

static int open_main_log(struct sluice *gw)
{
	gw->logs = (struct gateway_logs){
		.loop = gw->uv_loop,
		.options = &gw->options,
		.lost = &gw->metrics.value[METRIC_LINES_LOST],
		.on_closed = on_logs_closed,
		.arg = gw,
	};
	return gateway_logs_open(&gw->logs);
}

static void open_loop_handles(struct sluice *gw)
{
	const struct gateway_loop_cbs cbs = {
		.on_iteration = on_iteration,
		.on_closed = on_part_closed,
		.arg = gw,
	};

	gateway_loop_open(&gw->loop, gw->uv_loop, &gw->metrics, &cbs);
	gw->open_parts++;
}

static void on_connection(void *arg, int fd, const struct address *from,
			  bool admin)
{
	struct sluice *gw = arg;

	conn_set_accept(gw->conns, fd, from, admin);
}

static int open_listeners(struct sluice *gw,
			  const struct systemd_socket *sockets, size_t n,
			  char *err)
{
	int rc;

	gw->listeners = (struct gateway_listeners){
		.loop = gw->uv_loop,
		.options = &gw->options,
		.log = &gw->logs.main,
		.metrics = &gw->metrics,
		.cbs = {on_connection, on_part_closed, gw},
	};
	rc = gateway_listeners_open(&gw->listeners, sockets, n, err);
	if (gw->listeners.n > 0)
		gw->open_parts++;
	return rc;
}

static void on_nats_event(void *arg, const struct jetstream_event *ev)
{
	struct sluice *gw = arg;

	hub_on_event(gw->hub, ev, uv_now(gw->uv_loop));
}

static void on_publisher_event(void *arg, const struct publisher_event *ev)
{
	struct sluice *gw = arg;

	core_hub_on_event(gw->core, ev, uv_now(gw->uv_loop));
	messenger_on_event(&gw->messenger, ev, uv_now(gw->uv_loop));
}

static void on_nats_flush(void *arg)
{
	struct sluice *gw = arg;

	flush_hubs(gw, uv_now(gw->uv_loop));
}

static int open_nats(struct sluice *gw, char *err)
{
	int rc;

	gw->nats = (struct gateway_nats){
		.log = &gw->logs.main,
		.metrics = &gw->metrics,
		.cbs = {.on_event = on_nats_event,
			.on_publisher_event = on_publisher_event,
			.on_flush = on_nats_flush,
			.on_closed = on_part_closed,
			.arg = gw},
	};
	rc = gateway_nats_open(&gw->nats, gw->uv_loop, &gw->options,
			       gw->readable, err);
	if (rc == 0)
		gw->open_parts++;
	return rc;
}

static void on_keys_fetched(void *arg)
{
	struct sluice *gw = arg;

	if (gw->conns != NULL)
		conn_set_keys_changed(gw->conns);
}

static int open_keys(struct sluice *gw, char *err)
{
	int rc;

	gw->keys = (struct gateway_keys){
		.options = &gw->options,
		.log = &gw->logs.main,
		.metrics = &gw->metrics,
		.on_fetched = on_keys_fetched,
		.on_closed = on_part_closed,
		.arg = gw,
	};
	rc = gateway_keys_open(&gw->keys, gw->uv_loop, err);
	if (gateway_keys_is_open(&gw->keys))
		gw->open_parts++;
	return rc;
}

/* Slots beyond those of requests: a batch has several messages on their way. */
static void open_messenger(struct sluice *gw)
{
	gateway_api_prefix(gw->api_prefix, &gw->options);
	gateway_own_subjects(&gw->own, &gw->options);
	messenger_init(&gw->messenger, gateway_nats_publisher(&gw->nats),
		       &gw->metrics,
		       (size_t)gw->options.max_requests *
			       GATEWAY_MESSAGES_PER_REQUEST);
}

static int open_core_hub(struct sluice *gw)
{
	const struct options *o = &gw->options;
	const struct core_hub_config cfg = {
		.ping_ms = o->ping_interval_ms,
		.ping = (enum sse_ping)o->ping_style,
		.retry_ms = o->retry_ms,
		.open_timeout_ms = o->publish_timeout_ms,
		.event_header = o->event_header,
	};

	return core_hub_new(&gw->core, &cfg, gateway_nats_publisher(&gw->nats),
			    live_sink(), &gw->metrics);
}

static uint64_t wall_clock_now_ns(void)
{
	uv_timeval64_t now;

	if (uv_gettimeofday(&now) < 0)
		return 0;
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_usec * 1000;
}

_Static_assert((int)PING_MESSAGE == (int)SSE_PING_MESSAGE &&
		       (int)PING_COMMENT == (int)SSE_PING_COMMENT &&
		       (int)PING_EVENT == (int)SSE_PING_EVENT,
	       "--ping-style has the values of sse.h");

static int open_gateway_hub(struct sluice *gw)
{
	const struct options *o = &gw->options;
	struct hub_config cfg = {
		.readable = gw->readable,
		.buffer_size = (size_t)o->buffer_size,
		.max_replays = (size_t)o->max_replays,
		.ping_ms = o->ping_interval_ms,
		.ping = (enum sse_ping)o->ping_style,
		.retry_ms = o->retry_ms,
		.now_ns = wall_clock_now_ns,
	};

	cfg.no_own_subject = !gateway_own_subject(&cfg.subject, o);
	return hub_new(&gw->hub, &cfg, gateway_nats_jetstream(&gw->nats),
		       conn_sink(), &gw->metrics);
}

static int parse_trusted_proxies(struct sluice *gw)
{
	const struct options_strings *list = &gw->options.trusted_proxy;

	gw->trusted = calloc(list->n + 1, sizeof(*gw->trusted));
	if (gw->trusted == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < list->n; i++)
		MUST(address_range_parse(&gw->trusted[i], list->items[i]) ==
		     NULL);
	return 0;
}

static int make_live_page(struct sluice *gw)
{
	const struct options *o = &gw->options;
	const struct live_page_config cfg = gateway_live_page_config(o);

	return o->ui ? live_page_init(&gw->live_page, &cfg) : 0;
}

/* The list names identities and addresses, and DELETE ends subscriptions: by
 * default only local admin listeners serve it. */
static bool serves_subscriptions(const struct sluice *gw)
{
	if (gw->options.admin_subscriptions != SWITCH_AUTO)
		return gw->options.admin_subscriptions == SWITCH_ON;
	return gateway_listeners_admin_is_local(&gw->listeners);
}

static void on_metrics(void *arg)
{
	struct sluice *gw = arg;

	gateway_nats_gauges(&gw->nats);
	core_hub_gauges(gw->core);
	process_stats_gauges(&gw->process, &gw->metrics,
			     conn_set_count(gw->conns));
}

static uint64_t wall_clock_now_ms(void)
{
	uv_timeval64_t now;

	if (uv_gettimeofday(&now) < 0)
		return UINT64_MAX / 2; /* every token has expired */
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_usec / 1000;
}

static int open_conn_set(struct sluice *gw)
{
	const struct options *o = &gw->options;
	bool by_token = o->auth == AUTH_JWT;
	const struct conn_config cfg = {
		.loop = gw->uv_loop,
		.handler = dispatch_request,
		.wall_ms = wall_clock_now_ms,
		.hub = gw->hub,
		.metrics = &gw->metrics,
		.log = &gw->logs.main,
		.access = gateway_logs_access(&gw->logs),
		/* The header with the identity, which may come only once. */
		.id_header =
			o->auth == AUTH_HEADER ? o->id_header : "Authorization",
		.no_identity = o->auth == AUTH_NONE,
		.tokens = by_token ? &gw->keys.tokens : NULL,
		.id_query = o->id_query,
		.rights = gateway_rights(o, &gw->own),
		.follows_own_subject = gateway_follows_own_subject(o),
		.writing = gateway_writing(o, &gw->messenger, gw->core,
					   gw->api_prefix),
		.kv_is_on = options_key_value(o),
		.cors = {o->cors_origin.items, o->cors_origin.n, o->id_header,
			 options_writing(o) || options_key_value(o)},
		.live_page = o->ui ? &gw->live_page : NULL,
		.proxy_protocol = o->proxy_protocol,
		.trusted = gw->trusted,
		.n_trusted = o->trusted_proxy.n,
		.admin_hosts = o->admin_host.items,
		.n_admin_hosts = o->admin_host.n,
		.admin_subscriptions = serves_subscriptions(gw),
		.retry_ms = o->retry_ms,
		.header_timeout_ms = o->header_timeout_ms,
		.idle_timeout_ms = o->idle_timeout_ms,
		.ping_ms = o->ping_interval_ms,
		.max_header_bytes = (size_t)o->max_header_bytes,
		.max_connections = gw->max_connections,
		.max_per_id = (size_t)o->max_subscriptions_per_id,
		.max_per_address = (size_t)o->max_subscriptions_per_address,
		.max_age_ms = o->max_subscription_age_ms,
		.on_metrics = on_metrics,
		.on_closed = on_conns_closed,
		.arg = gw,
	};
	int rc = conn_set_new(&gw->conns, &cfg);

	if (rc == 0)
		gw->open_parts++;
	return rc;
}

static int open_all_parts(struct sluice *gw,
			  const struct systemd_socket *sockets, size_t n,
			  char *err)
{
	int rc = gateway_logs_open_access(&gw->logs, err);

	gw->max_connections =
		descriptors_max_connections(&gw->options, &gw->logs.main);
	descriptors_enlarge_table(gw->uv_loop, gw->max_connections);
	if (rc == 0)
		rc = open_listeners(gw, sockets, n, err);
	if (rc == 0)
		rc = gateway_readable_new(&gw->readable, &gw->options);
	if (rc == 0)
		rc = open_nats(gw, err);
	if (rc == 0)
		open_messenger(gw);
	if (rc == 0)
		rc = open_core_hub(gw);
	if (rc == 0)
		rc = open_gateway_hub(gw);
	if (rc == 0)
		rc = parse_trusted_proxies(gw);
	if (rc == 0)
		rc = make_live_page(gw);
	if (rc == 0)
		rc = open_keys(gw, err);
	if (rc == 0)
		rc = open_conn_set(gw);
	if (rc == 0)
		rc = gateway_loop_start(&gw->loop);
	return rc;
}

/* With its copy of the options, the log and the loop: what it takes to fail
 * asynchronously. */
static int new_gateway(struct sluice **ret, struct uv_loop_s *loop,
		       const struct options *o, char *err)
{
	struct sluice *gw = calloc(1, sizeof(*gw));
	int rc;

	if (gw == NULL || options_copy(&gw->options, o) < 0) {
		free(gw);
		snprintf(err, SLUICE_ERROR_MAX, "out of memory");
		return -ENOMEM;
	}
	gw->uv_loop = loop;
	rc = open_main_log(gw);
	if (rc < 0) {
		options_finish(&gw->options);
		free(gw);
		snprintf(err, SLUICE_ERROR_MAX, "the log: %s", strerror(-rc));
		return rc;
	}
	open_loop_handles(gw);
	*ret = gw;
	return 0;
}

int gateway_start(struct sluice **ret, struct uv_loop_s *loop,
		  const struct options *o, const struct systemd_socket *sockets,
		  size_t n, char *err)
{
	struct sluice *gw;
	int rc;

	err[0] = '\0';
	if (sodium_init() < 0) {
		snprintf(err, SLUICE_ERROR_MAX, "no source of randomness");
		return -EIO;
	}
	rc = new_gateway(&gw, loop, o, err);
	if (rc < 0)
		return rc;
	rc = option_sources_finish(&gw->options, err);
	if (rc == 0)
		rc = open_all_parts(gw, sockets, n, err);
	if (rc < 0) {
		if (err[0] == '\0')
			snprintf(err, SLUICE_ERROR_MAX, "%s", strerror(-rc));
		close_all_parts(gw);
		return rc;
	}
	drain_init(&gw->drain, gw->options.drain_delay_ms,
		   gw->options.drain_timeout_ms);
	gateway_logs_options(&gw->logs);
	gateway_listeners_log(&gw->listeners);
	*ret = gw;
	return 0;
}

/* ---- state --------------------------------------------------------------- */

int gateway_address(const struct sluice *gw, size_t index, char *out,
		    size_t size)
{
	return gateway_listeners_address(&gw->listeners, index, out, size);
}

bool gateway_ready(const struct sluice *gw, const char **why)
{
	*why = "shutting down";
	return !gw->stopping && gw->drain.phase == DRAIN_OFF &&
	       gw->conns != NULL && conn_set_is_ready(gw->conns, why);
}

size_t gateway_subscriptions(const struct sluice *gw)
{
	return gw->conns != NULL ? conn_set_subscriptions(gw->conns) : 0;
}

void gateway_status(const struct sluice *gw, char *out, size_t size)
{
	const char *why;
	bool ready = gateway_ready(gw, &why);

	snprintf(out, size, "%zu subscriptions, %s%s",
		 gateway_subscriptions(gw),
		 ready ? "ready" : "not ready: ", ready ? "" : why);
}
