/* The start of a gateway, what its parts say, and its end: listeners,
 * connections, the NATS source and our handles close, each asynchronously; the
 * last of them frees the gateway. The public functions are here too.
 */
#include "gateway/gateway_config.h"
#include "gateway/gateway_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <sodium.h>
#include <uv.h>

#include "base/check.h"
#include "base/hostport.h"
#include "base/units.h"
#include "config/config.h"
#include "version.h"

enum {
	GATEWAY_FDS = 64 + 128 + 128, /* for all else: files, NATS, listeners,
					 short answers, the admin listeners */
	GATEWAY_FEWEST = 16,	      /* connections, however few descriptors */
	GATEWAY_TABLE = 128 * 1024,   /* descriptors: a MiB of the kernel's */
};

struct sluice_options {
	struct options options;
};

/* ---- the public options -------------------------------------------------- */

const char *sluice_version(void)
{
	return SLUICE_VERSION;
}

int sluice_options_new(struct sluice_options **ret)
{
	struct sluice_options *o = calloc(1, sizeof(*o));
	int rc;

	if (o == NULL)
		return -ENOMEM;
	rc = options_init(&o->options);
	if (rc < 0) {
		free(o);
		return rc;
	}
	*ret = o;
	return 0;
}

void sluice_options_free(struct sluice_options *o)
{
	if (o == NULL)
		return;
	options_finish(&o->options);
	free(o);
}

int sluice_options_set(struct sluice_options *o, const char *name,
		       const char *value, char *err)
{
	return options_set(&o->options, OPTIONS_FLAG, name, value, err);
}

int sluice_options_load(struct sluice_options *o, char *err)
{
	return config_load(&o->options, environ, NULL, err);
}

int sluice_start(struct sluice **ret, struct uv_loop_s *loop,
		 const struct sluice_options *o, char *err)
{
	return gateway_start(ret, loop, &o->options, NULL, 0, err);
}

/* ---- clients ------------------------------------------------------------- */

static void on_accept(void *arg, int fd, const struct address *from)
{
	struct gateway_listener *l = arg;

	conn_set_accept(l->gw->conns, fd, from, l->admin);
}

static void on_metrics(void *arg)
{
	struct sluice *gw = arg;

	if (gw->source != NULL && gw->phase != PHASE_STOPPING)
		metric_set(&gw->metrics, METRIC_NATS_HUNG,
			   nats_source_hung(gw->source));
	process_stats_gauges(&gw->process, &gw->metrics,
			     conn_set_count(gw->conns));
}

static void on_trouble(void *arg, int err, bool first)
{
	struct gateway_listener *l = arg;

	metric_add(&l->gw->metrics, METRIC_ACCEPT_ERRORS, 1);
	if (!first)
		return;
	LOG(&l->gw->log, LOG_WARN, "can't accept connections",
	    LOG_STR("error", strerror(-err)));
}

/* ---- the end ------------------------------------------------------------- */

static void count_closed_part(struct sluice *gw)
{
	MUST(gw->open_parts > 0);
	if (--gw->open_parts == 0)
		gateway_close_logs(gw);
}

void gateway_on_logs_closed(struct sluice *gw)
{
	sluice_done_cb done = gw->done;
	void *arg = gw->done_arg;

	hub_free(gw->hub);
	live_page_finish(&gw->ui);
	free(gw->listeners);
	free(gw->trusted);
	options_finish(&gw->options);
	if (done != NULL)
		done(gw, arg);
	free(gw);
}

static void on_listener_closed(void *arg)
{
	struct gateway_listener *l = arg;

	count_closed_part(l->gw);
}

void gateway_part_closed(void *arg)
{
	count_closed_part(arg);
}

/* Before the other parts, as a rule: who asks until then sees no streams. */
static void on_conns_closed(void *arg)
{
	struct sluice *gw = arg;

	gw->conns = NULL;
	count_closed_part(gw);
}

static void on_handles_gone(struct handles *h)
{
	count_closed_part(CONTAINER_OF(h, struct sluice, handles));
}

void gateway_close_listeners(struct sluice *gw)
{
	for (size_t i = 0; i < gw->n_listeners; i++) {
		listener_close(gw->listeners[i].listener);
		gw->listeners[i].listener = NULL;
	}
}

