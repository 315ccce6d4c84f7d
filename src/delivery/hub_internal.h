/* What the files of the hub share: hub.c (life, events, time, streams),
 * hub_write.c (what a stream is written), hub_lines.c (lines of JSON for those
 * who want them) and hub_place.c (where a stream goes on: the log, a replay, or
 * a list that waits). Nobody else includes it. */
#ifndef SLUICE_HUB_INTERNAL_H
#define SLUICE_HUB_INTERNAL_H

#include "delivery/hub.h"
#include "delivery/leader.h"
#include "delivery/replay.h"
#include "delivery/tail.h"

enum {
	HUB_LINES = 64, /* of JSON, in one write */
};

/* Lines of the last batch. Subscriptions at the same place that want the same
 * form share them: a frame's number is never used for another frame. */
struct hub_ndjson {
	struct buf bytes;
	struct buf payload; /* of one of them */
	uint64_t first;	    /* number of the first frame; 0: no lines */
	uint64_t last;
	uint64_t more; /* the frame behind the last, as of then; 0: none */
	bool json, chunked;
	size_t n;
	uint32_t len[HUB_LINES];
};

struct hub {
	struct hub_config cfg;
	struct jetstream *source;
	const struct hub_sink *sink;
	struct metrics *metrics;
	struct event_buffer *buffer;
	struct adaptive_timeout patience; /* of the line */
	struct leader leader;
	struct tail tail;
	struct tail_gap late; /* what cursor.late_gap says */

	struct replay *replays; /* slots 1.. are replays[0..] */
	struct list running;	/* struct replay.link */
	struct list idle;
	size_t n_running;
	struct replay_limiters turns;

	struct list dirty;   /* struct cursor.queue: written at the flush */
	struct list evicted; /* wait for a replay's place */
	struct list waiting; /* for a STREAM.INFO, or the first contact */
	struct list pings;   /* struct cursor.ping, in due order */
	size_t n_evicted;
	bool no_memory; /* for a replay or for lines of JSON: no LAGGED cursor
			   is served before the next tick */
	size_t n_subscriptions;
	size_t n_slow; /* cursors that are blocked */
	size_t in_state[CURSOR_STATES];

	uint64_t tick_ms; /* the last hub_tick() */
	uint64_t now_ns;  /* the wall clock, as of some writes ago; 0: none */
	const char *text; /* of the resume that is being opened */
	struct hub_ndjson lines;
};

/* ---- hub_place.c --------------------------------------------------------- */

void hub_set_state(struct hub *h, struct cursor *c, enum cursor_state to);
/* A cursor is in one of dirty, lagged and waiting, or in none. */
void hub_enqueue(struct hub *h, struct cursor *c, enum cursor_list which);
void hub_unqueue(struct hub *h, struct cursor *c);
/* To be written at the flush, unless its socket is full. */
void hub_mark_dirty(struct hub *h, struct cursor *c);
/* A blocked one has no use for a replay; hub_writable() brings it back. */
void hub_wait_for_replay(struct hub *h, struct cursor *c);
/* The next batch could not be made: retried at the next tick. */
void hub_wait_for_memory(struct hub *h, struct cursor *c);
/* By its coverage: to the log, or to a replay. */
void hub_settle(struct hub *h, struct cursor *c);
/* The stream is known: a start, or the list that waits for what it lacks. */
void hub_place(struct hub *h, struct cursor *c);
/* The same for all that wait; `informed`: a STREAM.INFO is at hand. */
void hub_place_waiting(struct hub *h, bool informed, uint64_t now_ms);
/* Those who wait and can't be answered soon get their retry: at least. */
void hub_send_retry_waiting(struct hub *h, uint64_t now_ms);

void hub_start_replays(struct hub *h, uint64_t now_ms);
void hub_outcome(struct hub *h, struct replay *r, enum replay_outcome what,
		 uint64_t now_ms);
void hub_check_replays(struct hub *h, const struct jetstream_event *info,
		       uint64_t now_ms);
/* Another server than the leader has answered for the stream. */
void hub_invalidate_replays(struct hub *h);
/* It is LAGGED, whatever its socket does: the log does not have what is next.
 * The gap is told at the flush, or when the socket drains. */
void hub_owe_gap(struct hub *h, struct cursor *c, enum cursor_gap gap);
struct hub_gap { /* what is told of it */
	bool reset;
	uint64_t after, first, id;
};
/* Goes on behind its gap, in the log or by a replay. False: there is no gap any
 * more, and nothing to be told. */
bool hub_pass_gap(struct hub *h, struct cursor *c, struct hub_gap *ret,
		  uint64_t now_ms);
/* What is told of the messages that are missing before `covered`: it goes on
 * where it is. */
void hub_pass_late_gap(struct hub *h, struct cursor *c, struct hub_gap *ret);
/* A check that came while the socket was blocked is asked for again. */
void hub_check_again(struct hub *h, struct replay *r);
void hub_tick_replay(struct hub *h, struct replay *r, uint64_t now_ms);
/* To the end of the line, when it has had its slot for some seconds, others
 * wait, and nothing of what it asked for would be lost. */
bool hub_rotate_replay(struct hub *h, struct replay *r, uint64_t now_ms);
void hub_end_replay(struct hub *h, struct replay *r);
/* Its consumer, its answers: gone. The cursors wait for another place. */
void hub_abort_replays(struct hub *h);

/* ---- hub.c --------------------------------------------------------------- */

/* Blocked or no longer: the sink holds bytes of it. */
void hub_set_blocked(struct hub *h, struct cursor *c, bool blocked);

/* ---- hub_lines.c --------------------------------------------------------- */

void hub_ndjson_init(struct hub *h);
void hub_ndjson_finish(struct hub *h);
/* As cursor_gather() and cursor_advance(), for who wants lines of JSON; the
 * batch holds until the next gather. False: no memory. */
bool hub_ndjson_gather(struct hub *h, const struct cursor *c,
		       struct cursor_batch *ret);
void hub_ndjson_advance(struct hub *h, struct cursor *c,
			const struct cursor_batch *b, size_t written,
			const uint8_t **rest, size_t *rest_len);
/* At the end of a loop iteration: frees the memory of large batches. */
void hub_ndjson_written(struct hub *h);

/* ---- hub_write.c --------------------------------------------------------- */

/* The socket took these. */
void hub_count_bytes(struct hub *h, struct cursor *c, size_t len);
/* Whatever the stream has coming goes into one write. */
void hub_pump(struct hub *h, struct cursor *c, uint64_t now_ms);
/* A LAGGED stream starts with the one message that another one's replay has
 * found for deliver=last. */
void hub_pump_found(struct hub *h, struct cursor *c, const struct replay *from,
		    uint64_t now_ms);

#endif
