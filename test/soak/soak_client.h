/* One client of the soak, which checks what comes: its own messages, each byte
 * of them, in order, once, and all of them but those that were deleted, or
 * purged and told in a gap.
 *
 * `floor` is the sequence up to which everything is accounted for: by messages
 * that came, by the id that the stream was opened with, or by a gap. A ping's
 * id is a claim, and is held to it by what comes behind. */
#ifndef SOAK_SOAK_CLIENT_H
#define SOAK_SOAK_CLIENT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "seeded_random.h"
#include "expected_messages.h"
#include "sse_client.h"
#include "soak_report.h"

enum soak_client_state {
	SOAK_CLIENT_AWAY,
	SOAK_CLIENT_CONNECTING,
	SOAK_CLIENT_OPEN, /* the request is sent */
};

/* What all readers share. */
struct soak_context {
	struct expected_messages *expected;
	struct soak_report *report;
	struct seeded_random *random;
	int epoll;
	uint64_t now_ms;
	char tag[16]; /* of the stream, in every id */
};

struct soak_client {
	struct soak_context *context;
	unsigned number;
	unsigned subject;
	unsigned gateway; /* where it is connected */
	int rcvbuf;
	bool http10;
	const char *deliver; /* when there is no cursor */

	enum soak_client_state state;
	bool watched;	   /* epoll tells of input */
	uint64_t heard_ms; /* the last byte, or the request */
	struct sse_client http;

	char cursor[48]; /* a browser's last event id; or empty */
	uint64_t cursor_seq;
	bool opened; /* this connection's first id has come */
	uint64_t floor;
	bool has_last;
	uint32_t last; /* counter of the newest message */
	uint64_t n_connects;
};

/* Begins to connect; stays away when it can't. */
void soak_client_connect(struct soak_client *r, const struct sockaddr_in *to);
/* Ends the connection, with a FIN or a reset, and keeps the cursor. */
void soak_client_leave(struct soak_client *r, bool reset);
void soak_client_forget(struct soak_client *r); /* and the cursor, too */
/* Whether epoll tells of input: a reader that does not want it stands still. */
void soak_client_watch(struct soak_client *r, bool on);
/* What epoll has told. */
void soak_client_on_ready(struct soak_client *r);
/* Reads up to so many bytes; the connection may be over afterwards. */
void soak_client_read(struct soak_client *r, size_t max);

/* The counter of the oldest message that is to come to it; false when there is
 * none. */
bool soak_client_awaits(const struct soak_client *r, uint32_t *counter);
/* It has everything up to its subject's last message, or came behind that. */
bool soak_client_is_done(const struct soak_client *r);

#endif
