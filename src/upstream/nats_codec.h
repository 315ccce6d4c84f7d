/* What goes through the two mailboxes between the loop and the threads of
 * NATS: flat structs with bytes behind them. Both ends are here, and the bytes
 * of the server are read here; nothing of nats.c is. */
#ifndef SLUICE_NATS_CODEC_H
#define SLUICE_NATS_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop/mailbox.h"
#include "nats/jetstream.h"
#include "nats/subject.h"
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

/* The body of a letter with its kind, cut behind the subject's NUL. */
struct nats_command {
	uint64_t session; /* for which it is; void in any other */
	struct request_id request;
	uint64_t seq;
	uint64_t inactive_ms;
	struct jetstream_pull pull;
	bool has_subject;
	char subject[SUBJECT_MAX];
};

/* ---- events: NATS's threads -> loop -------------------------------------- */

/* A session's replies come to `inbox`.<kind>.<slot>.<gen>[.<pull>]; messages
 * keep their subject, and are known by the consumer in their own reply subject,
 * whose name is `consumer`_<slot>_<gen>. */
struct nats_address {
	uint64_t session;
	char inbox[SUBJECT_MAX];
	size_t inbox_len;
	char consumer[64];
	size_t consumer_len;
};

enum { NATS_ADDRESS_MAX = SUBJECT_MAX + 64, NATS_CONSUMER_MAX = 96 };

/* A new random one; `prefix` of at most 255 bytes. */
void nats_address_init(struct nats_address *a, uint64_t session,
		       const char *prefix);
/* The subject to subscribe to, and one that an answer comes to. `out` has
 * NATS_ADDRESS_MAX bytes. `number` counts for pulls only. */
void nats_address_wildcard(const struct nats_address *a, char *out);
void nats_address_reply(const struct nats_address *a,
			enum nats_command_kind kind, struct request_id request,
			uint32_t number, char *out);
/* `out` has NATS_CONSUMER_MAX bytes. */
void nats_address_consumer(const struct nats_address *a,
			   struct request_id request, char *out);

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
	bool internal; /* of a stored message: see struct jetstream_message */
};

/* Reads it and posts what it means; may wait for room. What is not for this
 * session is dropped. `filter`: the template's. */
void nats_codec_arrival(struct mailbox *to, const struct nats_address *a,
			const char *filter, const struct nats_arrival *in);
/* JETSTREAM_UP, JETSTREAM_DOWN; may wait. -ENOMEM, or negative when the mailbox
 * is closed: of a session whose JETSTREAM_UP is lost nothing is heard. */
int nats_codec_session(struct mailbox *to, enum jetstream_event_kind kind,
		       uint64_t session);
/* May wait with MAILBOX_WAIT. */
void nats_codec_note(struct mailbox *to, enum nats_status_kind kind,
		     const char *server, const char *text,
		     enum mailbox_full full);

struct nats_codec_message {
	bool is_note;
	uint64_t session; /* of an event */
	union {
		struct jetstream_event event;
		struct nats_status status;
	};
};

/* Points into the letter. */
void nats_codec_read(struct nats_codec_message *ret,
		     const struct mailbox_message *l);

#endif
