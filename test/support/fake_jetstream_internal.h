/* What the files of fake_jetstream share. */
#ifndef TEST_FAKE_JETSTREAM_INTERNAL_H
#define TEST_FAKE_JETSTREAM_INTERNAL_H

#include "fake_jetstream.h"

/* ---- fake_requests.c ----------------------------------------------------- */

void fake_post(struct fake_jetstream *js, const struct fake_event *e);

/* ---- fake_stream.c ------------------------------------------------------- */

bool fake_is_literal(const char *filter);
/* "" matches everything. */
bool fake_matches(const char *filter, const char *subject);
/* Number of stored messages of a subject in (seq, upto]. */
uint64_t fake_count(const struct fake_jetstream *js, uint64_t seq,
		    const char *subject, uint64_t upto);

/* ---- fake_responses.c ---------------------------------------------------- */

uint64_t fake_random_below(struct fake_jetstream *js, uint64_t n);
bool fake_happens(struct fake_jetstream *js, unsigned chance);
void fake_count_rejection(struct fake_jetstream *js, struct request_id request);
/* The message, or by chance one of another subject. */
size_t fake_mix_up(struct fake_jetstream *js, size_t message,
		   const char *filter);

/* ---- fake_consumers.c ---------------------------------------------------- */

void fake_create_consumer(struct fake_jetstream *js,
			  const struct fake_request *a);
void fake_take_pull(struct fake_jetstream *js, const struct fake_request *a);
void fake_end_consumer(struct fake_jetstream *js, struct request_id id);

/* ---- fake_cluster.c ------------------------------------------------------ */

/* Last sequence that the leader (0) or the former leader (1) has. */
uint64_t fake_known_to(const struct fake_jetstream *js, int server);
bool fake_has_late(const struct fake_jetstream *js);
/* Sends a response of a server, or puts it among the late ones. */
void fake_answer(struct fake_jetstream *js, int server,
		 const struct fake_event *e);

#endif
