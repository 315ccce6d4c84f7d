#include "server/access_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

enum {
	WINDOW_LINES = 10, /* logged one by one in each window */
	WINDOW_MS = 1000,
	SUBJECTS_TEXT_MAX = 512,
};

/* ---- subscriptions ------------------------------------------------------- */

static const char *format_start(enum cursor_start start)
{
	static const char *const texts[] = {
		[START_NEW] = "new",
		[START_ALL] = "all",
		[START_LAST] = "last",
		[START_RESUME] = "resume",
	};

	return texts[start];
}

/* Of a subscription that follows more than its own subject: "events.alice
 * news.>", cut where it is too long for a line. */
static struct span format_subjects(const struct cursor *c, char *out,
				   size_t size)
{
	size_t len = 0;

	if (cursor_n_patterns(c) == 1)
		return cursor_pattern(c, 0);
	for (size_t i = 0; i < cursor_n_patterns(c) && len < size; i++) {
		struct span pattern = cursor_pattern(c, i);

		len += (size_t)snprintf(out + len, size - len, "%s%.*s",
					i > 0 ? " " : "", (int)pattern.len,
					pattern.at);
	}
	if (len >= size)
		strcpy(out + size - 4, "...");
	return span_of(out);
}

static struct span identity_of(const struct access_log_subscription *s)
{
	return s->core != NULL ? core_hub_identity(s->core)
			       : hub_identity(s->hub, s->cursor);
}

static const char *start_of(const struct access_log_subscription *s)
{
	return s->core != NULL
		       ? "live"
		       : format_start((enum cursor_start)s->cursor->start);
}

static struct span subjects_of(const struct access_log_subscription *s,
			       char *out, size_t size)
{
	if (s->core != NULL)
		return core_hub_subject(s->core);
	return s->cursor->wide ? format_subjects(s->cursor, out, size)
			       : (struct span){"", 0};
}

void access_log_opened(const struct access_log *l,
		       const struct access_log_subscription *s)
{
	char address[ADDRESS_TEXT_MAX], room[SUBJECTS_TEXT_MAX];
	struct span id, subjects;

	metric_add(l->metrics, METRIC_SUBSCRIPTIONS_OPENED, 1);
	if (!log_on(l->access, LOG_INFO))
		return;
	id = identity_of(s);
	address_text(s->address, address);
	subjects = subjects_of(s, room, sizeof(room));
	LOG(l->access, LOG_INFO, "subscription opened",
	    LOG_U64("subscription", s->number), LOG_MEM("id", id.at, id.len),
	    LOG_STR("address", address), LOG_STR("start", start_of(s)),
	    subjects.len > 0 ? LOG_MEM("subjects", subjects.at, subjects.len)
			     : LOG_END);
}

void access_log_closed(const struct access_log *l,
		       const struct access_log_subscription *s,
		       enum close_reason why, uint64_t age_ms)
{
	char address[ADDRESS_TEXT_MAX], duration[32];
	struct span id;

	l->metrics->closed[why]++;
	metrics_observe(l->metrics, METRIC_SPREAD_SUBSCRIPTION_TIME,
			age_ms * 1000, 1);
	if (!log_on(l->access, LOG_INFO))
		return;
	snprintf(duration, sizeof(duration), "%" PRIu64 ".%03us", age_ms / 1000,
		 (unsigned)(age_ms % 1000));
	id = identity_of(s);
	address_text(s->address, address);
	LOG(l->access, LOG_INFO, "subscription closed",
	    LOG_STR("reason", close_reason_label(why)),
	    LOG_U64("subscription", s->number), LOG_MEM("id", id.at, id.len),
	    LOG_STR("address", address), LOG_STR("duration", duration),
	    LOG_U64("events",
		    s->core != NULL ? s->core->events : s->cursor->events),
	    LOG_U64("bytes",
		    s->core != NULL ? s->core->bytes : s->cursor->bytes),
	    s->core != NULL ? LOG_END : LOG_U64("sequence", s->cursor->sent));
}

