#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "core_rig.h"
#include "nats/pattern.h"

static struct core_client *client_of(struct core_subscription *s)
{
	return CONTAINER_OF(s, struct core_client, s);
}

/* ---- the sink ------------------------------------------------------------ */

static int on_open(struct core_subscription *s, struct buf *out)
{
	struct core_client *c = client_of(s);

	assert_false(c->opened);
	c->opened = true;
	return buf_puts(out, "HEAD\n");
}

static ssize_t on_write(struct core_subscription *s, const struct iovec *iov,
			int n)
{
	struct core_client *c = client_of(s);
	size_t wrote = 0;

	assert_false(c->failed);
	assert_true(n > 0);
	c->writes++;
	if (c->is_broken)
		return -1;
	for (int i = 0; i < n; i++) {
		size_t len =
			iov[i].iov_len < c->room ? iov[i].iov_len : c->room;

		bytes_add(&c->out, iov[i].iov_base, len);
		wrote += len;
		if (c->room != SIZE_MAX)
			c->room -= len;
		if (len < iov[i].iov_len)
			break;
	}
	return (ssize_t)wrote;
}

static void on_blocked(struct core_subscription *s)
{
	client_of(s)->wants_writable = true;
}

static void on_done(struct core_subscription *s)
{
	assert_false(client_of(s)->done);
	client_of(s)->done = true;
}

static void on_failed(struct core_subscription *s, enum publish_failure failure)
{
	struct core_client *c = client_of(s);

	assert_false(c->failed);
	c->failed = true;
	c->failure = failure;
}

static const struct core_sink sink = {
	.open = on_open,
	.write = on_write,
	.blocked = on_blocked,
	.done = on_done,
	.failed = on_failed,
};

/* ---- the rig ------------------------------------------------------------- */

void core_rig_begin(struct core_rig *r, const struct core_hub_config *cfg)
{
	static const struct core_hub_config usual = {
		.ping_ms = CORE_PING_MS,
		.retry_ms = 3000,
		.open_timeout_ms = CORE_OPEN_MS,
		.event_header = "Event",
	};

	memset(r, 0, sizeof(*r));
	fake_publisher_init(&r->fake);
	assert_int_equal(core_hub_new(&r->hub, cfg == NULL ? &usual : cfg,
				      &r->fake.base, &sink, &r->metrics),
			 0);
	for (size_t i = 0; i < CORE_CLIENTS; i++)
		r->clients[i].room = SIZE_MAX;
	fake_publisher_up(&r->fake);
	core_rig_run(r);
}

void core_rig_end(struct core_rig *r)
{
	for (size_t i = 0; i < CORE_CLIENTS; i++) {
		core_hub_close(r->hub, &r->clients[i].s, NULL);
		bytes_free(&r->clients[i].out);
	}
	assert_null(core_hub_check(r->hub));
	core_hub_free(r->hub);
	fake_publisher_finish(&r->fake);
}

static void check_rig(struct core_rig *r)
{
	const char *fault = core_hub_check(r->hub);

	if (fault != NULL)
		fail_msg("%s", fault);
}

void core_rig_run(struct core_rig *r)
{
	struct publisher_event e;
	bool more;

	do {
		while (fake_publisher_take_event(&r->fake, &e)) {
			core_hub_on_event(r->hub, &e, r->now_ms);
			check_rig(r);
		}
		if (core_hub_next_ms(r->hub) <= r->now_ms)
			core_hub_tick(r->hub, r->now_ms);
		more = core_hub_flush(r->hub, r->now_ms, 3);
		check_rig(r);
	} while (more || r->fake.n_events > 0);
}

void core_rig_serve(struct core_rig *r)
{
	while (fake_publisher_send(&r->fake, r->now_ms))
		;
	core_rig_run(r);
}

void core_rig_advance(struct core_rig *r, uint64_t ms)
{
	r->now_ms += ms;
	core_rig_run(r);
}

static int open_client(struct core_rig *r, size_t client,
		       const struct rights_selection *selection,
		       const struct core_open *open)
{
	struct core_open o = {.chunked = false};

	if (open != NULL)
		o = *open;
	o.selection = selection;
	return core_hub_open(r->hub, &r->clients[client].s, &o, r->now_ms);
}

int core_rig_open(struct core_rig *r, size_t client, const char *pattern,
		  const struct core_open *open)
{
	struct rights_selection selection = {.n_patterns = 1};

	selection.patterns[0] = span_of(pattern);
	return open_client(r, client, &selection, open);
}

int core_rig_open_denied(struct core_rig *r, size_t client, const char *pattern,
			 const char *denied)
{
	struct rights_selection selection = {.n_patterns = 1, .n_denied = 1};

	selection.patterns[0] = span_of(pattern);
	selection.denied[0] = span_of(denied);
	return open_client(r, client, &selection, NULL);
}

void core_rig_close(struct core_rig *r, size_t client)
{
	struct core_client *c = &r->clients[client];

	core_hub_close(r->hub, &c->s, NULL);
	bytes_free(&c->out);
	*c = (struct core_client){.room = SIZE_MAX};
	check_rig(r);
}

void core_rig_drain(struct core_rig *r, size_t client, size_t room)
{
	struct core_client *c = &r->clients[client];

	c->room = room;
	if (!c->wants_writable)
		return;
	c->wants_writable = false;
	core_hub_writable(r->hub, &c->s);
	check_rig(r);
}

/* ---- the server ---------------------------------------------------------- */

static bool is_subscription(const struct fake_call *c, const char *subject)
{
	return c->kind == FAKE_SUBSCRIBE && strcmp(c->subject, subject) == 0;
}

uint64_t core_rig_id(const struct core_rig *r, const char *subject)
{
	uint64_t id = 0;

	for (size_t i = 0; i < r->fake.n_arrived; i++)
		if (is_subscription(&r->fake.arrived[i], subject))
			id = r->fake.arrived[i].id;
	for (size_t i = 0; i < r->fake.n_queued; i++)
		if (is_subscription(&r->fake.queued[i], subject))
			id = r->fake.queued[i].id;
	return id;
}

size_t core_rig_at_server(const struct core_rig *r, const char *subject)
{
	size_t n = 0;

	for (size_t i = 0; i < r->fake.n_arrived; i++)
		n += is_subscription(&r->fake.arrived[i], subject) &&
		     !r->fake.arrived[i].is_forgotten;
	return n;
}

void core_rig_publish(struct core_rig *r, const char *subscribed,
		      const char *subject, const char *data)
{
	for (size_t i = 0; i < r->fake.n_arrived; i++)
		if (is_subscription(&r->fake.arrived[i], subscribed) &&
		    !r->fake.arrived[i].is_forgotten)
			fake_publisher_message(&r->fake, r->fake.arrived[i].id,
					       subject, data);
}

/* ---- the clients --------------------------------------------------------- */

static const char *behind(const char *text, const char *begin)
{
	return strncmp(text, begin, strlen(begin)) == 0 ? text + strlen(begin)
							: text;
}

const char *core_rig_take(struct core_rig *r, size_t client)
{
	static char taken[1 << 16];
	struct bytes *out = &r->clients[client].out;
	const char *text = behind(bytes_text(out), "HEAD\n");

	text = behind(text, "retry: 3000\nevent: system\n"
			    "data: {\"system\": \"open\"}\n\n");
	snprintf(taken, sizeof(taken), "%s", text);
	bytes_clear(out);
	return taken;
}
