#include "nats/consumer_name.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "base/decimal.h"
#include "nats/js_ack.h"

static const char prefix[] = "sluice_request_";

enum { NAME_RANDOM_LEN = 16 }; /* hex digits, fewer digits never */

void consumer_name_format(char *out, uint64_t id)
{
	snprintf(out, CONSUMER_NAME_MAX,
		 "%s%08" PRIx32 "%08" PRIx32 "_%" PRIu64, prefix,
		 randombytes_random(), randombytes_random(), id);
}

int consumer_name_request(uint64_t *ret, const char *reply)
{
	static const size_t before = sizeof(prefix) - 1 + NAME_RANDOM_LEN + 1;
	struct js_ack ack;

	/* Most messages are those of other consumers. */
	if (reply == NULL || strstr(reply, prefix) == NULL ||
	    js_ack_parse(&ack, reply, strlen(reply)) < 0 ||
	    ack.consumer_len <= before ||
	    memcmp(ack.consumer, prefix, sizeof(prefix) - 1) != 0 ||
	    ack.consumer[before - 1] != '_')
		return -EINVAL;
	return decimal_parse(ret, ack.consumer + before,
			     ack.consumer_len - before);
}
