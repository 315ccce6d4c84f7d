/* Several gateways, each behind a fault proxy of its own, follow the same
 * stream for the same users: one round of messages tries one fault per gateway.
 */
#ifndef TEST_GATEWAY_FARM_H
#define TEST_GATEWAY_FARM_H

#include "e2e.h"
#include "fault_proxy.h"

enum { GATEWAY_FARM_MAX = 12, GATEWAY_FARM_USERS = 2 };

struct farm_gateway {
	struct fault_proxy proxy; /* between the gateway and the server */
	struct gateway_proc gw;
	uint64_t cuts; /* when it was live */
};

struct gateway_farm {
	struct e2e e2e; /* first: its fixture's functions take this, too */
	const char *ca; /* a file: the gateways connect with TLS; NULL: not */
	struct farm_gateway at[GATEWAY_FARM_MAX];
	size_t n;
	/* By gateway, then by user. */
	struct sse_client clients[GATEWAY_FARM_MAX * GATEWAY_FARM_USERS];
	unsigned rounds;
	size_t n_sent[GATEWAY_FARM_USERS];
};

#define GATEWAY_FARM_TEST(fn)                                   \
	cmocka_unit_test_setup_teardown(fn, gateway_farm_setup, \
					gateway_farm_teardown)

int gateway_farm_setup(void **state);
int gateway_farm_teardown(void **state);

/* Up to n gateways, ready, with a client for each user. */
void gateway_farm_start(struct gateway_farm *ls, size_t n);
/* Takes away what is to happen still; until it is connected and ready. */
void gateway_farm_wait_live(struct farm_gateway *l);

void gateway_farm_publish_round(struct gateway_farm *ls);
/* Every client has every message of its own, in order, once, and nothing else;
 * the last round was the one published last. */
void gateway_farm_expect_round(struct gateway_farm *ls);
/* What would come twice comes before the next round: this ends a test. */
void gateway_farm_expect_no_more(struct gateway_farm *ls);
/* Time for the sessions to have lasted. The program waits before a connect when
 * sessions end soon after their start: a rest now and then is faster. */
void gateway_farm_rest(void);

/* Cuts the bytes from the server at each step-th offset of a round. */
void gateway_farm_cut_everywhere(struct gateway_farm *ls, unsigned step);
/* Holds the bytes to the first gateway at some offsets of a round: what needs
 * no word of NATS goes on meanwhile, and the session too. */
void gateway_farm_pause_at_some(struct gateway_farm *ls);

#endif
