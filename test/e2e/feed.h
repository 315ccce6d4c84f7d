/* A publisher that goes on through everything, in a thread of its own: events
 * with a count for each user, each published until it is acknowledged, always
 * under the same Nats-Msg-Id, so that JetStream stores it once. A user's next
 * event goes out when the one before is acknowledged: so they are stored in
 * order, whatever gets lost. */
#ifndef TEST_FEED_H
#define TEST_FEED_H

#include <pthread.h>
#include <stdint.h>

enum { FEED_USERS = 8 };

struct feed_user {
	uint64_t acked;	  /* events, all that were ever begun but one at most */
	uint64_t sent_ms; /* of the one that is under way; 0: none is */
	uint64_t begun_ms;
};

struct feed {
	pthread_t thread;
	int runs; /* the thread has been started */
	const char *urls;
	unsigned per_s;

	/* Atomic. */
	int hold;	 /* asked for */
	int held;	 /* nothing is under way, nor is there a connection */
	uint64_t target; /* events in all; it ends when they are acknowledged */
	uint64_t n_acked;
	int stop;
	int done;
	uint64_t user_acked[FEED_USERS];

	/* The thread's own. */
	struct feed_user users[FEED_USERS];
	uint64_t n_begun;
	uint64_t heard_ms; /* the last acknowledgement */
	uint64_t slowest_ms;
	unsigned long retries, duplicates, connections;
	size_t server; /* which URL is next */
};

/* User u's events go to "events.uU", and their data are "U COUNT", from 1 on.
 * `urls` is borrowed. Publishes at this rate, without end. */
void feed_start(struct feed *f, const char *urls, unsigned per_s);
/* Until nothing is under way; then nothing is published, and no server has a
 * connection of its. */
void feed_hold(struct feed *f);
/* Goes on, with these servers. */
void feed_go_on(struct feed *f, const char *urls);
/* From now on as fast as it goes, until there are so many at least. */
void feed_finish(struct feed *f, uint64_t target);
/* Ends the thread; zeroed is fine. */
void feed_stop(struct feed *f);

uint64_t feed_acked(const struct feed *f);
uint64_t feed_user_acked(const struct feed *f, unsigned user);
int feed_done(const struct feed *f);

#endif
