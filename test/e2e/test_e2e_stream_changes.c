/* What a server does to a gateway that is behind: limits and purges that
 * overtake it, a store that lost its end, a purge of another subject, requests
 * that the server refuses, markers that JetStream writes. A subscription gets
 * every message that is stored, and `event: gap` for those that are not. */
#include "e2e.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nats/nats.h>

#include "test_clock.h"

/* More than the 8 MiB that the tail asks for, in any of the tests below. */
enum { BIG = 20 * 1000, BIG_COUNT = 2000, SEEN = 10 };

/* ---- fixture ------------------------------------------------------------- */

/* The server was ended: what the admin has of it is of no use. */
static void connect_admin(struct e2e *f)
{
	nats_admin_close(f->admin);
	f->admin = nats_admin_open(f->nats.url);
}

/* Each test begins with a server of the default configuration. */
static int setup(void **state)
{
	struct e2e *f = *state;

	if (f->nats.pid != 0 && f->nats.config != NULL) {
		e2e_delete_stream(f);
		nats_server_restart(&f->nats, SIGTERM, NULL);
		connect_admin(f);
	}
	return e2e_setup(state);
}

/* A gateway that a failed test left stopped would not end. */
static int teardown(void **state)
{
	struct e2e *f = *state;

	if (f->gw.pid > 0)
		gateway_proc_signal(&f->gw, SIGCONT);
	return e2e_teardown(state);
}

#define OVERTAKEN_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

/* The server with this configuration, and an empty stream. */
static void serve(struct e2e *f, const char *config, const char *stream)
{
	e2e_delete_stream(f);
	nats_server_restart(&f->nats, SIGTERM, config);
	connect_admin(f);
	e2e_make_stream(f, stream);
}

static const char *version_text(const struct e2e *f)
{
	static char text[32];

	snprintf(text, sizeof(text), "%d.%d.%d", f->nats.version / 10000,
		 f->nats.version / 100 % 100, f->nats.version % 100);
	return text;
}

/* ---- publishing ---------------------------------------------------------- */

static void wait_last_seq(struct e2e *f, long long seq)
{
	uint64_t deadline = test_deadline_ms(SSE_CLIENT_WAIT_MS);
	long long got;

	while ((got = e2e_stream_number(f, "state.last_seq")) < seq) {
		if (test_now_ms() > deadline)
			fail_msg("the stream's last sequence is %lld, not %lld",
				 got, seq);
		nats_Sleep(10);
	}
}

/* "PREFIX-0", "PREFIX-1" ..., each followed by blanks up to `len` bytes, to
 * `subjects` in turn, n in all; returns when all are stored. */
static void flood(struct e2e *f, const char *const *subjects, size_t n_subjects,
		  const char *prefix, size_t n, size_t len)
{
	natsConnection *conn = nats_server_dial(f->nats.url, 5000);
	long long before = e2e_stream_number(f, "state.last_seq");
	char *text = malloc(len + 64);

	assert_non_null(conn);
	assert_non_null(text);
	memset(text, ' ', len + 64);
	for (size_t i = 0; i < n; i++) {
		int head = snprintf(text, 64, "%s-%zu", prefix, i);
		size_t size = len > (size_t)head ? len : (size_t)head;

		text[head] = ' ';
		assert_int_equal(
			natsConnection_Publish(conn, subjects[i % n_subjects],
					       text, (int)size),
			NATS_OK);
	}
	assert_int_equal(natsConnection_FlushTimeout(conn, 60000), NATS_OK);
	natsConnection_Destroy(conn);
	free(text);
	wait_last_seq(f, before + (long long)n);
}

static void flood_publisher_alice(struct e2e *f, const char *prefix, size_t n,
				  size_t len)
{
	static const char *const subject[] = {"events.alice"};

	flood(f, subject, 1, prefix, n, len);
}

/* ---- what a subscription got --------------------------------------------- */

/* Of what came from event `from` on, when every message was published to its
 * subject. */
struct passage {
	size_t messages;
	size_t gaps;
	size_t silent; /* holes without a gap before the event behind them */
	uint64_t first_after_gap;
	uint64_t last;
};

