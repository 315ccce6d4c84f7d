/* The subjects and names of one session, by which answers and messages find
 * the request that they belong to. An answer comes to
 * `subject`.<kind>.<owner>.<generation>.<number>; a consumer's messages keep
 * their own subject, and their reply subject holds the consumer's name,
 * `consumer`_<owner>_<generation>. Pure. */
#ifndef SLUICE_NATS_INBOX_H
#define SLUICE_NATS_INBOX_H

#include <stddef.h>
#include <stdint.h>

#include "nats/jetstream.h"
#include "nats/subject.h"

enum {
	NATS_INBOX_SUBJECT_MAX = SUBJECT_MAX + 64,
	NATS_INBOX_CONSUMER_MAX = 96
};

struct nats_inbox {
	uint64_t session; /* its number */
	char subject[SUBJECT_MAX];
	size_t subject_len;
	char consumer[64];
	size_t consumer_len;
};

/* What a reply subject holds. */
struct nats_inbox_reply {
	uint32_t kind; /* enum nats_command_kind, or whatever the peer sent */
	struct request_id request;
	uint32_t number; /* of a pull */
};

/* Random, so that no other client can guess it. `prefix` has at most 255 bytes.
 */
void nats_inbox_init(struct nats_inbox *i, uint64_t session,
		     const char *prefix);
/* The subject to subscribe to (NATS_INBOX_SUBJECT_MAX bytes). */
void nats_inbox_wildcard(const struct nats_inbox *i, char *out);
/* The reply subject of a request (NATS_INBOX_SUBJECT_MAX bytes). */
void nats_inbox_reply_subject(const struct nats_inbox *i,
			      const struct nats_inbox_reply *reply, char *out);
/* The name of a request's consumer (NATS_INBOX_CONSUMER_MAX bytes). */
void nats_inbox_consumer(const struct nats_inbox *i, struct request_id request,
			 char *out);

/* The reverse; -EINVAL for a subject or a name of another session. */
int nats_inbox_read_reply(struct nats_inbox_reply *ret,
			  const struct nats_inbox *i, const char *subject);
int nats_inbox_read_consumer(struct request_id *ret, const struct nats_inbox *i,
			     const char *name, size_t len);

#endif
