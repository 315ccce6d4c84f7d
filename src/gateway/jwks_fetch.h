/* The keys of an https:// URL, fetched by a thread of its own: libcurl resolves
 * names and reads the certificate authorities in calls that block. All
 * functions are for the loop's thread.
 *
 * Only HTTPS, with the server's certificate verified; at most JWKS_FETCH_HOPS
 * redirects, to https:// only; no proxy, no cookies, no .netrc. The response
 * has status 200 and at most JWKS_FETCH_BYTES. */
#ifndef SLUICE_JWKS_FETCH_H
#define SLUICE_JWKS_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "auth/jwks.h"

enum {
	JWKS_FETCH_ERROR_MAX = 256,
	JWKS_FETCH_BYTES = 1024 * 1024,
	JWKS_FETCH_HEADER_BYTES = 64 * 1024,
	JWKS_FETCH_HOPS = 3,
	JWKS_FETCH_CONNECT_MS = 5000, /* with the TLS handshake */
	JWKS_FETCH_MS = 10000,	      /* in all */
};

struct jwks_fetch_config {
	const char *url;	 /* copied */
	const char *authorities; /* path, copied; NULL: the system's */
	/* Borrowed until jwks_fetch_free(); sent when a fetch or the thread has
	 * ended. */
	uv_async_t *wakeup;
};

struct jwks_fetched {
	/* Of the response; for the caller to free. NULL: failed. */
	struct jwks *keys;
	bool unchanged;	     /* the bytes of the last good response */
	uint64_t lifetime_s; /* cache_control_lifetime_s(), less its Age */
	char err[JWKS_FETCH_ERROR_MAX]; /* without userinfo and query */
};

struct jwks_fetch;

/* Starts the thread. Negative errno. */
int jwks_fetch_new(struct jwks_fetch **ret,
		   const struct jwks_fetch_config *cfg);
/* Begins a fetch. The previous one must have ended. */
void jwks_fetch_begin(struct jwks_fetch *f);
/* True when a fetch has ended since the last call. */
bool jwks_fetch_take(struct jwks_fetch *f, struct jwks_fetched *ret);
/* Aborts the fetch, ends the thread. Twice is a no-op. */
void jwks_fetch_stop(struct jwks_fetch *f);
/* After jwks_fetch_stop(): true when jwks_fetch_free() does not block. */
bool jwks_fetch_has_ended(struct jwks_fetch *f);
/* After jwks_fetch_stop(): joins the thread. NULL: nothing happens. */
void jwks_fetch_free(struct jwks_fetch *f);

#endif
