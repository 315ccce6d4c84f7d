/* The keys of --auth jwt. Of a file: read at the start, on request, and when it
 * has changed, which a thread checks once a second (jwks_file.h). Of an
 * https:// URL: fetched by a thread (jwks_fetch.h) when key_schedule.h says so.
 * While the source is broken or away, the previous keys stay in use. */
#ifndef SLUICE_GATEWAY_KEYS_H
#define SLUICE_GATEWAY_KEYS_H

#include <stdint.h>

#include <uv.h>

#include "base/log.h"
#include "base/metrics.h"
#include "config/options.h"
#include "gateway/jwks_fetch.h"
#include "gateway/jwks_file.h"
#include "gateway/key_schedule.h"
#include "loop/handles.h"
#include "server/conn_config.h"

enum { KEYS_SOURCE_MAX = 512 };

/* Options, log and metrics are borrowed. */
struct gateway_keys {
	const struct options *options;
	const struct log *log;
	struct metrics *metrics;
	/* A fetch has ended: requests that wait for keys can be served. */
	void (*on_fetched)(void *arg);
	void (*on_closed)(void *arg);
	void *arg;
	/* From here on set by gateway_keys_open(). */
	struct conn_tokens tokens; /* with the keys in use */
	struct uv_loop_s *loop;
	struct handles handles;
	uv_async_t wakeup;	      /* of the thread */
	char source[KEYS_SOURCE_MAX]; /* for the log: without secrets */
	/* Of a file. */
	struct jwks_file file;
	char logged_error[JWKS_FILE_ERROR_MAX]; /* "": none since a read */
	uint64_t next_check_ms;			/* UINT64_MAX: never */
	/* Of a URL. */
	struct jwks_fetch *fetch; /* NULL: none */
	struct jwks *fetched;	  /* NULL: not yet */
	struct key_schedule schedule;
	uint64_t next_log_ms; /* of a failure */
	bool failing;
	bool closed;
};

/* With --auth jwt only. 0, or a negative errno with `err` (may stay empty). */
int gateway_keys_open(struct gateway_keys *k, struct uv_loop_s *loop,
		      char *err);
/* Its on_closed is still to come. */
bool gateway_keys_is_open(const struct gateway_keys *k);
/* Reads the file or fetches the URL in the background, if there is one. */
void gateway_keys_reload(struct gateway_keys *k);
/* Begins in the background what is due. */
void gateway_keys_tick(struct gateway_keys *k, uint64_t now_ms);
/* When gateway_keys_tick() next has work (UINT64_MAX: never). */
uint64_t gateway_keys_next_ms(const struct gateway_keys *k);
/* Asynchronous; ends in on_closed if it is open. No token may be verified any
 * more. */
void gateway_keys_close(struct gateway_keys *k);

#endif
