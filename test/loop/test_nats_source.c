/* Requests and their responses, consumers and pulls, on a real server. */
#include <errno.h>
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

#include "base/check.h"
#include "nats/message_headers.h"
#include "nats_server.h"
#include "readable_of.h"
#include "raw_publisher.h"
#include "source_spy.h"
#include "upstream/nats_headers.h"

struct fixture {
	uv_loop_t loop;
	struct nats_server nats;
	struct nats_admin *admin;
	const char *server;
	struct nats_settings settings;
	struct spy spy;
};

static const struct request_id request = {7, 4294967295};

static int setup_server(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	*state = f;
	nats_server_start(&f->nats, NULL);
	f->admin = nats_admin_open(f->nats.url);
	f->server = f->nats.url;
	return 0;
}

static int teardown_server(void **state)
{
	struct fixture *f = *state;

	nats_admin_close(f->admin);
	nats_server_stop(&f->nats);
	free(f);
	return 0;
}

/* A stream for each test, and a source with an open session. */
static int setup(void **state)
{
	static unsigned n;
	static char name[32], config[256], filter[64];
	struct fixture *f = *state;

	snprintf(name, sizeof(name), "EV%u", ++n);
	snprintf(filter, sizeof(filter), "ev%u.*", n);
	snprintf(config, sizeof(config),
		 "{\"name\":\"%s\",\"subjects\":[\"ev%u.>\"],"
		 "\"storage\":\"memory\"}",
		 name, n);
	nats_admin_stream(f->admin, config);
	assert_int_equal(uv_loop_init(&f->loop), 0);
	f->settings = (struct nats_settings){
		.servers = &f->server,
		.n_servers = 1,
		.stream = name,
		.readable = readable_of(filter),
	};
	spy_start(&f->spy, &f->loop, &f->settings);
	spy_wait(&f->spy, JETSTREAM_UP);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	spy_finish(&f->spy);
	readable_unref(f->settings.readable);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	return 0;
}

/* "ev3.alice" */
static const char *subject_of(struct fixture *f, const char *id)
{
	static char subject[128];

	snprintf(subject, sizeof(subject), "%.*s%s",
		 (int)strlen(readable_filter(f->settings.readable)) - 1,
		 readable_filter(f->settings.readable), id);
	return subject;
}

static uint64_t publish(struct fixture *f, const char *id, const char *text)
{
	return nats_admin_publish(f->admin, subject_of(f, id), text,
				  strlen(text));
}

static void assert_own_request(const struct spy_event *ev)
{
	assert_int_equal(ev->request.owner, request.owner);
	assert_int_equal(ev->request.generation, request.generation);
}

static const struct spy_event *ask_info(struct fixture *f)
{
	const struct spy_event *ev;

	assert_int_equal(f->spy.js->ops->info(f->spy.js, request), 0);
	ev = spy_wait(&f->spy, JETSTREAM_INFO);
	assert_own_request(ev);
	return ev;
}

static const struct spy_event *ask_find(struct fixture *f, uint64_t seq,
					const char *id)
{
	const struct spy_event *ev;

	assert_int_equal(f->spy.js->ops->get_next(f->spy.js, request, seq,
						  subject_of(f, id)),
			 0);
	ev = spy_wait(&f->spy, JETSTREAM_FOUND);
	assert_own_request(ev);
	return ev;
}

static const struct spy_event *ask_last(struct fixture *f, const char *id)
{
	const struct spy_event *ev;

	assert_int_equal(f->spy.js->ops->get_last(f->spy.js, request,
						  subject_of(f, id)),
			 0);
	ev = spy_wait(&f->spy, JETSTREAM_FOUND);
	assert_own_request(ev);
	return ev;
}

static const struct spy_event *ask_create(struct fixture *f, uint64_t seq,
					  const char *filter)
{
	const struct jetstream_consumer c = {
		.request = request,
		.start_seq = seq,
		.filter = filter,
		.inactive_ms = 60000,
	};
	const struct spy_event *ev;

	assert_int_equal(f->spy.js->ops->create(f->spy.js, &c), 0);
	ev = spy_wait(&f->spy, JETSTREAM_CREATED);
	assert_own_request(ev);
	return ev;
}

