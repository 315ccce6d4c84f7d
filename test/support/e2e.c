#include "e2e.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_clock.h"

enum { MAX_ARGS = 40, POLL_MS = 10 };

/* ---- fixture ------------------------------------------------------------- */

int e2e_group_setup(void **state)
{
	static struct e2e f;

	f = (struct e2e){0};
	*state = &f;
	nats_server_start(&f.nats, NULL);
	f.admin = nats_admin_open(f.nats.url);
	return 0;
}

int e2e_group_teardown(void **state)
{
	struct e2e *f = *state;

	nats_admin_close(f->admin);
	nats_server_stop(&f->nats);
	return 0;
}

static void close_clients(struct e2e *f)
{
	while (f->n_clients > 0) {
		struct sse_client *c = f->clients[--f->n_clients];

		sse_client_close(c);
		free(c);
	}
}

int e2e_setup(void **state)
{
	struct e2e *f = *state;

	close_clients(f);
	gateway_proc_finish(&f->gw);
	if (f->nats.pid == 0)
		nats_server_again(&f->nats);
	e2e_make_stream(f, NULL);
	return 0;
}

int e2e_teardown(void **state)
{
	struct e2e *f = *state;

	close_clients(f);
	gateway_proc_stop(&f->gw);
	gateway_proc_finish(&f->gw);
	return 0;
}

static void start(struct e2e *f, va_list ap)
{
	const char *args[MAX_ARGS];
	size_t n = 0;

	do {
		assert_true(n < MAX_ARGS);
		args[n] = va_arg(ap, const char *);
	} while (args[n++] != NULL);
	gateway_proc_start(&f->gw, f->nats.url, args);
}

void e2e_gateway(struct e2e *f, ...)
{
	va_list ap;

	va_start(ap, f);
	start(f, ap);
	va_end(ap);
	gateway_proc_wait_ready(&f->gw);
}

void e2e_gateway_unready(struct e2e *f, ...)
{
	va_list ap;

	va_start(ap, f);
	start(f, ap);
	va_end(ap);
}

/* ---- the stream ---------------------------------------------------------- */

void e2e_delete_stream(struct e2e *f)
{
	if (f->has_stream)
		free(nats_admin_api(f->admin, "STREAM.DELETE.Events", NULL));
	f->has_stream = false;
}

void e2e_make_stream(struct e2e *f, const char *more)
{
	char config[1024];

	e2e_delete_stream(f);
	snprintf(config, sizeof(config),
		 "{\"name\": \"Events\", \"subjects\": [\"events.*\"], "
		 "\"retention\": \"limits\", \"num_replicas\": 1, "
		 "\"storage\": \"file\"%s%s}",
		 more == NULL ? "" : ", ", more == NULL ? "" : more);
	nats_admin_stream(f->admin, config);
	f->has_stream = true;
}

void e2e_purge(struct e2e *f, const char *json)
{
	free(nats_admin_api(f->admin, "STREAM.PURGE.Events", json));
}

long long e2e_stream_number(struct e2e *f, const char *path)
{
	return nats_admin_stream_number(f->admin, "Events", path);
}

void e2e_wait_consumers(struct e2e *f, long long n)
{
	uint64_t deadline = test_deadline_ms(SSE_CLIENT_WAIT_MS);
	long long got;

	while ((got = e2e_stream_number(f, "state.consumer_count")) != n) {
		if (test_now_ms() > deadline)
			fail_msg("the stream has %lld consumers, not %lld", got,
				 n);
		poll(NULL, 0, POLL_MS);
	}
}

uint64_t e2e_publish(struct e2e *f, const char *id, const char *text)
{
	char subject[256];

	snprintf(subject, sizeof(subject), "events.%s", id);
	return nats_admin_publish(f->admin, subject, text, strlen(text));
}

uint64_t e2e_publish_many(struct e2e *f, const char *id, const char *prefix,
			  size_t n)
{
	char subject[256];

	snprintf(subject, sizeof(subject), "events.%s", id);
	return nats_admin_publish_many(f->admin, subject, prefix, n);
}

/* ---- clients ------------------------------------------------------------- */

struct sse_client *e2e_client(struct e2e *f)
{
	struct sse_client *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	assert_true(f->n_clients < E2E_MAX_CLIENTS);
	c->fd = -1;
	f->clients[f->n_clients++] = c;
	return c;
}

struct sse_client *e2e_open(struct e2e *f, const char *id, const char *query)
{
	struct sse_client *c = e2e_client(f);

	sse_client_stream(c, f->gw.address, id, query);
	sse_client_wait_any_id(c);
	return c;
}

struct sse_client *e2e_resume(struct e2e *f, const char *id,
			      const char *last_event_id)
{
	struct sse_client *c = e2e_client(f);

	sse_client_resume(c, f->gw.address, id, last_event_id);
	sse_client_wait_any_id(c);
	return c;
}

struct sse_client *e2e_ask(struct e2e *f, const char *request)
{
	struct sse_client *c = e2e_client(f);

	sse_client_connect(c, f->gw.address);
	sse_client_send_text(c, request);
	sse_client_wait_reply(c);
	return c;
}

/* ---- expectations -------------------------------------------------------- */

void e2e_expect(struct sse_client *c, size_t n, const char *data)
{
	assert_string_equal(sse_client_wait_message(c, n)->data, data);
}

void e2e_expect_many(struct sse_client *c, size_t first, const char *prefix,
		     size_t n)
{
	uint64_t last = 0;
	size_t at = 0;

	sse_client_wait_message(c, first + n);
	for (size_t i = 0; i < c->n_events && at < first + n; i++) {
		const struct sse_event *ev = &c->events[i];
		char want[128];

		if (!sse_event_is_message(ev) || at++ < first)
			continue;
		snprintf(want, sizeof(want), "%s-%zu", prefix, at - 1 - first);
		assert_string_equal(ev->data, want);
		assert_true(sse_id_seq(ev->id) > last);
		last = sse_id_seq(ev->id);
	}
}

void e2e_expect_marker(struct e2e *f, struct sse_client *c, const char *id,
		       size_t n)
{
	e2e_publish(f, id, "marker");
	e2e_expect(c, n, "marker");
	assert_int_equal(c->n_messages, n);
}

const char *e2e_id(uint64_t seq, const char *id)
{
	static char text[4][48];
	static unsigned next;
	char *out = text[next++ % 4];
	const char *tag = strchr(id, '-');

	assert_non_null(tag);
	snprintf(out, sizeof(text[0]), "%" PRIu64 "%s", seq, tag);
	return out;
}

int e2e_count_in_log(struct e2e *f, const char *text)
{
	char *log = gateway_proc_log(&f->gw);
	int n = 0;

	for (const char *at = log; (at = strstr(at, text)) != NULL; at++)
		n++;
	free(log);
	return n;
}
