/* JetStream on a real server: the implementation of core/source.h.
 *
 * One worker thread makes every nats.c call; nats.c's own threads deliver. The
 * loop's thread never calls nats.c: two bounded mailboxes join the sides, one
 * uv_async is the bell. One natsConnection is one session: when it closes, for
 * whatever reason, the worker destroys it and connects a new one, for ever,
 * with back-off and jitter, over the servers given and those discovered. */
#ifndef SLUICE_NATS_SOURCE_H
#define SLUICE_NATS_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/source.h"

struct uv_loop_s;
struct nats_source;

/* Borrowed until nats_source_new() returns. NULL or 0: not given. */
struct nats_settings {
	const char *const *servers; /* URLs: nats://, tls://, host:port */
	size_t n_servers;
	const char *name; /* connection's name: "sluice" and the version */
	const char *user;
	const char *password; /* a user without a password is a token */
	const char *token;
	const char *creds;
	const char *nkey; /* path of a seed file */
	const char *user_jwt;
	const char *user_seed;
	const char *tlsca;
	const char *tlscert;
	const char *tlskey;
	bool tlsfirst;
	const char *inbox_prefix;
	const char *js_domain;
	const char *js_api_prefix;
	const char *stream;
	const char *filter; /* the template's: "events.*" */
};

enum nats_note_kind {
	NATS_NOTE_CONNECTED,	/* server: which one */
	NATS_NOTE_DISCONNECTED, /* text: why */
	NATS_NOTE_FAILED,	/* a connect failed; server, text */
	NATS_NOTE_ERROR,	/* an asynchronous -ERR; text */
	NATS_NOTE_LAME_DUCK,
};

struct nats_note {
	enum nats_note_kind kind;
	const char *server; /* without secrets */
	const char *text;
};

/* All on the loop's thread. */
struct nats_source_cbs {
	void (*on_event)(void *arg, const struct source_event *ev);
	/* The events of this turn are in (also called between slices of a long
	 * chain): flush. */
	void (*on_turn)(void *arg);
	void (*on_note)(void *arg, const struct nats_note *note);
	void (*on_closed)(void *arg); /* threads joined, memory may be freed */
	void *arg;
};

enum { NATS_SOURCE_ERROR_MAX = 512 };

/* Checks the settings (files are there and readable, schemes, what this
 * version of nats.c can't honour: -EINVAL with `err`), starts the worker. The
 * loop is borrowed and must outlive the source. */
int nats_source_new(struct nats_source **ret, struct uv_loop_s *loop,
		    const struct nats_settings *settings,
		    const struct nats_source_cbs *cbs, char *err);
struct source *nats_source_source(struct nats_source *s);
/* Asynchronous: ends in on_closed, after which nothing of it is left. No
 * callback but on_closed comes after this call. */
void nats_source_close(struct nats_source *s);

#endif
