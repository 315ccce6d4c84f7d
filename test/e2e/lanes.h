/* Several gateways ("lanes"), each behind a fault proxy of its own, follow the
 * same stream for the same users: one round of messages tries as many faults as
 * there are lanes. */
#ifndef TEST_LANES_H
#define TEST_LANES_H

#include "e2e.h"
#include "fault_proxy.h"

enum { LANES_MAX = 12, LANES_USERS = 2 };

struct lane {
	struct fault_proxy proxy; /* between the gateway and the server */
	struct gateway_proc gw;
	uint64_t cuts; /* when it was live */
};

struct lanes {
	struct e2e e2e; /* first: its fixture's functions take this, too */
	const char *ca; /* a file: the gateways connect with TLS; NULL: not */
	struct lane at[LANES_MAX];
	size_t n;
	/* By lane, then by user. */
	struct sse_client clients[LANES_MAX * LANES_USERS];
	unsigned rounds;
	size_t n_sent[LANES_USERS];
};

#define LANES_TEST(fn) \
	cmocka_unit_test_setup_teardown(fn, lanes_setup, lanes_teardown)

int lanes_setup(void **state);
int lanes_teardown(void **state);

/* Up to n lanes, ready, with a client for each user. */
void lanes_start(struct lanes *ls, size_t n);
/* Takes away what is to happen still; until it is connected and ready. */
void lane_wait_live(struct lane *l);

void lanes_publish_round(struct lanes *ls);
/* Every client has every message of its own, in order, once, and nothing else;
 * the last round was the one published last. */
void lanes_expect_round(struct lanes *ls);
/* What would come twice comes before the next round: this ends a test. */
void lanes_expect_no_more(struct lanes *ls);
/* Time for the sessions to have lasted. The program waits before a connect when
 * sessions end soon after their start: a rest now and then is faster. */
void lanes_rest(void);

/* Cuts the bytes from the server at each step-th offset of a round. */
void lanes_cut_everywhere(struct lanes *ls, unsigned step);
/* Holds the bytes to the first lane at some offsets of a round: what needs no
 * word of NATS goes on meanwhile, and the session too. */
void lanes_pause_at_some(struct lanes *ls);

#endif