static void ask_pull(struct fixture *f, struct jetstream_pull pull)
{
	pull.request = request;
	assert_int_equal(f->spy.js->ops->pull(f->spy.js, &pull), 0);
}

static long long consumers(struct fixture *f)
{
	return nats_admin_stream_number(f->admin, f->settings.stream,
					"state.consumer_count");
}

/* Messages that the stream's only consumer has not delivered. */
static long long consumer_pending(struct fixture *f)
{
	char api[64];
	char *text, *at;
	long long n;

	snprintf(api, sizeof(api), "CONSUMER.LIST.%s", f->settings.stream);
	text = nats_admin_api(f->admin, api, NULL);
	at = strstr(text, "\"num_pending\":");
	assert_non_null(at);
	n = atoll(at + strlen("\"num_pending\":"));
	free(text);
	return n;
}

static void assert_message(const struct spy_event *ev, uint64_t seq,
			   const char *data)
{
	assert_int_equal(ev->msg.seq, seq);
	assert_int_equal(ev->msg.len, strlen(data));
	assert_memory_equal(ev->msg.data, data, ev->msg.len);
}

/* ---- STREAM.INFO --------------------------------------------------------- */

static void info_describes_the_stream(void **state)
{
	struct fixture *f = *state;
	const struct spy_event *ev = ask_info(f);

	assert_int_equal(ev->err, 0);
	assert_int_equal(ev->info.first_seq, 1);
	assert_int_equal(ev->info.last_seq, 0);
	assert_int_equal(ev->info.messages, 0);
	assert_false(ev->info.filter_covers_all);
	assert_true(strncmp(ev->created, "20", 2) == 0);
	assert_int_equal(ev->info.api_level > 0, f->nats.version >= 21100);
	assert_int_equal(ev->info.api_level > 1, f->nats.version >= 21200);
	publish(f, "alice", "a");
	publish(f, "bob", "b");
	ev = ask_info(f);
	assert_int_equal(ev->info.last_seq, 2);
	assert_int_equal(ev->info.messages, 2);
}

static void a_missing_stream_is_an_error(void **state)
{
	struct fixture *f = *state;
	const struct spy_event *ev;
	char api[64];

	snprintf(api, sizeof(api), "STREAM.DELETE.%s", f->settings.stream);
	free(nats_admin_api(f->admin, api, NULL));
	ev = ask_info(f);
	assert_int_equal(ev->err, JETSTREAM_ERR_NO_STREAM);
	assert_string_equal(ev->err_text, "stream not found");
	assert_int_equal(ask_find(f, 1, "alice")->err, JETSTREAM_ERR_NO_STREAM);
	assert_int_equal(ask_last(f, "alice")->err, JETSTREAM_ERR_NO_STREAM);
	assert_int_equal(ask_create(f, 1, NULL)->err, JETSTREAM_ERR_NO_STREAM);
}

/* ---- STREAM.MSG.GET ------------------------------------------------------ */

static void get_next_finds_the_next_of_the_subject(void **state)
{
	struct fixture *f = *state;
	const struct spy_event *ev;

	publish(f, "alice", "one");
	publish(f, "bob", "two");
	publish(f, "alice", "three");
	ev = ask_find(f, 2, "alice");
	assert_int_equal(ev->err, 0);
	assert_message(ev, 3, "three");
	assert_string_equal(ev->subject, subject_of(f, "alice"));
	assert_true(ev->msg.time_ns > 1700000000000000000);
	assert_int_equal(ev->msg.cseq, 0);
	assert_message(ask_find(f, 1, "bob"), 2, "two");
	assert_int_equal(ask_find(f, 4, "alice")->err,
			 JETSTREAM_ERR_NO_MESSAGE);
}

static void get_last_finds_the_newest_of_the_subject(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask_last(f, "alice")->err, JETSTREAM_ERR_NO_MESSAGE);
	publish(f, "alice", "one");
	publish(f, "alice", "two");
	publish(f, "bob", "three");
	assert_message(ask_last(f, "alice"), 2, "two");
}