static bool parse_gap(const struct sse_event *ev, const char *reason,
		      uint64_t *after, uint64_t *first)
{
	char got[16];

	return strcmp(ev->type, "gap") == 0 &&
	       sscanf(ev->data,
		      "{\"system\": \"gap\", \"reason\": \"%15[a-z]\", "
		      "\"after\": %" SCNu64 ", \"first\": %" SCNu64 "}",
		      got, after, first) == 3 &&
	       strcmp(got, reason) == 0;
}

/* A gap says where the subscription was, and goes on from `first`. */
static void take_gap(struct passage *p, const struct sse_event *ev)
{
	uint64_t after, first;

	if (!parse_gap(ev, "expired", &after, &first))
		fail_msg("not a gap of this kind: %s", ev->data);
	assert_int_equal(after, p->last);
	assert_true(first > after + 1);
	assert_int_equal(sse_id_seq(ev->id), first - 1);
	p->gaps++;
	p->last = first - 1;
	p->first_after_gap = first;
}

static struct passage passage_of(const struct sse_client *c, uint64_t last)
{
	struct passage p = {.last = last};

	for (size_t i = 0; i < c->n_events; i++) {
		const struct sse_event *ev = &c->events[i];
		uint64_t seq = sse_id_seq(ev->id);

		if (strcmp(ev->type, "gap") == 0)
			take_gap(&p, ev);
		if (!sse_event_is_message(ev) || seq <= last)
			continue;
		p.silent += seq != p.last + 1;
		p.messages++;
		p.last = seq;
	}
	return p;
}

static bool has_seq(const struct sse_client *c, void *arg)
{
	const uint64_t *seq = arg;
	const char *id =
		c->n_events == 0 ? NULL : c->events[c->n_events - 1].id;

	return id != NULL && strchr(id, '-') != NULL && sse_id_seq(id) >= *seq;
}

/* Until the client has the event of this sequence. */
static void wait_seq(struct sse_client *c, uint64_t seq)
{
	if (!sse_client_until(c, has_seq, &seq, 2 * SSE_CLIENT_WAIT_MS))
		fail_msg("sequence %" PRIu64 " never came: %s", seq,
			 sse_client_describe(c));
}

/* A subscription of alice that has the first messages: one by one, for limits
 * may take what the tail has not read yet. */
static struct sse_client *subscribe(struct e2e *f)
{
	struct sse_client *c = e2e_open(f, "alice", NULL);

	for (size_t i = 1; i <= SEEN; i++) {
		assert_int_equal(e2e_publish(f, "alice", "seen"), i);
		sse_client_wait_message(c, i);
	}
	return c;
}

/* The gateway stands still meanwhile. */
static void stop_gateway(struct e2e *f)
{
	gateway_proc_signal(&f->gw, SIGSTOP);
}

static void continue_gateway(struct e2e *f)
{
	gateway_proc_signal(&f->gw, SIGCONT);
}

/* ---- limits and purges --------------------------------------------------- */

/* The stream holds the last `kept` messages. */
static void overtaken_by_max_msgs(struct e2e *f, const char *limit, size_t kept)
{
	uint64_t end = SEEN + BIG_COUNT;
	struct sse_client *c;
	struct passage p;

	e2e_make_stream(f, limit);
	e2e_gateway(f, NULL);
	c = subscribe(f);
	stop_gateway(f);
	flood_publisher_alice(f, "lost", BIG_COUNT, BIG);
	continue_gateway(f);
	wait_seq(c, end);
	p = passage_of(c, SEEN);
	assert_int_equal(p.silent, 0);
	/* Messages that were under way when the limits took their neighbours
	 * have gaps of their own. */
	assert_true(p.gaps >= 1);
	/* One that was under way then may come before the oldest one. */
	assert_true(p.first_after_gap <= end - kept + 1);
	assert_int_equal(p.last, end);
	assert_true(e2e_count_in_log(f, "are gone from the stream") >= 1);
	e2e_expect_marker(f, c, "alice", SEEN + p.messages + 1);
}

static void limits_overtake_a_stopped_gateway(void **state)
{
	overtaken_by_max_msgs(*state, "\"max_msgs\": 100", 100);
}

