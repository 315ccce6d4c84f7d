/* Names of short-lived consumers; their messages are replies to a request of
 *the messenger. A consumer's messages keep their own subject; their reply
 *subject holds the consumer's name (js_ack.h), and the name the request:
 *
 *	sluice_request_<random>_<id> */
#ifndef SLUICE_CONSUMER_NAME_H
#define SLUICE_CONSUMER_NAME_H

#include <stddef.h>
#include <stdint.h>

enum { CONSUMER_NAME_MAX = 64 };

/* `id`: of the request (messenger_next_id()). Writes CONSUMER_NAME_MAX
 * bytes. */
void consumer_name_format(char *out, uint64_t id);
/* By the reply subject of a message. -EINVAL: of another consumer, or of
 * none. */
int consumer_name_request(uint64_t *ret, const char *reply);

#endif
