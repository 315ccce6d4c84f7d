/* The hub: the subscriptions of all clients, the buffer, the tail and the
 * replays, wired together. Pure: sockets are behind struct hub_sink, JetStream
 * behind struct jetstream, time is an argument (monotonic milliseconds).
 *
 * One loop iteration: hub_on_event() for each event from JetStream, hub_tick()
 * when it is due, then hub_flush() until it returns false. Whatever has bytes
 * coming is marked dirty; only hub_flush() writes, each subscription at most
 * once, with everything that it has coming. (hub_open() writes the opening.) */
#ifndef SLUICE_HUB_H
#define SLUICE_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/metrics.h"
#include "delivery/cursor.h"
#include "delivery/event_buffer.h"
#include "delivery/hub_sink.h"
#include "http/sse.h"
#include "nats/jetstream.h"
#include "nats/readable.h"
#include "nats/subject.h"

struct hub;

struct hub_config {
	/* Makes the own subject of an identity, for which a subscription costs
	 * the least. */
	struct subject_template subject;
	bool no_own_subject; /* there are none; `subject` is not used */
	const struct readable *readable; /* what the tail stores */
	size_t buffer_size;
	size_t max_replays;
	/* Of the replays, how many wait at once for a probe's answer, and how
	 * many have a consumer. 0: the default. */
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
/* Deletes what is left on the server. All subscriptions must be closed; only
 * hub_free() may follow. */
void hub_end(struct hub *h);
void hub_free(struct hub *h);

void hub_on_event(struct hub *h, const struct jetstream_event *ev,
		  uint64_t now_ms);
/* Writes to at most `max` subscriptions. True: more wait, call again soon. */
bool hub_flush(struct hub *h, uint64_t now_ms, size_t max);
/* Timers: pings (at most some thousand a call), time-outs. Call hub_flush()
 * after it. */
void hub_tick(struct hub *h, uint64_t now_ms);
/* When hub_tick() next has work (absolute ms, UINT64_MAX: none); may be earlier
 * after every call here. */
uint64_t hub_next_ms(const struct hub *h);

struct hub_open {
	const char *id; /* subject_id_ok() */
	size_t id_len;	/* 0: no identity */
	/* NULL: the identity's own subject. Its texts are copied. */
	const struct rights_selection *selection;
	enum cursor_start start;
	uint64_t seq; /* START_RESUME */
	bool has_tag;
	struct sse_tag tag;
	const char *text; /* START_RESUME: the event id as the client gave it */
	bool chunked;
	uint32_t limit;	  /* messages, then sink->done(); 0: no limit */
	bool ndjson;	  /* lines of JSON and not events */
	bool json_events; /* not with ndjson: events with such a line as data */
	bool json;	  /* in both: a payload that is JSON stands as JSON */
	bool system;	  /* with ndjson: lines for the opening and for pings */
	/* Written before everything else; may be empty. It lives until
	 * hub_open() returns. */
	struct iovec header;
};

/* Opens a subscription on a zeroed cursor; writes its header, and its opening
 * where that is known. -ENOMEM (nothing was written) or 0. */
int hub_open(struct hub *h, struct cursor *c, const struct hub_open *open,
	     uint64_t now_ms);
/* What the sink held is on the socket. */
void hub_writable(struct hub *h, struct cursor *c);
/* The client's token is about to expire: a block says so, at the next flush or
 * when the socket drains, before any event. */
void hub_warn_of_expiry(struct hub *h, struct cursor *c);
/* The subscription is over, for whatever reason. Closing twice is a no-op. */
void hub_close(struct hub *h, struct cursor *c, uint64_t now_ms);

/* Number of open subscriptions of one identity. */
size_t hub_subscriptions_of(const struct hub *h, struct span id);

/* For /readyz: session up, stream there, tail live. *why: what is missing. */
bool hub_ready(const struct hub *h, const char **why);

/* Brings the gauges in `metrics` up to date. */
void hub_gauges(struct hub *h);

const struct event_buffer *hub_buffer(const struct hub *h);
/* The open subscriptions of an identity, the oldest first among those of its
 * own subject, then among the others; at most `max` to `ret`. Returns how many
 * there are. */
size_t hub_find_subscriptions(const struct hub *h, struct span id,
			      struct cursor **ret, size_t max);
/* The subscription's identity; empty: it has none. Valid while it is open. */
struct span hub_identity(const struct hub *h, const struct cursor *c);
/* The tag of the present stream; NULL before the first contact. */
const struct sse_tag *hub_tag(const struct hub *h);
/* See struct jetstream_info; 0 before the first contact with the stream. */
unsigned hub_api_level(const struct hub *h);

/* For the log: what happened to the tail since the last call, one line of
 * text; false when nothing did. */
struct hub_status_message {
	bool warn;
	char text[256];
};
bool hub_take_status_message(struct hub *h, struct hub_status_message *ret);

/* The invariant of the hub, its lists or one of its cursors that does not hold
 * between two calls, or NULL. For tests. */
const char *hub_check(const struct hub *h);

#endif
