/* What a client gets for a publish or a request that failed: one table for
 * everything that JetStream, NATS or the gateway's session can report.
 *
 * Three outcomes are kept apart. JetStream's error, and a message that was
 * surely not sent, mean that nothing is stored; no answer after sending means
 * that it may be stored, and a retry is safe with an idempotency key alone. */
#ifndef SLUICE_PUBLISH_ERROR_H
#define SLUICE_PUBLISH_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nats/js_pub_ack.h"

struct publish_error {
	int status;	    /* of HTTP */
	const char *what;   /* static */
	const char *detail; /* text of the server, borrowed; "": none */
	int err_code;	    /* of JetStream; 0: none */
	bool has_current;   /* JetStream reported the last sequence */
	uint64_t current;
	bool retry_after; /* a later retry may succeed */
	bool is_unknown;  /* the message may be stored */
};

/* What fails without an error of JetStream. */
enum publish_failure {
	PUBLISH_AWAY,	       /* no session: surely not sent */
	PUBLISH_BUSY,	       /* a full queue: surely not sent */
	PUBLISH_NO_RESPONDERS, /* no stream, or no service, on the subject */
	PUBLISH_DENIED,	   /* the gateway's NATS user may not publish there */
	PUBLISH_TOO_LARGE, /* over the server's max_payload */
	PUBLISH_NO_ACK,	   /* no acknowledgement in time, or the session ended
			      after sending */
	PUBLISH_NO_REPLY,  /* no reply of a service in time */
	PUBLISH_BAD_ACK,   /* an answer that is no acknowledgement */
	PUBLISH_OTHER_MESSAGE, /* the key belongs to a message on another
				  subject */
	PUBLISH_NO_TTL,	       /* the server does not know Nats-TTL */
	PUBLISH_NO_BATCH,      /* the server has no atomic batches */
	PUBLISH_FAILURES
};

/* `ack` has an error; its text is borrowed. `is_conditional`: by If-Match or
 * If-None-Match. */
void publish_error_of_ack(struct publish_error *ret,
			  const struct js_pub_ack *ack, bool is_conditional);
void publish_error_of(struct publish_error *ret, enum publish_failure failure);
/* A reply with the header Nats-Service-Error-Code: a status of 400 to 599 as it
 * is, anything else is 502. `text`: of Nats-Service-Error, borrowed. */
void publish_error_of_service(struct publish_error *ret, const char *code,
			      size_t len, const char *text);

#endif
