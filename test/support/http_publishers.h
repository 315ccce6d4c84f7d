/* Clients that publish by POST /api/v1/events through every fault, in a thread
 * of their own: each on one kept-alive connection, with an idempotency key for
 * each message, and the same message again after 503, 504 or a lost connection.
 * A client's next message follows when the one before is acknowledged. */
#ifndef TEST_HTTP_PUBLISHERS_H
#define TEST_HTTP_PUBLISHERS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nats_server.h"

enum { HTTP_PUBLISHERS_MAX = 256, HTTP_PUBLISHERS_GATEWAYS = 2 };

struct http_publisher {
	int fd;		   /* -1: none */
	uint64_t acked;	   /* messages, all that were begun but one */
	uint64_t sent_ms;  /* 0: nothing is in flight */
	uint64_t pause_ms; /* nothing is sent before this time */
	size_t gateway;	   /* which one is next */
	size_t len;
	char response[2048];
};

/* What was answered. */
struct http_publishers_counts {
	uint64_t created, duplicates, away, unknown, busy, lost, connects;
	uint64_t slowest_ms;
};

struct http_publishers {
	pthread_t thread;
	bool runs;
	const char *gateways[HTTP_PUBLISHERS_GATEWAYS]; /* borrowed */
	size_t n_gateways;
	size_t n;

	/* Atomic. */
	int stop;
	uint64_t n_acked;
	/* A response that no fault explains; set once, then the thread ends. */
	int is_bad;
	char bad[512];

	/* The thread's own while it runs. */
	struct http_publisher clients[HTTP_PUBLISHERS_MAX];
	struct http_publishers_counts counts;
};

/* Client C's messages are "C COUNT", from 1 on, to "events.uC". */
void http_publishers_start(struct http_publishers *p, const char *one,
			   const char *two, size_t n);
uint64_t http_publishers_acked(struct http_publishers *p);
/* Until so many are acknowledged; fails the test on a bad response, or when
 * none comes for a minute. */
void http_publishers_wait(struct http_publishers *p, uint64_t acked);
/* Ends the thread when each client's message is acknowledged; zeroed is fine.
 */
void http_publishers_finish(struct http_publishers *p);
/* Ends it at once. */
void http_publishers_stop(struct http_publishers *p);
/* The stream "Events" has each acknowledged message once, each other one at the
 * most once, and those of a client in order. False, with what is wrong on
 * standard error. */
bool http_publishers_check(struct http_publishers *p, struct nats_admin *a);

#endif
