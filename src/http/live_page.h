/* The live page of --ui: one HTML document that needs no other, made once when
 * the gateway starts.
 *
 * Script and style are the same in every gateway, or the policy's hashes would
 * not hold. What a page must know of its gateway stands in attributes of its
 * first element, as text. */
#ifndef SLUICE_LIVE_PAGE_H
#define SLUICE_LIVE_PAGE_H

#include "base/buf.h"
#include "http/response.h"

struct live_page_config {
	const char *stream;
	const char *subject; /* the template */
	const char *id_header;
	const char *auth; /* "header", or "jwt": a token says who asks */
	uint64_t ping_ms; /* 0: no pings */
	uint64_t retry_ms;
};

enum { LIVE_PAGE_ETAG_MAX = 20 };

struct live_page {
	struct buf page;
	char etag[LIVE_PAGE_ETAG_MAX]; /* with its quotes */
};

/* -ENOMEM, -ENOBUFS or 0. */
int live_page_init(struct live_page *ui, const struct live_page_config *cfg);
void live_page_finish(struct live_page *ui);

/* The page, or 304 when If-None-Match (NULL: there is none) names it (RFC 9110,
 * 13.1.2). As in http_reply.h: whole, or -ENOBUFS or -ENOMEM. */
int live_page_reply(const struct live_page *ui, struct buf *out,
		    const struct response_to *to, const char *if_none_match);

#endif
