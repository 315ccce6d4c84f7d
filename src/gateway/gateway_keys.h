/* The keys of --auth jwt: read at the start, on request, and when the file has
 * changed, which a thread checks once a second (jwks_file.h). When the file is
 * broken, half written or gone, the previous keys stay in use. */
#ifndef SLUICE_GATEWAY_KEYS_H
#define SLUICE_GATEWAY_KEYS_H

#include <stdint.h>

#include <uv.h>

#include "base/log.h"
#include "base/metrics.h"
#include "config/options.h"
#include "gateway/jwks_file.h"
#include "loop/handles.h"
#include "server/conn_config.h"

/* Options, log and metrics are borrowed. */
struct gateway_keys {
	const struct options *options;
	const struct log *log;
	struct metrics *metrics;
	void (*on_closed)(void *arg);
	void *arg;
	/* From here on set by gateway_keys_open(). */
	struct conn_tokens tokens; /* with the keys in use */
	struct jwks_file file;
	struct handles handles;
	uv_async_t wakeup;			/* of the file's thread */
	char logged_error[JWKS_FILE_ERROR_MAX]; /* "": none since a read */
	uint64_t next_check_ms;			/* UINT64_MAX: never */
};

/* With --auth jwt only. 0, or a negative errno with `err` (may stay empty). */
int gateway_keys_open(struct gateway_keys *k, struct uv_loop_s *loop,
		      char *err);
/* Its on_closed is still to come. */
bool gateway_keys_is_open(const struct gateway_keys *k);
/* Reads the file in the background, if there is one. */
void gateway_keys_reload(struct gateway_keys *k);
/* Has the file checked in the background, if that is due. */
void gateway_keys_tick(struct gateway_keys *k, uint64_t now_ms);
/* When gateway_keys_tick() next has work (UINT64_MAX: never). */
uint64_t gateway_keys_next_ms(const struct gateway_keys *k);
/* Asynchronous; ends in on_closed if it is open. No token may be verified any
 * more. */
void gateway_keys_close(struct gateway_keys *k);

#endif
