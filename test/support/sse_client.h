/* An HTTP/1.x client for tests, that trusts nothing: it keeps the bytes as they
 * came, undoes the chunks strictly, and reads an event stream as a browser
 * does. One thread, poll(); a client that no call waits on reads nothing, and
 * so is a slow one.
 *
 * What "fails the test" says what had come until then. */
#ifndef TEST_SSE_CLIENT_H
#define TEST_SSE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "sse_decoder.h"

enum { SSE_CLIENT_WAIT_MS = 30000 };

enum sse_client_state {
	SSE_CLIENT_HEAD, /* a reply's head is not whole yet */
	SSE_CLIENT_BODY,
	SSE_CLIENT_DONE, /* the reply is whole */
	SSE_CLIENT_GONE, /* the connection ended before */
};

/* Set before connect, where they differ from zero. */
struct sse_client {
	int rcvbuf;	   /* SO_RCVBUF; 0: the system's */
	int maxseg;	   /* TCP_MAXSEG: small keeps the peer's buffer small */
	bool head_only;	   /* the request is HEAD: no body comes */
	sse_event_cb sink; /* gets the events; none are kept, nor bytes */
	void *sink_arg;

	int fd; /* -1: none */
	enum sse_client_state state;
	bool eof;     /* the peer has ended its side */
	int error;    /* errno of a read that failed; 0 */
	char bad[96]; /* what was wrong with the reply's framing, or empty */

	struct bytes raw;  /* everything that came */
	struct bytes head; /* of the present reply, with its empty line */
	struct bytes body; /* without the chunks */
	struct bytes rest; /* what came behind a whole reply */
	int status;
	bool chunked;
	bool has_length;
	size_t length; /* Content-Length */
	size_t body_len;

	int chunk_state;
	size_t chunk_left;
	size_t n_chunks;
	bool last_chunk;

	struct sse_decoder decoder;
	struct sse_event *events; /* owned copies */
	size_t n_events;
	size_t events_cap;
	size_t n_messages; /* those that are neither pings nor gaps */
	size_t n_pings;
};

/* "127.0.0.1:8080", "[::1]:8080" or "unix:PATH". Fails the test when it can't;
 * sse_client_try() says so instead. */
void sse_client_connect(struct sse_client *c, const char *address);
bool sse_client_try(struct sse_client *c, const char *address);
/* Bytes as they are. A peer that is gone is no failure: see the reply. */
void sse_client_send(struct sse_client *c, const void *bytes, size_t len);
void sse_client_send_text(struct sse_client *c, const char *text);
/* Connects and sends "GET TARGET HTTP/1.1", Host, and `headers` (each line with
 * its "\r\n"), or NULL. */
void sse_client_get(struct sse_client *c, const char *address,
		    const char *target, const char *headers);
/* The same for an event stream of `id`, with a query ("deliver=all") or NULL.
 * Waits for the head and that it is 200. */
void sse_client_stream(struct sse_client *c, const char *address,
		       const char *id, const char *query);
void sse_client_resume(struct sse_client *c, const char *address,
		       const char *id, const char *last_event_id);
/* Closes and frees, zeroes; zeroed is fine. */
void sse_client_close(struct sse_client *c);
/* Closes with a reset in place of a FIN. */
void sse_client_reset(struct sse_client *c);

/* Waits up to timeout_ms for bytes and takes in what is there; false when
 * none came. */
bool sse_client_step(struct sse_client *c, int timeout_ms);
/* Until done(c, arg); false at the deadline, or when nothing can come. */
typedef bool (*sse_client_done)(const struct sse_client *c, void *arg);
bool sse_client_until(struct sse_client *c, sse_client_done done, void *arg,
		      int timeout_ms);
/* Until done() for each of n; all are read meanwhile. */
bool sse_clients_until(struct sse_client *cs, size_t n, sse_client_done done,
		       void *arg, int timeout_ms);

/* These fail the test at the deadline (SSE_CLIENT_WAIT_MS). */
void sse_client_wait_head(struct sse_client *c);
void sse_client_wait_reply(struct sse_client *c); /* DONE */
/* At least n events of the type; NULL: of any but pings. Returns the n-th. */
const struct sse_event *sse_client_wait_event(struct sse_client *c,
					      const char *type, size_t n);
/* n messages: events of type "message" or "base64" that are no pings. Returns
 * the n-th. */
const struct sse_event *sse_client_wait_message(struct sse_client *c, size_t n);
const struct sse_event *sse_client_wait_ping(struct sse_client *c, size_t n);
void sse_client_wait_id(struct sse_client *c, const char *id); /* last_id */
void sse_client_wait_any_id(struct sse_client *c);
/* Reads on for a while, where the point is that nothing comes. */
void sse_client_linger(struct sse_client *c, int ms);

/* The opening block is no event here: see sse_client_wait_any_id(). */
bool sse_event_is_ping(const struct sse_event *ev);
bool sse_event_is_message(const struct sse_event *ev);
/* The n-th message (from 0), or NULL. */
const struct sse_event *sse_client_message(const struct sse_client *c,
					   size_t n);
const struct sse_event *sse_client_event(const struct sse_client *c,
					 const char *type, size_t n);
const char *sse_client_last_id(const struct sse_client *c);

/* A header's value in `out`; false when it is not there, or there twice. */
bool sse_client_header(const struct sse_client *c, const char *name, char *out,
		       size_t size);
void sse_client_assert_header(const struct sse_client *c, const char *name,
			      const char *value);
/* What came, for a failure's text; static. */
const char *sse_client_describe(const struct sse_client *c);
/* Forgets the present reply, takes up what came behind it. */
void sse_client_next_reply(struct sse_client *c);

/* Takes in bytes of a reply (what sse_client_step() does with those it reads).
 */
void sse_client_feed(struct sse_client *c, const char *bytes, size_t len);

/* The sequence in an id ("4711-9f31c2"). */
uint64_t sse_id_seq(const char *id);

#endif
