#include "nats/jetstream.h"

#include <string.h>

#include "nats/message_headers.h"

int jetstream_message_set_headers(struct jetstream_message *m,
				  struct span block, const char *event_header,
				  struct buf *room)
{
	struct span event;
	int rc;

	if (block.len == 0)
		return 0;
	rc = message_headers_json(room, block);
	if (rc < 0)
		return rc;
	m->headers = (const char *)buf_data(room);
	m->headers_len = buf_unread(room);
	m->internal = message_headers_are_internal(block);
	if (event_header != NULL &&
	    message_headers_event(block, event_header, &event)) {
		m->event = event.at;
		m->event_len = event.len;
	}
	return 0;
}

size_t jetstream_message_bytes(const struct jetstream_message *m)
{
	return m->subject_len + m->event_len + m->headers_len + m->len;
}

void jetstream_message_copy(const struct jetstream_message *m, char *room)
{
	memcpy(room, m->subject, m->subject_len);
	room += m->subject_len;
	if (m->event_len > 0)
		memcpy(room, m->event, m->event_len);
	room += m->event_len;
	if (m->headers_len > 0)
		memcpy(room, m->headers, m->headers_len);
	room += m->headers_len;
	if (m->len > 0)
		memcpy(room, m->data, m->len);
}

void jetstream_message_place(struct jetstream_message *m, const char *room)
{
	m->subject = room;
	m->event = m->subject + m->subject_len;
	m->headers = m->event + m->event_len;
	m->data = m->headers + m->headers_len;
}
