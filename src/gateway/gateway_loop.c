#include "gateway/gateway_loop.h"

#include "base/check.h"

static struct gateway_loop *loop_of_handle(void *data)
{
	return CONTAINER_OF((struct handles *)data, struct gateway_loop,
			    handles);
}

/* ---- callbacks ----------------------------------------------------------- */

/* The iteration that it causes is all that is wanted of the timer. */
static void on_timer(uv_timer_t *timer)
{
	loop_of_handle(timer->data)->timer_ms = UINT64_MAX;
}

/* That the loop does not sleep is all that is wanted of an idle handle. */
static void on_idle(uv_idle_t *keep_spinning)
{
	(void)keep_spinning;
}

/* Sockets and wakeups have been handled, and uv_now() is still the time at
 * which the kernel reported them. */
static void on_poll_returned(uv_check_t *poll_returned)
{
	struct gateway_loop *l = loop_of_handle(poll_returned->data);

	l->poll_returned_ms = uv_now(l->loop);
}

static void arm_gateway_timer(struct gateway_loop *l, uint64_t next_ms,
			      uint64_t now_ms)
{
	if (next_ms == l->timer_ms)
		return;
	l->timer_ms = next_ms;
	if (next_ms == UINT64_MAX)
		uv_timer_stop(&l->timer);
	else
		uv_timer_start(&l->timer, on_timer,
			       next_ms > now_ms ? next_ms - now_ms : 0, 0);
}

/* Whatever came since the kernel returned has waited for so long. Both times
 * are cut to milliseconds: the difference is right on the average. */
static void observe_loop_lag(struct gateway_loop *l)
{
	uint64_t now_ms = uv_hrtime() / 1000000;

	if (l->poll_returned_ms != 0 && now_ms >= l->poll_returned_ms)
		metrics_observe(l->metrics, METRIC_SPREAD_LOOP_LAG,
				(now_ms - l->poll_returned_ms) * 1000, 1);
}

static void on_loop_iteration(uv_prepare_t *loop_iteration)
{
	struct gateway_loop *l = loop_of_handle(loop_iteration->data);
	uint64_t now_ms = uv_now(l->loop);
	uint64_t next_ms = l->cbs.on_iteration(l->cbs.arg, now_ms);

	if (l->handles.ending)
		return;
	arm_gateway_timer(l, next_ms, now_ms);
	observe_loop_lag(l);
}

static void on_handles_gone(struct handles *h)
{
	struct gateway_loop *l = CONTAINER_OF(h, struct gateway_loop, handles);

	l->cbs.on_closed(l->cbs.arg);
}

/* ---- the owner's calls --------------------------------------------------- */

void gateway_loop_open(struct gateway_loop *l, struct uv_loop_s *loop,
		       struct metrics *metrics,
		       const struct gateway_loop_cbs *cbs)
{
	*l = (struct gateway_loop){
		.loop = loop,
		.metrics = metrics,
		.cbs = *cbs,
		.timer_ms = UINT64_MAX,
	};
	handles_init(&l->handles, on_handles_gone);
	uv_check_init(loop, &l->poll_returned);
	handles_add(&l->handles, (uv_handle_t *)&l->poll_returned);
	uv_prepare_init(loop, &l->loop_iteration);
	handles_add(&l->handles, (uv_handle_t *)&l->loop_iteration);
	uv_idle_init(loop, &l->keep_spinning);
	handles_add(&l->handles, (uv_handle_t *)&l->keep_spinning);
	uv_timer_init(loop, &l->timer);
	handles_add(&l->handles, (uv_handle_t *)&l->timer);
}

int gateway_loop_start(struct gateway_loop *l)
{
	int rc = uv_check_start(&l->poll_returned, on_poll_returned);

	if (rc == 0)
		rc = uv_prepare_start(&l->loop_iteration, on_loop_iteration);
	return rc;
}

void gateway_loop_spin(struct gateway_loop *l, bool spin)
{
	if (spin)
		uv_idle_start(&l->keep_spinning, on_idle);
	else
		uv_idle_stop(&l->keep_spinning);
}

void gateway_loop_wake(struct gateway_loop *l)
{
	uv_update_time(l->loop);
	l->timer_ms = uv_now(l->loop);
	uv_timer_start(&l->timer, on_timer, 0, 0);
}

void gateway_loop_close(struct gateway_loop *l)
{
	handles_end(&l->handles);
	handles_close(&l->handles, (uv_handle_t *)&l->poll_returned);
	handles_close(&l->handles, (uv_handle_t *)&l->loop_iteration);
	handles_close(&l->handles, (uv_handle_t *)&l->keep_spinning);
	handles_close(&l->handles, (uv_handle_t *)&l->timer);
}
