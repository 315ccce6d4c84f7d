/* The thread of a fault proxy and its connections. It holds the lock whenever
 * it does not wait in ppoll(); a caller that changes something takes the lock
 * and writes to the wakeup descriptor, so that the thread checks everything.
 * Nothing in the thread fails the test: a peer that is gone is a connection
 * that ends. */
#ifndef TEST_FAULT_THREAD_H
#define TEST_FAULT_THREAD_H

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>

#include "fault_flow.h"
#include "fault_proxy.h"

enum { FAULT_MAX_CONNS = 1024 };

enum { TO_SERVER, TO_CLIENT, WAYS };

struct fault_conn {
	struct fault_conn *next;
	uint64_t number; /* 0: in the black hole */
	int client;
	int server; /* -1: in the black hole */
	bool connecting;
	bool over;
	struct fault_flow flows[WAYS];
};

struct fault_proxy_thread {
	pthread_t id;
	pthread_mutex_t lock;
	struct sockaddr_in to;
	int rcvbuf;
	int listener;
	int bell;

	/* Under the lock. */
	bool stopping;
	enum fault_door door;
	struct fault_rule rules[WAYS];
	struct fault_point next_cut[WAYS];
	struct fault_point next_pause[WAYS];
	struct fault_counts counts;
	struct fault_conn *conns; /* the newest first */
	size_t n_conns;

	/* The thread's own. */
	struct pollfd polled[2 + 2 * FAULT_MAX_CONNS];
	size_t n_polled;
};

/* Given to pthread_create(), with a struct fault_proxy_thread. */
void *fault_thread_run(void *arg);
void fault_thread_set_options(const struct fault_proxy_thread *t, int fd);
/* Under the lock. */
void fault_conn_end(struct fault_proxy_thread *t, struct fault_conn *c,
		    enum fault_end end);

#endif
