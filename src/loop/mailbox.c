#include "loop/mailbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

/* One slab is filled at a time. A message that does not fit into the rest of it
 * gets the next one: a spare, or a new one, as large as the message if need be.
 * An empty mailbox has no slab: all are spare, or with the reader.
 *
 * As many bytes of spares are kept as were taken lately; each smaller take
 * frees an eighth. */

enum { SLAB_BYTES = 256 * 1024, ALIGN = 8 };

struct mailbox_slab {
	struct mailbox_slab *next;
	size_t size; /* of bytes[] */
	size_t used;
	_Alignas(ALIGN) unsigned char bytes[];
};

_Static_assert(sizeof(struct mailbox_message) == ALIGN, "bodies are aligned");

static size_t message_size(size_t len)
{
	return sizeof(struct mailbox_message) +
	       (len + ALIGN - 1) / ALIGN * ALIGN;
}

int mailbox_init(struct mailbox *m, size_t cap, void (*wake)(void *arg),
		 void *arg)
{
	int rc;

	memset(m, 0, sizeof(*m));
	m->cap = cap;
	m->wake = wake;
	m->arg = arg;
	rc = uv_mutex_init(&m->lock);
	if (rc < 0)
		return rc;
	rc = uv_cond_init(&m->posted);
	if (rc < 0)
		goto fail_lock;
	rc = uv_cond_init(&m->taken);
	if (rc < 0)
		goto fail_posted;
	return 0;
fail_posted:
	uv_cond_destroy(&m->posted);
fail_lock:
	uv_mutex_destroy(&m->lock);
	return rc;
}

static void free_slab_list(struct mailbox *m, struct mailbox_slab *s)
{
	while (s != NULL) {
		struct mailbox_slab *next = s->next;

		m->held -= s->size;
		free(s);
		s = next;
	}
}

void mailbox_finish(struct mailbox *m)
{
	free_slab_list(m, m->first);
	free_slab_list(m, m->spare);
	MUST(m->held == 0);
	uv_cond_destroy(&m->taken);
	uv_cond_destroy(&m->posted);
	uv_mutex_destroy(&m->lock);
}

/* ---- writing ------------------------------------------------------------- */

static struct mailbox_slab *new_slab_for(struct mailbox *m, size_t room)
{
	size_t size = room > SLAB_BYTES ? room : SLAB_BYTES;
	struct mailbox_slab *s = malloc(sizeof(*s) + size);

	if (s == NULL)
		return NULL;
	s->size = size;
	m->held += size;
	return s;
}

static struct mailbox_slab *take_spare_slab(struct mailbox *m, size_t room)
{
	struct mailbox_slab **at = &m->spare;
	struct mailbox_slab *s;

	while (*at != NULL && (*at)->size < room)
		at = &(*at)->next;
	s = *at;
	if (s == NULL)
		return NULL;
	*at = s->next;
	m->spared -= s->size;
	return s;
}

/* Makes m->last a slab that has the room. */
static int make_message_room(struct mailbox *m, size_t room)
{
	struct mailbox_slab *s = m->last;

	if (s != NULL && s->size - s->used >= room)
		return 0;
	s = take_spare_slab(m, room);
	if (s == NULL)
		s = new_slab_for(m, room);
	if (s == NULL)
		return -ENOMEM;
	s->next = NULL;
	s->used = 0;
	if (m->last == NULL)
		m->first = s;
	else
		m->last->next = s;
	m->last = s;
	return 0;
}

static bool is_over_cap(const struct mailbox *m, size_t size,
			enum mailbox_full full)
{
	size_t cap = full == MAILBOX_HALF ? m->cap / 2 : m->cap;

	return size > cap || m->waiting > cap - size;
}

/* 0 when a message of `size` may be posted now. */
static int await_mailbox_room(struct mailbox *m, size_t size,
			      enum mailbox_full full)
{
	while (!m->closed && is_over_cap(m, size, full)) {
		if (full != MAILBOX_WAIT)
			return -ENOBUFS;
		if (m->waiting == 0)
			break; /* larger than the cap, and alone */
		uv_cond_wait(&m->taken, &m->lock);
	}
	return m->closed ? -EPIPE : 0;
}

int mailbox_reserve(struct mailbox *m, uint32_t kind, size_t len,
		    enum mailbox_full full, void **body)
{
	struct mailbox_message *message;
	int rc;

	if (len > UINT32_MAX)
		return -EMSGSIZE;
	uv_mutex_lock(&m->lock);
	rc = await_mailbox_room(m, message_size(len), full);
	if (rc == 0)
		rc = make_message_room(m, message_size(len));
	if (rc < 0) {
		uv_mutex_unlock(&m->lock);
		return rc;
	}
	message = (struct mailbox_message *)(void *)(m->last->bytes +
						     m->last->used);
	message->kind = kind;
	m->reserved = len;
	*body = message + 1;
	return 0;
}

