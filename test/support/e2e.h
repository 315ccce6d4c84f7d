/* What every test of the program against a real nats-server stands on: one
 * server for the test program, and for each test a fresh stream "Events" with
 * the subjects "events.*", a gateway, and clients that end with the test. */
#ifndef TEST_E2E_H
#define TEST_E2E_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway_proc.h"
#include "nats_server.h"
#include "sse_client.h"

enum { E2E_MAX_CLIENTS = 512 };

struct e2e {
	struct nats_server nats;
	struct nats_admin *admin;
	struct gateway_proc gw;
	bool has_stream;
	struct sse_client *clients[E2E_MAX_CLIENTS];
	size_t n_clients;
};

#define E2E_TEST(fn) \
	cmocka_unit_test_setup_teardown(fn, e2e_setup, e2e_teardown)

int e2e_group_setup(void **state);
int e2e_group_teardown(void **state);
int e2e_setup(void **state);
/* Ends the gateway with SIGTERM: status 0 and no sanitizer's report. */
int e2e_teardown(void **state);

/* Starts the gateway with these further arguments, the last one NULL, and waits
 * until it is ready. */
void e2e_gateway(struct e2e *f, ...) __attribute__((sentinel));
/* The same without waiting for /readyz. */
void e2e_gateway_unready(struct e2e *f, ...) __attribute__((sentinel));

/* Deletes the stream "Events" if it is there; makes it with the subjects
 * "events.*" and further configuration ("\"max_msgs\": 5"), or NULL. */
void e2e_make_stream(struct e2e *f, const char *more);
void e2e_delete_stream(struct e2e *f);
/* `json`: "{\"keep\": 1}", or NULL for everything. */
void e2e_purge(struct e2e *f, const char *json);
long long e2e_stream_number(struct e2e *f, const char *path);
/* Until the stream has n consumers. */
void e2e_wait_consumers(struct e2e *f, long long n);

/* To "events.ID"; the sequence. */
uint64_t e2e_publish(struct e2e *f, const char *id, const char *text);
/* "PREFIX-0" to "PREFIX-(n-1)"; the last sequence. */
uint64_t e2e_publish_many(struct e2e *f, const char *id, const char *prefix,
			  size_t n);

/* A client that the fixture closes. Zeroed: not connected. */
struct sse_client *e2e_client(struct e2e *f);
/* Opens a stream (see sse_client_stream()) and waits for its first id. */
struct sse_client *e2e_open(struct e2e *f, const char *id, const char *query);
struct sse_client *e2e_resume(struct e2e *f, const char *id,
			      const char *last_event_id);
/* A whole reply to these bytes on a connection of its own. */
struct sse_client *e2e_ask(struct e2e *f, const char *request);

/* The client's messages from number `first` on are exactly "PREFIX-0" to
 * "PREFIX-(n-1)", in order, with rising ids; waits for them. */
void e2e_expect_many(struct sse_client *c, size_t first, const char *prefix,
		     size_t n);
/* The n-th message (from 1) has this data; waits for it. */
void e2e_expect(struct sse_client *c, size_t n, const char *data);
/* Everything that was published before has reached this client's place: its
 * stream gets a message published now, as its n-th. */
void e2e_expect_marker(struct e2e *f, struct sse_client *c, const char *id,
		       size_t n);
/* "SEQ-TAG" with the tag of `id`; static, four at once. */
const char *e2e_id(uint64_t seq, const char *id);

/* How often the gateway's log says so. */
int e2e_count_in_log(struct e2e *f, const char *text);

#endif