/* Behind the one message that is stored nothing is pending. */
static void a_stream_of_one_message(void **state)
{
	overtaken_by_max_msgs(*state, "\"max_msgs\": 1", 1);
}

/* A tail that filters sees holes all the time: the gap may come later. */
static void limits_overtake_a_tail_that_filters(void **state)
{
	static const char *const subjects[] = {"events.alice", "other"};
	struct e2e *f = *state;
	const struct sse_event *gap;
	struct sse_client *c;
	uint64_t after, first, end = SEEN + BIG_COUNT;

	e2e_make_stream(f, "\"max_msgs\": 100");
	free(nats_admin_api(f->admin, "STREAM.UPDATE.Events",
			    "{\"name\": \"Events\", \"subjects\": "
			    "[\"events.*\", \"other\"], \"max_msgs\": 100, "
			    "\"storage\": \"file\"}"));
	e2e_gateway(f, NULL);
	c = subscribe(f);
	stop_gateway(f);
	flood(f, subjects, 2, "lost", BIG_COUNT, BIG);
	continue_gateway(f);
	wait_seq(c, end - 1);
	gap = sse_client_wait_event(c, "gap", 1);
	assert_true(parse_gap(gap, "expired", &after, &first));
	assert_true(after >= SEEN && after < first);
	assert_int_equal(first, end - 100 + 1);
	/* All that is stored: every second one. */
	for (uint64_t seq = first | 1, i = 0; seq < end; seq += 2, i++) {
		size_t n = c->n_messages - 1 - (size_t)i;

		assert_int_equal(sse_id_seq(sse_client_message(c, n)->id),
				 end - 1 - 2 * i);
	}
}

static void a_purge_while_the_gateway_catches_up(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;
	struct passage p;
	uint64_t end;

	e2e_gateway(f, NULL);
	c = subscribe(f);
	stop_gateway(f);
	flood_publisher_alice(f, "behind", 3 * BIG_COUNT, BIG);
	continue_gateway(f);
	e2e_purge(f, NULL);
	end = e2e_publish(f, "alice", "after");
	wait_seq(c, end);
	p = passage_of(c, SEEN);
	assert_int_equal(p.silent, 0);
	assert_true(p.gaps >= 1);
	assert_int_equal(p.first_after_gap, end);
	e2e_expect_marker(f, c, "alice", SEEN + p.messages + 1);
}

/* ---- a purge of another subject ------------------------------------------ */

/* On 2.9.10 consumers without a literal filter jump to the stream's end then.
 */
static void another_subject_is_purged(struct e2e *f, bool filters,
				      const char *also)
{
	enum { N = 20000, OWN = N / 2 };
	static const char *const subjects[] = {"events.alice", "events.bob"};
	struct sse_client *c;

	if (filters)
		free(nats_admin_api(f->admin, "STREAM.UPDATE.Events",
				    "{\"name\": \"Events\", \"subjects\": "
				    "[\"events.*\", \"other\"], "
				    "\"storage\": \"file\"}"));
	e2e_gateway(f, "--subject", "events.{id}", "--subject", also, NULL);
	c = e2e_open(f, "alice", NULL);
	stop_gateway(f);
	flood(f, subjects, 2, "m", N, 0);
	e2e_purge(f, "{\"filter\": \"events.bob\"}");
	continue_gateway(f);
	sse_client_wait_message(c, OWN);
	for (size_t i = 0; i < OWN; i++)
		assert_int_equal(sse_id_seq(sse_client_message(c, i)->id),
				 2 * i + 1);
	assert_null(sse_client_event(c, "gap", 0));
	e2e_expect_marker(f, c, "alice", OWN + 1);
}

static void a_purge_of_another_subject_hides_nothing(void **state)
{
	another_subject_is_purged(*state, false, "events.{id}");
}

static void nor_does_it_from_a_tail_that_filters(void **state)
{
	another_subject_is_purged(*state, true, "events.{id}");
}

/* Its filter is around both: "*.*". */
static void nor_from_a_tail_of_several_templates(void **state)
{
	another_subject_is_purged(*state, true, "news.{id}");
}

/* ---- a store that lost its end ------------------------------------------- */

