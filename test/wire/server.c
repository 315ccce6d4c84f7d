#include "gateway/gateway_config.h"
#include "server.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sodium.h>
#include <uv.h>

#include "base/check.h"
#include "base/metrics.h"
#include "config/option_sources.h"
#include "delivery/hub.h"
#include "jwt_maker.h"
#include "server/conn_set.h"
#include "server/conn_sink.h"
#include "server/dispatch.h"
#include "server/live_sink.h"
#include "server/listener.h"

/* What suits a conversation better than the program's defaults: no pings unless
 * it is about pings, and little memory, for it is created thousands of times.
 */
static const char *const defaults[][2] = {
	{"ping-interval", "0"}, {"buffer-size", "64KiB"},
	{"max-replays", "4"},	{"max-connections", "1000"},
	{"admin-host", "h"},
};

enum { FLUSH_MAX = 64, CLOCK_START_MS = 1000000 };

struct door {
	struct server *server;
	struct listener *listener;
	bool admin;
	size_t accepted;
};

struct server {
	struct options options;
	struct gateway_own own;
	struct fake_jetstream js;
	struct publishing publishing;
	int send_buffer;
	struct address_range trusted[8];
	struct jwks *keys;
	struct conn_tokens tokens;
	enum server_keys keys_state;
	bool started;
	bool tcp;
	bool busy; /* something was done in this turn */

	uv_loop_t loop;
	uv_prepare_t turn;
	struct metrics metrics;
	struct hub *hub;
	struct core_hub *core;
	struct readable *readable;
	struct live_page ui;
	struct conn_set *conns;
	bool conns_closed;
	struct door doors[2]; /* public, admin */
	uint64_t heartbeat_ms;
};

static uint64_t clock_ms;
static int64_t stepped_ms;

/* It is 1700000000 when a conversation begins. */
static uint64_t wall_ms(void)
{
	return UINT64_C(1700000000000) + clock_ms - CLOCK_START_MS +
	       (uint64_t)stepped_ms;
}

uint64_t __wrap_uv_now(const uv_loop_t *loop);
uint64_t __wrap_uv_now(const uv_loop_t *loop)
{
	(void)loop;
	return clock_ms;
}

/* Chance is the same in every playing. */
static uint32_t chance;

static const char *chance_name(void)
{
	return "the same for ever";
}

static uint32_t chance_word(void)
{
	chance = chance * 1664525 + 1013904223;
	return chance;
}

static void chance_fill(void *const at, const size_t size)
{
	for (size_t i = 0; i < size; i++)
		((unsigned char *)at)[i] = (unsigned char)(chance_word() >> 24);
}

static struct randombytes_implementation same_chance = {
	.implementation_name = chance_name,
	.random = chance_word,
	.buf = chance_fill,
};

struct server *server_new(void)
{
	struct server *s = calloc(1, sizeof(*s));
	char err[OPTIONS_ERROR_MAX];

	MUST(s != NULL);
	MUST(options_init(&s->options) == 0);
	for (size_t i = 0; i < ARRAY_LEN(defaults); i++)
		MUST(options_set(&s->options, OPTIONS_ENV, defaults[i][0],
				 defaults[i][1], err) == 0);
	MUST(randombytes_set_implementation(&same_chance) == 0);
	chance = 1;
	fake_jetstream_init(&s->js);
	fake_jetstream_up(&s->js);
	publishing_init(&s->publishing, &s->js, &s->metrics);
	clock_ms = CLOCK_START_MS;
	stepped_ms = 0;
	return s;
}

struct fake_jetstream *server_js(struct server *s)
{
	return &s->js;
}

struct publishing *server_publishing(struct server *s)
{
	return &s->publishing;
}

bool server_option(struct server *s, const char *name, const char *value,
		   char *err)
{
	return options_set(&s->options, OPTIONS_FLAG, name, value, err) == 0;
}

uint64_t server_retry_ms(const struct server *s)
{
	return s->options.retry_ms;
}

void server_set_send_buffer(struct server *s, int bytes)
{
	s->send_buffer = bytes;
}

