/* The replays of one subscription: one for each pattern of its selection. (A
 * consumer with a list of filters may skip messages, nats-server #8571.)
 *
 * Their messages are merged by sequence. A message is handed out when each
 * other replay has a later one, or has covered its sequence. So a message that
 * matches two patterns goes out once: it is taken off both queues. Messages of
 * denied subjects are covered, and not handed out.
 *
 * The subscription has covered what all of them have. A replay that has covered
 * enough for the buffer rests, with nothing on the server. It goes on when the
 * buffer evicts what comes next. The subscription joins the buffer when all
 * have covered enough, or have their next message beyond.
 *
 * No replay holds a permit while it waits for another one: a consumer with
 * messages that cannot go out yet is given up as soon as another replay waits
 * for one. So the replays of several subscriptions cannot wait for each other.
 *
 * deliver=last of a selection begins with a snapshot: the newest message of
 * each subject, in the order of the stream. It is a bound, `end`, and no
 * evidence:
 *
 * - All parts ask the leader for the newest message of their pattern. `end` is
 *   the newest of all. Each part then reads the newest message of each subject
 *   up to `end`, a literal one by the answer that it has, any other by a
 *   consumer with deliver policy last_per_subject; and then whatever was stored
 *   behind, as every replay does.
 * - The consumer of a replica that is behind ends early. Its part goes on
 *   behind the last message that it has got: what the replica lacked comes as
 * new messages. So nothing is missing, but messages may come that were replaced
 *   before the subscription began.
 * - Messages are pulled in batches and handed out in order, so a snapshot of
 *   any size needs no more memory than another replay. When its consumer is
 *   lost or given up, with the session, the slot or the leader, another one is
 *   created and its messages up to the cursor are skipped. A message that was
 *   replaced meanwhile has its successor beyond `end`, where everything comes.
 *   So each subject's newest message at some time during the
 *   snapshot comes, and each one stored after its begin.
 * - Messages that limits or a purge remove above the cursor are a gap.
 * - `end` is kept with the cursor, which does not join the buffer below it. It
 *   is forgotten with the stream. A client that resumes has its event id alone,
 *   and gets everything after it.
 * - The start position is right before the first message.
 *
 * With one pattern, which is the common case, nothing is allocated or merged.
 */
#ifndef SLUICE_REPLAY_GROUP_H
#define SLUICE_REPLAY_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "delivery/replay.h"

struct replay_group {
	struct replay one;    /* of a single pattern; else a template */
	struct replay *parts; /* &one, or allocated; NULL: idle */
	size_t n_parts;
	uint32_t stride;       /* between the owners of two parts */
	uint32_t generation;   /* of the last request of earlier parts */
	struct cursor *cursor; /* NULL: idle */
	uint64_t begun_ms;
	uint64_t begun_covered; /* the cursor's position then */
	uint64_t blocked_ms;	/* time since which the socket is full; 0: it is
				   not */
	bool snapshot;		/* it began with one */
	bool shares;	  /* other subscriptions wait for its answer as well */
	struct list link; /* hub_replays: running, or idle */
};

/* `one` is initialised by replay_init(); the owner of the requests of part i is
 * that of `one` plus i * `stride`. */
void replay_group_init(struct replay_group *g, uint32_t stride);

/* As replay_begin() for each pattern. -ENOMEM or 0. */
int replay_group_begin(struct replay_group *g, struct cursor *c,
		       uint64_t now_ms);
void replay_group_end(struct replay_group *g);

/* An event for one of the parts. The outcome is the subscription's, but
 * REPLAY_WANT_INFO is that part's. */
enum replay_outcome replay_group_on_event(struct replay_group *g,
					  struct replay *part,
					  const struct jetstream_event *ev,
					  uint64_t now_ms);
/* The part awaits a check. */
enum replay_outcome replay_group_check(struct replay_group *g,
				       struct replay *part,
				       const struct jetstream_info *info,
				       uint64_t now_ms);
/* Goes on after frames were handed out. The cursor must not be blocked. */
enum replay_outcome replay_group_step(struct replay_group *g, uint64_t now_ms);
/* Timeouts, and parts that rest no longer. The cursor must not be blocked. */
enum replay_outcome replay_group_tick(struct replay_group *g, uint64_t now_ms);

/* After REPLAY_STARTED: the start position. */
uint64_t replay_group_start(const struct replay_group *g);
/* Starts again at the cursor's position, e.g. after a gap. */
void replay_group_restart(struct replay_group *g, uint64_t now_ms);
/* The client knows the cursor's position: evidence is not taken back. */
void replay_group_commit(struct replay_group *g);
/* Another server has answered for the leader. */
void replay_group_invalidate(struct replay_group *g);
/* Ending it now does not keep it from going on: nothing that was requested
 * would be lost, or it has gone on since it began. */
bool replay_group_may_rotate(const struct replay_group *g);
/* Its socket is full: see replay_yield(). */
void replay_group_yield(struct replay_group *g);
/* The same for messages that wait for another part. */
void replay_group_yield_waiting(struct replay_group *g);

/* As cursor_gather() and cursor_advance(), from the queues. */
void replay_group_gather(const struct replay_group *g,
			 struct cursor_batch *ret);
void replay_group_advance(struct replay_group *g, const struct cursor_batch *b,
			  size_t written, const uint8_t **rest,
			  size_t *rest_len);

#endif
