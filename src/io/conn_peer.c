/* Whose a connection is. At first the socket's peer; with --proxy-protocol whom
 * the preface names, for which the first bytes are; and while a request is
 * served, and of a stream as long as it lives, whom the headers name that
 * --trusted-proxy lets us believe. */
#include "conn_inside.h"

#include <errno.h>
#include <stdlib.h>

#include "../core/forwarded.h"

int conn_meet(struct conn *c, bool admin)
{
	if (admin || !c->set->cfg.proxy_protocol)
		return 0;
	c->preface = calloc(1, sizeof(*c->preface));
	return c->preface == NULL ? -ENOMEM : 0;
}

/* Nothing is answered: it may be no HTTP that is spoken here. */
static void reject(struct conn *c)
{
	struct conn_set *s = c->set;

	s->cfg.metrics->refused[REFUSAL_BAD_PREFACE]++;
	LOGGING(s->cfg.log, LOGGING_DEBUG, "refused",
		LOG_STR("reason", refusal_label(REFUSAL_BAD_PREFACE)));
	conn_drop(c);
}

void conn_take_preface(struct conn *c, const uint8_t **bytes, size_t *len)
{
	enum proxy_verdict verdict;
	size_t used;

	verdict = proxy_preface_feed(c->preface, *bytes, *len, &used);
	*bytes += used;
	*len -= used;
	if (verdict == PROXY_MORE)
		return;
	if (verdict == PROXY_REJECT) {
		reject(c);
		return;
	}
	if (c->preface->has_address)
		c->address = c->preface->address;
	free(c->preface);
	c->preface = NULL;
}

struct address conn_identify_client(const struct conn *c,
				    const struct http_head *h)
{
	const struct conn_config *cfg = &c->set->cfg;

	if (c->admin || cfg->n_trusted == 0)
		return c->address;
	return forwarded_client(h, &c->address, cfg->trusted, cfg->n_trusted);
}

void conn_address(const struct conn *c, char *out)
{
	address_text(&c->address, out);
}
