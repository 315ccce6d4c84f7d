/* One replay of one cursor: the test is JetStream and the socket. */
#ifndef TEST_REPLAY_RIG_H
#define TEST_REPLAY_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "delivery/replay.h"
#include "fake_jetstream.h"
#include "jetstream_events.h"

enum {
	SLOT = 3,
	FLOOR = 100,
	BATCH = 128,
	ANSWER_MS = 2500,
	RECHECK_MS = 200,
	OTHER_LEADER_MS = 1500,
	FOLLOWED_MS = 4000,
	LEADER = 0, /* of a single server; the other is a cluster's */
	CLUSTERS = 7,
};

static const struct sse_tag tag = {"9f31c2"};

struct fixture {
	struct fake_jetstream src;
	struct event_buffer *buffer;
	struct adaptive_timeout timeout;
	struct metrics metrics;
	struct cursor cursor;
	struct stream_state state; /* of the leader's last answer */
	struct replay_limiters limiters;
	struct replay replay;
	struct request_id consumer;
	uint32_t pull_no;
	uint64_t cseq;
	uint64_t now_ms;
};

int setup(void **state);
int teardown(void **state);
struct fixture *fresh(void **state);
void begin_replay(struct fixture *f, uint64_t covered);
enum replay_outcome send_event(struct fixture *f, struct jetstream_event ev);
struct request_id asked_find(struct fixture *f, uint64_t seq);
/* Answers the probe from sequence `from`: with a message, or with 0 none. */
void answer_probe(struct fixture *f, uint64_t from, uint64_t seq);
enum replay_outcome check_info_of(struct fixture *f, uint32_t leader,
				  uint64_t first, uint64_t last);
/* The STREAM.INFO of a cluster's leader that all replicas follow. */
enum replay_outcome check_followed(struct fixture *f, uint64_t last);
enum replay_outcome check_info(struct fixture *f, uint64_t first,
			       uint64_t last);
/* Hands out all frames of the queue, which must be `text`. */
void take_frames(struct fixture *f, const char *text);
enum replay_outcome step_replay(struct fixture *f);
/* The check was doubtful: the replay pauses, then probes again. */
void assert_recheck(struct fixture *f);
/* One message by a probe, handed out; the next request is sent. */
void deliver_found(struct fixture *f, uint64_t from, uint64_t seq);
void asked_create(struct fixture *f, uint64_t start);
void asked_pull(struct fixture *f, uint32_t batch, uint64_t max_bytes);
void asked_forget(struct fixture *f);
/* Messages 11 and 12 came by probes; a consumer is pulled. */
void begin_pulling(struct fixture *f);
enum replay_outcome send_message(struct fixture *f, uint64_t seq);
/* The pull is over, and nothing before its messages is gone. */
void end_pull_checked(struct fixture *f);
void assert_paused(struct fixture *f, uint64_t ms);

#endif
