#include "http/reply_headers.h"

#include <errno.h>
#include <stdbool.h>

#include "base/ascii.h"
#include "nats/message_headers.h"

#define REPLY_PREFIX "NatsH-"

static bool is_safe_name(struct span name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!ascii_is_token_char(name.at[i]))
			return false;
	return name.len > 0;
}

static bool is_safe_value(struct span value)
{
	for (size_t i = 0; i < value.len; i++)
		if ((value.at[i] < ' ' && value.at[i] != '\t') ||
		    value.at[i] > '~')
			return false;
	return true;
}

static int put_reply_header(struct buf *out, const struct message_header *h)
{
	size_t len =
		sizeof(REPLY_PREFIX) - 1 + h->name.len + 2 + h->value.len + 2;
	int rc;

	if (buf_unread(out) + len > REPLY_HEADERS_MAX)
		return 0;
	rc = buf_reserve(out, len);
	if (rc == 0)
		rc = buf_puts(out, REPLY_PREFIX);
	if (rc == 0)
		rc = buf_put(out, h->name.at, h->name.len);
	if (rc == 0)
		rc = buf_puts(out, ": ");
	if (rc == 0 && h->value.len > 0)
		rc = buf_put(out, h->value.at, h->value.len);
	return rc < 0 ? rc : buf_puts(out, "\r\n");
}

int reply_headers_put(struct buf *out, struct span block)
{
	struct span rest = message_headers_begin(block);
	struct message_header h;
	int rc = 0;

	while (rc == 0 && message_headers_next(&rest, &h))
		if (is_safe_name(h.name) && is_safe_value(h.value))
			rc = put_reply_header(out, &h);
	return rc;
}
