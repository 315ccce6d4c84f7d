/* What the files of a gateway share: gateway.c (the start, its parts, the end),
 * gateway_nats.c (the NATS source) and gateway_turn.c (what a turn of the loop
 * does, and the drain). Nobody else includes it. */
#ifndef SLUICE_GATEWAY_INTERNAL_H
#define SLUICE_GATEWAY_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "base/log.h"
#include "base/metrics.h"
#include "delivery/hub.h"
#include "gateway/gateway.h"
#include "gateway/jwks_file.h"
#include "gateway/log_file.h"
#include "gateway/process_stats.h"
#include "loop/handles.h"
#include "server/conn.h"
#include "server/listener.h"
#include "upstream/nats_source.h"

enum gateway_phase {
	PHASE_OPEN,
	PHASE_DELAY,  /* unready, listening */
	PHASE_ENDING, /* streams end one after the other */
	PHASE_LAST,   /* what lingers */
	PHASE_STOPPING,
};

struct gateway_listener {
	struct sluice *gw;
	struct listener *listener; /* NULL: closed, or not yet open */
	bool admin;
	bool any_port; /* 0 was asked for */
};

struct sluice {
	struct uv_loop_s *loop;
	struct options options;
	struct log log;		      /* to standard error */
	struct log access;	      /* there too, or to a file */
	struct log_file *errors;      /* standard error */
	struct log_file *access_file; /* NULL: none of its own */
	struct metrics metrics;
	struct process_stats process;
	struct nats_source *source;
	struct hub *hub;
	struct live_page ui; /* empty without --ui */
	struct conn_set *conns;
	struct jwks_file key_file;	      /* --auth jwt */
	uv_async_t keys_bell;		      /* of its thread */
	char keys_error[JWKS_FILE_ERROR_MAX]; /* that has been logged */
	struct conn_tokens tokens;	      /* the same; with its keys */
	uint64_t keys_due_ms;		      /* then the file is looked at */
	struct address_range *trusted;	      /* of options.trusted_proxy */
	struct gateway_listener *listeners;
	size_t n_listeners;
	size_t n_public; /* of them, the first ones */
	size_t max_connections;
	size_t open_parts; /* that must close before all is freed */

	struct handles handles;
	uv_check_t poll_returned;
	uint64_t poll_returned_ms; /* when the loop last came back from the
				      kernel */
	uv_prepare_t loop_iteration;
	uv_idle_t keep_spinning;
	uv_timer_t timer;
	uint64_t timer_ms; /* when it rings; UINT64_MAX: never */

	enum gateway_phase phase;
	uint64_t phase_ms; /* begin of the phase */
	size_t to_end;	   /* streams, at the begin of PHASE_ENDING */
	size_t ended;
	bool away; /* the failure to reach NATS has been logged */
	sluice_done_cb done;
	void *done_arg;
};

/* gateway.c */

/* All else is closed: frees the gateway. */
void gateway_on_logs_closed(struct sluice *gw);
void gateway_close_listeners(struct sluice *gw);
/* One of the parts, `arg` is the gateway. */
void gateway_part_closed(void *arg);
/* Closes all parts; the last of them frees the gateway, later in the loop. */
void gateway_stop(struct sluice *gw);

/* gateway_logs.c */

/* A negative errno: there is no thread for it. */
int gateway_open_log(struct sluice *gw);
/* The last part: when the lines are out, gateway_on_logs_closed(). */
void gateway_close_logs(struct sluice *gw);
/* Negative errno and a text. */
int gateway_open_access_log(struct sluice *gw, char *err);
/* Its own, or the log; NULL: off. */
const struct log *gateway_access_log(const struct sluice *gw);
void gateway_log_settings(const struct sluice *gw);

/* gateway_nats.c: a part more. Negative errno and a text. */
int gateway_open_source(struct sluice *gw, char *err);

/* gateway_keys.c */

/* Negative errno and a text. */
int gateway_open_keys(struct sluice *gw, char *err);
/* Anew, if there are any; in the background. */
void gateway_read_keys(struct sluice *gw);
/* ... if the file is another one, and it is time to look at it. */
void gateway_look_at_keys(struct sluice *gw, uint64_t now_ms);
/* After the connections are closed: no token is verified any more. */
void gateway_close_keys(struct sluice *gw);

/* gateway_turn.c */
void gateway_on_woken(uv_check_t *poll_returned);
void gateway_on_turn(uv_prepare_t *loop_iteration);
/* Writes to those who have something coming. */
void gateway_flush(struct sluice *gw, uint64_t now_ms);

#endif
