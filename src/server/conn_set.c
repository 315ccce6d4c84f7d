/* All connections of one gateway: timers, drain, close. */
#include "server/conn_set.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "http/request_parser.h"
#include "server/conn_internal.h"
#include "server/conn_live.h"
#include "server/conn_read.h"
#include "server/conn_respond.h"
#include "server/conn_work.h"
#include "server/dead_peer.h"

enum {
	PEER_CHECKS = 256,	   /* in one tick */
	SUBSCRIPTIONS_ENDED = 256, /* in one tick */
	/* Requests served again in one tick: each may verify a signature. */
	WAITING_SERVED = 64,
};

/* ---- timers -------------------------------------------------------------- */

static const enum conn_state timed_states[] = {CONN_REQUEST, CONN_IDLE,
					       CONN_BODY,    CONN_RESPONSE,
					       CONN_LINGER,  CONN_FAILED};

static void time_out_conns(struct conn_set *s, uint64_t now_ms)
{
	struct conn *c;

	for (size_t i = 0; i < ARRAY_LEN(timed_states); i++) {
		while ((c = conn_first_in(s, timed_states[i])) != NULL &&
		       c->due_ms <= now_ms) {
			if (timed_states[i] == CONN_REQUEST)
				conn_read_on_timeout(c);
			else if (timed_states[i] == CONN_BODY)
				conn_work_on_timeout(c);
			else
				conn_close(c);
		}
	}
}

/* In the order of their arrival. Those that still wait keep their place. */
static void serve_waiting_conns(struct conn_set *s)
{
	for (int i = 0; i < WAITING_SERVED && s->serve_next != NULL; i++) {
		struct list *at = s->serve_next;

		if (at == &s->in[CONN_WAITING]) {
			s->serve_next = NULL;
			return;
		}
		s->serve_next = at->next;
		conn_read_serve_again(LIST_ENTRY(at, struct conn, link));
	}
}

static void time_out_waiting_conns(struct conn_set *s, uint64_t now_ms)
{
	struct conn *c;

	for (int i = 0; i < WAITING_SERVED; i++) {
		c = conn_first_in(s, CONN_WAITING);
		if (c == NULL || c->due_ms > now_ms)
			return;
		c->waited = true;
		conn_read_serve_again(c);
		/* A pipelined request may wait now. */
		if (c->state == CONN_WAITING && c->due_ms <= now_ms) {
			conn_fault(c, "it waits for too long");
			conn_close(c);
		}
	}
}

static struct conn *first_peer_check(const struct conn_set *s)
{
	struct list *first = list_first(&s->peer_checks);

	return first == NULL ? NULL
			     : LIST_ENTRY(first, struct conn, peer_check);
}

/* Each subscription once in the time between its pings. */
static void close_dead_peers(struct conn_set *s, uint64_t now_ms)
{
	struct conn *c;

	for (int i = 0; i < PEER_CHECKS; i++) {
		c = first_peer_check(s);
		if (c == NULL || c->due_ms > now_ms)
			return;
		if (dead_peer_is_gone(c->fd, s->cfg.ping_ms)) {
			c->close_reason = CLOSE_PEER_TIMEOUT;
			conn_close(c);
			continue;
		}
		c->due_ms = now_ms + s->cfg.ping_ms;
		list_remove(&c->peer_check);
		list_push_back(&s->peer_checks, &c->peer_check);
	}
}

static uint64_t next_clock_check_ms(const struct conn_set *s)
{
	return s->n_in[CONN_SUBSCRIPTION] > 0
		       ? subscription_limits_next_clock_ms(&s->limits)
		       : UINT64_MAX;
}

static void compare_clocks(struct conn_set *s, uint64_t now_ms)
{
	struct clocks now;

	if (now_ms < next_clock_check_ms(s))
		return;
	now = conn_clocks(s);
	if (!subscription_limits_clock_moved(&s->limits, &now))
		return;
	for (struct list *at = s->in[CONN_SUBSCRIPTION].next;
	     at != &s->in[CONN_SUBSCRIPTION]; at = at->next)
		subscription_limits_recompute(
			&s->limits,
			&LIST_ENTRY(at, struct conn, link)->deadline, &now);
}

static void warn_of_expiry(struct conn *c)
{
	const struct conn_config *cfg = &c->set->cfg;

	if (c->is_live)
		core_hub_warn_of_expiry(cfg->writing.core, &c->live->core);
	else
		hub_warn_of_expiry(cfg->hub, &c->cursor);
}

static void end_due_subscriptions(struct conn_set *s, uint64_t now_ms)
{
	struct subscription_deadline *d;
	enum subscription_due due;

	for (int i = 0; i < SUBSCRIPTIONS_ENDED; i++) {
		due = subscription_limits_next(&s->limits, now_ms, &d);
		if (due == SUBSCRIPTION_DUE_NONE)
			return;
		if (due == SUBSCRIPTION_DUE_WARNING)
			warn_of_expiry(CONTAINER_OF(d, struct conn, deadline));
		else
			conn_end_subscription(CONTAINER_OF(d, struct conn,
							   deadline),
					      (enum close_reason)d->reason);
	}
}

void conn_set_tick(struct conn_set *s, uint64_t now_ms)
{
	time_out_conns(s, now_ms);
	serve_waiting_conns(s);
	time_out_waiting_conns(s, now_ms);
	close_dead_peers(s, now_ms);
	compare_clocks(s, now_ms);
	end_due_subscriptions(s, now_ms);
	access_log_tick(&s->access_log, now_ms);
}

