/* What the files of the replay share. Only they include it. A file calls only
 * the files below it; they return what they found, and the caller acts on it:
 *
 *	replay.c            what is requested next; permits, the queue
 *	replay_probe.c      questions to the leader, and checks of answers
 *	replay_snapshot.c   the newest message of each subject
 *	replay_consumer.c   the consumer and its pulls
 *	replay_hole.c       what a consumer may have skipped
 *	replay_evidence.c   what "no message" proves
 *	replay_state.c      phases, and the request in flight */
#ifndef SLUICE_REPLAY_INTERNAL_H
#define SLUICE_REPLAY_INTERNAL_H

#include "delivery/replay.h"

enum { REPLAY_BATCH = 128 }; /* messages of one pull */

/* What follows from an answer. */
enum replay_next {
	NEXT_WAIT,
	NEXT_CHECK,   /* STREAM.INFO, then replay_check() */
	NEXT_DELIVER, /* the queue's frames */
	NEXT_START,   /* START_LAST: the start position is known */
	NEXT_GAP,     /* messages have expired */
	NEXT_STEP,    /* replay_step(): the cursor may join */
	NEXT_PULL,    /* by the new consumer */
	NEXT_CREATE,  /* a consumer */
	NEXT_PROBE,   /* the same question again */
	NEXT_RESTART, /* without the consumer, with a probe */
};

/* ---- replay_probe.c ------------------------------------------------------ */

/* `what`: REPLAY_PROBE or REPLAY_LAST. */
void replay_send_probe(struct replay *r, enum replay_phase what,
		       uint64_t now_ms);
/* JETSTREAM_FOUND for the question in flight. */
enum replay_next replay_on_found(struct replay *r,
				 const struct jetstream_event *ev,
				 uint64_t now_ms);
/* JETSTREAM_FOUND for an earlier question. */
enum replay_next replay_on_second_answer(struct replay *r,
					 const struct jetstream_event *ev,
					 uint64_t now_ms);
/* The STREAM.INFO of replay_check(). */
enum replay_next replay_on_check(struct replay *r,
				 const struct jetstream_info *info,
				 uint64_t now_ms);

/* ---- replay_snapshot.c --------------------------------------------------- */

/* LAST, or the PROBE that followed, is answered. `last_seq`: the leader's. */
enum replay_next replay_on_newest(struct replay *r, uint64_t last_seq);
/* replay_take_snapshot(): NEXT_CREATE, or what waits, or is over, by itself. */
enum replay_next replay_begin_snapshot(struct replay *r, uint64_t end,
				       uint64_t now_ms);
/* The first messages are checked: the replay has a position before them. */
void replay_place_at_queue(struct replay *r);
/* Its queue is empty after a pull. NEXT_STEP: the snapshot is over. */
enum replay_next replay_next_of_snapshot(struct replay *r, uint64_t now_ms);

/* ---- replay_consumer.c --------------------------------------------------- */

void replay_drop_consumer(struct replay *r);
void replay_create_consumer(struct replay *r, uint64_t now_ms);
void replay_send_pull(struct replay *r, uint64_t now_ms);
enum replay_next replay_on_created(struct replay *r,
				   const struct jetstream_event *ev,
				   uint64_t now_ms);
enum replay_next replay_on_message(struct replay *r,
				   const struct jetstream_message *m,
				   uint64_t now_ms);
/* JETSTREAM_FOUND for a question about a hole. */
enum replay_next replay_on_hole_answer(struct replay *r,
				       const struct jetstream_event *ev,
				       uint64_t now_ms);
enum replay_next replay_on_status(struct replay *r,
				  const struct jetstream_status *s,
				  uint64_t now_ms);

/* ---- replay_hole.c ------------------------------------------------------- */

/* The consumer starts after `seq`. */
void replay_start_holes(struct replay *r, uint64_t seq);
/* A message of the consumer. */
void replay_note_hole(struct replay *r, uint64_t seq);
/* The pull is over. True: it waits for answers about its holes. */
bool replay_ask_about_holes(struct replay *r, uint64_t now_ms);
/* In phase HOLES: the request is one of its questions. */
bool replay_asked_about_hole(const struct replay *r, uint32_t generation);
/* The answer to such a question. True: it was the last one. */
bool replay_on_hole_found(struct replay *r, const struct jetstream_event *ev);
/* Drops what follows a hole with messages. True: there is one. */
bool replay_cut_at_hole(struct replay *r);

/* ---- replay_evidence.c --------------------------------------------------- */

/* How far "no message" can be evidence, in the response to a request that is
 * sent now. */
void replay_note_evidence(struct replay *r);
/* "No message", says the leader: up to `evidence_seq` nothing is left. */
void replay_cover_up_to(struct replay *r, uint64_t evidence_seq);

/* ---- replay_state.c ------------------------------------------------------ */

/* What each phase waits for. */
enum replay_awaits {
	AWAITS_NOTHING,
	AWAITS_PERMIT,
	AWAITS_MESSAGE,
	AWAITS_CONSUMER,
	AWAITS_MESSAGES,
	AWAITS_HOLES,
	AWAITS_INFO,
	AWAITS_SOCKET, /* the queue may be handed out */
	AWAITS_CLOCK,
};

enum replay_awaits replay_awaits(const struct replay *r);
struct request_id replay_next_request(struct replay *r);
/* Whether the message is one of its pattern. */
bool replay_accepts(const struct replay *r, const struct jetstream_message *m);
/* The present phase's response is due from now on. */
void replay_await_answer(struct replay *r, uint64_t now_ms);
void replay_expect(struct replay *r, enum replay_phase phase, uint64_t now_ms);
void replay_pause(struct replay *r, uint64_t ms, uint64_t now_ms);
/* The response has come, or is no longer awaited. */
void replay_release_answered(struct replay *r, uint64_t now_ms);
/* The response has come. */
void replay_observe_answer(struct replay *r, uint64_t now_ms);
enum replay_next replay_want_check(struct replay *r, enum replay_phase phase,
				   uint64_t now_ms);

#endif
