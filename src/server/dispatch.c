#include "server/dispatch.h"

#include <stdlib.h>

#include "base/check.h"
#include "http/route.h"
#include "server/admin_host.h"
#include "server/conn_internal.h"
#include "server/conn_respond.h"
#include "server/endpoints.h"
#include "server/joined_headers.h"

/* The client behind proxies that --trusted-proxy names. */
static struct address identify_client(struct conn *c, const struct request *h)
{
	const struct conn_config *cfg = &c->set->cfg;

	if (c->admin || cfg->n_trusted == 0)
		return c->address;
	return forwarded_client(&c->set->proxies, h, &c->address, cfg->trusted,
				cfg->n_trusted);
}

/* Header lines of any response to this request, errors included: a page that
 * may not read an error would see nothing but "network error". NULL for none;
 * `out` has CORS_LINES_MAX bytes. */
static const char *format_cors_lines(const struct conn *c,
				     const struct request *h, char *out)
{
	const struct cors *cors = &c->set->cfg.cors;

	if (c->admin || cors->n == 0)
		return NULL;
	cors_lines(cors, request_find(h, "Origin", NULL), NULL, out);
	return out;
}

static void reject_admin_host(struct conn *c, const struct response_to *to)
{
	struct http_error why;

	http_error_set(
		&why, 421, REJECT_BAD_HOST,
		"the admin listener answers to an address, to localhost "
		"and to the names of --admin-host, and not to this Host");
	conn_reject(c, to, &why);
}

static const struct route routes[] = {
#define X(path, methods, flags, handler) {path, methods, flags},
	ENDPOINTS(X)
#undef X
};

static void (*const handlers[])(struct conn *c, const struct exchange *x) = {
#define X(path, methods, flags, handler) handler,
	ENDPOINTS(X)
#undef X
};

static void route_request(struct conn *c, struct exchange *x)
{
	const struct conn_config *cfg = &c->set->cfg;
	const struct route_request req = {
		.method = x->request->method,
		.target = x->request->target,
		.admin = c->admin,
		.page = cfg->live_page != NULL,
		.cors = x->to.lines != NULL,
		.writing = cfg->writing.is_on,
		.kv = cfg->kv_is_on,
	};
	struct route_match match;
	struct http_error why;
	int rc = route_find(&match, &why, routes, ARRAY_LEN(routes), &req);

	x->to.problems = match.problems;
	if (rc < 0) {
		conn_reject(c, &x->to, &why);
		return;
	}
	x->query = match.query;
	x->number = match.number;
	x->subject = match.subject;
	x->bucket = match.bucket;
	x->key = match.key;
	x->allow = match.allow;
	(match.options ? options_handler : handlers[match.row])(c, x);
}

static bool is_rebound(const struct conn *c, const struct request *h)
{
	const struct conn_config *cfg = &c->set->cfg;

	return c->admin &&
	       !admin_host_is_allowed(h, cfg->admin_hosts, cfg->n_admin_hosts);
}

void dispatch_request(struct conn *c, const struct request *h)
{
	struct exchange x = {
		.request = h,
		.to = {.minor = h->minor,
		       .is_head = h->is_head,
		       /* Until its body was read: see conn_work. */
		       .keep_alive = h->keep_alive && !c->set->draining &&
				     h->framing == FRAMING_NONE,
		       .date = conn_date(c->set)},
	};
	struct address peer = c->address;
	char lines[CORS_LINES_MAX];
	char *owned;

	x.to.lines = format_cors_lines(c, h, lines);
	if (joined_headers(h, "Accept", &x.accept, &owned) < 0) {
		conn_close(c);
		return;
	}
	x.by_proxy = !c->admin && address_in(&peer, c->set->cfg.trusted,
					     c->set->cfg.n_trusted);
	c->address = identify_client(c, h);
	if (is_rebound(c, h))
		reject_admin_host(c, &x.to);
	else
		route_request(c, &x);
	free(owned);
	/* The next request may be another client's. A subscription keeps its
	 * client's address for the log, also when its first write failed. */
	if (c->state != CONN_SUBSCRIPTION && c->state != CONN_FAILED)
		c->address = peer;
}
