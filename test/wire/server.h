/* The gateway without NATS, in this process: a loop, the hub on a fake
 * JetStream, the connections. Its clock is the conversation's: it moves when
 * server_pass() says so (the program is linked with --wrap=uv_now). */
#ifndef WIRE_SERVER_H
#define WIRE_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/options.h"
#include "fake_jetstream.h"
#include "publishing.h"

struct server;

/* Not yet started: options are set and messages stored first. */
struct server *server_new(void);
/* The fake, for the steps that change it. */
struct fake_jetstream *server_js(struct server *s);
struct publishing *server_publishing(struct server *s);
/* An option by its name without dashes. False with `err` (OPTIONS_ERROR_MAX).
 */
bool server_option(struct server *s, const char *name, const char *value,
		   char *err);
uint64_t server_retry_ms(const struct server *s);
/* Bytes of SO_SNDBUF (over TCP also of the client's SO_RCVBUF) of the
 * connections to come; 0: the system's. */
void server_set_send_buffer(struct server *s, int bytes);
bool server_started(const struct server *s);
/* `tcp`: clients come through listeners on the loopback, not by socket pairs.
 */
void server_start(struct server *s, bool tcp);

/* A client's end of a new connection, non-blocking. */
int server_connect(struct server *s, bool admin);

/* A turn of the loop; false when there was nothing to do. */
bool server_turn(struct server *s);
/* Milliseconds until a timer of the server's is due; at most `ms`. */
uint64_t server_due_in(const struct server *s, uint64_t ms);
/* The wall clock goes `ms` ahead, or back; the other one does not. */
void server_step(struct server *s, int64_t ms);
/* The clock, alone: turns follow. */
void server_pass(struct server *s, uint64_t ms);
/* Waits for something to turn for. */
void server_wait(struct server *s, int timeout_ms);

/* The keys of tokens: in use; on their way, so that requests wait; or neither.
 */
enum server_keys { SERVER_KEYS_HERE, SERVER_KEYS_AWAY, SERVER_KEYS_FAIL };
void server_set_keys(struct server *s, enum server_keys state);
void server_drain(struct server *s);
size_t server_end_streams(struct server *s, size_t n);
size_t server_streams(const struct server *s);
size_t server_connections(const struct server *s);
/* NULL, or the invariant of its connections that does not hold. */
const char *server_check(const struct server *s);

/* Closes everything. NULL, or what was left open. */
const char *server_free(struct server *s);

#endif
