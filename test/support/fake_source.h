/* A struct jetstream that writes down what it is asked, and the events that a
 * test hands in for answers. */
#ifndef TEST_FAKE_SOURCE_H
#define TEST_FAKE_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "nats/jetstream.h"

enum asked_kind {
	ASKED_INFO,
	ASKED_FIND,
	ASKED_GET,
	ASKED_LAST,
	ASKED_CREATE,
	ASKED_PULL,
	ASKED_FORGET,
};

struct asked {
	enum asked_kind kind;
	struct request_id request;
	uint64_t seq;	      /* FIND, GET, CREATE */
	char subject[64];     /* FIND, LAST, CREATE; "" for no filter */
	uint64_t inactive_ms; /* CREATE */
	struct jetstream_pull pull;
};

/* Zeroed but for fake_source_init() is a start. */
struct fake_source {
	struct jetstream source;
	struct asked asked[8192];
	size_t n;
	size_t seen; /* those before it were looked at */
	int rc;	     /* what every request returns */
};

void fake_source_init(struct fake_source *f);

/* The next request, which must be of this kind; the test fails if there is
 * none. Good until the next request but 8000. */
const struct asked *fake_asked(struct fake_source *f, enum asked_kind kind);
/* There is none that was not looked at. */
void fake_quiet(const struct fake_source *f);
/* How many there are that were not looked at. */
size_t fake_waiting(const struct fake_source *f);

/* ---- events -------------------------------------------------------------- */

struct jetstream_event event_up(void);
struct jetstream_event event_down(void);
/* Of the stream that was created at `created` (static text). */
struct jetstream_event event_info(struct request_id request,
				  const char *created, uint64_t first,
				  uint64_t last);
/* INFO, FOUND, CREATED that failed. */
struct jetstream_event event_error(enum jetstream_event_kind kind,
				   struct request_id request, int err);
struct jetstream_event event_created(struct request_id request);
struct jetstream_event event_found(struct request_id request, uint64_t seq,
				   const char *subject, const char *text);
struct jetstream_event event_message(struct request_id request, uint64_t seq,
				     uint64_t cseq, const char *subject,
				     const char *text);
struct jetstream_event event_status(struct request_id request, uint32_t number,
				    int code);
/* A status with Nats-Pending-Messages. */
struct jetstream_event event_pending(struct request_id request, uint32_t number,
				     int code, uint64_t pending);

#endif
