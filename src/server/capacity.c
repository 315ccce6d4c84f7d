#include "server/capacity.h"

#include "delivery/core_hub.h"
#include "server/caller.h"
#include "server/conn_internal.h"

/* 429 for the client's own limits (RFC 6585, 4), 503 for ours. */
static void describe_rejection(const struct conn_config *cfg,
			       enum reject_reason reason,
			       struct http_error *ret)
{
	switch (reason) {
	case REJECT_MAX_SUBSCRIPTIONS_PER_ID:
		http_error_set(
			ret, 429, reason,
			"too many subscriptions for this identity (limit %zu)",
			cfg->max_per_id);
		break;
	case REJECT_MAX_SUBSCRIPTIONS_PER_ADDRESS:
		http_error_set(
			ret, 429, reason,
			"too many subscriptions for this address (limit %zu)",
			cfg->max_per_address);
		break;
	default:
		http_error_set(
			ret, 503, reason,
			"too many subscriptions (limit %zu), try again later",
			cfg->max_connections);
		break;
	}
}

void capacity_reject(struct conn *c, const struct exchange *x,
		     enum reject_reason reason)
{
	struct http_error why;

	if (reason == REJECT_DRAINING) {
		caller_reject_draining(c, x);
		return;
	}
	describe_rejection(&c->set->cfg, reason, &why);
	caller_reject_until_later(c, x, &why);
}

/* max_connections counts subscriptions alone: other connections take no room
 * from them, and are bounded when they are accepted (conn_accept.c). */
enum reject_reason capacity_exceeded(const struct conn *c,
				     const struct identity *id)
{
	const struct conn_set *s = c->set;
	struct span name = {id->id, id->len};
	size_t n = hub_subscriptions_of(s->cfg.hub, name);
	enum reject_reason reason;

	if (s->draining)
		return REJECT_DRAINING;
	if (s->cfg.writing.core != NULL)
		n += core_hub_subscriptions_of(s->cfg.writing.core, name);
	reason = subscription_limits_reject(&s->limits, n, &c->address);
	if (reason == REJECT_NONE &&
	    s->n_in[CONN_SUBSCRIPTION] + s->n_in[CONN_FAILED] >=
		    s->cfg.max_connections)
		reason = REJECT_MAX_CONNECTIONS;
	return reason;
}
