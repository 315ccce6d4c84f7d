/* The invariants of connections, between two calls of the set. */
#include "server/conn_set.h"

#include "base/check.h"
#include "http/request_parser.h"
#include "server/conn_internal.h"
#include "server/conn_work.h"

/* The members that belong to some states alone. */
static const char *check_conn_members(const struct conn *c)
{
	bool reads = c->state == CONN_REQUEST || c->state == CONN_IDLE;
	bool waits = c->state == CONN_WAITING;
	bool subscribed =
		c->state == CONN_SUBSCRIPTION || c->state == CONN_FAILED;

	if (c->parser != NULL && !reads && !waits)
		return "a parser outside of REQUEST, WAITING and IDLE";
	if (c->parser == NULL && waits)
		return "WAITING without a request";
	if (c->proxy_header != NULL && c->state != CONN_REQUEST &&
	    !conn_has_work(c) && !c->is_live)
		return "a PROXY header outside of REQUEST";
	if (c->is_live && (!subscribed || c->live == NULL ||
			   c->cursor.state != CURSOR_CLOSED))
		return "a live subscription outside of SUBSCRIPTION, or a "
		       "cursor beside it";
	if (conn_has_work(c) && (c->work == NULL || c->work->conn != c))
		return "BODY or PENDING without its work";
	if (c->pipelined != NULL && !waits && c->state != CONN_PENDING &&
	    c->state != CONN_RESPONSE)
		return "pipelined requests outside of WAITING, PENDING and "
		       "RESPONSE";
	if (c->unsent != NULL && (reads || waits || c->state == CONN_LINGER))
		return "unsent bytes in a state that sends nothing";
	if (c->deadline.timer.index != 0 && c->state != CONN_SUBSCRIPTION)
		return "a deadline outside of SUBSCRIPTION";
	if ((c->cursor.state != CURSOR_CLOSED) != (subscribed && !c->is_live))
		return "an open cursor if and only if SUBSCRIPTION or FAILED";
	if (subscribed && registry_find(&c->set->subscriptions, c->number) != c)
		return "a subscription that is not registered";
	return NULL;
}

/* Every state leaves a wakeup armed. */
static const char *check_conn_wakeup(const struct conn *c)
{
	bool queued = !list_empty(&c->peer_check);
	bool checked = c->state == CONN_SUBSCRIPTION && c->set->cfg.ping_ms > 0;

	if (c->polled != conn_wanted_events(c) &&
	    !(c->state == CONN_PENDING && c->polled == POLLER_IN))
		return "polled for other events than its state wants";
	if (c->state == CONN_RESPONSE && c->unsent == NULL)
		return "RESPONSE without unsent bytes";
	if (c->state != CONN_SUBSCRIPTION && c->state != CONN_PENDING &&
	    conn_set_next_ms(c->set) > c->due_ms)
		return "a time-out that no timer waits for";
	if (queued != (c->admin || checked))
		return "in the queue of peer checks, or of admins, or not";
	return NULL;
}

static const char *check_conn(const struct conn *c, enum conn_state list)
{
	const char *fault = NULL;

	if (c->state != list)
		return "in the list of another state";
	if (list == CONN_NEW)
		return "NEW after the accept";
	if (list == CONN_CLOSING)
		return NULL;
	fault = check_conn_members(c);
	return fault != NULL ? fault : check_conn_wakeup(c);
}

struct conn_sums {
	size_t open, admin, head_bytes, body_bytes, deadlines;
};

static const char *check_state_list(const struct conn_set *s,
				    enum conn_state state,
				    struct conn_sums *sums)
{
	const struct list *all = &s->in[state];
	const char *fault;
	size_t n = 0;

	for (const struct list *at = all->next; at != all; at = at->next, n++) {
		const struct conn *c = LIST_ENTRY(at, struct conn, link);

		fault = check_conn(c, state);
		if (fault != NULL)
			return fault;
		if (state == CONN_CLOSING)
			continue;
		sums->open++;
		sums->admin += c->admin;
		sums->head_bytes += request_parser_bytes(c->parser);
		if (conn_has_work(c))
			sums->body_bytes += c->work->reserved;
		sums->deadlines += c->deadline.timer.index != 0;
	}
	return n == s->n_in[state] ? NULL : "connections of a state";
}

const char *conn_set_check(const struct conn_set *s)
{
	struct conn_sums sums = {0};
	const char *fault;

	for (int i = 0; i < CONN_STATES; i++) {
		fault = check_state_list(s, (enum conn_state)i, &sums);
		if (fault != NULL)
			return fault;
	}
	if (sums.open != s->n_open || sums.admin != s->n_admin)
		return "the number of open connections";
	if (sums.head_bytes != s->head_bytes)
		return "bytes of unfinished heads";
	if (sums.body_bytes != s->body_bytes)
		return "bytes of bodies";
	if (sums.deadlines != s->limits.deadlines.n)
		return "the number of deadlines";
	return NULL;
}
