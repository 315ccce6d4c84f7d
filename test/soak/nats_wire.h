/* A NATS client as small as it can be, that never blocks: the protocol's text
 * over one socket, for an owner with a loop. No reconnect: when it ends,
 * the owner opens it again. */
#ifndef SOAK_NATS_WIRE_H
#define SOAK_NATS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"

/* `status`: of the headers ("503"), or 0. */
typedef void (*nats_wire_cb)(void *arg, const char *subject, int status,
			     const char *data, size_t len);

/* Zeroed but for the callback is a start. */
struct nats_wire {
	nats_wire_cb on_message;
	void *arg;

	bool open; /* else there is no fd */
	int fd;
	bool up; /* the server has answered a ping behind the subscription */
	struct bytes in;
	struct bytes out;
	size_t out_sent;
};

/* Begins to connect, and subscribes to `inbox`; false when it can't. */
bool nats_wire_open(struct nats_wire *w, int port, const char *inbox);
void nats_wire_close(struct nats_wire *w);
void nats_wire_publish(struct nats_wire *w, const char *subject,
		       const char *reply, const char *msg_id, const void *data,
		       size_t len);
/* Reads and writes what goes; false when the connection has ended. */
bool nats_wire_turn(struct nats_wire *w);
bool nats_wire_has_output(const struct nats_wire *w);

#endif
