/* The states of a connection. The happy path of a subscription: accept4() gives
 * a socket, the poller reports it readable, recv() fills the set's one buffer,
 * the parser has a whole request head, dispatch finds the handler, the hub
 * opens a cursor and writes the opening block (behind the response header, in
 * one sendmsg()). From then on only the hub writes, once an iteration of the
 * loop. The connection is then this struct: no handle, no parser, no buffer.
 *
 * conn_end_subscription() sends a last chunk, shuts the sending half down and
 * lingers; conn_close() closes at once. Either may happen deep inside of a
 * call: the caller checks the state before it goes on. */
#include "server/conn_internal.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "http/request_parser.h"
#include "server/conn_live.h"
#include "server/conn_work.h"

enum { CONN_RESPONSE_MS = 10000 };

#define TO(state) (1u << (state))

static const unsigned may_go[CONN_STATES] = {
	[CONN_NEW] = TO(CONN_REQUEST),
	[CONN_REQUEST] = TO(CONN_WAITING) | TO(CONN_IDLE) | TO(CONN_BODY) |
			 TO(CONN_PENDING) | TO(CONN_RESPONSE) |
			 TO(CONN_SUBSCRIPTION) | TO(CONN_LINGER) |
			 TO(CONN_CLOSING),
	[CONN_WAITING] = TO(CONN_IDLE) | TO(CONN_BODY) | TO(CONN_PENDING) |
			 TO(CONN_RESPONSE) | TO(CONN_SUBSCRIPTION) |
			 TO(CONN_LINGER) | TO(CONN_CLOSING),
	[CONN_BODY] = TO(CONN_PENDING) | TO(CONN_RESPONSE) | TO(CONN_LINGER) |
		      TO(CONN_CLOSING),
	[CONN_PENDING] = TO(CONN_IDLE) | TO(CONN_RESPONSE) | TO(CONN_LINGER) |
			 TO(CONN_CLOSING),
	[CONN_IDLE] = TO(CONN_REQUEST) | TO(CONN_CLOSING),
	[CONN_RESPONSE] = TO(CONN_IDLE) | TO(CONN_LINGER) | TO(CONN_CLOSING),
	[CONN_SUBSCRIPTION] = TO(CONN_REQUEST) | TO(CONN_RESPONSE) |
			      TO(CONN_LINGER) | TO(CONN_FAILED) |
			      TO(CONN_CLOSING),
	[CONN_LINGER] = TO(CONN_CLOSING),
	[CONN_FAILED] = TO(CONN_CLOSING),
};

uint64_t conn_now_ms(const struct conn_set *s)
{
	return uv_now(s->cfg.loop);
}

struct clocks conn_clocks(const struct conn_set *s)
{
	uv_update_time(s->cfg.loop);
	return (struct clocks){.now_ms = conn_now_ms(s),
			       .wall_ms = s->cfg.wall_ms()};
}

void conn_fault(struct conn *c, const char *what)
{
	access_log_fault(&c->set->access_log, &c->address, what,
			 conn_now_ms(c->set));
}

struct conn *conn_first_in(const struct conn_set *s, enum conn_state state)
{
	struct list *first = list_first(&s->in[state]);

	return first == NULL ? NULL : LIST_ENTRY(first, struct conn, link);
}

/* ---- polled events ------------------------------------------------------- */

static bool wants_to_read(const struct conn *c)
{
	switch (c->state) {
	case CONN_WAITING:
	case CONN_PENDING:
	case CONN_RESPONSE:
	case CONN_FAILED:
		return false;
	case CONN_BODY:
		return !c->work->is_paused;
	default:
		return true;
	}
}

unsigned conn_wanted_events(const struct conn *c)
{
	unsigned events = 0;

	if (wants_to_read(c))
		events |= POLLER_IN;
	if ((c->unsent != NULL || conn_live_is_blocked(c)) &&
	    c->state != CONN_FAILED)
		events |= POLLER_OUT;
	return events;
}

/* Most requests are answered before more bytes come: bytes are not polled for
 * as soon as some have come. */
static bool may_poll_on(const struct conn *c, unsigned events)
{
	return c->state == CONN_PENDING && events == 0 &&
	       c->polled == POLLER_IN;
}

/* Without its events a connection would hang, so it is closed. */
static void change_polled_events(struct conn *c, unsigned events)
{
	c->polled = (uint8_t)events;
	if (poller_change(c->set->poller, c->fd, events) == 0)
		return;
	conn_fault(c, "epoll_ctl() failed");
	if (c->state == CONN_SUBSCRIPTION)
		conn_fail(c);
	else if (c->state != CONN_FAILED)
		conn_close(c);
}

void conn_arm(struct conn *c)
{
	unsigned events = conn_wanted_events(c);

	if (events != c->polled && !may_poll_on(c, events))
		change_polled_events(c, events);
}

void conn_arm_exactly(struct conn *c)
{
	unsigned events = conn_wanted_events(c);

	if (events != c->polled)
		change_polled_events(c, events);
}

/* ---- parsers ------------------------------------------------------------- */

/* One parser is kept: the next request is often a moment away. */
static void release_parser(struct conn *c)
{
	struct conn_set *s = c->set;

	s->head_bytes -= request_parser_bytes(c->parser);
	if (c->parser != NULL && s->spare_parser == NULL) {
		request_parser_again(c->parser);
		s->spare_parser = c->parser;
	} else {
		request_parser_free(c->parser);
	}
	c->parser = NULL;
}

