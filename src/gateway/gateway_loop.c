/* A turn of the loop: sockets and the bell of NATS have their say, then
 * gateway_on_turn() writes to every client that has something coming, does what
 * is due, and sets the one timer. While more is to be written than one turn
 * takes, an idle handle keeps the loop from sleeping, so that accepting and
 * reading get their turn.
 *
 * Life: start -> (drain: delay, then ends of streams, then the last ones) ->
 * stop. */
#include "gateway/gateway_internal.h"

#include <uv.h>

#include "base/check.h"

enum {
	GATEWAY_FLUSH = 4096,	/* clients written in one turn, at most */
	GATEWAY_STEP_MS = 20,	/* between two ends of streams in a drain */
	GATEWAY_LAST_MS = 2000, /* for the last words, after a drain */
};

/* ---- a turn -------------------------------------------------------------- */

static void log_hub_status(struct sluice *gw)
{
	struct hub_status_message news;

	while (hub_take_status_message(gw->hub, &news))
		LOG(&gw->log, news.warn ? LOG_WARN : LOG_INFO, news.text);
}

static void on_more(uv_idle_t *keep_spinning)
{
	(void)keep_spinning; /* that the loop does not sleep is all that is
				wanted */
}

void gateway_flush(struct sluice *gw, uint64_t now_ms)
{
	if (hub_flush(gw->hub, now_ms, GATEWAY_FLUSH))
		uv_idle_start(&gw->keep_spinning, on_more);
	else
		uv_idle_stop(&gw->keep_spinning);
}

static uint64_t min_ms(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static struct sluice *gateway_of_handle(void *data)
{
	return CONTAINER_OF((struct handles *)data, struct sluice, handles);
}

/* The turn that it begins is all that is wanted of it. */
static void on_timer(uv_timer_t *timer)
{
	gateway_of_handle(timer->data)->timer_ms = UINT64_MAX;
}

static void arm_timer(struct sluice *gw, uint64_t next_ms, uint64_t now_ms)
{
	if (next_ms == gw->timer_ms)
		return;
	gw->timer_ms = next_ms;
	if (next_ms == UINT64_MAX)
		uv_timer_stop(&gw->timer);
	else
		uv_timer_start(&gw->timer, on_timer,
			       next_ms > now_ms ? next_ms - now_ms : 0, 0);
}

/* ---- draining ------------------------------------------------------------ */

static void enter_drain_phase(struct sluice *gw, enum gateway_phase phase,
			      uint64_t now_ms)
{
	gw->phase = phase;
	gw->phase_ms = now_ms;
}

/* When draining next has work. */
static uint64_t drain_next_ms(const struct sluice *gw)
{
	switch (gw->phase) {
	case PHASE_DELAY:
		return gw->phase_ms + gw->options.drain_delay_ms;
	case PHASE_ENDING:
		return uv_now(gw->loop) + GATEWAY_STEP_MS;
	case PHASE_LAST:
		return gw->phase_ms + GATEWAY_LAST_MS;
	default:
		return UINT64_MAX;
	}
}

/* How many must have ended by now: evenly over the time, the first at once. */
static size_t must_have_ended(const struct sluice *gw, uint64_t now_ms)
{
	uint64_t gone = now_ms - gw->phase_ms;
	uint64_t all = gw->options.drain_timeout_ms;

	if (gone >= all)
		return SIZE_MAX;
	return (size_t)((double)gw->to_end * (double)gone / (double)all) + 1;
}

static void end_subscriptions(struct sluice *gw, uint64_t now_ms)
{
	size_t want = must_have_ended(gw, now_ms);

	if (want > gw->ended)
		gw->ended +=
			conn_set_end_subscriptions(gw->conns, want - gw->ended);
	if (conn_set_subscriptions(gw->conns) == 0)
		enter_drain_phase(gw, PHASE_LAST, now_ms);
}

static void advance_drain(struct sluice *gw, uint64_t now_ms)
{
	if (gw->phase == PHASE_DELAY &&
	    now_ms - gw->phase_ms >= gw->options.drain_delay_ms) {
		gateway_close_listeners(gw);
		gw->to_end = conn_set_subscriptions(gw->conns);
		LOG(&gw->log, LOG_INFO, "closing subscriptions",
		    LOG_U64("subscriptions", gw->to_end));
		enter_drain_phase(gw, PHASE_ENDING, now_ms);
	}
	if (gw->phase == PHASE_ENDING)
		end_subscriptions(gw, now_ms);
	if (gw->phase == PHASE_LAST) {
		/* Those that wait for a request have nothing to wait for. */
		conn_set_end_subscriptions(gw->conns, 0);
		if (conn_set_count(gw->conns) == 0 ||
		    now_ms - gw->phase_ms >= GATEWAY_LAST_MS)
			gateway_stop(gw);
	}
}

/* Sockets and the bell have been seen to; the time is still that at which the
 * kernel reported them. */
void gateway_on_woken(uv_check_t *poll_returned)
{
	struct sluice *gw = gateway_of_handle(poll_returned->data);

	gw->poll_returned_ms = uv_now(gw->loop);
}

/* Whatever has come since then has had to wait for so long. Both times are
 * whole milliseconds, cut off: so their difference is right on the average. */
static void end_iteration(struct sluice *gw)
{
	uint64_t now_ms = uv_hrtime() / 1000000;

	if (gw->poll_returned_ms != 0 && now_ms >= gw->poll_returned_ms)
		metrics_observe(&gw->metrics, METRIC_SPREAD_LOOP_LAG,
				(now_ms - gw->poll_returned_ms) * 1000, 1);
	log_file_flush(gw->errors);
	if (gw->access_file != NULL)
		log_file_flush(gw->access_file);
}

void gateway_on_turn(uv_prepare_t *loop_iteration)
{
	struct sluice *gw = gateway_of_handle(loop_iteration->data);
	uint64_t now_ms = uv_now(gw->loop), next;

	gateway_flush(gw, now_ms);
	if (hub_next_ms(gw->hub) <= now_ms)
		hub_tick(gw->hub, now_ms);
	if (conn_set_next_ms(gw->conns) <= now_ms)
		conn_set_tick(gw->conns, now_ms);
	gateway_look_at_keys(gw, now_ms);
	log_hub_status(gw);
	advance_drain(gw, now_ms);
	if (gw->phase == PHASE_STOPPING)
		return;
	next = min_ms(hub_next_ms(gw->hub), conn_set_next_ms(gw->conns));
	next = min_ms(next, gw->keys_due_ms);
	arm_timer(gw, min_ms(next, drain_next_ms(gw)), now_ms);
	end_iteration(gw);
}

void sluice_drain(struct sluice *gw, sluice_done_cb done, void *arg)
{
	if (gw->phase != PHASE_OPEN)
		return;
	gw->done = done;
	gw->done_arg = arg;
	conn_set_drain(gw->conns);
	LOG(&gw->log, LOG_INFO, "draining",
	    LOG_U64("subscriptions", conn_set_subscriptions(gw->conns)));
	uv_update_time(gw->loop);
	enter_drain_phase(gw, PHASE_DELAY, uv_now(gw->loop));
	/* The loop may be asleep for longer. */
	gw->timer_ms = UINT64_MAX;
	arm_timer(gw, drain_next_ms(gw), uv_now(gw->loop));
}
