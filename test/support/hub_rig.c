#include "hub_rig.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "readable_of.h"

/* ---- the sink ------------------------------------------------------------ */

static struct rig_client *client_of(struct cursor *c)
{
	return CONTAINER_OF(c, struct rig_client, cursor);
}

static ssize_t on_write(struct cursor *cursor, const struct iovec *header,
			const struct iovec *iov, int n)
{
	struct rig_client *c = client_of(cursor);
	ssize_t wrote = 0;

	MUST(c->open && c->held.len == 0 && n > 0 && header == NULL);
	c->writes++;
	if (c->write_rc < 0)
		return c->write_rc;
	for (int i = 0; i < n; i++) {
		size_t len =
			iov[i].iov_len < c->room ? iov[i].iov_len : c->room;

		bytes_add(&c->got, iov[i].iov_base, len);
		wrote += (ssize_t)len;
		if (c->room != SIZE_MAX)
			c->room -= len;
	}
	return wrote;
}

static int on_hold(struct cursor *cursor, const void *bytes, size_t len)
{
	struct rig_client *c = client_of(cursor);

	MUST(c->open && c->held.len == 0 && len > 0);
	if (c->hold_rc < 0)
		return c->hold_rc;
	bytes_add(&c->held, bytes, len);
	return 0;
}

static void on_done(struct cursor *cursor)
{
	client_of(cursor)->done = true;
}

/* Without allocating: some tests make that fail. */
static void on_step(struct cursor *cursor, enum subscription_step step,
		    uint64_t seq)
{
	struct rig_client *c = client_of(cursor);
	size_t len = strlen(c->steps);

	snprintf(c->steps + len, sizeof(c->steps) - len, "%s%s %" PRIu64,
		 len > 0 ? ", " : "", subscription_step_label(step), seq);
}

static const struct hub_sink sink = {
	.write = on_write,
	.hold = on_hold,
	.done = on_done,
	.step = on_step,
};

/* ---- from begin to end --------------------------------------------------- */

struct hub_config rig_config(void)
{
	struct hub_config cfg = {
		.buffer_size = 1 << 20,
		.max_replays = 4,
		.retry_ms = 3000,
	};
	const char *why;

	MUST(subject_template_parse(&cfg.subject, "ev.{id}", &why) == 0);
	return cfg;
}

void rig_start(struct rig *r, const struct hub_config *cfg)
{
	struct hub_config with = *cfg;

	memset(r, 0, sizeof(*r));
	r->now_ms = 1000000;
	if (with.readable == NULL)
		with.readable = r->readable = readable_of("ev.{id}");
	fake_jetstream_init(&r->src);
	MUST(hub_new(&r->hub, &with, &r->src.source, &sink, &r->metrics) == 0);
}

void rig_finish(struct rig *r)
{
	for (size_t i = 0; i < r->n_clients; i++)
		rig_close(r, &r->clients[i]);
	hub_free(r->hub);
	readable_unref(r->readable);
	fake_jetstream_finish(&r->src);
}

/* ---- JetStream's side ---------------------------------------------------- */

void rig_send(struct rig *r, struct jetstream_event ev)
{
	hub_on_event(r->hub, &ev, r->now_ms);
}

void rig_info(struct rig *r, const char *created, uint64_t first, uint64_t last)
{
	struct request_id request =
		expect_request(&r->src, REQUEST_INFO)->request;

	struct jetstream_event ev = event_info(request, created, first, last);

	ev.info.leader = r->leader;
	ev.info.api_level = r->api_level;
	r->first = first;
	rig_send(r, ev);
}

void rig_follow(struct rig *r, const char *created, uint64_t first,
		uint64_t last)
{
	rig_info(r, created, first, last);
	r->consumer = expect_request(&r->src, REQUEST_CREATE)->request;
	r->cseq = 0;
	rig_send(r, event_created(r->consumer));
	rig_info(r, created, first, last);
	expect_request(&r->src, REQUEST_PULL);
}

void rig_live(struct rig *r, uint64_t first, uint64_t last)
{
	rig_send(r, event_up());
	rig_follow(r, RIG_STREAM, first, last);
}