bool server_started(const struct server *s)
{
	return s->started;
}

/* ---- a turn, as the gateway has it --------------------------------------- */

static void on_event(void *arg, const struct jetstream_event *ev)
{
	struct server *s = arg;

	hub_on_event(s->hub, ev, clock_ms);
}

static void on_turn(uv_prepare_t *handle)
{
	struct server *s = handle->data;

	if (s->conns_closed)
		return;
	if (fake_jetstream_turn(&s->js, on_event, s))
		s->busy = true;
	if (publishing_turn(&s->publishing, clock_ms))
		s->busy = true;
	if (clock_ms >= hub_next_ms(s->hub))
		hub_tick(s->hub, clock_ms);
	if (clock_ms >= conn_set_next_ms(s->conns)) {
		conn_set_tick(s->conns, clock_ms);
		s->busy = true;
	}
	if (hub_flush(s->hub, clock_ms, FLUSH_MAX))
		s->busy = true;
}

/* The epoll descriptor can be read when a watched one is ready. */
static bool has_io(const struct server *s)
{
	struct pollfd p = {.fd = uv_backend_fd(&s->loop), .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

bool server_turn(struct server *s)
{
	s->busy = has_io(s) || uv_backend_timeout(&s->loop) == 0;
	uv_run(&s->loop, UV_RUN_NOWAIT);
	return s->busy;
}

void server_wait(struct server *s, int timeout_ms)
{
	struct pollfd p = {.fd = uv_backend_fd(&s->loop), .events = POLLIN};

	poll(&p, 1, timeout_ms);
}

static uint64_t sooner(uint64_t ms, uint64_t due_ms)
{
	uint64_t in = due_ms > clock_ms ? due_ms - clock_ms : 1;

	return in < ms ? in : ms;
}

uint64_t server_due_in(const struct server *s, uint64_t ms)
{
	ms = sooner(ms, s->heartbeat_ms);
	ms = sooner(ms, hub_next_ms(s->hub));
	ms = sooner(ms, messenger_next_ms(&s->publishing.messenger));
	ms = sooner(ms, core_hub_next_ms(s->core));
	return sooner(ms, conn_set_next_ms(s->conns));
}

void server_step(struct server *s, int64_t ms)
{
	(void)s;
	stepped_ms += ms;
}

void server_pass(struct server *s, uint64_t ms)
{
	clock_ms += ms;
	if (clock_ms < s->heartbeat_ms)
		return;
	fake_jetstream_heartbeat(&s->js);
	s->heartbeat_ms = clock_ms + FAKE_HEARTBEAT_MS;
}

/* ---- clients ------------------------------------------------------------- */

static void shrink(const struct server *s, int fd, int which)
{
	if (s->send_buffer > 0)
		MUST(setsockopt(fd, SOL_SOCKET, which, &s->send_buffer,
				sizeof(s->send_buffer)) == 0);
}

static void on_accept(void *arg, int fd, const struct address *from)
{
	struct door *d = arg;

	d->accepted++;
	shrink(d->server, fd, SO_SNDBUF);
	conn_set_accept(d->server->conns, fd, from, d->admin);
}

static int connect_pair(struct server *s, bool admin)
{
	int fds[2];

	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
			fds) == 0);
	shrink(s, fds[1], SO_SNDBUF);
	conn_set_accept(s->conns, fds[1], &(struct address){0}, admin);
	return fds[0];
}

