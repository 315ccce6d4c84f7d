/* Publishes and requests on a real server. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <uv.h>

#include "nats/js_pub_ack.h"
#include "nats/message_headers.h"
#include "nats_server.h"
#include "readable_of.h"
#include "source_spy.h"

struct fixture {
	uv_loop_t loop;
	struct nats_server nats;
	struct nats_admin *admin;
	const char *server;
	struct nats_settings settings;
	struct spy spy;
	struct publisher *p;
	uint64_t last_id;
};

static void start_spy(struct fixture *f)
{
	assert_int_equal(uv_loop_init(&f->loop), 0);
	f->server = f->nats.url;
	f->settings = (struct nats_settings){
		.servers = &f->server,
		.n_servers = 1,
		.stream = "EV",
		.readable = readable_of("ev.>"),
	};
	spy_start(&f->spy, &f->loop, &f->settings);
	f->p = f->spy.publisher;
	spy_wait_published(&f->spy, PUBLISHER_UP, 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	*state = f;
	nats_server_start(&f->nats, NULL);
	f->admin = nats_admin_open(f->nats.url);
	nats_admin_stream(f->admin, "{\"name\":\"EV\",\"subjects\":[\"ev.>\"],"
				    "\"storage\":\"file\"}");
	start_spy(f);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	spy_finish(&f->spy);
	readable_unref(f->settings.readable);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	nats_admin_close(f->admin);
	nats_server_stop(&f->nats);
	free(f);
	return 0;
}

static struct publisher_message message_to(struct fixture *f,
					   const char *subject,
					   const char *data)
{
	return (struct publisher_message){
		.id = ++f->last_id,
		.subject = span_of(subject),
		.data = span_of(data),
		.deadline_ms = UINT64_MAX,
	};
}

/* Returns the id. */
static uint64_t request(struct fixture *f, const char *subject,
			const char *data)
{
	struct publisher_message m = message_to(f, subject, data);

	assert_int_equal(f->p->ops->request(f->p, &m), 0);
	return m.id;
}

static void test_acknowledged(void **state)
{
	struct fixture *f = *state;
	uint64_t id = request(f, "ev.a", "hello");
	const struct publisher_event *ev;
	struct js_pub_ack ack;

	spy_wait_published(&f->spy, PUBLISHER_SENT, id);
	ev = spy_wait_published(&f->spy, PUBLISHER_REPLY, id);
	js_pub_ack_parse(&ack, ev->data.at, ev->data.len, "EV");
	assert_int_equal(ack.error.err, 0);
	assert_int_equal(ack.seq, 1);
}

static void test_no_responders(void **state)
{
	struct fixture *f = *state;
	uint64_t id = request(f, "nothing.here", "hello");
	const struct publisher_event *ev =
		spy_wait_published(&f->spy, PUBLISHER_FAILED, id);

	assert_int_equal(ev->failure, PUBLISH_NO_RESPONDERS);
}

/* Names keep their case, and JetStream obeys the control headers. */
static void test_headers(void **state)
{
	struct fixture *f = *state;
	struct publisher_message m = message_to(f, "ev.h", "data");
	const struct publisher_event *ev;
	const struct spy_event *stored;
	struct js_pub_ack ack;

	m.headers = span_of("NATS/1.0\r\n"
			    "Nats-Msg-Id: one\r\n"
			    "trAce: a: b\r\n"
			    "Empty: \r\n"
			    "trAce: c\r\n\r\n");
	assert_int_equal(f->p->ops->request(f->p, &m), 0);
	spy_wait_published(&f->spy, PUBLISHER_REPLY, m.id);
	m.id = ++f->last_id;
	assert_int_equal(f->p->ops->request(f->p, &m), 0);
	ev = spy_wait_published(&f->spy, PUBLISHER_REPLY, m.id);
	js_pub_ack_parse(&ack, ev->data.at, ev->data.len, "EV");
	assert_true(ack.duplicate);
	assert_int_equal(ack.seq, 1);

	f->spy.js->ops->get(f->spy.js, (struct request_id){1, 1}, 1);
	stored = spy_wait(&f->spy, JETSTREAM_FOUND);
	assert_int_equal(stored->err, 0);
	assert_non_null(
		strstr(stored->msg.headers, "\"trAce\":[\"a: b\",\"c\"]"));
	assert_non_null(strstr(stored->msg.headers, "\"Empty\":[\"\"]"));
}

