#include "server_headers.h"

#include <string.h>

#include "base/check.h"

static bool take_value(struct span block, size_t at, struct span *ret)
{
	const char *value, *end = block.at + block.len, *stop;

	if (at >= block.len || block.at[at] != ':')
		return false;
	value = block.at + at + 1;
	while (value < end && *value == ' ')
		value++;
	stop = memmem(value, (size_t)(end - value), "\r\n", 2);
	if (stop == NULL)
		return false;
	*ret = (struct span){value, (size_t)(stop - value)};
	return true;
}

static bool begins_line(struct span block, const char *at)
{
	return at - block.at >= 2 && at[-2] == '\r' && at[-1] == '\n';
}

bool old_server_finds(struct span block, const char *name, struct span *ret)
{
	const char *at = block.len == 0 ? NULL
					: memmem(block.at, block.len, name,
						 strlen(name));

	if (at == NULL || !begins_line(block, at))
		return false;
	return take_value(block, (size_t)(at - block.at) + strlen(name), ret);
}

bool new_server_finds(struct span block, const char *name, struct span *ret)
{
	const size_t len = strlen(name);

	for (size_t i = 0; i + len <= block.len; i++)
		if (memcmp(block.at + i, name, len) == 0 &&
		    begins_line(block, block.at + i) &&
		    take_value(block, i + len, ret))
			return true;
	return false;
}

void must_agree_on_control_headers(struct span block)
{
	static const char *const own[] = {
		"Nats-Expected-Stream",
		"Nats-Expected-Last-Sequence",
		"Nats-Expected-Last-Subject-Sequence",
		"Nats-Msg-Id",
		"Nats-TTL",
	};
	static const char *const never[] = {
		"Nats-Rollup",
		"Nats-Expected-Last-Msg-Id",
		"Nats-Expected-Last-Subject-Sequence-Subject",
		"Nats-Batch-Id",
		"Nats-Batch-Sequence",
		"Nats-Batch-Commit",
		"Nats-Schedule",
		"Nats-Schedule-Target",
		"Nats-Schedule-TTL",
		"Nats-Schedule-Next",
		"Nats-Scheduler",
		"Nats-Incr",
		"Nats-Trace-Dest",
		"Nats-Trace-Only",
		"Nats-Marker-Reason",
		"Nats-Required-Api-Level",
		"KV-Operation",
	};
	struct span before, after;

	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		bool found = new_server_finds(block, own[i], &after);

		MUST(old_server_finds(block, own[i], &before) == found);
		if (found)
			MUST(before.at == after.at && before.len == after.len);
	}
	for (size_t i = 0; i < ARRAY_LEN(never); i++)
		MUST(block.len == 0 || memmem(block.at, block.len, never[i],
					      strlen(never[i])) == NULL);
}
