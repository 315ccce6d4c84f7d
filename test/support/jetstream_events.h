/* Events as JetStream would send them, for tests that hand them in. Texts are
 * borrowed. */
#ifndef TEST_JETSTREAM_EVENTS_H
#define TEST_JETSTREAM_EVENTS_H

#include "nats/jetstream.h"

struct jetstream_event event_up(void);
struct jetstream_event event_down(void);
/* Of the stream that was created at `created` (borrowed). */
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
