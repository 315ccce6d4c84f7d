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
#include "config/options.h"

struct ui_config {
	const char *stream;
	const char *subject; /* the template */
	const char *id_header;
	const char *auth; /* "header", or "jwt": a token says who asks */
	uint64_t ping_ms; /* 0: no pings */
	uint64_t retry_ms;
};

/* What the options say; borrowed from them. */
struct ui_config ui_config_of(const struct options *o);

enum { UI_ETAG_MAX = 20 };

struct ui {
	struct buf page;
	char etag[UI_ETAG_MAX]; /* with its quotes */
};

/* -ENOMEM, -ENOBUFS or 0. */
int ui_init(struct ui *ui, const struct ui_config *cfg);
void ui_finish(struct ui *ui);

/* The page, or 304 when If-None-Match (NULL: there is none) names it (RFC 9110,
 * 13.1.2). As in http_reply.h: whole, or -ENOBUFS or -ENOMEM. */
int ui_reply(const struct ui *ui, struct buf *out,
	     const struct http_reply_to *to, const char *if_none_match);

#endif
