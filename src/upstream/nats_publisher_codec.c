#include "upstream/nats_publisher_codec.h"

#include <errno.h>
#include <string.h>

/* Lengths of four texts that follow, each with a NUL behind it. */
struct packed_texts {
	uint32_t len[4];
};

struct packed_outgoing {
	uint64_t session;
	uint64_t id;
	uint64_t deadline_ms;
	struct packed_texts texts; /* subject, reply, headers, data */
};

struct packed_event {
	uint64_t session;
	uint64_t id;
	uint64_t max_payload;
	uint64_t dropped;
	uint32_t failure;
	bool is_cut;
	struct packed_texts texts; /* subject, reply, headers, data */
};

enum { EVENT_KINDS = 2000 }; /* the kinds of the mailbox begin here */

static bool is_text_short(struct span text)
{
	return text.len < UINT32_MAX / 8;
}

/* The bytes that pack_texts() writes, or 0 for too many. */
static size_t measure_texts(struct packed_texts *ret, const struct span *texts)
{
	size_t len = 0;

	for (size_t i = 0; i < 4; i++) {
		if (!is_text_short(texts[i]))
			return 0;
		ret->len[i] = (uint32_t)texts[i].len;
		len += texts[i].len + 1;
	}
	return len;
}

static void pack_texts(char *to, const struct span *texts)
{
	for (size_t i = 0; i < 4; i++) {
		if (texts[i].len > 0)
			memcpy(to, texts[i].at, texts[i].len);
		to += texts[i].len;
		*to++ = '\0';
	}
}

static void unpack_texts(struct span *ret, const struct packed_texts *packed,
			 const char *from)
{
	for (size_t i = 0; i < 4; i++) {
		ret[i] = (struct span){from, packed->len[i]};
		from += packed->len[i] + 1;
	}
}

/* ---- loop -> worker ------------------------------------------------------ */

static bool has_nul(struct span text)
{
	return text.len > 0 && memchr(text.at, '\0', text.len) != NULL;
}

int nats_outgoing_post(struct mailbox *to, const struct nats_outgoing *out)
{
	const struct span texts[4] = {out->subject, out->reply, out->headers,
				      out->data};
	struct packed_outgoing packed = {.session = out->session,
					 .id = out->id,
					 .deadline_ms = out->deadline_ms};
	size_t len = measure_texts(&packed.texts, texts);
	void *at;
	int rc;

	if (len == 0)
		return -EMSGSIZE;
	if (has_nul(out->subject) || has_nul(out->reply))
		return -EINVAL;
	rc = mailbox_reserve(to, out->kind, sizeof(packed) + len, MAILBOX_FAIL,
			     &at);
	if (rc < 0)
		return rc;
	memcpy(at, &packed, sizeof(packed));
	pack_texts((char *)at + sizeof(packed), texts);
	mailbox_commit(to, sizeof(packed) + len);
	return 0;
}

void nats_outgoing_read(struct nats_outgoing *ret,
			const struct mailbox_message *m)
{
	const struct packed_outgoing *packed = mailbox_body(m);
	struct span texts[4];

	unpack_texts(texts, &packed->texts, (const char *)(packed + 1));
	*ret = (struct nats_outgoing){
		.kind = (enum nats_outgoing_kind)m->kind,
		.session = packed->session,
		.id = packed->id,
		.deadline_ms = packed->deadline_ms,
		.subject = texts[0],
		.reply = texts[1],
		.headers = texts[2],
		.data = texts[3],
	};
}

/* ---- NATS's threads -> loop ---------------------------------------------- */

int nats_publisher_event_post(struct mailbox *to, uint64_t session,
			      const struct publisher_event *ev,
			      enum mailbox_full full)
{
	const struct span texts[4] = {ev->subject, ev->reply, ev->headers,
				      ev->data};
	struct packed_event packed = {.session = session,
				      .id = ev->id,
				      .max_payload = ev->max_payload,
				      .dropped = ev->dropped,
				      .failure = ev->failure,
				      .is_cut = ev->is_cut};
	size_t len = measure_texts(&packed.texts, texts);
	void *at;
	int rc;

	if (len == 0)
		return -EMSGSIZE;
	rc = mailbox_reserve(to, EVENT_KINDS + (uint32_t)ev->kind,
			     sizeof(packed) + len, full, &at);
	if (rc < 0)
		return rc;
	memcpy(at, &packed, sizeof(packed));
	pack_texts((char *)at + sizeof(packed), texts);
	mailbox_commit(to, sizeof(packed) + len);
	return 0;
}

bool nats_publisher_event_is(const struct mailbox_message *m)
{
	return m->kind >= EVENT_KINDS;
}

uint64_t nats_publisher_event_read(struct publisher_event *ret,
				   const struct mailbox_message *m)
{
	const struct packed_event *packed = mailbox_body(m);
	struct span texts[4];

	unpack_texts(texts, &packed->texts, (const char *)(packed + 1));
	*ret = (struct publisher_event){
		.kind = (enum publisher_event_kind)(m->kind - EVENT_KINDS),
		.id = packed->id,
		.failure = (enum publish_failure)packed->failure,
		.max_payload = packed->max_payload,
		.subject = texts[0],
		.reply = texts[1],
		.headers = texts[2],
		.data = texts[3],
		.is_cut = packed->is_cut,
		.dropped = packed->dropped,
	};
	return packed->session;
}