enum { COMMON = 100, LOST = 20, NEW = 40 };

/* The server ends with SIGKILL, and has an older copy of its store. */
static void lose_the_end(struct e2e *f)
{
	nats_server_kill(&f->nats, SIGKILL);
	nats_server_put_back_store(&f->nats);
	nats_server_again(&f->nats);
	connect_admin(f);
}

static struct sse_client *subscribe_before_the_loss(struct e2e *f)
{
	struct sse_client *c;

	e2e_gateway(f, NULL);
	c = e2e_open(f, "alice", NULL);
	e2e_publish_many(f, "alice", "common", COMMON);
	sse_client_wait_message(c, COMMON);
	nats_server_kill(&f->nats, SIGTERM);
	nats_server_copy_store(&f->nats);
	nats_server_again(&f->nats);
	connect_admin(f);
	gateway_proc_wait_ready(&f->gw);
	e2e_publish_many(f, "alice", "lost", LOST);
	e2e_expect_many(c, COMMON, "lost", LOST);
	return c;
}

/* `reset`, and then what was published behind the end of what is left. */
static void expect_the_new_ones(struct e2e *f, struct sse_client *c)
{
	uint64_t after, first;

	e2e_expect_many(c, COMMON + LOST, "new", NEW);
	assert_true(parse_gap(sse_client_event(c, "gap", 0), "reset", &after,
			      &first));
	assert_int_equal(after, COMMON + LOST);
	assert_int_equal(first, COMMON + 1);
	assert_int_equal(sse_id_seq(sse_client_message(c, COMMON + LOST)->id),
			 COMMON + 1);
	e2e_expect_marker(f, c, "alice", COMMON + LOST + NEW + 1);
	assert_null(sse_client_event(c, "gap", 1));
	assert_int_equal(e2e_count_in_log(f, "the stream was rolled back"), 1);
}

/* It grows past its old end before the gateway sees it again. */
static void a_lost_end_that_is_grown_past(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c = subscribe_before_the_loss(f);

	stop_gateway(f);
	lose_the_end(f);
	e2e_publish_many(f, "alice", "new", NEW);
	continue_gateway(f);
	expect_the_new_ones(f, c);
}

/* It grows while the gateway looks at it. */
static void a_lost_end_while_the_gateway_looks(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c = subscribe_before_the_loss(f);

	lose_the_end(f);
	e2e_publish_many(f, "alice", "new", NEW);
	expect_the_new_ones(f, c);
}

/* Nothing is published: the reset comes without a message to show it. A server
 * without replicas is never behind, so that it takes no grace of 5 s. */
static void a_lost_end_alone(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c = subscribe_before_the_loss(f);
	uint64_t start;

	stop_gateway(f);
	lose_the_end(f);
	start = test_now_ms();
	continue_gateway(f);
	sse_client_wait_event(c, "gap", 1);
	assert_true(test_now_ms() - start < 4000);
	e2e_publish_many(f, "alice", "new", NEW);
	expect_the_new_ones(f, c);
}

/* ---- limits of servers, accounts and streams ----------------------------- */

static void expect_few_pulls(struct e2e *f, struct sse_client *c)
{
	double before = gateway_proc_metric(&f->gw, "sluice_tail_pulls_total");
	double pulls;

	sse_client_linger(c, 2000);
	pulls = gateway_proc_metric(&f->gw, "sluice_tail_pulls_total") - before;
	if (pulls > 4)
		fail_msg("%.0f pulls in 2 s", pulls);
}

/* Live, from the buffer, and by a replay. */
static void expect_events_flow(struct e2e *f, size_t n_before)
{
	struct sse_client *live = e2e_open(f, "alice", NULL);
	struct sse_client *all = e2e_open(f, "alice", "deliver=all");

	e2e_expect_many(all, 0, "old", n_before);
	expect_few_pulls(f, live);
	e2e_publish_many(f, "alice", "live", 3000);
	e2e_expect_many(live, 0, "live", 3000);
	e2e_expect_many(all, n_before, "live", 3000);
	expect_few_pulls(f, live);
	assert_int_equal(gateway_proc_status_of(&f->gw, false, "/readyz"), 200);
	assert_true(gateway_proc_metric(&f->gw,
					"sluice_replay_consumers_total") >= 1);
	assert_null(sse_client_event(live, "gap", 0));
	assert_null(sse_client_event(all, "gap", 0));
}

