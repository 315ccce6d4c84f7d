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

static void log_news(struct sluice *gw)
{
	struct hub_news news;

	while (hub_take_news(gw->hub, &news))
		LOGGING(&gw->log, news.warn ? LOGGING_WARN : LOGGING_INFO,
			news.text);
}

static void on_more(uv_idle_t *more)
{
	(void)more; /* that the loop does not sleep is all that is wanted */
}

void gateway_flush(struct sluice *gw, uint64_t now_ms)
{
	if (hub_flush(gw->hub, now_ms, GATEWAY_FLUSH))
		uv_idle_start(&gw->more, on_more);
	else
		uv_idle_stop(&gw->more);
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static struct sluice *gateway_of(void *data)
{
	return CONTAINER_OF((struct handles *)data, struct sluice, handles);
}

/* The turn that it begins is all that is wanted of it. */
static void on_timer(uv_timer_t *timer)
{
	gateway_of(timer->data)->timer_ms = UINT64_MAX;
}

static void set_timer(struct sluice *gw, uint64_t next_ms, uint64_t now_ms)
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

static void enter(struct sluice *gw, enum gateway_phase phase, uint64_t now_ms)
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

static void end_streams(struct sluice *gw, uint64_t now_ms)
{
	size_t want = must_have_ended(gw, now_ms);

	if (want > gw->ended)
		gw->ended += conn_set_end_streams(gw->conns, want - gw->ended);
	if (conn_set_streams(gw->conns) == 0)
		enter(gw, PHASE_LAST, now_ms);
}

static void drain(struct sluice *gw, uint64_t now_ms)
{
	if (gw->phase == PHASE_DELAY &&
	    now_ms - gw->phase_ms >= gw->options.drain_delay_ms) {
		gateway_close_listeners(gw);
		gw->to_end = conn_set_streams(gw->conns);
		LOGGING(&gw->log, LOGGING_INFO, "ending streams",
			LOG_U64("streams", gw->to_end));
		enter(gw, PHASE_ENDING, now_ms);
	}
	if (gw->phase == PHASE_ENDING)
		end_streams(gw, now_ms);
	if (gw->phase == PHASE_LAST) {
		/* Those that wait for a request have nothing to wait for. */
		conn_set_end_streams(gw->conns, 0);
		if (conn_set_count(gw->conns) == 0 ||
		    now_ms - gw->phase_ms >= GATEWAY_LAST_MS)
			gateway_stop(gw);
	}
}

/* Sockets and the bell have been seen to; the time is still that at which the
 * kernel reported them. */
void gateway_on_woken(uv_check_t *woken)
{
	struct sluice *gw = gateway_of(woken->data);

	gw->woken_ms = uv_now(gw->loop);
}

/* Whatever has come since then has had to wait for so long. Both times are
 * whole milliseconds, cut off: so their difference is right on the average. */
static void end_turn(struct sluice *gw)
{
	uint64_t now_ms = uv_hrtime() / 1000000;

	if (gw->woken_ms != 0 && now_ms >= gw->woken_ms)
		metrics_observe(&gw->metrics, METRIC_SPREAD_LOOP_LAG,
				(now_ms - gw->woken_ms) * 1000, 1);
	log_file_flush(gw->errors);
	if (gw->access_file != NULL)
		log_file_flush(gw->access_file);
}

void gateway_on_turn(uv_prepare_t *turn)
{
	struct sluice *gw = gateway_of(turn->data);
	uint64_t now_ms = uv_now(gw->loop), next;

	gateway_flush(gw, now_ms);
	if (hub_next_ms(gw->hub) <= now_ms)
		hub_tick(gw->hub, now_ms);
	if (conn_set_next_ms(gw->conns) <= now_ms)
		conn_set_tick(gw->conns, now_ms);
	gateway_look_at_keys(gw, now_ms);
	log_news(gw);
	drain(gw, now_ms);
	if (gw->phase == PHASE_STOPPING)
		return;
	next = min_u64(hub_next_ms(gw->hub), conn_set_next_ms(gw->conns));
	next = min_u64(next, gw->keys_due_ms);
	set_timer(gw, min_u64(next, drain_next_ms(gw)), now_ms);
	end_turn(gw);
}

void sluice_drain(struct sluice *gw, sluice_done_cb done, void *arg)
{
	if (gw->phase != PHASE_OPEN)
		return;
	gw->done = done;
	gw->done_arg = arg;
	conn_set_drain(gw->conns);
	LOGGING(&gw->log, LOGGING_INFO, "draining",
		LOG_U64("streams", conn_set_streams(gw->conns)));
	uv_update_time(gw->loop);
	enter(gw, PHASE_DELAY, uv_now(gw->loop));
	/* The loop may be asleep for longer. */
	gw->timer_ms = UINT64_MAX;
	set_timer(gw, drain_next_ms(gw), uv_now(gw->loop));
}