static void payloads_of_any_size_are_found(void **state)
{
	static char big[1024 * 1024];
	struct fixture *f = *state;
	const struct spy_event *ev;

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7 + i / 251);
	nats_admin_publish(f->admin, subject_of(f, "empty"), "", 0);
	nats_admin_publish(f->admin, subject_of(f, "big"), big, sizeof(big));
	ev = ask_last(f, "empty");
	assert_int_equal(ev->err, 0);
	assert_message(ev, 1, "");
	ev = ask_last(f, "big");
	assert_int_equal(ev->msg.len, sizeof(big));
	assert_memory_equal(ev->msg.data, big, sizeof(big));
}

/* ---- headers ------------------------------------------------------------- */

/* By a consumer, and by STREAM.MSG.GET. */
static void assert_headers(struct fixture *f, uint64_t seq, const char *want)
{
	const struct spy_event *ev;

	assert_int_equal(f->spy.js->ops->get(f->spy.js, request, seq), 0);
	ev = spy_wait(&f->spy, JETSTREAM_FOUND);
	assert_int_equal(ev->err, 0);
	assert_int_equal(ev->msg.headers_len, strlen(want));
	assert_memory_equal(ev->msg.headers, want, strlen(want));
	assert_message(ev, seq, "data");
	ask_pull(f, (struct jetstream_pull){.batch = 1, .expires_ms = 30000});
	ev = spy_wait(&f->spy, JETSTREAM_MESSAGE);
	assert_message(ev, seq, "data");
	assert_int_equal(ev->msg.headers_len, strlen(want));
	assert_memory_equal(ev->msg.headers, want, strlen(want));
}

static void headers_arrive_as_they_were_sent(void **state)
{
	static const struct {
		const char *block, *want;
		size_t len;
	} messages[] = {
#define MESSAGE(block, want) {block, want, sizeof(block) - 1}
		MESSAGE("NATS/1.0\r\nTrace: a\r\n\r\n",
			"\"headers\":{\"Trace\":[\"a\"]},"),
		/* the order of names, repeats, empty values */
		MESSAGE("NATS/1.0\r\nZ:\r\nA: 1\r\nM:  \r\nA: 2\r\na:\r\n\r\n",
			"\"headers\":{\"Z\":[\"\"],\"A\":[\"1\",\"2\"],"
			"\"M\":[\"\"],\"a\":[\"\"]},"),
		MESSAGE("NATS/1.0\r\nA: a\0b\rc\nd\r\nB: \xff\r\nno colon\r\n"
			"C: c\r\n\r\n",
			"\"headers\":{\"A\":[\"a\\u0000b\\rc\\nd\"],"
			"\"C\":[\"c\"]},\"headers_base64\":{\"B\":[\"/"
			"w==\"]},"),
		MESSAGE("NATS/1.0\r\nA: cut", "\"headers\":{\"A\":[\"cut\"]},"),
		MESSAGE("NATS/1.0\r\n\r\n", ""),
		MESSAGE("garbage: 1\r\n", ""),
		MESSAGE("\0\0\0", ""),
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(messages); i++)
		raw_publish(f->nats.port, subject_of(f, "alice"),
			    messages[i].block, messages[i].len, "data", 4);
	ask_create(f, 1, NULL);
	for (size_t i = 0; i < ARRAY_LEN(messages); i++)
		assert_headers(f, i + 1, messages[i].want);
}

static void messages_of_jetstream_are_internal(void **state)
{
	static const char marker[] =
		"NATS/1.0\r\nA:\r\nNats-Marker-Reason: MaxAge\r\n\r\n";
	struct fixture *f = *state;

	raw_publish(f->nats.port, subject_of(f, "alice"), marker,
		    sizeof(marker) - 1, "", 0);
	publish(f, "alice", "one");
	ask_create(f, 1, NULL);
	ask_pull(f, (struct jetstream_pull){.batch = 2, .expires_ms = 30000});
	assert_true(spy_wait(&f->spy, JETSTREAM_MESSAGE)->msg.internal);
	assert_false(spy_wait(&f->spy, JETSTREAM_MESSAGE)->msg.internal);
	assert_int_equal(f->spy.js->ops->get(f->spy.js, request, 1), 0);
	assert_true(spy_wait(&f->spy, JETSTREAM_FOUND)->msg.internal);
}

