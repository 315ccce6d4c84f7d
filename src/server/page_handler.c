/* The live page of --ui. */
#include <stdlib.h>

#include "server/conn_internal.h"
#include "server/conn_respond.h"
#include "server/endpoints.h"
#include "server/joined_headers.h"

void page_handler(struct conn *c, const struct exchange *x)
{
	const char *etags;
	char *owned;
	struct buf out;
	int rc;

	if (joined_headers(x->request, "If-None-Match", &etags, &owned) < 0) {
		conn_close(c);
		return;
	}
	buf_init(&out, CONN_RESPONSE_MAX);
	rc = live_page_reply(c->set->cfg.live_page, &out, &x->to, etags);
	free(owned);
	conn_send_response(c, &out, rc, x->to.keep_alive);
}
