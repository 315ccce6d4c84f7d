/* Whose stream it is by a token, and how long it is open for that. */
#include "server/conn_internal.h"

#include <errno.h>

int conn_take_token(const struct conn *c, const struct request *h,
		    const struct route *r, struct identity *ret,
		    uint64_t *end_ms, struct http_error *why)
{
	const struct conn_tokens *t = c->set->cfg.tokens;
	uint64_t wall_ms = c->set->cfg.wall_ms();
	struct bearer_token found;
	struct jwt jwt;

	if (bearer_token_find(&found, why, &t->places, h, r->events.token.at,
			      r->events.token.len) < 0 ||
	    jwt_verify(&jwt, why, t->keys, &t->rules, found.at, found.len,
		       wall_ms) < 0)
		return -EINVAL;
	*ret = jwt.id;
	*end_ms = UINT64_MAX;
	if (!jwt.expires)
		return 0;
	/* One that is too old already lives off the leeway. */
	if (jwt.end_ms <= wall_ms)
		jwt.end_ms += t->rules.leeway_ms;
	*end_ms = jwt.end_ms;
	return 0;
}