void mailbox_commit(struct mailbox *m, size_t len)
{
	struct mailbox_slab *s = m->last;
	struct mailbox_message *message = (void *)(s->bytes + s->used);
	bool was_empty = m->waiting == 0;

	MUST(len <= m->reserved);
	message->len = (uint32_t)len;
	s->used += message_size(len);
	m->waiting += message_size(len);
	if (was_empty) {
		uv_cond_signal(&m->posted);
		if (m->wake != NULL)
			m->wake(m->arg);
	}
	uv_mutex_unlock(&m->lock);
}

int mailbox_post(struct mailbox *m, uint32_t kind, const void *bytes,
		 size_t len, enum mailbox_full full)
{
	void *body;
	int rc = mailbox_reserve(m, kind, len, full, &body);

	if (rc < 0)
		return rc;
	if (len > 0)
		memcpy(body, bytes, len);
	mailbox_commit(m, len);
	return 0;
}

/* ---- reading ------------------------------------------------------------- */

bool mailbox_take(struct mailbox *m, struct mailbox_batch *ret)
{
	*ret = (struct mailbox_batch){0};
	uv_mutex_lock(&m->lock);
	if (m->waiting > 0) {
		*ret = (struct mailbox_batch){.first = m->first,
					      .at = m->first,
					      .bytes = m->waiting};
		m->first = NULL;
		m->last = NULL;
		m->waiting = 0;
		uv_cond_broadcast(&m->taken);
	}
	uv_mutex_unlock(&m->lock);
	return ret->first != NULL;
}

const struct mailbox_message *mailbox_next(struct mailbox_batch *b)
{
	const struct mailbox_message *message;

	while (b->at != NULL && b->offset == b->at->used) {
		b->at = b->at->next;
		b->offset = 0;
	}
	if (b->at == NULL)
		return NULL;
	message = (const void *)(b->at->bytes + b->offset);
	b->offset += message_size(message->len);
	return message;
}

/* Slabs of odd sizes are not kept: the next large message has another size. */
static bool worth_keeping(const struct mailbox *m, const struct mailbox_slab *s)
{
	return s->size == SLAB_BYTES &&
	       (m->spared == 0 || m->spared + s->size <= m->keep);
}

static void keep_or_free(struct mailbox *m, struct mailbox_slab *s)
{
	if (worth_keeping(m, s)) {
		s->next = m->spare;
		m->spare = s;
		m->spared += s->size;
		return;
	}
	s->next = NULL;
	free_slab_list(m, s);
}

void mailbox_return(struct mailbox *m, struct mailbox_batch *b)
{
	struct mailbox_slab *s = b->first;

	uv_mutex_lock(&m->lock);
	m->keep -= m->keep / 8;
	if (m->keep < b->bytes + SLAB_BYTES)
		m->keep = b->bytes + SLAB_BYTES;
	while (s != NULL) {
		struct mailbox_slab *next = s->next;

		keep_or_free(m, s);
		s = next;
	}
	while (m->spared > m->keep) {
		s = take_spare_slab(m, 0);
		s->next = NULL;
		free_slab_list(m, s);
	}
	uv_mutex_unlock(&m->lock);
	*b = (struct mailbox_batch){0};
}

/* ---- waiting, closing ---------------------------------------------------- */

bool mailbox_wait(struct mailbox *m, uint64_t timeout_ms)
{
	uint64_t ns = timeout_ms > UINT64_MAX / 2000000 ? UINT64_MAX / 2
							: timeout_ms * 1000000;
	uint64_t begin = uv_hrtime();
	bool ready;

	uv_mutex_lock(&m->lock);
	for (;;) {
		uint64_t gone = uv_hrtime() - begin;

		ready = m->waiting > 0 || m->woken || m->closed;
		if (ready || gone >= ns)
			break;
		if (timeout_ms == UINT64_MAX)
			uv_cond_wait(&m->posted, &m->lock);
		else
			uv_cond_timedwait(&m->posted, &m->lock, ns - gone);
	}
	m->woken = false;
	uv_mutex_unlock(&m->lock);
	return ready;
}

void mailbox_wake(struct mailbox *m)
{
	uv_mutex_lock(&m->lock);
	m->woken = true;
	uv_cond_signal(&m->posted);
	uv_mutex_unlock(&m->lock);
}

void mailbox_close(struct mailbox *m)
{
	uv_mutex_lock(&m->lock);
	m->closed = true;
	uv_cond_broadcast(&m->taken);
	uv_cond_broadcast(&m->posted);
	uv_mutex_unlock(&m->lock);
}

bool mailbox_has_half(struct mailbox *m)
{
	bool has;

	uv_mutex_lock(&m->lock);
	has = m->waiting <= m->cap / 2;
	uv_mutex_unlock(&m->lock);
	return has;
}

size_t mailbox_held(struct mailbox *m)
{
	size_t held;

	uv_mutex_lock(&m->lock);
	held = m->held;
	uv_mutex_unlock(&m->lock);
	return held;
}