static int connect_tcp(struct server *s, bool admin)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct door *d = &s->doors[admin];
	size_t before = d->accepted;
	char address[LISTENER_ADDRESS_MAX];

	listener_address(d->listener, address);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
	MUST(fd >= 0);
	shrink(s, fd, SO_RCVBUF);
	MUST(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
	MUST(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	/* Accepted before the next one comes: their order is the script's. */
	while (d->accepted == before)
		server_turn(s);
	return fd;
}

int server_connect(struct server *s, bool admin)
{
	return s->tcp ? connect_tcp(s, admin) : connect_pair(s, admin);
}

void server_drain(struct server *s)
{
	conn_set_drain(s->conns);
}

size_t server_end_streams(struct server *s, size_t n)
{
	return conn_set_end_subscriptions(s->conns, n);
}

size_t server_streams(const struct server *s)
{
	return conn_set_subscriptions(s->conns);
}

size_t server_connections(const struct server *s)
{
	return conn_set_count(s->conns);
}

const char *server_check(const struct server *s)
{
	return s->conns_closed ? NULL : conn_set_check(s->conns);
}

/* ---- start and end ------------------------------------------------------- */

static void on_conns_closed(void *arg)
{
	struct server *s = arg;

	s->conns_closed = true;
}

static void start_hub(struct server *s)
{
	const struct options *o = &s->options;
	struct hub_config cfg = {
		.buffer_size = o->buffer_size,
		.max_replays = o->max_replays,
		.ping_ms = o->ping_interval_ms,
		.ping = (enum sse_ping)o->ping_style,
		.retry_ms = o->retry_ms,
	};

	s->js.event_header = o->event_header;
	MUST(gateway_readable_new(&s->readable, o) == 0);
	cfg.readable = s->readable;
	cfg.no_own_subject = !gateway_own_subject(&cfg.subject, o);
	MUST(hub_new(&s->hub, &cfg, &s->js.source, conn_sink(), &s->metrics) ==
	     0);
}

static void start_core_hub(struct server *s)
{
	const struct options *o = &s->options;
	const struct core_hub_config cfg = {
		.ping_ms = o->ping_interval_ms,
		.ping = (enum sse_ping)o->ping_style,
		.retry_ms = o->retry_ms,
		.open_timeout_ms = o->publish_timeout_ms,
		.event_header = o->event_header,
	};

	MUST(core_hub_new(&s->core, &cfg, &s->publishing.fake.base, live_sink(),
			  &s->metrics) == 0);
	s->publishing.core = s->core;
}

static void make_page(struct server *s)
{
	const struct options *o = &s->options;
	const struct live_page_config cfg = gateway_live_page_config(o);

	MUST(!o->ui || live_page_init(&s->ui, &cfg) == 0);
}

static bool on_want_keys(void *arg, bool again)
{
	const struct server *s = arg;

	(void)again;
	return s->keys_state == SERVER_KEYS_AWAY;
}

void server_set_keys(struct server *s, enum server_keys state)
{
	s->keys_state = state;
	if (!s->started)
		return;
	s->tokens.keys = state == SERVER_KEYS_HERE ? s->keys : NULL;
	if (state != SERVER_KEYS_AWAY)
		conn_set_keys_changed(s->conns);
}

/* The key is that of the tokens that a script has, whatever --jwt-key says. */
static const struct conn_tokens *start_tokens(struct server *s)
{
	const struct options *o = &s->options;
	char err[JWKS_ERROR_MAX];

	if (o->auth != AUTH_JWT)
		return NULL;
	MUST(jwks_new(&s->keys, JWKS_SECRET, JWT_MAKER_SECRET,
		      strlen(JWT_MAKER_SECRET), err) == 0);
	s->tokens = (struct conn_tokens){
		.keys = s->keys_state == SERVER_KEYS_HERE ? s->keys : NULL,
		.want_keys = on_want_keys,
		.arg = s,
		.rules = gateway_jwt_rules(o),
		.sources = {.cookie = o->jwt_cookie, .query = o->jwt_query},
	};
	return &s->tokens;
}

static void start_conns(struct server *s)
{
	const struct options *o = &s->options;
	struct conn_config cfg = {
		.loop = &s->loop,
		.handler = dispatch_request,
		.wall_ms = wall_ms,
		.hub = s->hub,
		.metrics = &s->metrics,
		.id_header =
			o->auth == AUTH_HEADER ? o->id_header : "Authorization",
		.no_identity = o->auth == AUTH_NONE,
		.tokens = start_tokens(s),
		.id_query = o->id_query,
		.rights = gateway_rights(o, &s->own),
		.follows_own_subject = gateway_follows_own_subject(o),
		.writing = gateway_writing(o, &s->publishing.messenger, s->core,
					   "$JS.API"),
		.live_page = o->ui ? &s->ui : NULL,
		.kv_is_on = options_key_value(o),
		.cors = {o->cors_origin.items, o->cors_origin.n, o->id_header,
			 options_writing(o) || options_key_value(o)},
		.proxy_protocol = o->proxy_protocol,
		.trusted = s->trusted,
		.n_trusted = o->trusted_proxy.n,
		.admin_hosts = o->admin_host.items,
		.n_admin_hosts = o->admin_host.n,
		.admin_subscriptions = o->admin_subscriptions != SWITCH_OFF,
		.retry_ms = o->retry_ms,
		.header_timeout_ms = o->header_timeout_ms,
		.idle_timeout_ms = o->idle_timeout_ms,
		.max_header_bytes = o->max_header_bytes,
		.max_connections = o->max_connections,
		.max_per_id = (size_t)o->max_subscriptions_per_id,
		.max_per_address = (size_t)o->max_subscriptions_per_address,
		.max_age_ms = o->max_subscription_age_ms,
		.on_closed = on_conns_closed,
		.arg = s,
	};

	gateway_own_subjects(&s->own, o);
	MUST(o->trusted_proxy.n <= ARRAY_LEN(s->trusted));
	for (size_t i = 0; i < o->trusted_proxy.n; i++)
		MUST(address_range_parse(&s->trusted[i],
					 o->trusted_proxy.items[i]) == NULL);
	MUST(conn_set_new(&s->conns, &cfg) == 0);
}

static void listen_on(struct server *s, bool admin)
{
	struct door *d = &s->doors[admin];
	struct listener_cbs cbs = {.on_accept = on_accept, .arg = d};
	struct listener_how how = {.mode = LISTENER_MODE_UMASK};
	char err[LISTENER_ERROR_MAX];

	d->server = s;
	d->admin = admin;
	MUST(listener_new(&d->listener, &s->loop, "127.0.0.1:0", &how, &cbs,
			  err) == 0);
}

void server_start(struct server *s, bool tcp)
{
	char err[OPTIONS_ERROR_MAX];

	MUST(option_sources_finish(&s->options, err) == 0);
	MUST(uv_loop_init(&s->loop) == 0);
	uv_prepare_init(&s->loop, &s->turn);
	s->turn.data = s;
	uv_prepare_start(&s->turn, on_turn);
	start_hub(s);
	start_core_hub(s);
	make_page(s);
	start_conns(s);
	s->tcp = tcp;
	if (tcp) {
		listen_on(s, false);
		listen_on(s, true);
	}
	s->heartbeat_ms = clock_ms + FAKE_HEARTBEAT_MS;
	s->started = true;
}

static const char *stop(struct server *s)
{
	int turns = 0;

	if (s->tcp) {
		listener_close(s->doors[false].listener);
		listener_close(s->doors[true].listener);
	}
	conn_set_close(s->conns);
	while (!s->conns_closed) {
		if (++turns > 1000)
			return "conn_set_close() does not end";
		uv_run(&s->loop, UV_RUN_NOWAIT);
	}
	hub_free(s->hub);
	core_hub_free(s->core);
	s->publishing.core = NULL;
	readable_unref(s->readable);
	live_page_finish(&s->ui);
	uv_close((uv_handle_t *)&s->turn, NULL);
	for (turns = 0; turns < 1000 && uv_loop_alive(&s->loop); turns++)
		uv_run(&s->loop, UV_RUN_NOWAIT);
	return uv_loop_close(&s->loop) == 0 ? NULL : "uv handles are left open";
}

const char *server_free(struct server *s)
{
	const char *left = s->started ? stop(s) : NULL;

	if (left != NULL)
		return left; /* and it may still be in use */
	jwks_free(s->keys);
	options_finish(&s->options);
	publishing_finish(&s->publishing);
	fake_jetstream_finish(&s->js);
	free(s);
	return NULL;
}