/* ---- rejections and drops ------------------------------------------------ */

static const char *const drop_labels[DROP_REASONS] = {
#define X(name, label) [DROP_##name] = label,
	CONN_DROPS(X)
#undef X
};

static const enum metric drop_metrics[DROP_REASONS] = {
#define X(name, label) [DROP_##name] = METRIC_DROPPED_##name,
	CONN_DROPS(X)
#undef X
};

static void end_window(struct access_log *l)
{
	struct access_log_window *w = &l->window;

	for (int i = 0; i < REJECT_COUNT; i++) {
		if (w->left_out[i] == 0)
			continue;
		LOG(l->log, LOG_INFO, "more requests were rejected",
		    LOG_U64("requests", w->left_out[i]),
		    LOG_STR("reason",
			    reject_reason_label((enum reject_reason)i)));
	}
	for (int i = 0; i < DROP_REASONS; i++) {
		if (w->drops_left_out[i] == 0)
			continue;
		LOG(l->log, LOG_WARN, "more connections were dropped",
		    LOG_U64("connections", w->drops_left_out[i]),
		    LOG_STR("reason", drop_labels[i]));
	}
	*w = (struct access_log_window){0};
}

/* False: `left_out` counts it, for one line at the end of the window. */
static bool take_line(struct access_log *l, uint64_t *left_out, uint64_t now_ms)
{
	struct access_log_window *w = &l->window;

	if (now_ms - w->since_ms >= WINDOW_MS) {
		end_window(l);
		w->since_ms = now_ms;
	}
	if (w->logged == WINDOW_LINES) {
		++*left_out;
		w->any_left_out = true;
		return false;
	}
	w->logged++;
	return true;
}

void access_log_rejected(struct access_log *l, const struct address *from,
			 const struct http_error *why, uint64_t now_ms)
{
	char address[ADDRESS_TEXT_MAX];

	l->metrics->rejected[why->reason]++;
	if (!take_line(l, &l->window.left_out[why->reason], now_ms))
		return;
	address_text(from, address);
	if (why->status == 0) {
		LOG(l->log, LOG_INFO, "request rejected",
		    LOG_STR("address", address),
		    LOG_STR("reason", reject_reason_label(why->reason)),
		    LOG_STR("text", why->text));
		return;
	}
	LOG(l->log, LOG_INFO, "request rejected", LOG_STR("address", address),
	    LOG_U64("status", why->status),
	    LOG_STR("reason", reject_reason_label(why->reason)),
	    LOG_STR("text", why->text));
}

void access_log_dropped(struct access_log *l, const struct address *from,
			enum conn_drop_reason why, uint64_t now_ms)
{
	char address[ADDRESS_TEXT_MAX];

	metric_add(l->metrics, drop_metrics[why], 1);
	if (!take_line(l, &l->window.drops_left_out[why], now_ms))
		return;
	address_text(from, address);
	LOG(l->log, LOG_WARN, "connection dropped", LOG_STR("address", address),
	    LOG_STR("reason", drop_labels[why]));
}

void access_log_fault(struct access_log *l, const struct address *from,
		      const char *what, uint64_t now_ms)
{
	char address[ADDRESS_TEXT_MAX];

	metric_add(l->metrics, drop_metrics[DROP_FAULT], 1);
	if (!take_line(l, &l->window.drops_left_out[DROP_FAULT], now_ms))
		return;
	address_text(from, address);
	LOG(l->log, LOG_ERROR, "connection dropped",
	    LOG_STR("address", address),
	    LOG_STR("reason", drop_labels[DROP_FAULT]), LOG_STR("fault", what));
}

uint64_t access_log_next_ms(const struct access_log *l)
{
	return l->window.any_left_out ? l->window.since_ms + WINDOW_MS
				      : UINT64_MAX;
}

void access_log_tick(struct access_log *l, uint64_t now_ms)
{
	if (access_log_next_ms(l) <= now_ms)
		end_window(l);
}