/* For a version of nats.c that keeps its messages in another way. */
static void headers_are_built_of_what_the_library_returns(void **state)
{
	struct span block, value;
	struct buf room;
	natsMsg *msg;

	(void)state;
	buf_init(&room, 4096);
	assert_int_equal(natsMsg_Create(&msg, "s", "r", "d", 1), NATS_OK);
	block = nats_headers_build(msg, &room);
	assert_int_equal(block.len, 0);
	assert_int_equal(natsMsgHeader_Add(msg, "A", "1"), NATS_OK);
	assert_int_equal(natsMsgHeader_Add(msg, "B", "2"), NATS_OK);
	block = nats_headers_build(msg, &room);
	assert_true(message_headers_find(block, "A", &value));
	assert_memory_equal(value.at, "1\r\n", 3);
	assert_true(message_headers_find(block, "B", &value));
	assert_memory_equal(value.at, "2\r\n", 3);
	natsMsg_Destroy(msg);
	buf_finish(&room);
}

/* ---- consumers ----------------------------------------------------------- */

static void messages_arrive_in_order(void **state)
{
	enum { N = 5000 };
	struct fixture *f = *state;
	uint64_t before = 0;
	char text[32];

	nats_admin_publish_many(f->admin, subject_of(f, "alice"), "m", N);
	assert_int_equal(ask_create(f, 1, readable_filter(f->settings.readable))
				 ->num_pending,
			 N);
	ask_pull(f, (struct jetstream_pull){.batch = N, .expires_ms = 30000});
	for (uint64_t i = 0; i < N; i++) {
		const struct spy_event *ev =
			spy_wait(&f->spy, JETSTREAM_MESSAGE);

		snprintf(text, sizeof(text), "m-%d", (int)i);
		assert_own_request(ev);
		assert_message(ev, i + 1, text);
		assert_int_equal(ev->msg.cseq, i + 1);
		assert_int_equal(ev->msg.pending, N - 1 - i);
		assert_string_equal(ev->subject, subject_of(f, "alice"));
		assert_true(ev->msg.time_ns >= before);
		before = ev->msg.time_ns;
	}
	assert_true(f->spy.n_flushes > 0);
}

static void a_consumer_has_its_filter_and_start(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 3; i++) {
		publish(f, "alice", "a");
		publish(f, "bob", "b");
	}
	assert_int_equal(ask_create(f, 3, subject_of(f, "bob"))->num_pending,
			 2);
	ask_pull(f, (struct jetstream_pull){.batch = 2, .expires_ms = 30000});
	assert_message(spy_wait(&f->spy, JETSTREAM_MESSAGE), 4, "b");
	assert_message(spy_wait(&f->spy, JETSTREAM_MESSAGE), 6, "b");
}

static void messages_of_any_size_arrive(void **state)
{
	static char big[1024 * 1024];
	struct fixture *f = *state;
	const struct spy_event *ev;

	memset(big, 'x', sizeof(big));
	for (int i = 0; i < 20; i++)
		nats_admin_publish(f->admin, subject_of(f, "big"), big,
				   sizeof(big));
	nats_admin_publish(f->admin, subject_of(f, "empty"), "", 0);
	ask_create(f, 1, NULL);
	ask_pull(f, (struct jetstream_pull){.batch = 21, .expires_ms = 30000});
	for (int i = 0; i < 20; i++) {
		ev = spy_wait(&f->spy, JETSTREAM_MESSAGE);
		assert_int_equal(ev->msg.len, sizeof(big));
		assert_memory_equal(ev->msg.data, big, sizeof(big));
	}
	assert_message(spy_wait(&f->spy, JETSTREAM_MESSAGE), 21, "");
}

static bool has_counted(void *arg)
{
	return ((struct spy *)arg)->n_counted == 200000;
}

/* More messages than nats.c queues by default, while the loop does not run:
 * nats.c drops none, and the mailbox stays within its bound. */
