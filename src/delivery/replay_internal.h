/* What the files of the replay share: replay.c (phases, permits, queue),
 * replay_probe.c (questions to the leader, and what their answers prove) and
 * replay_consumer.c (the consumer and its pulls). Only they include it. */
#ifndef SLUICE_REPLAY_INTERNAL_H
#define SLUICE_REPLAY_INTERNAL_H

#include "delivery/replay.h"

enum { REPLAY_BATCH = 128 }; /* messages of one pull */

/* ---- replay.c ------------------------------------------------------------ */

/* What each phase waits for. */
enum replay_awaits {
	AWAITS_NOTHING,
	AWAITS_PERMIT,
	AWAITS_MESSAGE,
	AWAITS_CONSUMER,
	AWAITS_MESSAGES,
	AWAITS_INFO,
	AWAITS_SOCKET, /* the queue may be handed out */
	AWAITS_CLOCK,
};

enum replay_awaits replay_awaits(const struct replay *r);
struct request_id replay_next_request(struct replay *r);
/* The present phase's response is due from now on. */
void replay_await_answer(struct replay *r, uint64_t now_ms);
void replay_expect(struct replay *r, enum replay_phase phase, uint64_t now_ms);
/* Goes on with `what` when the limiter permits it, which may be at once. */
void replay_request_permit(struct replay *r, enum replay_phase what,
			   uint64_t now_ms);
/* The response has come, or is no longer awaited. */
void replay_release_answered(struct replay *r, uint64_t now_ms);
/* The response has come. */
void replay_observe_answer(struct replay *r, uint64_t now_ms);
enum replay_outcome replay_want_check(struct replay *r, enum replay_phase phase,
				      uint64_t now_ms);

/* ---- replay_probe.c ------------------------------------------------------ */

/* How far a response to a request that is sent now can be evidence. */
void replay_note_evidence(struct replay *r);
/* `what`: REPLAY_PROBE or REPLAY_LAST. */
void replay_send_probe(struct replay *r, enum replay_phase what,
		       uint64_t now_ms);
void replay_request_probe(struct replay *r, uint64_t now_ms);
/* JETSTREAM_FOUND for the question in flight. */
enum replay_outcome replay_on_found(struct replay *r,
				    const struct jetstream_event *ev,
				    uint64_t now_ms);
/* JETSTREAM_FOUND for an earlier question. */
enum replay_outcome replay_on_second_answer(struct replay *r,
					    const struct jetstream_event *ev,
					    uint64_t now_ms);
/* "No message", says the leader: up to `evidence_seq` nothing is left. */
void replay_cover_up_to(struct replay *r, uint64_t evidence_seq);

/* ---- replay_consumer.c --------------------------------------------------- */

void replay_drop_consumer(struct replay *r);
void replay_create_consumer(struct replay *r, uint64_t now_ms);
void replay_send_pull(struct replay *r, uint64_t now_ms);
enum replay_outcome replay_on_created(struct replay *r,
				      const struct jetstream_event *ev,
				      uint64_t now_ms);
enum replay_outcome replay_on_message(struct replay *r,
				      const struct jetstream_message *m,
				      uint64_t now_ms);
enum replay_outcome replay_on_status(struct replay *r,
				     const struct jetstream_status *s,
				     uint64_t now_ms);

#endif
