/* Plays one conversation in one way of cutting, and holds it against its
 * reference: the same played whole. */
#ifndef WIRE_PLAY_H
#define WIRE_PLAY_H

#include <stdbool.h>
#include <stddef.h>

#include "bytes.h"
#include "client.h"
#include "script.h"
#include "server.h"

enum play_way {
	PLAY_WHOLE,
	PLAY_CUT,   /* one write is two, with the loop run between them */
	PLAY_BYTES, /* each byte is a write */
	PLAY_SLOW,  /* the client reads byte by byte, of a small socket */
	PLAY_TCP,   /* through the listener */
};

enum {
	PLAY_CLIENTS = 8,
	PLAY_EACH = 4096,   /* so many bytes are cut one by one, ... */
	PLAY_STRIDE = 4093, /* ... and more of them at so many */
};

/* What each client had after each step. */
struct play_trace {
	struct play_mark {
		size_t len;
		enum client_end end;
	} (*marks)[PLAY_CLIENTS];
	struct bytes in[PLAY_CLIENTS];
};

struct play {
	const struct script *script;
	enum play_way way;
	size_t cut_at; /* PLAY_CUT: behind so many bytes of all that is sent */
	size_t n_sent;
	size_t step;
	struct server *server;
	struct client clients[PLAY_CLIENTS];
	size_t n_clients;
	struct client *client; /* that the next steps are of */
	bool hurried;	       /* the next step comes before the loop's turn */
	struct play_trace *reference;
	struct bytes *why;
};

/* Plays all of it. False with `why` added. PLAY_WHOLE checks the expectations
 * and fills in `reference`; the other ways are checked against it. */
bool play_script(const struct script *script, enum play_way way, size_t cut_at,
		 struct play_trace *reference, struct bytes *why);
void play_trace_finish(struct play_trace *t);

/* For the steps (act.c). */

/* Turns the loop until nothing moves any more. */
bool play_settle(struct play *p);
/* Starts the server, if it is not. */
void play_start(struct play *p);
/* Makes the one of that name the speaker; connects it if it is new. */
bool play_use(struct play *p, const char *name, bool admin);
/* The clock moves on by `ms`, from one timer to the next. */
bool play_pass(struct play *p, uint64_t ms);
/* Adds to `why`; returns false. */
bool play_fail(struct play *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* What the line behind "=" says. */
bool act_line(struct play *p, const char *line);

#endif