static void a_burst_arrives_whole(void **state)
{
	struct fixture *f = *state;

	nats_admin_publish_many(f->admin, subject_of(f, "alice"), "m", 200000);
	ask_create(f, 1, readable_filter(f->settings.readable));
	f->spy.counting = true;
	ask_pull(f,
		 (struct jetstream_pull){.batch = 200000, .expires_ms = 60000});
	/* The server has sent all of them. */
	while (consumer_pending(f) > 0)
		uv_sleep(20);
	uv_sleep(300);
	spy_until(&f->spy, has_counted, &f->spy);
	assert_in_range(f->spy.n_flushes, 200000 / 512, 200000);
}

static void a_pull_without_wait_ends_with_a_status(void **state)
{
	struct fixture *f = *state;
	const struct spy_event *ev;

	publish(f, "alice", "a");
	ask_create(f, 1, NULL);
	ask_pull(f, (struct jetstream_pull){.number = 41,
					    .batch = 3,
					    .no_wait = true});
	assert_message(spy_wait(&f->spy, JETSTREAM_MESSAGE), 1, "a");
	/* 408 or 404, depending on the server's version */
	ev = spy_wait(&f->spy, JETSTREAM_STATUS);
	assert_own_request(ev);
	assert_int_equal(ev->status.number, 41);
	assert_true(ev->status.code == 404 || ev->status.code == 408);
	ask_pull(f, (struct jetstream_pull){.number = 42,
					    .batch = 1,
					    .no_wait = true});
	ev = spy_wait(&f->spy, JETSTREAM_STATUS);
	assert_int_equal(ev->status.number, 42);
	assert_int_equal(ev->status.code, 404);
}

static void an_idle_pull_sends_heartbeats_and_expires(void **state)
{
	struct fixture *f = *state;
	const struct spy_event *ev;
	bool has_heartbeat = false;

	publish(f, "alice", "a");
	ask_create(f, 1, NULL);
	ask_pull(f, (struct jetstream_pull){.number = 1,
					    .batch = 5,
					    .expires_ms = 1500,
					    .heartbeat_ms = 500});
	spy_wait(&f->spy, JETSTREAM_MESSAGE);
	for (;;) {
		ev = spy_wait(&f->spy, JETSTREAM_STATUS);
		assert_int_equal(ev->status.number, 1);
		if (ev->status.code != 100)
			break;
		assert_true(ev->status.has_last_consumer);
		assert_int_equal(ev->status.last_consumer, 1);
		has_heartbeat = true;
	}
	assert_true(has_heartbeat);
	assert_int_equal(ev->status.code, 408);
	assert_true(ev->status.has_pending);
	assert_int_equal(ev->status.pending_msgs, 4);
}

static void a_message_too_big_for_the_pull_is_a_status(void **state)
{
	static char big[4096];
	struct fixture *f = *state;
	const struct spy_event *ev;

	memset(big, 'x', sizeof(big));
	nats_admin_publish(f->admin, subject_of(f, "big"), big, sizeof(big));
	ask_create(f, 1, NULL);
	ask_pull(f, (struct jetstream_pull){.batch = 1,
					    .max_bytes = 100,
					    .expires_ms = 5000});
	ev = spy_wait(&f->spy, JETSTREAM_STATUS);
	assert_int_equal(ev->status.code, 409);
	assert_true(ev->status.too_big);
}

static bool has_no_consumer(void *arg)
{
	return consumers(arg) == 0;
}

static void delete_consumer_deletes_the_consumer(void **state)
{
	struct fixture *f = *state;

	ask_create(f, 1, NULL);
	assert_int_equal(consumers(f), 1);
	assert_int_equal(f->spy.js->ops->delete_consumer(f->spy.js, request),
			 0);
	while (!has_no_consumer(f))
		spy_turn(&f->spy);
}