/* Streams are closed before the source, so that what they have on the server is
 * taken away; the source is closed before its events could find no hub. */
void gateway_stop(struct sluice *gw)
{
	if (gw->phase == PHASE_STOPPING)
		return;
	gw->phase = PHASE_STOPPING;
	gateway_close_listeners(gw);
	conn_set_close(gw->conns);
	gateway_close_keys(gw);
	if (gw->hub != NULL)
		hub_end(gw->hub);
	if (gw->source != NULL)
		nats_source_close(gw->source);
	handles_end(&gw->handles);
	handles_close(&gw->handles, (uv_handle_t *)&gw->poll_returned);
	handles_close(&gw->handles, (uv_handle_t *)&gw->loop_iteration);
	handles_close(&gw->handles, (uv_handle_t *)&gw->keep_spinning);
	handles_close(&gw->handles, (uv_handle_t *)&gw->timer);
}

int sluice_reopen(struct sluice *gw)
{
	if (gw->access_file != NULL && gw->phase != PHASE_STOPPING)
		log_file_reopen(gw->access_file);
	gateway_read_keys(gw);
	return 0;
}

void sluice_stop(struct sluice *gw, sluice_done_cb done, void *arg)
{
	gw->done = done;
	gw->done_arg = arg;
	gateway_stop(gw);
}

/* ---- the start ----------------------------------------------------------- */

/* What the soft limit of descriptors allows, less those for all else. */
static size_t max_connections(const struct options *o, const struct log *lg)
{
	struct rlimit lim = {.rlim_cur = 1024};
	size_t most;

	getrlimit(RLIMIT_NOFILE, &lim);
	most = lim.rlim_cur > GATEWAY_FDS + GATEWAY_FEWEST
		       ? (size_t)lim.rlim_cur - GATEWAY_FDS
		       : GATEWAY_FEWEST;
	if (o->max_connections == 0)
		return most;
	if (o->max_connections > most)
		LOG(lg, LOG_WARN,
		    "fewer descriptors than --max-connections needs",
		    LOG_U64("max_connections", o->max_connections),
		    LOG_U64("limit", lim.rlim_cur),
		    LOG_U64("enough_for", most));
	return (size_t)o->max_connections;
}

/* The kernel doubles the table of a process's descriptors when it is full.
 * Where there are threads each time waits for all processors, some 20 ms in
 * which nobody is accepted: so it is made large while there are none. */
static void make_listener_table(const struct sluice *gw)
{
	size_t n = gw->max_connections + GATEWAY_FDS;
	struct rlimit lim;
	int fd;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
		return;
	if (n > lim.rlim_cur)
		n = (size_t)lim.rlim_cur;
	if (n > GATEWAY_TABLE)
		n = GATEWAY_TABLE;
	fd = fcntl(uv_backend_fd(gw->loop), F_DUPFD_CLOEXEC, (int)n - 1);
	if (fd >= 0)
		close(fd);
}

static bool asks_any_port(const char *address)
{
	char host[LISTENER_ADDRESS_MAX];
	const char *port;

	return hostport_split(address, host, sizeof(host), &port) == 0 &&
	       strtol(port, NULL, 10) == 0;
}

/* By its address, or a socket that listens already (address NULL). */
static int open_listener(struct sluice *gw, const char *address, int fd,
			 bool admin, char *err)
{
	struct gateway_listener *l = &gw->listeners[gw->n_listeners];
	struct listener_cbs cbs = {
		.on_accept = on_accept,
		.on_trouble = on_trouble,
		.on_closed = on_listener_closed,
		.arg = l,
	};
	struct listener_how how = {
		.shared = gw->options.reuse_port && !admin,
		.mode = LISTENER_MODE_UMASK,
	};
	int rc;

	if (!admin && gw->options.listen_mode != NULL)
		MUST(units_mode(gw->options.listen_mode, &how.mode) == 0);
	l->gw = gw;
	l->admin = admin;
	l->any_port = address != NULL && asks_any_port(address);
	if (address == NULL)
		rc = listener_adopt(&l->listener, gw->loop, fd, &cbs, err);
	else
		rc = listener_new(&l->listener, gw->loop, address, &how, &cbs,
				  err);
	if (rc < 0)
		return rc;
	gw->open_parts++;
	gw->n_listeners++;
	return 0;
}