static void test_over_deadline(void **state)
{
	struct fixture *f = *state;
	struct publisher_message m = message_to(f, "ev.a", "late");
	const struct publisher_event *ev;

	m.deadline_ms = 1;
	assert_int_equal(f->p->ops->request(f->p, &m), 0);
	ev = spy_wait_published(&f->spy, PUBLISHER_FAILED, m.id);
	assert_int_equal(ev->failure, PUBLISH_BUSY);
	spy_wait_published(&f->spy, PUBLISHER_REPLY,
			   request(f, "ev.a", "in time"));
	assert_int_equal(nats_admin_stream_number(f->admin, "EV",
						  "state.messages"),
			 1);
}

static void test_too_large(void **state)
{
	struct fixture *f = *state;
	struct publisher_message m = message_to(f, "ev.a", "");
	char *data = calloc(1, (1 << 20) + 1);

	assert_non_null(data);
	m.data = (struct span){data, (1 << 20) + 1};
	assert_int_equal(f->p->ops->request(f->p, &m), -EMSGSIZE);
	m.data.len--;
	assert_int_equal(f->p->ops->request(f->p, &m), 0);
	spy_wait_published(&f->spy, PUBLISHER_REPLY, m.id);
	m.id = ++f->last_id;
	m.headers = span_of("NATS/1.0\r\nA: b\r\n\r\n");
	assert_int_equal(f->p->ops->request(f->p, &m), -EMSGSIZE);
	free(data);
}

static bool fill_outbox(struct fixture *f, size_t *n_posted)
{
	char *data = calloc(1, 1 << 20);
	int rc = 0;

	assert_non_null(data);
	while (rc == 0 && *n_posted < 1000) {
		struct publisher_message m = message_to(f, "ev.a", "");

		m.data = (struct span){data, 1 << 20};
		rc = f->p->ops->request(f->p, &m);
		*n_posted += rc == 0;
	}
	free(data);
	return rc == -ENOBUFS;
}

/* The worker waits for the socket while messages wait in the outbox: those are
 * not sent in the next session. */
static void end_session(struct fixture *f, int signal)
{
	struct publisher_message m = message_to(f, "ev.a", "away");
	size_t n_posted = 0;
	uint64_t id, last_sent;

	nats_server_kill(&f->nats, SIGSTOP);
	assert_true(fill_outbox(f, &n_posted));
	if (signal != SIGSTOP)
		nats_server_kill(&f->nats, signal);
	spy_wait_published(&f->spy, PUBLISHER_DOWN, 0);
	last_sent = f->spy.published.last_sent;
	assert_true(last_sent < n_posted);
	assert_int_equal(f->p->ops->request(f->p, &m), -ENOTCONN);
	if (signal == SIGSTOP)
		nats_server_kill(&f->nats, SIGCONT);
	else
		nats_server_again(&f->nats);
	spy_wait_published(&f->spy, PUBLISHER_UP, 0);
	id = request(f, "ev.b", "next");
	spy_wait_published(&f->spy, PUBLISHER_REPLY, id);
	nats_admin_close(f->admin);
	f->admin = nats_admin_open(f->nats.url);
	assert_true(
		nats_admin_stream_number(f->admin, "EV", "state.last_seq") <=
		(long long)last_sent + 1);
}

static void test_server_killed(void **state)
{
	end_session(*state, SIGKILL);
}

static void test_server_stopped(void **state)
{
	end_session(*state, SIGSTOP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_acknowledged, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_no_responders, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_headers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_over_deadline, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_too_large, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_server_killed, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_server_stopped, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
