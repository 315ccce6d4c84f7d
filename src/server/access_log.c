/* What is told of connections: one line when a stream opens and one when it
 * ends, and the refusals, of which a flood is told by their number. */
#include "server/conn_internal.h"

#include <inttypes.h>

#include "base/check.h"

enum {
	CONN_REJECTIONS = 10, /* that are told one by one, in each second */
	CONN_REJECTIONS_MS = 1000,
};

/* ---- streams ------------------------------------------------------------- */

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

void access_log_opened(struct conn *c)
{
	const struct conn_config *cfg = &c->set->cfg;
	char address[ADDRESS_TEXT_MAX];
	const char *id;
	size_t id_len;

	metric_add(cfg->metrics, METRIC_SUBSCRIPTIONS_OPENED, 1);
	if (!log_on(cfg->access, LOG_INFO))
		return;
	hub_identity(cfg->hub, &c->cursor, &id, &id_len);
	conn_address(c, address);
	LOG(cfg->access, LOG_INFO, "subscription opened",
	    LOG_U64("subscription", c->number), LOG_MEM("id", id, id_len),
	    LOG_STR("address", address),
	    LOG_STR("start", format_start((enum cursor_start)c->cursor.start)));
}

void access_log_closed(struct conn *c)
{
	const struct conn_config *cfg = &c->set->cfg;
	uint64_t age_ms = conn_now_ms(c->set) - c->opened_ms;
	char address[ADDRESS_TEXT_MAX], duration[32];
	const char *id;
	size_t id_len;

	if (c->cursor.state == CURSOR_CLOSED)
		return;
	cfg->metrics->ended[c->close_reason]++;
	metrics_observe(cfg->metrics, METRIC_SPREAD_SUBSCRIPTION_TIME,
			age_ms * 1000, 1);
	if (!log_on(cfg->access, LOG_INFO))
		return;
	snprintf(duration, sizeof(duration), "%" PRIu64 ".%03us", age_ms / 1000,
		 (unsigned)(age_ms % 1000));
	hub_identity(cfg->hub, &c->cursor, &id, &id_len);
	conn_address(c, address);
	LOG(cfg->access, LOG_INFO, "subscription closed",
	    LOG_STR("reason",
		    close_reason_label((enum close_reason)c->close_reason)),
	    LOG_U64("subscription", c->number), LOG_MEM("id", id, id_len),
	    LOG_STR("address", address), LOG_STR("duration", duration),
	    LOG_U64("events", c->cursor.events),
	    LOG_U64("bytes", c->cursor.bytes),
	    LOG_U64("sequence", c->cursor.sent));
}

/* ---- refusals and drops -------------------------------------------------- */

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

static void end_reject_window(struct conn_set *s)
{
	struct conn_rejections *r = &s->refusals;

	for (int i = 0; i < REJECT_COUNT; i++) {
		if (r->left_out[i] == 0)
			continue;
		LOG(s->cfg.log, LOG_INFO, "more requests were rejected",
		    LOG_U64("requests", r->left_out[i]),
		    LOG_STR("reason",
			    reject_reason_label((enum reject_reason)i)));
	}
	for (int i = 0; i < DROP_REASONS; i++) {
		if (r->drops_left_out[i] == 0)
			continue;
		LOG(s->cfg.log, LOG_WARN, "more connections were dropped",
		    LOG_U64("connections", r->drops_left_out[i]),
		    LOG_STR("reason", drop_labels[i]));
	}
	*r = (struct conn_rejections){0};
}

/* False: `left_out` counts it, for one line at the end of the second. */
static bool may_say(struct conn_set *s, uint64_t *left_out)
{
	struct conn_rejections *r = &s->refusals;
	uint64_t now_ms = conn_now_ms(s);

	if (now_ms - r->since_ms >= CONN_REJECTIONS_MS) {
		end_reject_window(s);
		r->since_ms = now_ms;
	}
	if (r->told == CONN_REJECTIONS) {
		++*left_out;
		r->any_left_out = true;
		return false;
	}
	r->told++;
	return true;
}

void access_log_rejected(struct conn *c, const struct http_error *why)
{
	struct conn_set *s = c->set;
	char address[ADDRESS_TEXT_MAX];

	s->cfg.metrics->refused[why->reason]++;
	if (!may_say(s, &s->refusals.left_out[why->reason]))
		return;
	conn_address(c, address);
	if (why->status == 0) {
		LOG(s->cfg.log, LOG_INFO, "request rejected",
		    LOG_STR("address", address),
		    LOG_STR("reason", reject_reason_label(why->reason)),
		    LOG_STR("text", why->text));
		return;
	}
	LOG(s->cfg.log, LOG_INFO, "request rejected",
	    LOG_STR("address", address), LOG_U64("status", why->status),
	    LOG_STR("reason", reject_reason_label(why->reason)),
	    LOG_STR("text", why->text));
}

void conn_note_dropped(struct conn_set *s, const struct address *from,
		       enum conn_drop_reason why)
{
	char address[ADDRESS_TEXT_MAX];

	metric_add(s->cfg.metrics, drop_metrics[why], 1);
	if (!may_say(s, &s->refusals.drops_left_out[why]))
		return;
	address_text(from, address);
	LOG(s->cfg.log, LOG_WARN, "connection dropped",
	    LOG_STR("address", address), LOG_STR("reason", drop_labels[why]));
}

void conn_note_fault(const struct conn *c, const char *what)
{
	struct conn_set *s = c->set;
	char address[ADDRESS_TEXT_MAX];

	metric_add(s->cfg.metrics, drop_metrics[DROP_FAULT], 1);
	if (!may_say(s, &s->refusals.drops_left_out[DROP_FAULT]))
		return;
	conn_address(c, address);
	LOG(s->cfg.log, LOG_ERROR, "connection dropped",
	    LOG_STR("address", address),
	    LOG_STR("reason", drop_labels[DROP_FAULT]), LOG_STR("fault", what));
}

uint64_t access_log_next_ms(const struct conn_set *s)
{
	return s->refusals.any_left_out
		       ? s->refusals.since_ms + CONN_REJECTIONS_MS
		       : UINT64_MAX;
}

void access_log_tick(struct conn_set *s, uint64_t now_ms)
{
	if (access_log_next_ms(s) <= now_ms)
		end_reject_window(s);
}
