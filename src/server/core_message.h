/* PUT and POST /api/v1/subjects/{subject}: reads a payload, publishes it or
 * sends it as a request by core NATS, and responds with what came back. */
#ifndef SLUICE_CORE_MESSAGE_H
#define SLUICE_CORE_MESSAGE_H

#include <stdbool.h>

#include "auth/identity.h"
#include "base/span.h"
#include "http/http_error.h"
#include "nats/flights.h"
#include "server/endpoints.h"

struct conn;

enum core_response {
	CORE_NOTHING, /* 204: a publish */
	CORE_REPLY,   /* the payload of the one reply */
	CORE_LINES,   /* each reply as a line of JSON, as it comes */
	CORE_EVENTS,  /* the same as the data of events */
};

/* Checked: the client may publish to both subjects. Borrowed, for the call. */
struct core_message_request {
	struct span subject;
	struct span reply; /* of a publish; empty: none */
	enum core_response response;
	struct flight_options options; /* of a request */
	bool json;		       /* payloads that are JSON stay JSON */
};

/* 0: the request is answered later, or was. -ENOMEM, or -EINVAL with *why. */
int core_message_start(struct conn *c, const struct exchange *x,
		       const struct identity *id,
		       const struct core_message_request *r,
		       struct http_error *why);

#endif
