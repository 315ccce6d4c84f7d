/* An entry of a key-value bucket (ADR-8): a stored message with an operation.
 *
 *	KV-Operation: DEL | PURGE          marker of a client
 *	Nats-Marker-Reason: MaxAge | Purge | Remove
 *	                                   marker of the server (ADR-48)
 *
 * Anything else is a value, as in the NATS clients: names and values have their
 * exact case, and the first header of a name counts. */
#ifndef SLUICE_KV_ENTRY_H
#define SLUICE_KV_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "nats/kv_name.h"

enum kv_operation { KV_OPERATION_PUT, KV_OPERATION_DEL, KV_OPERATION_PURGE };

/* "PUT" */
const char *kv_operation_name(enum kv_operation op);
/* `block`: of the stored message, as of message_headers.h; may be empty. */
enum kv_operation kv_operation_of(struct span block);

/* All borrowed. */
struct kv_entry {
	struct kv_name name; /* of the subject */
	uint64_t revision;   /* sequence in the bucket's stream */
	uint64_t time_ns;    /* since 1970 */
	enum kv_operation operation;
	struct span value; /* any bytes; of a marker as well */
};

/* False: the subject is not that of an entry. */
bool kv_entry_init(struct kv_entry *ret, struct span subject, struct span block,
		   struct span value);

/* The key has a value: it is not deleted. */
static inline bool kv_entry_has_value(const struct kv_entry *e)
{
	return e->operation == KV_OPERATION_PUT;
}

#endif
