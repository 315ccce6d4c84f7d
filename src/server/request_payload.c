#include "server/request_payload.h"

#include <errno.h>

#include "server/conn_work.h"

enum { PAYLOAD_STEP = 4096 }; /* bytes by which its memory grows at least */

void request_payload_init(struct request_payload *p, size_t max)
{
	buf_init(&p->bytes, max);
	p->besides = 0;
}

void request_payload_finish(struct request_payload *p)
{
	buf_finish(&p->bytes);
}

static int grow_payload(struct request_payload *p, struct conn_work *w,
			size_t len)
{
	size_t want = buf_unread(&p->bytes) + len;
	size_t room = want + want / 2;

	if (len <= buf_room(&p->bytes))
		return 0;
	if (room > p->bytes.max)
		room = p->bytes.max;
	if (!conn_work_reserve(w, p->besides + room + PAYLOAD_STEP))
		return -ENOBUFS;
	return buf_reserve_step(&p->bytes, room - buf_unread(&p->bytes),
				PAYLOAD_STEP);
}

void request_payload_add(struct request_payload *p, struct conn_work *w,
			 struct span piece)
{
	if (grow_payload(p, w, piece.len) < 0)
		conn_work_reject_memory(w);
	else
		buf_put(&p->bytes, piece.at, piece.len);
}

struct span request_payload_span(const struct request_payload *p)
{
	return (struct span){(const char *)buf_data(&p->bytes),
			     buf_unread(&p->bytes)};
}

void request_payload_release(struct request_payload *p, struct conn_work *w)
{
	buf_finish(&p->bytes);
	conn_work_reserve(w, p->besides);
}
