#include "nats/kv_entry.h"

#include <string.h>

#include "base/check.h"
#include "nats/message_headers.h"

static const char *const operation_names[] = {
	[KV_OPERATION_PUT] = "PUT",
	[KV_OPERATION_DEL] = "DEL",
	[KV_OPERATION_PURGE] = "PURGE",
};

const char *kv_operation_name(enum kv_operation op)
{
	MUST((size_t)op < ARRAY_LEN(operation_names));
	return operation_names[op];
}

static const struct operation_header {
	const char *name;
	const char *value;
	enum kv_operation operation;
} operation_headers[] = {
	{"KV-Operation", "DEL", KV_OPERATION_DEL},
	{"KV-Operation", "PURGE", KV_OPERATION_PURGE},
	{"Nats-Marker-Reason", "MaxAge", KV_OPERATION_PURGE},
	{"Nats-Marker-Reason", "Purge", KV_OPERATION_PURGE},
	{"Nats-Marker-Reason", "Remove", KV_OPERATION_DEL},
};

static bool is_exact_text(struct span s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

enum kv_operation kv_operation_of(struct span block)
{
	struct span value;

	for (size_t i = 0; i < ARRAY_LEN(operation_headers); i++) {
		const struct operation_header *h = &operation_headers[i];

		if (message_headers_find(block, h->name, &value) &&
		    is_exact_text(value, h->value))
			return h->operation;
	}
	return KV_OPERATION_PUT;
}

bool kv_entry_init(struct kv_entry *ret, struct span subject, struct span block,
		   struct span value)
{
	struct kv_name name;

	if (!kv_name_of_subject(&name, subject))
		return false;
	*ret = (struct kv_entry){
		.name = name,
		.operation = kv_operation_of(block),
		.value = value,
	};
	return true;
}
