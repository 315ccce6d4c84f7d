/* A publisher that goes on through everything, in a thread of its own: events
 * with a count for each user, each published until it is acknowledged, always
 * under the same Nats-Msg-Id, so that JetStream stores it once. A user's next
 * event goes out when the one before is acknowledged: so they are stored in
 * order, whatever gets lost. */
#ifndef TEST_ACKED_PUBLISHER_H
#define TEST_ACKED_PUBLISHER_H

#include <pthread.h>
#include <stdint.h>

enum { ACKED_PUBLISHER_USERS = 8 };

struct acked_publisher_user {
	uint64_t acked;	  /* events, all that were ever begun but one at most */
	uint64_t sent_ms; /* of the one that is under way; 0: none is */
	uint64_t begun_ms;
};

struct acked_publisher {
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
	uint64_t user_acked[ACKED_PUBLISHER_USERS];

	/* The thread's own. */
	struct acked_publisher_user users[ACKED_PUBLISHER_USERS];
	uint64_t n_begun;
	uint64_t heard_ms; /* the last acknowledgement */
	uint64_t slowest_ms;
	unsigned long retries, duplicates, connections;
	size_t server; /* which URL is next */
};

/* User u's events go to "events.uU", and their data are "U COUNT", from 1 on.
 * `urls` is borrowed. Publishes at this rate, without end. */
void acked_publisher_start(struct acked_publisher *f, const char *urls,
			   unsigned per_s);
/* Until nothing is under way; then nothing is published, and no server has a
 * connection of its. */
void acked_publisher_hold(struct acked_publisher *f);
/* Goes on, with these servers. */
void acked_publisher_go_on(struct acked_publisher *f, const char *urls);
/* From now on as fast as it goes, until there are so many at least. */
void acked_publisher_finish(struct acked_publisher *f, uint64_t target);
/* Ends the thread; zeroed is fine. */
void acked_publisher_stop(struct acked_publisher *f);

uint64_t acked_publisher_acked(const struct acked_publisher *f);
uint64_t acked_publisher_user_acked(const struct acked_publisher *f,
				    unsigned user);
int acked_publisher_done(const struct acked_publisher *f);

#endif