void rig_publish(struct rig *r, const char *subject, uint64_t seq,
		 const char *text)
{
	bool hole = seq > event_buffer_last_seq(hub_buffer(r->hub)) + 1;

	rig_send(r, event_message(r->consumer, seq, ++r->cseq, subject, text));
	if (!hole)
		return;
	rig_flush(r);
	rig_info(r, RIG_STREAM, r->first, seq);
}

void rig_probe(struct rig *r, uint64_t from, uint64_t seq)
{
	const struct fake_request *a =
		expect_request(&r->src, REQUEST_GET_NEXT);

	assert_int_equal(a->seq, from);
	if (seq != 0)
		rig_send(r, event_found(a->request, seq, a->subject, "old"));
	else
		rig_send(r, event_error(JETSTREAM_FOUND, a->request,
					JETSTREAM_ERR_NO_MESSAGE));
	rig_flush(r);
}

/* ---- the loop's side ----------------------------------------------------- */

void rig_flush(struct rig *r)
{
	const char *hub_broken;

	while (hub_flush(r->hub, r->now_ms, 1000))
		;
	hub_broken = hub_check(r->hub);
	if (hub_broken != NULL)
		fail_msg("hub: broken: %s", hub_broken);
	for (size_t i = 0; i < r->n_clients; i++) {
		const char *broken =
			cursor_check(&r->clients[i].cursor, hub_buffer(r->hub));

		if (broken != NULL)
			fail_msg("client %zu: broken: %s", i, broken);
	}
}

void rig_pass(struct rig *r, uint64_t ms)
{
	const char *why;

	r->now_ms += ms;
	if (hub_ready(r->hub, &why))
		rig_send(r, event_status(r->consumer, 0, 100));
	hub_tick(r->hub, r->now_ms);
	rig_flush(r);
}

/* ---- the clients' side --------------------------------------------------- */

struct rig_client *rig_open_with(struct rig *r, const struct hub_open *open,
				 size_t room)
{
	struct rig_client *c = &r->clients[r->n_clients++];

	MUST(r->n_clients <= RIG_CLIENTS);
	c->open = true;
	c->room = room;
	assert_int_equal(hub_open(r->hub, &c->cursor, open, r->now_ms), 0);
	return c;
}

struct rig_client *rig_open(struct rig *r, const char *id,
			    enum cursor_start start)
{
	struct hub_open open = {.id = id, .id_len = strlen(id), .start = start};

	return rig_open_with(r, &open, SIZE_MAX);
}

struct rig_client *rig_resume(struct rig *r, const char *id, const char *cursor)
{
	struct hub_open open = {.id = id,
				.id_len = strlen(id),
				.start = START_RESUME,
				.text = rig_text(cursor)};
	struct sse_event_id parsed;

	MUST(sse_event_id_parse(&parsed, open.text, strlen(open.text)) == 0);
	open.seq = parsed.seq;
	open.has_tag = parsed.has_tag;
	open.tag = parsed.tag;
	return rig_open_with(r, &open, SIZE_MAX);
}

void rig_close(struct rig *r, struct rig_client *c)
{
	hub_close(r->hub, &c->cursor, r->now_ms);
	c->open = false;
	bytes_free(&c->got);
	bytes_free(&c->held);
}

void rig_drain(struct rig *r, struct rig_client *c, size_t room)
{
	bytes_add(&c->got, c->held.at, c->held.len);
	bytes_clear(&c->held);
	c->room = room;
	hub_writable(r->hub, &c->cursor);
	rig_flush(r);
}

const char *rig_text(const char *text)
{
	static char texts[4][4096];
	static unsigned which;
	char *out = texts[which++ % ARRAY_LEN(texts)], *p = out;

	for (; *text != '\0'; text++) {
		const char *created = *text == '@' ? RIG_STREAM : RIG_OTHER;

		MUST(p + SSE_TAG_LEN + 1 < out + sizeof(texts[0]));
		if (*text != '@' && *text != '#') {
			*p++ = *text;
			continue;
		}
		strcpy(p, sse_tag_of(created, strlen(created)).hex);
		p += SSE_TAG_LEN;
	}
	*p = '\0';
	return out;
}
