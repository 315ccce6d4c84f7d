/* The hub finds, limits and wires: every open stream's cursor, the log, the
 * tail and the replays. Pure: sockets are behind struct hub_sink, JetStream
 * behind struct jetstream, time is an argument (monotonic milliseconds).
 *
 * A turn: hub_on_event() for each event from JetStream, then hub_flush() until
 * it says that no more is left. Each client is written at most once a flush,
 * with everything that it has coming. */
#ifndef SLUICE_HUB_H
#define SLUICE_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/metrics.h"
#include "delivery/cursor.h"
#include "delivery/event_buffer.h"
#include "http/sse.h"
#include "nats/jetstream.h"
#include "nats/subject.h"

struct hub;

struct hub_sink {
	/* Give bytes to the socket now: how many it took (0 to all), or a
	 * negative errno: the connection is done for, and its owner will
	 * hub_close() it later (never inside this call). Not called while the
	 * sink holds bytes. */
	ssize_t (*write)(struct cursor *c, const struct iovec *iov, int n);
	/* Copy these bytes (the rest of one cut frame), write them as the
	 * socket drains, then call hub_writable(). -ENOMEM: done for, as
	 * above. */
	int (*hold)(struct cursor *c, const void *bytes, size_t len);
	/* The stream has had as many messages as hub_open.limit says, and all
	 * of them are on the socket: its owner will end it (never inside this
	 * call). May come more than once. */
	void (*done)(struct cursor *c);
};

struct hub_config {
	struct subject_template subject;
	size_t buffer_size;
	size_t max_replays;
	/* Of the replays, how many wait at once for a probe's answer, and how
	 * many have a consumer. 0: the usual. */
	unsigned max_asks;
	unsigned max_consumers;
	uint64_t ping_ms; /* 0: none */
	enum sse_ping ping;
	uint64_t retry_ms;
	/* The wall clock, in nanoseconds since 1970: for the age of messages
	 * in metrics alone. NULL: none is measured. */
	uint64_t (*now_ns)(void);
};

/* Everything is borrowed and must outlive the hub. -ENOMEM or 0. */
int hub_new(struct hub **ret, const struct hub_config *cfg,
	    struct jetstream *src, const struct hub_sink *sink,
	    struct metrics *metrics);
/* The end of it all: what is left on the server is taken away. All streams must
 * be closed; only hub_free() may follow. */
void hub_end(struct hub *h);
void hub_free(struct hub *h);

void hub_on_event(struct hub *h, const struct jetstream_event *ev,
		  uint64_t now_ms);
/* Writes to at most `max` clients. True: more wait, call again soon. */
bool hub_flush(struct hub *h, uint64_t now_ms, size_t max);
/* Timers: pings (some thousand a call), time-outs. */
void hub_tick(struct hub *h, uint64_t now_ms);
/* When hub_tick() next has work (absolute ms, UINT64_MAX: none); may be earlier
 * after every call here. */
uint64_t hub_next_ms(const struct hub *h);

struct hub_open {
	const char *id; /* checked identity; the subject is made of it */
	size_t id_len;
	enum cursor_start start;
	uint64_t seq; /* START_RESUME */
	bool has_tag;
	struct sse_tag tag;
	const char *text; /* START_RESUME: the cursor as the client gave it */
	bool chunked;
	uint32_t limit; /* messages, then sink->done(); 0: no end */
	bool ndjson;	/* lines of JSON and not events */
	bool json;	/* ... in which a payload that is JSON stands as JSON */
	bool system;	/* ... with those of the opening and of pings */
};

/* Opens a stream on a zeroed cursor; may write the opening block at once (so
 * the head of the reply must be out, or be put before the first write).
 * -ENOMEM or 0. */
int hub_open(struct hub *h, struct cursor *c, const struct hub_open *open,
	     uint64_t now_ms);
/* What the sink held is on the socket. */
void hub_writable(struct hub *h, struct cursor *c, uint64_t now_ms);
/* Tells a stream that its token is about to be too old, before anything else;
 * where the socket is full, when it drains. */
void hub_say_expiry(struct hub *h, struct cursor *c, uint64_t now_ms);
/* The stream is over, for whatever reason. Closing twice is a no-op. */
void hub_close(struct hub *h, struct cursor *c, uint64_t now_ms);

/* Open streams of one identity. */
size_t hub_subscriptions_of(const struct hub *h, const char *id, size_t id_len);

/* /readyz: session up, stream there, tail live. *why: what is missing. */
bool hub_ready(const struct hub *h, const char **why);

/* Brings the gauges in `metrics` up to date. */
void hub_gauges(struct hub *h);

/* The log, for those who want to look (the simulation, the admin's list). */
const struct event_buffer *hub_buffer(const struct hub *h);
/* The open streams of an identity: the head of a list of struct cursor.watch,
 * in the order in which they were opened; NULL when there is none. It holds
 * until a stream is opened or closed. */
const struct list *hub_watchers(const struct hub *h, const char *id,
				size_t id_len);
/* Whose stream it is: *id is inside of the subject, which it returns. */
const char *hub_identity(const struct hub *h, const struct cursor *c,
			 const char **id, size_t *id_len);
/* The tag of the present stream; NULL before the first contact. */
const struct sse_tag *hub_tag(const struct hub *h);

/* For the log: what happened to the tail since the last call, one line of
 * text; false when nothing did. */
struct hub_status_message {
	bool warn;
	char text[256];
};
bool hub_take_status_message(struct hub *h, struct hub_status_message *ret);

#endif