/* Requests made just before the close are still sent. */
static void consumers_are_deleted_before_the_close(void **state)
{
	enum { N = 300, GONE_MS = 20000 };
	struct fixture *f = *state;
	struct jetstream *js = f->spy.js;

	for (uint32_t i = 0; i < N; i++) {
		const struct jetstream_consumer c = {.request = {i, 1},
						     .start_seq = 1,
						     .inactive_ms = 60000};

		assert_int_equal(js->ops->create(js, &c), 0);
	}
	for (uint32_t i = 0; i < N; i++)
		assert_int_equal(spy_wait(&f->spy, JETSTREAM_CREATED)->err, 0);
	assert_int_equal(consumers(f), N);
	for (uint32_t i = 0; i < N; i++)
		js->ops->delete_consumer(js, (struct request_id){i, 1});
	spy_stop(&f->spy);
	/* The server may still process deletions after its last PONG. Without
	 * them the consumers would be gone after a minute. */
	for (unsigned i = 0; i < GONE_MS && !has_no_consumer(f); i += 10)
		uv_sleep(10);
	assert_int_equal(consumers(f), 0);
}

static void a_deleted_consumer_is_reported(void **state)
{
	struct fixture *f = *state;
	const struct spy_event *ev;

	ask_create(f, 1, NULL);
	ask_pull(f, (struct jetstream_pull){.batch = 1,
					    .expires_ms = 20000,
					    .heartbeat_ms = 500});
	/* a heartbeat: the pull has arrived */
	spy_wait(&f->spy, JETSTREAM_STATUS);
	{
		char api[64];

		snprintf(api, sizeof(api), "STREAM.DELETE.%s",
			 f->settings.stream);
		free(nats_admin_api(f->admin, api, NULL));
	}
	do
		ev = spy_wait(&f->spy, JETSTREAM_STATUS);
	while (ev->status.code == 100);
	assert_int_equal(ev->status.code, 409);
	assert_true(ev->status.consumer_gone);
}

/* ---- limits -------------------------------------------------------------- */

static void subjects_that_break_the_protocol_are_rejected(void **state)
{
	static const char *const bad[] = {"", "a b", "a\r\nPUB x 0", "a\tb",
					  "\x80"};
	struct fixture *f = *state;
	struct jetstream *js = f->spy.js;
	char longest[600];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const struct jetstream_consumer c = {.request = request,
						     .filter = bad[i]};

		assert_int_equal(js->ops->get_next(js, request, 1, bad[i]),
				 -EINVAL);
		assert_int_equal(js->ops->get_last(js, request, bad[i]),
				 -EINVAL);
		assert_int_equal(js->ops->create(js, &c), -EINVAL);
	}
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(js->ops->get_last(js, request, longest), -EINVAL);
	assert_int_equal(ask_info(f)->err, 0);
}

/* The worker sends requests meanwhile, until the socket is full. */
static void pending_requests_are_bounded(void **state)
{
	struct fixture *f = *state;
	int rc = 0;

	nats_server_kill(&f->nats, SIGSTOP);
	for (int i = 0; rc == 0 && i < 10000000; i++)
		rc = f->spy.js->ops->get_last(f->spy.js, request,
					      subject_of(f, "alice"));
	nats_server_kill(&f->nats, SIGCONT);
	assert_int_equal(rc, -ENOBUFS);
}

/* ---- main ---------------------------------------------------------------- */

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(info_describes_the_stream),
		TEST(a_missing_stream_is_an_error),
		TEST(get_next_finds_the_next_of_the_subject),
		TEST(get_last_finds_the_newest_of_the_subject),
		TEST(payloads_of_any_size_are_found),
		TEST(headers_arrive_as_they_were_sent),
		TEST(messages_of_jetstream_are_internal),
		TEST(headers_are_built_of_what_the_library_returns),
		TEST(messages_arrive_in_order),
		TEST(a_consumer_has_its_filter_and_start),
		TEST(messages_of_any_size_arrive),
		TEST(a_burst_arrives_whole),
		TEST(a_pull_without_wait_ends_with_a_status),
		TEST(an_idle_pull_sends_heartbeats_and_expires),
		TEST(a_message_too_big_for_the_pull_is_a_status),
		TEST(delete_consumer_deletes_the_consumer),
		TEST(consumers_are_deleted_before_the_close),
		TEST(a_deleted_consumer_is_reported),
		TEST(subjects_that_break_the_protocol_are_rejected),
		TEST(pending_requests_are_bounded),
	};

	return cmocka_run_group_tests(tests, setup_server, teardown_server);
}