static int new_parser(struct conn *c)
{
	const struct conn_config *cfg = &c->set->cfg;
	int rc = request_parser_new(&c->parser, cfg->max_header_bytes,
				    cfg->id_header);

	if (rc == 0 && (cfg->writing.is_on || cfg->kv_is_on))
		request_parser_take_bodies(c->parser);
	return rc;
}

int conn_acquire_parser(struct conn *c)
{
	struct conn_set *s = c->set;

	if (c->parser != NULL)
		return 0;
	if (s->spare_parser == NULL)
		return new_parser(c);
	c->parser = s->spare_parser;
	s->spare_parser = NULL;
	return 0;
}

/* ---- states -------------------------------------------------------------- */

static uint64_t state_timeout_ms(const struct conn_set *s,
				 enum conn_state state)
{
	switch (state) {
	case CONN_REQUEST:
		return s->cfg.header_timeout_ms;
	case CONN_WAITING:
		return CONN_WAIT_MS;
	case CONN_IDLE:
		return s->cfg.idle_timeout_ms;
	case CONN_BODY:
		return s->cfg.writing.body_timeout_ms;
	case CONN_RESPONSE:
		return CONN_RESPONSE_MS;
	case CONN_LINGER:
		return CONN_LINGER_MS;
	case CONN_SUBSCRIPTION:
		return s->cfg.ping_ms;
	default:
		return 0;
	}
}

static void leave_state(struct conn *c)
{
	struct conn_set *s = c->set;

	if (s->serve_next == &c->link)
		s->serve_next = c->link.next;
	list_remove(&c->link);
	list_remove(&c->peer_check);
	if (c->state == CONN_SUBSCRIPTION &&
	    !subscription_limits_end(&s->limits, &c->deadline, &c->address))
		conn_fault(c, "an address was not counted");
	s->n_in[c->state]--;
}

static void enter_state(struct conn *c, enum conn_state to)
{
	struct conn_set *s = c->set;

	c->state = (uint8_t)to;
	s->n_in[to]++;
	list_push_back(&s->in[to], &c->link);
	if (to == CONN_CLOSING)
		return;
	c->due_ms = conn_now_ms(s) + state_timeout_ms(s, to);
	if (to == CONN_LINGER)
		c->opened_ms = conn_now_ms(s);
	if (c->admin)
		list_push_back(&s->admins, &c->peer_check);
	if (to == CONN_SUBSCRIPTION)
		subscription_limits_begin(&s->limits, &c->deadline, &c->address,
					  conn_now_ms(s));
	if (to == CONN_SUBSCRIPTION && s->cfg.ping_ms > 0)
		list_push_back(&s->peer_checks, &c->peer_check);
	conn_arm(c);
}

void conn_move(struct conn *c, enum conn_state to)
{
	if (!(may_go[c->state] & TO(to))) {
		conn_fault(c, "no such change of state");
		conn_close(c);
		return;
	}
	if (to != CONN_REQUEST && to != CONN_WAITING)
		release_parser(c);
	leave_state(c);
	enter_state(c, to);
}

void conn_fail(struct conn *c)
{
	if (c->state != CONN_SUBSCRIPTION)
		return;
	c->close_reason = CLOSE_WRITE_ERROR;
	conn_move(c, CONN_FAILED);
}

/* ---- closing ------------------------------------------------------------- */

void conn_free_closed(struct conn_set *s)
{
	struct conn *c;

	while ((c = conn_first_in(s, CONN_CLOSING)) != NULL) {
		list_remove(&c->link);
		s->n_in[CONN_CLOSING]--;
		free(c);
	}
}

static void on_reap(uv_idle_t *reaper)
{
	conn_free_closed(CONTAINER_OF(reaper, struct conn_set, reaper));
	uv_idle_stop(reaper);
}

void conn_close_subscription(struct conn *c)
{
	struct conn_set *s = c->set;
	const struct access_log_subscription about = {
		.hub = s->cfg.hub,
		.cursor = &c->cursor,
		.address = &c->address,
		.number = c->number,
	};

	if (c->is_live) {
		conn_live_free(conn_live_take(c, NULL));
		return;
	}
	if (c->cursor.state != CURSOR_CLOSED)
		access_log_closed(&s->access_log, &about,
				  (enum close_reason)c->close_reason,
				  conn_now_ms(s) - c->opened_ms);
	registry_remove(&s->subscriptions, c->number);
	hub_close(s->cfg.hub, &c->cursor, conn_now_ms(s));
}

void conn_end_work(struct conn *c)
{
	struct conn_work *w = c->work;

	c->work = NULL;
	c->set->body_bytes -= w->reserved;
	if (w->has_lines)
		free((char *)(uintptr_t)w->to.lines);
	w->has_lines = false;
	w->ops->on_gone(w);
}

static void free_buffers(struct conn *c)
{
	free(c->unsent);
	c->unsent = NULL;
	free(c->pipelined);
	c->pipelined = NULL;
	free(c->proxy_header);
	c->proxy_header = NULL;
}

void conn_close(struct conn *c)
{
	struct conn_set *s = c->set;

	if (c->state == CONN_CLOSING)
		return;
	conn_close_subscription(c);
	/* Its response may have failed just now. */
	if (conn_has_work(c) && c->work != NULL)
		conn_end_work(c);
	conn_move(c, CONN_CLOSING);
	free_buffers(c);
	s->n_open--;
	if (c->admin)
		s->n_admin--;
	poller_remove(s->poller, c->fd);
	close(c->fd);
	if (!s->closing)
		uv_idle_start(&s->reaper, on_reap);
}
