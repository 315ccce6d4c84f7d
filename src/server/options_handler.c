/* Pages of other origins. What an answer says of them is known before the
 * request is looked at any closer, so that refusals say it, too: a page that
 * may not read them would see nothing but "network error". */
#include "server/conn_internal.h"

#include <stdio.h>

static void put_cors_lines(const struct conn *c, const struct request *h,
			   bool preflight, char *out)
{
	cors_lines(&c->set->cfg.cors, request_find(h, "Origin", NULL),
		   preflight, out);
}

const char *conn_cors_lines(const struct conn *c, const struct request *h,
			    char *out)
{
	if (c->admin || c->set->cfg.cors.n == 0)
		return NULL;
	put_cors_lines(c, h, false, out);
	return out;
}

/* Nobody is asked who he is: a preflight carries neither headers nor cookies
 * (Fetch, 4.8). */
void conn_answer_options(struct conn *c, const struct response_to *to,
			 const struct request *h)
{
	char lines[CORS_LINES_MAX];
	struct response_to instead = *to;
	struct buf out;
	int rc;

	lines[0] = '\0';
	if (!c->admin)
		put_cors_lines(c, h, true, lines);
	instead.lines = lines;
	buf_init(&out, CONN_ANSWER_MAX);
	rc = response_short(&out, &instead, 204, NULL,
			    "Allow: GET, HEAD, OPTIONS\r\n", NULL, 0);
	conn_finish(c, &out, rc, to->keep_alive);
}
