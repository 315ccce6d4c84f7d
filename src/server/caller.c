#include "server/caller.h"

#include <errno.h>
#include <string.h>

#include "auth/publish_rights.h"
#include "http/accept.h"
#include "http/same_origin.h"
#include "server/conn_internal.h"
#include "server/conn_respond.h"

/* ---- rejections ---------------------------------------------------------- */

bool caller_is_event_source(const struct exchange *x)
{
	return x->to.type == NULL &&
	       (x->to.is_head || strcmp(x->request->method, "GET") == 0) &&
	       accept_names(x->accept, "text", "event-stream");
}

void caller_reject_until_later(struct conn *c, const struct exchange *x,
			       const struct http_error *why)
{
	if (caller_is_event_source(x))
		conn_reject_for_now(c, &x->to, why);
	else
		conn_reject(c, &x->to, why);
}

void caller_reject_draining(struct conn *c, const struct exchange *x)
{
	struct http_error why;

	http_error_set(&why, 503, REJECT_DRAINING,
		       "the gateway is shutting down, try again");
	caller_reject_until_later(c, x, &why);
}

void caller_reject_for_memory(struct conn *c, const struct exchange *x)
{
	struct http_error why;

	http_error_set(&why, 503, REJECT_MAX_CONNECTIONS,
		       "out of memory, try again later");
	conn_reject(c, &x->to, &why);
}

/* ---- waiting for keys ---------------------------------------------------- */

static bool may_wait_for_keys(const struct conn *c)
{
	const struct conn_tokens *t = c->set->cfg.tokens;

	return t->want_keys != NULL && !c->waited &&
	       t->want_keys(t->arg, c->state == CONN_WAITING);
}

/* The heads of WAITING requests leave room for those of others. */
static bool has_room_to_wait(const struct conn *c)
{
	return c->state == CONN_WAITING ||
	       c->set->head_bytes <= CONN_HEADS_BYTES / 2;
}

/* The token needs newer keys. 503 where it may be good: the client retries. */
static void wait_or_reject(struct conn *c, const struct exchange *x,
			   struct http_error *why)
{
	if (c->set->draining) {
		caller_reject_draining(c, x);
		return;
	}
	if (may_wait_for_keys(c)) {
		if (has_room_to_wait(c)) {
			if (c->state != CONN_WAITING)
				conn_move(c, CONN_WAITING);
			return;
		}
		http_error_set(why, 503, REJECT_NO_KEYS,
			       "too many requests wait for keys, try again "
			       "later");
	}
	if (why->status == 503)
		caller_reject_until_later(c, x, why);
	else
		conn_reject(c, &x->to, why);
}

/* ---- pages of other sites ------------------------------------------------ */

static bool is_safe_method(const struct exchange *x)
{
	return x->to.is_head || strcmp(x->request->method, "GET") == 0 ||
	       strcmp(x->request->method, "OPTIONS") == 0;
}

static bool is_from_own_page(const struct conn_config *cfg,
			     const struct exchange *x)
{
	const char *origin = request_find(x->request, "Origin", NULL);
	const struct own_origin own = own_origin_of(x->request, x->by_proxy);

	return origin != NULL && (same_origin(&own, span_of(origin)) ||
				  cors_allows(&cfg->cors, origin));
}

/* A browser sends the cookie with requests of any site's page, and names the
 * page's origin. Only a page that may set headers can send a token in another
 * way. */
static int check_origin(const struct conn_config *cfg, const struct exchange *x,
			const struct authentication *caller,
			struct http_error *why)
{
	if (!caller->by_cookie || is_safe_method(x) || is_from_own_page(cfg, x))
		return 0;
	return http_error_set(
		why, 403, REJECT_CROSS_SITE,
		"a request with a token in a cookie needs an Origin that is "
		"the gateway's own or in --cors-origin");
}

const char *caller_token_parameter(const struct conn_config *cfg)
{
	return cfg->tokens == NULL ? NULL : cfg->tokens->sources.query;
}

/* ---- identity ------------------------------------------------------------ */

bool caller_identify(struct conn *c, const struct exchange *x,
		     const struct query_credentials *q,
		     struct authentication *ret)
{
	struct http_error why;
	int rc = authenticate(&c->set->cfg, x->request, q, ret, &why);

	if (rc == 0) {
		rc = check_origin(&c->set->cfg, x, ret, &why);
		if (rc == 0)
			return true;
		authentication_finish(ret);
	}
	if (rc == -ENOMEM)
		caller_reject_for_memory(c, x);
	else if (rc == -ENOKEY)
		wait_or_reject(c, x, &why);
	else
		conn_reject(c, &x->to, &why);
	return false;
}

int caller_publish_rights(struct publish_rights **ret,
			  const struct conn_writing *cfg,
			  const struct authentication *caller,
			  struct http_error *why)
{
	struct publish_rights_source source = cfg->rights;

	source.id = (struct span){caller->id.id, caller->id.len};
	if (caller->rights != NULL)
		source.claim = span_of(caller->rights);
	return publish_rights_new(ret, why, &source);
}
