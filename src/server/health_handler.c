/* /livez, /readyz */
#include <stdio.h>

#include "server/conn_internal.h"
#include "server/conn_respond.h"
#include "server/conn_set.h"
#include "server/endpoints.h"

static const char text_plain[] = "text/plain; charset=utf-8";

void livez_handler(struct conn *c, const struct exchange *x)
{
	conn_respond(c, &x->to, 200, text_plain, "ok\n", 3);
}

void readyz_handler(struct conn *c, const struct exchange *x)
{
	const struct conn_set *s = c->set;
	const char *why;
	char text[160];
	int len;

	if (conn_set_is_ready(s, &why)) {
		conn_respond(c, &x->to, 200, text_plain, "ok\n", 3);
		return;
	}
	len = snprintf(text, sizeof(text), "not ready: %s\n", why);
	conn_respond(c, &x->to, 503, text_plain, text, (size_t)len);
}
