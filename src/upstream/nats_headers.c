/* natsMsgHeader_...() of nats.c (3.4.1 to 3.14) return names in the order of a
 * hash table. An empty value swallows the next header; an empty last value, a
 * NUL or a line without a colon hide all headers of the message. So the block
 * itself is read. No function returns it, but a message is one piece of memory:
 *
 *	subject NUL [reply NUL] [block NUL] data
 *
 * nats_headers_init() checks this with a message of its own; where it is not so
 * (no version that exists) the functions have to do
 * (docs/decisions/message-headers.md). */
#include "upstream/nats_headers.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <nats/nats.h>

static bool is_one_piece;

/* Where the block begins, if there is one. */
static const char *find_block(natsMsg *msg)
{
	const char *last = natsMsg_GetReply(msg);

	if (last == NULL)
		last = natsMsg_GetSubject(msg);
	return last + strlen(last) + 1;
}

static bool has_data_at_block(const char *reply)
{
	natsMsg *msg;
	bool has;

	if (natsMsg_Create(&msg, "s", reply, "d", 1) != NATS_OK)
		return false;
	has = natsMsg_GetData(msg) == find_block(msg) &&
	      (reply == NULL ||
	       natsMsg_GetReply(msg) == natsMsg_GetSubject(msg) + sizeof("s"));
	natsMsg_Destroy(msg);
	return has;
}

void nats_headers_init(void)
{
	is_one_piece = has_data_at_block("r") && has_data_at_block(NULL);
}

static natsStatus put_values_of(struct buf *to, natsMsg *msg, const char *name)
{
	const char **values;
	int n;
	natsStatus status = natsMsgHeader_Values(msg, name, &values, &n);

	if (status != NATS_OK)
		return status;
	for (int i = 0; i < n && status == NATS_OK; i++)
		if (buf_printf(to, "%s: %s\r\n", name, values[i]) < 0)
			status = NATS_NO_MEMORY;
	free((void *)values);
	return status;
}

struct span nats_headers_build(natsMsg *msg, struct buf *room)
{
	const char **names;
	int n;
	natsStatus status = natsMsgHeader_Keys(msg, &names, &n);

	if (status != NATS_OK)
		return (struct span){NULL, 0};
	if (buf_puts(room, "NATS/1.0\r\n") < 0)
		status = NATS_NO_MEMORY;
	for (int i = 0; i < n && status == NATS_OK; i++)
		status = put_values_of(room, msg, names[i]);
	free((void *)names);
	return (struct span){(const char *)buf_data(room), buf_unread(room)};
}

struct span nats_headers_of(natsMsg *msg, struct buf *room)
{
	const char *at = find_block(msg), *data = natsMsg_GetData(msg);

	if (!is_one_piece)
		return nats_headers_build(msg, room);
	if (data <= at)
		return (struct span){NULL, 0};
	return (struct span){at, (size_t)(data - at) - 1};
}
