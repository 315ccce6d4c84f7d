/* One client of the soak, which checks what comes: its own messages, each byte
 * of them, in order, once, and all of them but those that were deleted, or
 * purged and told in a gap.
 *
 * `floor` is the sequence up to which everything is accounted for: by messages
 * that came, by the id that the stream was opened with, or by a gap. A ping's
 * id is a claim, and is held to it by what comes behind. */
#ifndef SOAK_READER_H
#define SOAK_READER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "dice.h"
#include "ledger.h"
#include "sse_client.h"
#include "tally.h"

enum reader_state {
	READER_AWAY,
	READER_CONNECTING,
	READER_OPEN, /* the request is sent */
};

/* What all readers share. */
struct reader_room {
	struct ledger *ledger;
	struct address_counter *tally;
	struct dice *dice;
	int epoll;
	uint64_t now_ms;
	char tag[16]; /* of the stream, in every id */
};

struct reader {
	struct reader_room *room;
	unsigned number;
	unsigned subject;
	unsigned gate; /* where it is connected */
	int rcvbuf;
	bool http10;
	const char *deliver; /* when there is no cursor */

	enum reader_state state;
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
void reader_connect(struct reader *r, const struct sockaddr_in *to);
/* Ends the connection, with a FIN or a reset, and keeps the cursor. */
void reader_leave(struct reader *r, bool reset);
void reader_forget(struct reader *r); /* and the cursor, too */
/* Whether epoll tells of input: a reader that does not want it stands still. */
void reader_watch(struct reader *r, bool on);
/* What epoll has told. */
void reader_on_ready(struct reader *r);
/* Reads up to so many bytes; the connection may be over afterwards. */
void reader_read(struct reader *r, size_t max);

/* The counter of the oldest message that is to come to it; false when there is
 * none. */
bool reader_awaits(const struct reader *r, uint32_t *counter);
/* It has everything up to its subject's last message, or came behind that. */
bool reader_is_done(const struct reader *r);

#endif
