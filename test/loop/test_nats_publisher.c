/* Publishes and requests on a real server. */
#include <dirent.h>
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
#include <nats/nats.h>
#include <uv.h>

#include "base/buf.h"
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
		.user = f->settings.user,
		.password = f->settings.password,
		.readable = readable_of("ev.>"),
	};
	spy_start(&f->spy, &f->loop, &f->settings);
	f->p = f->spy.publisher;
	spy_wait_published(&f->spy, PUBLISHER_UP, 0);
}

static int setup_with(void **state, const char *config)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	*state = f;
	nats_server_start(&f->nats, config);
	f->admin = nats_admin_open(f->nats.url);
	nats_admin_stream(f->admin, "{\"name\":\"EV\",\"subjects\":[\"ev.>\"],"
				    "\"storage\":\"file\"}");
	f->settings.user = config == NULL ? NULL : "gw";
	f->settings.password = "pw";
	start_spy(f);
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, NULL);
}

/* The gateway's user may do all but what `permissions` says. */
#define USERS(permissions)                                          \
	"authorization { users = ["                                 \
	"{user: gw, password: pw, permissions: {" permissions "}}," \
	"{user: admin, password: pw}] }\n"                          \
	"no_auth_user: admin\n"

static int setup_denied(void **state)
{
	return setup_with(state, USERS("publish: {deny: [\"no.>\"]},"
				       "subscribe: {deny: [\"no.>\"]}"));
}