static uint64_t sooner_ms(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t conn_set_next_ms(const struct conn_set *s)
{
	uint64_t next = subscription_limits_next_ms(&s->limits);
	const struct conn *c = first_peer_check(s);

	next = sooner_ms(next, next_clock_check_ms(s));
	next = sooner_ms(next, access_log_next_ms(&s->access_log));
	if (c != NULL)
		next = sooner_ms(next, c->due_ms);
	c = conn_first_in(s, CONN_WAITING);
	if (c != NULL)
		next = s->serve_next != NULL ? 0 : sooner_ms(next, c->due_ms);
	for (size_t i = 0; i < ARRAY_LEN(timed_states); i++) {
		c = conn_first_in(s, timed_states[i]);
		if (c != NULL)
			next = sooner_ms(next, c->due_ms);
	}
	return next;
}

/* ---- keys ---------------------------------------------------------------- */

void conn_set_keys_changed(struct conn_set *s)
{
	s->serve_next = list_first(&s->in[CONN_WAITING]);
}

bool conn_set_is_ready(const struct conn_set *s, const char **why)
{
	*why = "shutting down";
	if (s->draining)
		return false;
	*why = "the keys of --jwt-key are not loaded";
	if (s->cfg.tokens != NULL && s->cfg.tokens->keys == NULL)
		return false;
	return hub_ready(s->cfg.hub, why);
}

/* ---- drain --------------------------------------------------------------- */

void conn_set_drain(struct conn_set *s)
{
	s->draining = true;
	conn_set_keys_changed(s);
}

size_t conn_set_end_subscriptions(struct conn_set *s, size_t n)
{
	struct conn *c;
	size_t ended = 0;

	while ((c = conn_first_in(s, CONN_IDLE)) != NULL)
		conn_close(c);
	for (; ended < n && (c = conn_first_in(s, CONN_SUBSCRIPTION)) != NULL;
	     ended++)
		conn_end_subscription(c, CLOSE_DRAIN);
	return ended;
}

size_t conn_set_subscriptions(const struct conn_set *s)
{
	return s->n_in[CONN_SUBSCRIPTION];
}

size_t conn_set_requests(const struct conn_set *s)
{
	return s->n_in[CONN_BODY] + s->n_in[CONN_PENDING];
}

size_t conn_set_count(const struct conn_set *s)
{
	return s->n_open;
}

/* ---- begin and end ------------------------------------------------------- */

static void finish_set_parts(struct conn_set *s)
{
	for (int i = 0; i < SUBSCRIPTION_HEADERS; i++)
		buf_finish(&s->headers[i]);
	request_parser_free(s->spare_parser);
	subscription_limits_finish(&s->limits);
	request_limits_finish(&s->requests);
	kv_bucket_cache_finish(&s->buckets);
	registry_finish(&s->subscriptions);
}

static void on_part_closed(void *arg)
{
	struct conn_set *s = arg;

	if (--s->open_parts > 0)
		return;
	conn_free_closed(s);
	finish_set_parts(s);
	s->cfg.on_closed(s->cfg.arg);
	free(s);
}

static void init_set_parts(struct conn_set *s, const struct conn_config *cfg)
{
	s->cfg = *cfg;
	s->access_log = (struct access_log){.log = cfg->log,
					    .access = cfg->access,
					    .metrics = cfg->metrics};
	s->limits = (struct subscription_limits){
		.max_per_id = cfg->max_per_id,
		.max_per_address = cfg->max_per_address,
		.max_age_ms = cfg->max_age_ms,
		.tokens = cfg->tokens != NULL,
	};
	for (int i = 0; i < CONN_STATES; i++)
		list_init(&s->in[i]);
	s->serve_pipelined = conn_read_serve_pipelined;
	list_init(&s->peer_checks);
	list_init(&s->admins);
	kv_bucket_cache_init(&s->buckets);
	for (int i = 0; i < SUBSCRIPTION_HEADERS; i++)
		buf_init(&s->headers[i], CONN_RESPONSE_MAX);
}

int conn_set_new(struct conn_set **ret, const struct conn_config *cfg)
{
	struct conn_set *s = calloc(1, sizeof(*s));
	const struct poller_cbs cbs = {conn_read_on_events, on_part_closed, s};
	int rc;

	if (s == NULL)
		return -ENOMEM;
	init_set_parts(s, cfg);
	rc = subscription_limits_init(&s->limits);
	if (rc == 0)
		rc = request_limits_init(&s->requests,
					 cfg->writing.max_requests,
					 cfg->writing.max_requests_per_id);
	if (rc == 0)
		rc = poller_new(&s->poller, cfg->loop, &cbs);
	if (rc < 0) {
		finish_set_parts(s);
		free(s);
		return rc;
	}
	uv_idle_init(cfg->loop, &s->reaper);
	s->open_parts = 2;
	*ret = s;
	return 0;
}

static void on_reaper_closed(uv_handle_t *h)
{
	on_part_closed(CONTAINER_OF((uv_idle_t *)h, struct conn_set, reaper));
}

void conn_set_close(struct conn_set *s)
{
	if (s == NULL || s->closing)
		return;
	s->closing = true;
	for (int i = CONN_REQUEST; i < CONN_CLOSING; i++) {
		struct conn *c;

		while ((c = conn_first_in(s, (enum conn_state)i)) != NULL) {
			if (i == CONN_SUBSCRIPTION)
				c->close_reason = CLOSE_SHUTDOWN;
			conn_close(c);
		}
	}
	poller_close(s->poller);
	uv_close((uv_handle_t *)&s->reaper, on_reaper_closed);
}