static void a_server_of_small_pulls(struct e2e *f, const char *limit,
				    const char *words)
{
	char config[160];

	snprintf(config, sizeof(config), "jetstream { limits { %s } }", limit);
	serve(f, config, NULL);
	e2e_publish_many(f, "alice", "old", 3000);
	e2e_gateway(f, NULL);
	expect_events_flow(f, 3000);
	assert_int_equal(e2e_count_in_log(f, words), 1);
}

static void the_server_limits_a_pulls_messages(void **state)
{
	a_server_of_small_pulls(*state, "max_request_batch: 1000",
				"Exceeded MaxRequestBatch of 1000");
}

static void the_server_takes_one_message_a_pull(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	serve(f, "jetstream { limits { max_request_batch: 1 } }", NULL);
	e2e_publish_many(f, "alice", "old", 100);
	e2e_gateway(f, NULL);
	c = e2e_open(f, "alice", "deliver=all");
	e2e_expect_many(c, 0, "old", 100);
	e2e_publish_many(f, "alice", "live", 100);
	e2e_expect_many(c, 100, "live", 100);
	expect_few_pulls(f, c);
}

/* The server keeps consumers of this stream for 5 s at most, and refuses those
 * that ask for more (10153; before 2.10 it ignores the setting). */
static void a_stream_that_keeps_consumers_briefly(void **state)
{
	struct e2e *f = *state;

	e2e_make_stream(f, "\"consumer_limits\": "
			   "{\"inactive_threshold\": 5000000000}");
	e2e_publish_many(f, "alice", "old", 3000);
	e2e_gateway(f, NULL);
	expect_events_flow(f, 3000);
	assert_int_equal(e2e_count_in_log(f, "level=warn"), 0);
}

static void expect_unready(struct e2e *f, const char *words)
{
	uint64_t deadline = test_deadline_ms(SSE_CLIENT_WAIT_MS);

	for (;;) {
		struct sse_client *c =
			e2e_ask(f, "GET /readyz HTTP/1.1\r\nHost: a\r\n"
				   "Connection: close\r\n\r\n");

		if (c->status == 503 &&
		    strstr(bytes_text(&c->body), words) != NULL)
			return;
		if (test_now_ms() > deadline)
			fail_msg("/readyz never said \"%s\": %s", words,
				 sse_client_describe(c));
		nats_Sleep(50);
	}
}

/* No request that the gateway could make is taken: the server's words are in
 * /readyz and once in the log, and it goes on when the server takes it. */
static void an_account_without_room_for_a_consumer(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	serve(f,
	      "no_auth_user: u\n"
	      "accounts { A { users: [ { user: u, password: x } ], "
	      "jetstream { max_mem: 100MB, max_file: 100MB, max_streams: 10, "
	      "max_consumers: 1 } } }",
	      NULL);
	free(nats_admin_api(
		f->admin, "CONSUMER.DURABLE.CREATE.Events.other",
		"{\"stream_name\": \"Events\", \"config\": {\"durable_name\": "
		"\"other\", \"ack_policy\": \"explicit\"}}"));
	e2e_publish_many(f, "alice", "old", 10);
	e2e_gateway_unready(f, NULL);
	c = e2e_client(f);
	sse_client_stream(c, f->gw.address, "alice", "deliver=all");
	expect_unready(f, "maximum consumers limit reached");
	sse_client_linger(c, 3000);
	expect_unready(f, "maximum consumers limit reached");
	assert_int_equal(e2e_count_in_log(f, "maximum consumers limit reached"),
			 1);
	free(nats_admin_api(f->admin, "CONSUMER.DELETE.Events.other", NULL));
	gateway_proc_wait_ready(&f->gw);
	e2e_expect_many(c, 0, "old", 10);
	e2e_expect_marker(f, c, "alice", 11);
}

/* The server answers such a pull by an error of the connection alone, in which
 * the consumer's name is another one each time. */