/* Nor publish to its own inbox. */
static int setup_inbox_denied(void **state)
{
	return setup_with(state,
			  USERS("publish: {deny: [\"no.>\", \"_INBOX.>\"]},"
				"subscribe: {deny: [\"no.>\"]}"));
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

static uint64_t publish(struct fixture *f, const char *subject,
			const char *data)
{
	struct publisher_message m = message_to(f, subject, data);

	assert_int_equal(f->p->ops->publish(f->p, &m), 0);
	return m.id;
}

static uint64_t subscribe(struct fixture *f, const char *subject,
			  const char *queue)
{
	uint64_t id = ++f->last_id;

	assert_int_equal(f->p->ops->subscribe(f->p, id, span_of(subject),
					      span_of(queue)),
			 0);
	return id;
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

/* The block arrives as it is, in its order, however long it is. */
static void test_header_order(void **state)
{
	struct fixture *f = *state;
	uint64_t id = subscribe(f, "headers", ""), begin;
	struct publisher_message m = message_to(f, "headers", "data");
	struct buf block;

	buf_init(&block, 1 << 20);
	buf_puts(&block, "NATS/1.0\r\nNats-Expected-Stream: EV\r\n");
	for (unsigned i = 0; i < 8000; i++)
		buf_printf(&block, "A: %u\r\n", i % 10);
	buf_puts(&block, "z: \r\na: b: c\r\n\r\n");
	m.headers = (struct span){(const char *)buf_data(&block),
				  buf_unread(&block)};
	spy_wait_published(&f->spy, PUBLISHER_ACTIVE, id);
	begin = uv_hrtime();
	for (size_t i = 0; i < 64; i++) {
		const struct publisher_event *ev;

		m.id = ++f->last_id;
		assert_int_equal(f->p->ops->publish(f->p, &m), 0);
		ev = spy_wait_published(&f->spy, PUBLISHER_MESSAGE, id);
		assert_int_equal(ev->headers.len, m.headers.len);
		assert_memory_equal(ev->headers.at, m.headers.at,
				    m.headers.len);
		assert_int_equal(ev->data.len, 4);
	}
	assert_true(uv_hrtime() - begin < 5000000000);
	buf_finish(&block);
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

/* ---- core publishes ------------------------------------------------------ */

static bool has_counted(void *arg)
{
	return ((struct fixture *)arg)->spy.published.n_counted >= 1000;
}

static void test_core_publish(void **state)
{
	struct fixture *f = *state;
	uint64_t id = subscribe(f, "ev.core", "");

	spy_wait_published(&f->spy, PUBLISHER_ACTIVE, id);
	f->spy.published.counting = true;
	for (size_t i = 0; i < 1000; i++)
		id = publish(f, "ev.core", "x");
	spy_wait_published(&f->spy, PUBLISHER_FLUSHED, id);
	spy_until(&f->spy, has_counted, f);
}

static bool is_flushed(void *arg)
{
	struct fixture *f = arg;

	return publisher_spy_find(&f->spy.published, PUBLISHER_FLUSHED,
				  f->last_id) != NULL;
}

/* Each denied subject is reported before the proof, however many there are. */
static void test_denied_publishes(void **state)
{
	struct fixture *f = *state;
	uint64_t first = f->last_id + 1, flushed = 0;
	const struct publisher_event *ev;
	char subject[64];
	size_t n = 0;

	for (size_t i = 0; i < 500; i++) {
		snprintf(subject, sizeof(subject), "%s.%zu",
			 i % 3 == 0 ? "ev" : "no", i);
		publish(f, subject, "x");
		if (i % 100 == 0)
			spy_turn(&f->spy);
	}
	spy_until(&f->spy, is_flushed, f);
	while ((ev = publisher_spy_next(&f->spy.published)) != NULL) {
		if (ev->kind == PUBLISHER_FLUSHED)
			flushed = ev->id;
		if (ev->kind != PUBLISHER_DENIED)
			continue;
		n++;
		assert_memory_equal(ev->subject.at, "no.", 3);
		assert_true(flushed <
			    first + strtoul(ev->subject.at + 3, NULL, 10));
	}
	assert_int_equal(flushed, f->last_id);
	assert_int_equal(n, 333);
}

/* Clients can neither fill the log, nor name the reason of a session's end. */
static void test_denied_log(void **state)
{
	struct fixture *f = *state;
	char subject[64];
	size_t n = 0;

	for (unsigned i = 0; i < 500; i++) {
		snprintf(subject, sizeof(subject), "no.%u", i);
		publish(f, subject, "x");
	}
	spy_wait_published(&f->spy, PUBLISHER_FLUSHED, f->last_id);
	for (const char *at = f->spy.notes;
	     (at = strstr(at, "\nerror ")) != NULL; at++)
		n++;
	assert_in_range(n, 1, 3);
	nats_server_kill(&f->nats, SIGKILL);
	spy_wait_note(&f->spy, 0, "\ndisconnected ");
	assert_null(
		strstr(strstr(f->spy.notes, "\ndisconnected "), "Permissions"));
}

static void test_denied_request(void **state)
{
	struct fixture *f = *state;
	char subject[256] = "no.\"quoted\\", *end;
	const struct publisher_event *ev;

	request(f, subject, "x");
	ev = spy_wait_published(&f->spy, PUBLISHER_DENIED, 0);
	assert_string_equal(ev->subject.at, subject);
	assert_false(ev->is_cut);
	end = subject + strlen(subject);
	memset(end, 'x', sizeof(subject) - 1 - (size_t)(end - subject));
	request(f, subject, "x");
	ev = spy_wait_published(&f->spy, PUBLISHER_DENIED, 0);
	assert_true(ev->is_cut);
	assert_true(ev->subject.len > 200);
	assert_memory_equal(ev->subject.at, subject, ev->subject.len);
}

/* ---- core subscriptions -------------------------------------------------- */

static void test_subscription(void **state)
{
	struct fixture *f = *state;
	uint64_t id = subscribe(f, "live.*", ""), other;
	struct publisher_message m = message_to(f, "live.a", "hello");
	const struct publisher_event *ev;

	spy_wait_published(&f->spy, PUBLISHER_ACTIVE, id);
	m.headers = span_of("NATS/1.0\r\nA: b\r\n\r\n");
	m.reply = span_of("live.reply");
	assert_int_equal(f->p->ops->publish(f->p, &m), 0);
	ev = spy_wait_published(&f->spy, PUBLISHER_MESSAGE, id);
	assert_string_equal(ev->subject.at, "live.a");
	assert_string_equal(ev->reply.at, "live.reply");
	assert_string_equal(ev->data.at, "hello");
	assert_string_equal(ev->headers.at, "NATS/1.0\r\nA: b\r\n\r\n");
	f->p->ops->unsubscribe(f->p, id);
	other = subscribe(f, "live.b", "");
	spy_wait_published(&f->spy, PUBLISHER_ACTIVE, other);
	publish(f, "live.b", "again");
	ev = spy_wait_published(&f->spy, PUBLISHER_MESSAGE, 0);
	assert_int_equal(ev->id, other);
	assert_string_equal(ev->data.at, "again");
	assert_string_equal(ev->reply.at, "");
	assert_string_equal(ev->headers.at, "");
}

/* Members of a queue group share its messages. */
static void test_queue(void **state)
{
	struct fixture *f = *state;
	uint64_t a = subscribe(f, "q", "group"), b = subscribe(f, "q", "group");
	size_t n[2] = {0, 0};

	spy_wait_published(&f->spy, PUBLISHER_ACTIVE, b);
	for (size_t i = 0; i < 100; i++)
		publish(f, "q", "x");
	for (size_t i = 0; i < 100; i++) {
		const struct publisher_event *ev =
			spy_wait_published(&f->spy, PUBLISHER_MESSAGE, 0);

		n[ev->id == a ? 0 : 1]++;
	}
	assert_true(n[0] > 10 && n[1] > 10);
}

static void test_denied_subscriptions(void **state)
{
	struct fixture *f = *state;
	uint64_t plain = subscribe(f, "no.a", "");
	uint64_t queued = subscribe(f, "no.a", "queue");
	uint64_t good = subscribe(f, "a", "");
	const struct publisher_event *ev;

	ev = spy_wait_published(&f->spy, PUBLISHER_FAILED, plain);
	assert_int_equal(ev->failure, PUBLISH_DENIED);
	ev = spy_wait_published(&f->spy, PUBLISHER_FAILED, queued);
	assert_int_equal(ev->failure, PUBLISH_DENIED);
	spy_wait_published(&f->spy, PUBLISHER_ACTIVE, good);
	assert_null(publisher_spy_find(&f->spy.published, PUBLISHER_ACTIVE, 0));
}

static size_t count_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static void test_many_subscriptions(void **state)
{
	enum { MANY = 10000 };
	struct fixture *f = *state;
	uint64_t first = f->last_id + 1, id = 0;
	size_t threads = count_threads();
	const struct publisher_event *ev;
	char subject[32];

	for (unsigned i = 0; i < MANY; i++) {
		snprintf(subject, sizeof(subject), "many.%u", i);
		id = subscribe(f, subject, "");
	}
	spy_wait_published(&f->spy, PUBLISHER_ACTIVE, id);
	assert_true(count_threads() < threads + 4);
	publish(f, "many.77", "hello");
	ev = spy_wait_published(&f->spy, PUBLISHER_MESSAGE, 0);
	assert_int_equal(ev->id, first + 77);
	for (unsigned i = 0; i < MANY; i++)
		f->p->ops->unsubscribe(f->p, first + i);
	subscribe(f, "many.>", "");
	publish(f, "many.77", "again");
	ev = spy_wait_published(&f->spy, PUBLISHER_MESSAGE, 0);
	assert_int_equal(ev->id, first + MANY + 1);
}

enum { FLOOD = 400000 };

/* Messages "1" to FLOOD, at full speed. */
static void flood(void *arg)
{
	struct fixture *f = arg;
	natsConnection *conn = nats_server_dial(f->nats.url, 5000);
	char text[16];

	assert_non_null(conn);
	for (unsigned i = 1; i <= FLOOD; i++) {
		snprintf(text, sizeof(text), "%u", i);
		natsConnection_PublishString(conn, "flood", text);
	}
	natsConnection_FlushTimeout(conn, 20000);
	natsConnection_Destroy(conn);
	nats_ReleaseThreadMemory();
}

/* The loop stands still, then is slow: messages are dropped, each is counted,
 * and requests go on. */
static void test_flood(void **state)
{
	const struct request_id info = {1, 1};
	struct fixture *f = *state;
	const struct publisher_spy *spy = &f->spy.published;
	uint64_t id = subscribe(f, "flood", ""), last = FLOOD;
	uv_thread_t thread;
	char text[16];

	spy_wait_published(&f->spy, PUBLISHER_ACTIVE, id);
	f->spy.published.counting = true;
	assert_int_equal(uv_thread_create(&thread, flood, f), 0);
	uv_sleep(1000);
	for (size_t i = 0; i < 10; i++) {
		assert_int_equal(f->spy.js->ops->info(f->spy.js, info), 0);
		spy_wait(&f->spy, JETSTREAM_INFO);
		spy_wait_published(&f->spy, PUBLISHER_REPLY,
				   request(f, "ev.flood", "x"));
	}
	uv_thread_join(&thread);
	/* One of these finds room, and reports what was dropped before. */
	while (spy->last_number != last && last < FLOOD + 1000) {
		snprintf(text, sizeof(text), "%" PRIu64, ++last);
		spy_wait_published(&f->spy, PUBLISHER_FLUSHED,
				   publish(f, "flood", text));
		spy_turn(&f->spy);
	}
	assert_true(spy->n_counted > 0);
	assert_true(spy->n_dropped > 0);
	assert_int_equal(spy->n_counted + spy->n_dropped, spy->last_number);
}

/* ---- the end of a session ------------------------------------------------ */

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

/* Subscriptions end with the session. */
static void test_subscriptions_end(void **state)
{
	struct fixture *f = *state;
	uint64_t id = subscribe(f, "end.*", "");

	spy_wait_published(&f->spy, PUBLISHER_ACTIVE, id);
	nats_server_kill(&f->nats, SIGKILL);
	spy_wait_published(&f->spy, PUBLISHER_DOWN, 0);
	f->p->ops->unsubscribe(f->p, id); /* a no-op */
	nats_server_again(&f->nats);
	spy_wait_published(&f->spy, PUBLISHER_UP, 0);
	spy_wait_published(&f->spy, PUBLISHER_FLUSHED, publish(f, "end.a", ""));
	id = subscribe(f, "end.*", "");
	spy_wait_published(&f->spy, PUBLISHER_ACTIVE, id);
	assert_null(
		publisher_spy_find(&f->spy.published, PUBLISHER_MESSAGE, 0));
	publish(f, "end.a", "");
	spy_wait_published(&f->spy, PUBLISHER_MESSAGE, id);
}

/* Messages in the outbox, a server that does not read, subscriptions: the
 * close takes seconds at most. */
static void test_close(void **state)
{
	struct fixture *f = *state;
	size_t n_posted = 0;

	subscribe(f, "close", "");
	nats_server_kill(&f->nats, SIGSTOP);
	assert_true(fill_outbox(f, &n_posted));
	assert_true(spy_stop(&f->spy) < 8000);
	nats_server_kill(&f->nats, SIGCONT);
}

static void test_bad_subjects(void **state)
{
	struct fixture *f = *state;
	struct publisher_message m = message_to(f, "", "x");

	m.subject = (struct span){"a\0b", 3};
	assert_int_equal(f->p->ops->publish(f->p, &m), -EINVAL);
	m.subject = span_of("a");
	m.reply = m.subject;
	m.reply.at = "a\0b";
	m.reply.len = 3;
	assert_int_equal(f->p->ops->publish(f->p, &m), -EINVAL);
	spy_wait_published(&f->spy, PUBLISHER_FLUSHED, publish(f, "ev.a", "x"));
}

static void test_server_killed(void **state)
{
	end_session(*state, SIGKILL);
}

static void test_server_stopped(void **state)
{
	end_session(*state, SIGSTOP);
}

#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_acknowledged, setup),
		TEST(test_no_responders, setup),
		TEST(test_headers, setup),
		TEST(test_header_order, setup),
		TEST(test_over_deadline, setup),
		TEST(test_too_large, setup),
		TEST(test_core_publish, setup),
		TEST(test_core_publish, setup_inbox_denied),
		TEST(test_denied_publishes, setup_denied),
		TEST(test_denied_publishes, setup_inbox_denied),
		TEST(test_denied_log, setup_denied),
		TEST(test_denied_request, setup_denied),
		TEST(test_subscription, setup),
		TEST(test_subscription, setup_inbox_denied),
		TEST(test_queue, setup),
		TEST(test_denied_subscriptions, setup_denied),
		TEST(test_denied_subscriptions, setup_inbox_denied),
		TEST(test_many_subscriptions, setup),
		TEST(test_flood, setup),
		TEST(test_subscriptions_end, setup),
		TEST(test_bad_subjects, setup),
		TEST(test_close, setup),
		TEST(test_server_killed, setup),
		TEST(test_server_stopped, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