/* Those of one kind: what is inherited, else what the option says. */
static int open_listener_kind(struct sluice *gw,
			      const struct inherited *sockets, size_t n,
			      bool admin, char *err)
{
	const struct options_strings *list =
		admin ? &gw->options.admin_listen : &gw->options.listen;
	size_t before = gw->n_listeners;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++)
		if (sockets[i].admin == admin)
			rc = open_listener(gw, NULL, sockets[i].fd, admin, err);
	if (rc < 0 || gw->n_listeners > before)
		return rc;
	for (size_t i = 0; rc == 0 && i < list->n; i++)
		rc = open_listener(gw, list->items[i], -1, admin, err);
	return rc;
}

static int open_listeners(struct sluice *gw, const struct inherited *sockets,
			  size_t n, char *err)
{
	const struct options *o = &gw->options;
	int rc;

	gw->listeners = calloc(o->listen.n + o->admin_listen.n + n,
			       sizeof(*gw->listeners));
	if (gw->listeners == NULL)
		return -ENOMEM;
	rc = open_listener_kind(gw, sockets, n, false, err);
	gw->n_public = gw->n_listeners;
	return rc < 0 ? rc : open_listener_kind(gw, sockets, n, true, err);
}

/* Which port 0 has become is said here alone: it is an answer to who asked for
 * any, whatever the level. */
static void log_listeners(const struct sluice *gw)
{
	char address[LISTENER_ADDRESS_MAX];
	struct log told = gw->log;

	for (size_t i = 0; i < gw->n_listeners; i++) {
		const struct gateway_listener *l = &gw->listeners[i];

		told.level = gw->log.level;
		if (l->any_port && told.level < LOG_INFO)
			told.level = LOG_INFO;
		for (size_t k = 0; listener_address_of(l->listener, k, address);
		     k++)
			LOG(&told, LOG_INFO, "listening",
			    LOG_STR("address", address),
			    LOG_STR("listener", l->admin ? "admin" : "public"));
	}
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
	       "the words of --ping-style are those of sse.h");

static int open_gateway_hub(struct sluice *gw)
{
	const struct options *o = &gw->options;
	const struct hub_config cfg = {
		.subject = o->subject_template,
		.buffer_size = (size_t)o->buffer_size,
		.max_replays = (size_t)o->max_replays,
		.ping_ms = o->ping_interval_ms,
		.ping = (enum sse_ping)o->ping_style,
		.retry_ms = o->retry_ms,
		.now_ns = wall_clock_now_ns,
	};

	return hub_new(&gw->hub, &cfg, nats_source_source(gw->source),
		       conn_sink(), &gw->metrics);
}

static int read_trusted(struct sluice *gw)
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

	return o->ui ? live_page_init(&gw->ui, &cfg) : 0;
}

/* The list names identities and addresses, and DELETE ends streams: by default
 * it is for those on this machine alone. */
static bool serves_subscriptions(const struct sluice *gw)
{
	if (gw->options.admin_subscriptions != SWITCH_AUTO)
		return gw->options.admin_subscriptions == SWITCH_ON;
	for (size_t i = gw->n_public; i < gw->n_listeners; i++)
		if (!listener_is_local(gw->listeners[i].listener))
			return false;
	return true;
}

static uint64_t wall_ms(void)
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
		.loop = gw->loop,
		.wall_ms = wall_ms,
		.hub = gw->hub,
		.metrics = &gw->metrics,
		.log = &gw->log,
		.access = gateway_access_log(gw),
		/* What says who asks may come only once. */
		.id_header = by_token ? "Authorization" : o->id_header,
		.tokens = by_token ? &gw->tokens : NULL,
		.id_query = o->id_query,
		.cors = {o->cors_origin.items, o->cors_origin.n, o->id_header},
		.ui = o->ui ? &gw->ui : NULL,
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

