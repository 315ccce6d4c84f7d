/* One tail: the test is JetStream. */
#ifndef TEST_TAIL_RIG_H
#define TEST_TAIL_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "delivery/tail.h"
#include "fake_jetstream.h"
#include "jetstream_events.h"

#define STREAM "created-1"
#define OTHER  "created-2"

enum { BATCH = 8192, HALF = BATCH / 2, SILENCE_MS = 7000, ANSWER_MS = 2000 };

struct fixture {
	struct fake_jetstream src;
	struct event_buffer *buffer;
	struct adaptive_timeout timeout;
	struct metrics metrics;
	struct readable *readable;
	struct leader leader;
	struct tail tail;
	uint64_t now_ms;
	uint64_t cseq;
	struct request_id consumer;
	uint32_t pull_no; /* of the last pull */
	uint32_t leads; /* the server that answers STREAM.INFO; 0: no cluster */
	struct buffer_subject *touched;
};

int setup(void **state);
int teardown(void **state);
/* For one more case of a table. */
struct fixture *fresh(void **state);
/* The tail stores what these templates name; before it is live. */
void make_readable(struct fixture *f, char *const *subjects, size_t n);
unsigned send_event(struct fixture *f, struct jetstream_event ev);
unsigned answer_info(struct fixture *f, const char *created, uint64_t first,
		     uint64_t last);
/* The leader's answer about holes. Returns the bits of all that follows. */
unsigned answer_leader(struct fixture *f, const char *created, uint64_t first,
		       uint64_t last);
/* No request is open, not even to the leader. */
void assert_quiet(struct fixture *f);
void take_create(struct fixture *f, uint64_t start);
void take_pull(struct fixture *f);
void take_forget(struct fixture *f);
/* From the STREAM.INFO in flight on. */
void become_live(struct fixture *f, uint64_t first, uint64_t last);
void start_live(struct fixture *f, uint64_t first, uint64_t last);
unsigned send_message(struct fixture *f, uint64_t seq);
void tick(struct fixture *f, uint64_t ms);
void assert_report(struct fixture *f, bool warn, const char *text);
/* It was live, has dropped its consumer and creates a new one. */
void assert_restarted(struct fixture *f);

#endif
