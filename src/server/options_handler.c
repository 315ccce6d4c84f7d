/* OPTIONS: the preflight of pages of other origins. It needs no identity, since
 * it carries neither headers nor cookies (Fetch, 4.8). */
#include <stdio.h>

#include "server/conn_internal.h"
#include "server/conn_respond.h"
#include "server/endpoints.h"

void options_handler(struct conn *c, const struct exchange *x)
{
	const struct conn_config *cfg = &c->set->cfg;
	char lines[CORS_LINES_MAX] = "", allow[80];
	const struct cors_preflight preflight = {
		.methods = x->allow,
		.headers = request_find(x->request,
					"Access-Control-Request-Headers", NULL),
	};
	struct response_to to = x->to;
	struct buf out;
	int rc;

	if (!c->admin)
		cors_lines(&cfg->cors, request_find(x->request, "Origin", NULL),
			   &preflight, lines);
	to.lines = lines;
	buf_init(&out, CONN_RESPONSE_MAX);
	snprintf(allow, sizeof(allow), "Allow: %s\r\n", x->allow);
	rc = response_short(&out, &to, 204, NULL, allow, NULL, 0);
	conn_send_response(c, &out, rc, to.keep_alive);
}