/* None of these can fail. The timer may not keep a turn from coming. */
static void open_handles(struct sluice *gw)
{
	handles_init(&gw->handles, on_handles_gone);
	uv_check_init(gw->loop, &gw->poll_returned);
	handles_add(&gw->handles, (uv_handle_t *)&gw->poll_returned);
	uv_prepare_init(gw->loop, &gw->loop_iteration);
	handles_add(&gw->handles, (uv_handle_t *)&gw->loop_iteration);
	uv_idle_init(gw->loop, &gw->keep_spinning);
	handles_add(&gw->handles, (uv_handle_t *)&gw->keep_spinning);
	uv_timer_init(gw->loop, &gw->timer);
	handles_add(&gw->handles, (uv_handle_t *)&gw->timer);
	gw->timer_ms = UINT64_MAX;
	gw->open_parts++;
}

static int open_all_parts(struct sluice *gw, const struct inherited *sockets,
			  size_t n, char *err)
{
	int rc = gateway_open_access_log(gw, err);

	gw->max_connections = max_connections(&gw->options, &gw->log);
	make_listener_table(gw);
	if (rc == 0)
		rc = open_listeners(gw, sockets, n, err);
	if (rc == 0)
		rc = gateway_open_source(gw, err);
	if (rc == 0)
		rc = open_gateway_hub(gw);
	if (rc == 0)
		rc = read_trusted(gw);
	if (rc == 0)
		rc = make_live_page(gw);
	if (rc == 0)
		rc = gateway_open_keys(gw, err);
	if (rc == 0)
		rc = open_conn_set(gw);
	if (rc == 0)
		rc = uv_check_start(&gw->poll_returned, gateway_on_woken);
	if (rc == 0)
		rc = uv_prepare_start(&gw->loop_iteration, gateway_on_turn);
	return rc;
}

int gateway_start(struct sluice **ret, struct uv_loop_s *loop,
		  const struct options *o, const struct inherited *sockets,
		  size_t n, char *err)
{
	struct sluice *gw;
	int rc;

	err[0] = '\0';
	if (sodium_init() < 0) {
		snprintf(err, SLUICE_ERROR_MAX, "no source of randomness");
		return -EIO;
	}
	gw = calloc(1, sizeof(*gw));
	if (gw == NULL || options_copy(&gw->options, o) < 0) {
		free(gw);
		snprintf(err, SLUICE_ERROR_MAX, "out of memory");
		return -ENOMEM;
	}
	gw->loop = loop;
	rc = gateway_open_log(gw);
	if (rc < 0) {
		options_finish(&gw->options);
		free(gw);
		snprintf(err, SLUICE_ERROR_MAX, "the log: %s", strerror(-rc));
		return rc;
	}
	open_handles(gw);
	rc = options_finish_parsing(&gw->options, err);
	if (rc == 0)
		rc = open_all_parts(gw, sockets, n, err);
	if (rc < 0) {
		if (err[0] == '\0')
			snprintf(err, SLUICE_ERROR_MAX, "%s", strerror(-rc));
		gateway_stop(gw);
		return rc;
	}
	gateway_log_settings(gw);
	log_listeners(gw);
	*ret = gw;
	return 0;
}

/* ---- questions ----------------------------------------------------------- */

int sluice_address(const struct sluice *gw, size_t index, char *out,
		   size_t size)
{
	char address[LISTENER_ADDRESS_MAX];

	if (index >= gw->n_public || gw->listeners[index].listener == NULL)
		return -ENOENT;
	listener_address(gw->listeners[index].listener, address);
	snprintf(out, size, "%s", address);
	return 0;
}

int sluice_ready(const struct sluice *gw)
{
	const char *why;

	return gw->phase == PHASE_OPEN && hub_ready(gw->hub, &why);
}

void gateway_status(const struct sluice *gw, char *out, size_t size)
{
	const char *why = "shutting down";
	bool ready = gw->phase == PHASE_OPEN && hub_ready(gw->hub, &why);

	snprintf(out, size, "%zu subscriptions, %s%s", sluice_subscriptions(gw),
		 ready ? "ready" : "not ready: ", ready ? "" : why);
}

size_t sluice_subscriptions(const struct sluice *gw)
{
	return gw->conns != NULL ? conn_set_subscriptions(gw->conns) : 0;
}
