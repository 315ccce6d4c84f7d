/* The live page of --ui: one self-contained HTML document, built when the
 * gateway starts. Script and style are the same in every gateway, as the hashes
 * of the policy require; what differs is in attributes of the first element. */
#ifndef SLUICE_LIVE_PAGE_H
#define SLUICE_LIVE_PAGE_H

#include "base/buf.h"
#include "http/response.h"

struct live_page_config {
	const char *stream;
	char *const *subjects; /* the templates */
	size_t n_subjects;
	const char *id_header;
	const char *auth; /* "header", "jwt" or "none" */
	uint64_t ping_ms; /* 0: none */
	uint64_t retry_ms;
	bool writing; /* some identity may publish: the page has a box for it */
};

enum { LIVE_PAGE_ETAG_MAX = 20 };

struct live_page {
	struct buf page;
	char etag[LIVE_PAGE_ETAG_MAX]; /* with its quotes */
};

/* -ENOMEM, -ENOBUFS or 0. */
int live_page_init(struct live_page *ui, const struct live_page_config *cfg);
void live_page_finish(struct live_page *ui);

/* Puts the page, or 304 when If-None-Match (NULL: none) names it (RFC 9110,
 * section 13.1.2): whole, or -ENOBUFS or -ENOMEM. */
int live_page_reply(const struct live_page *ui, struct buf *out,
		    const struct response_to *to, const char *if_none_match);

#endif