static void a_user_who_may_not_pull(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	serve(f,
	      "no_auth_user: admin\n"
	      "authorization { users: [ { user: admin, password: x }, "
	      "{ user: gw, password: x, permissions { publish { deny: "
	      "[\"$JS.API.CONSUMER.MSG.NEXT.>\"] } } } ] }",
	      NULL);
	e2e_publish_many(f, "alice", "old", 8);
	e2e_gateway_unready(f, "--user", "gw", "--password", "x", NULL);
	c = e2e_client(f);
	sse_client_stream(c, f->gw.address, "alice", "deliver=all");
	/* History comes without a pull. */
	e2e_expect_many(c, 0, "old", 8);
	gateway_proc_wait_log(&f->gw,
			      "no message or heartbeat from the server");
	expect_unready(f, "the server does not answer pulls");
	e2e_publish(f, "alice", "live");
	nats_server_reload(&f->nats, "no_auth_user: admin\n"
				     "authorization { users: [ "
				     "{ user: admin, password: x }, "
				     "{ user: gw, password: x } ] }");
	e2e_expect(c, 9, "live");
	gateway_proc_wait_ready(&f->gw);
	assert_int_equal(e2e_count_in_log(f, "ermissions Violation"), 1);
	assert_int_equal(e2e_count_in_log(f, "does not answer pulls"), 1);
}

/* ---- what JetStream writes ----------------------------------------------- */

static void markers_are_no_events(void **state)
{
	struct e2e *f = *state;
	struct sse_client *live, *all, *last;

	if (f->nats.version < 21100) {
		print_message("# nats-server %s writes no delete markers\n",
			      version_text(f));
		return;
	}
	e2e_make_stream(f, "\"max_age\": 2000000000, \"allow_msg_ttl\": true, "
			   "\"allow_rollup_hdrs\": true, "
			   "\"subject_delete_marker_ttl\": 3600000000000");
	e2e_gateway(f, "--ping-interval", "200ms", NULL);
	live = e2e_open(f, "alice", NULL);
	e2e_publish(f, "alice", "expires");
	e2e_expect(live, 1, "expires");
	/* The message expires: its marker is the second one. */
	wait_last_seq(f, 2);
	sse_client_wait_id(live, e2e_id(2, sse_client_last_id(live)));
	all = e2e_open(f, "alice", "deliver=all");
	last = e2e_open(f, "alice", "deliver=last");
	sse_client_wait_id(all, e2e_id(2, sse_client_last_id(live)));
	assert_int_equal(live->n_messages, 1);
	assert_int_equal(all->n_messages, 0);
	e2e_publish(f, "alice", "next");
	e2e_expect(live, 2, "next");
	e2e_expect(all, 1, "next");
	e2e_expect(last, 1, "next");
	assert_int_equal(sse_id_seq(sse_client_message(live, 1)->id), 3);
	assert_null(sse_client_event(live, "gap", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		OVERTAKEN_TEST(limits_overtake_a_stopped_gateway),
		OVERTAKEN_TEST(a_stream_of_one_message),
		OVERTAKEN_TEST(limits_overtake_a_tail_that_filters),
		OVERTAKEN_TEST(a_purge_while_the_gateway_catches_up),
		OVERTAKEN_TEST(a_purge_of_another_subject_hides_nothing),
		OVERTAKEN_TEST(nor_does_it_from_a_tail_that_filters),
		OVERTAKEN_TEST(nor_from_a_tail_of_several_templates),
		OVERTAKEN_TEST(a_lost_end_that_is_grown_past),
		OVERTAKEN_TEST(a_lost_end_while_the_gateway_looks),
		OVERTAKEN_TEST(a_lost_end_alone),
		OVERTAKEN_TEST(the_server_limits_a_pulls_messages),
		OVERTAKEN_TEST(the_server_takes_one_message_a_pull),
		OVERTAKEN_TEST(a_stream_that_keeps_consumers_briefly),
		OVERTAKEN_TEST(an_account_without_room_for_a_consumer),
		OVERTAKEN_TEST(a_user_who_may_not_pull),
		OVERTAKEN_TEST(markers_are_no_events),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
