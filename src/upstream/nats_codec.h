/* The messages of the two mailboxes between the loop and the threads of NATS:
 * flat structs with bytes after them. Both ends are encoded and decoded here,
 * and so are the server's bytes; nats.c is not called. */
#ifndef SLUICE_NATS_CODEC_H
#define SLUICE_NATS_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "loop/mailbox.h"
#include "nats/jetstream.h"
#include "nats/readable.h"
#include "nats/subject.h"
#include "upstream/nats_inbox.h"
#include "upstream/nats_status.h"

/* ---- commands: loop -> worker -------------------------------------------- */

enum nats_command_kind {
	NATS_COMMAND_INFO,
	NATS_COMMAND_GET_NEXT,
	NATS_COMMAND_GET,
	NATS_COMMAND_GET_LAST,
	NATS_COMMAND_CREATE,
	NATS_COMMAND_PULL,
	NATS_COMMAND_DELETE_CONSUMER,
};

/* The body of a message of this kind, cut after the subject's NUL. */
struct nats_command {
	uint64_t session; /* dropped in any other session */
	struct request_id request;
	uint64_t seq;
	uint64_t inactive_ms;
	bool last_per_subject; /* CREATE */
	struct jetstream_pull pull;
	bool has_subject;
	char subject[SUBJECT_MAX];
};

/* ---- events: NATS's threads -> loop -------------------------------------- */

/* A message as it came. Texts are NULL where there is none. */
struct nats_arrival {
	const char *subject;
	const char *reply;
	const char *data;
	size_t len;
	const char *status; /* the header "Status" of a message without data */
	const char *description;
	const char *pending_msgs;
	const char *last_consumer;
	const char *last_stream;
	struct span headers;	  /* of a stored message; may be empty */
	const char *event_header; /* see jetstream_message_set_headers() */
};

/* Decodes a message and posts its event; may wait for room. A message of
 * another session is dropped. `readable` is for STREAM.INFO. */
void nats_codec_arrival(struct mailbox *to, const struct nats_inbox *inbox,
			const struct readable *readable,
			const struct nats_arrival *in);
/* Posts JETSTREAM_UP or JETSTREAM_DOWN; may wait for room. A negative errno (no
 * memory, or the mailbox is closed): the loop ignores a session without
 * JETSTREAM_UP. */
int nats_codec_session(struct mailbox *to, enum jetstream_event_kind kind,
		       uint64_t session);
/* Posts a status; waits for room with MAILBOX_WAIT only. */
void nats_codec_status(struct mailbox *to, enum nats_status_kind kind,
		       const char *server, const char *text,
		       enum mailbox_full full);

struct nats_codec_message {
	bool is_status;
	uint64_t session; /* of an event */
	union {
		struct jetstream_event event;
		struct nats_status status;
	};
};

/* `ret` points into the message `m`. */
void nats_codec_read(struct nats_codec_message *ret,
		     const struct mailbox_message *m);

#endif
