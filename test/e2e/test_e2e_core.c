/* Core messages over HTTP, on a real server with real responders: publishes,
 * requests, several replies, and each way in which they fail. */
#include "e2e.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nats/nats.h>

enum { MESSAGE_WAIT_MS = 5000, RESPONDERS_MAX = 4 };

static const char config[] =
	"max_payload: 65536\n"
	"authorization { users: [ { user: admin, password: x }, { user: gw, "
	"password: y, permissions: { publish: { deny: [\"forbidden.>\"] } } } "
	"] }";

struct core {
	struct e2e e2e; /* first: its fixture's functions take this, too */
	natsConnection *conn;
	natsSubscription *subs[RESPONDERS_MAX];
	size_t n_subs;
};

#define CORE_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static int group_setup(void **state)
{
	static struct core c;

	*state = &c;
	return 0;
}

static void must(natsStatus rc)
{
	if (rc != NATS_OK)
		fail_msg("%s (%s)", natsStatus_GetText(rc),
			 nats_GetLastError(NULL));
}

/* What a test that has failed half-way left, too. */
static void clean_up(struct core *c)
{
	for (size_t i = 0; i < c->n_subs; i++)
		natsSubscription_Destroy(c->subs[i]);
	natsConnection_Destroy(c->conn);
	gateway_proc_finish(&c->e2e.gw);
	nats_admin_close(c->e2e.admin);
	nats_server_stop(&c->e2e.nats);
	*c = (struct core){0};
}

static int setup(void **state)
{
	struct core *c = *state;
	struct e2e *f = &c->e2e;
	char url[128];

	clean_up(c);
	nats_server_start(&f->nats, config);
	snprintf(url, sizeof(url), "nats://admin:x@127.0.0.1:%d", f->nats.port);
	f->admin = nats_admin_open(url);
	e2e_make_stream(f, NULL);
	c->conn = nats_server_dial(url, MESSAGE_WAIT_MS);
	assert_non_null(c->conn);
	e2e_gateway(f, "--user", "gw", "--password", "y", "--allow-pub", ">",
		    "--inbox-prefix", "gw_inbox", NULL);
	return 0;
}

static int teardown(void **state)
{
	e2e_teardown(state);
	clean_up(*state);
	return 0;
}

/* ---- NATS's side --------------------------------------------------------- */

static natsSubscription **add_subscription(struct core *c)
{
	assert_true(c->n_subs < RESPONDERS_MAX);
	return &c->subs[c->n_subs++];
}

static natsSubscription *follow(struct core *c, const char *subject)
{
	natsSubscription **sub = add_subscription(c);

	must(natsConnection_SubscribeSync(sub, c->conn, subject));
	must(natsConnection_Flush(c->conn));
	return *sub;
}

static natsMsg *next_of(natsSubscription *sub)
{
	natsMsg *msg = NULL;

	must(natsSubscription_NextMsg(&msg, sub, MESSAGE_WAIT_MS));
	return msg;
}

static void reply_with(natsConnection *conn, natsMsg *request,
		       const char *header, const char *value, const char *data,
		       int len)
{
	natsMsg *reply = NULL;

	if (natsMsg_Create(&reply, natsMsg_GetReply(request), NULL, data,
			   len) != NATS_OK)
		return;
	if (header != NULL)
		natsMsgHeader_Add(reply, header, value);
	natsConnection_PublishMsg(conn, reply);
	natsMsg_Destroy(reply);
}

static void on_echo(natsConnection *conn, natsSubscription *sub, natsMsg *msg,
		    void *name)
{
	(void)sub;
	reply_with(conn, msg, "Responder", name, natsMsg_GetData(msg),
		   natsMsg_GetDataLength(msg));
	natsMsg_Destroy(msg);
}

static void on_service_error(natsConnection *conn, natsSubscription *sub,
			     natsMsg *msg, void *code)
{
	(void)sub;
	reply_with(conn, msg, "Nats-Service-Error-Code", code, "", 0);
	natsMsg_Destroy(msg);
}

static void on_unanswered(natsConnection *conn, natsSubscription *sub,
			  natsMsg *msg, void *arg)
{
	(void)conn;
	(void)sub;
	(void)arg;
	natsMsg_Destroy(msg);
}

static void respond(struct core *c, const char *subject, natsMsgHandler cb,
		    const char *arg)
{
	must(natsConnection_Subscribe(add_subscription(c), c->conn, subject, cb,
				      (void *)(uintptr_t)arg));
	must(natsConnection_Flush(c->conn));
}

/* ---- HTTP's side --------------------------------------------------------- */

/* `headers`: lines, or "". */
static struct sse_client *send_to(struct core *c, const char *method,
				  const char *target, const char *headers,
				  const char *body)
{
	struct sse_client *client;
	char *request;

	assert_true(asprintf(&request,
			     "%s /api/v1/subjects/%s HTTP/1.1\r\nHost: a\r\n"
			     "user_id: alice\r\nContent-Length: %zu\r\n%s\r\n"
			     "%s",
			     method, target, strlen(body), headers, body) > 0);
	client = e2e_ask(&c->e2e, request);
	free(request);
	return client;
}

static void expect_status(const struct sse_client *client, int status)
{
	if (client->status != status)
		fail_msg("%s", sse_client_describe(client));
}

static void expect_problem(struct core *c, const char *method,
			   const char *target, int status, const char *text)
{
	struct sse_client *client = send_to(c, method, target, "", "x");

	expect_status(client, status);
	sse_client_assert_header(client, "Content-Type",
				 "application/problem+json");
	if (strstr(bytes_text(&client->body), text) == NULL)
		fail_msg("\"%s\" is not in: %s", text,
			 bytes_text(&client->body));
}

/* ---- publishes ----------------------------------------------------------- */

static void a_publish_reaches_subscribers(void **state)
{
	struct core *c = *state;
	natsSubscription *sub = follow(c, "orders.>");
	struct sse_client *client =
		send_to(c, "PUT", "orders.7%2Fa?reply=orders.done",
			"NatsH-trace-id: 7\r\n", "hello");
	const char *value;
	natsMsg *msg;

	expect_status(client, 204);
	msg = next_of(sub);
	assert_string_equal(natsMsg_GetSubject(msg), "orders.7/a");
	assert_string_equal(natsMsg_GetReply(msg), "orders.done");
	assert_int_equal(natsMsg_GetDataLength(msg), 5);
	assert_memory_equal(natsMsg_GetData(msg), "hello", 5);
	must(natsMsgHeader_Get(msg, "Trace-Id", &value));
	assert_string_equal(value, "7");
	natsMsg_Destroy(msg);
}

static void what_a_stream_has_is_stored(void **state)
{
	struct core *c = *state;
	struct sse_client *reader = e2e_open(&c->e2e, "alice", NULL);
	struct sse_client *client =
		send_to(c, "PUT", "events.alice", "", "put");

	expect_status(client, 204);
	e2e_expect(reader, 1, "put");
	/* The acknowledgement is the reply. */
	client = send_to(c, "POST", "events.alice", "", "post");
	expect_status(client, 200);
	assert_non_null(strstr(bytes_text(&client->body), "\"seq\":2"));
	e2e_expect(reader, 2, "post");
}

/* ---- requests ------------------------------------------------------------ */

static void a_request_gets_its_reply(void **state)
{
	struct core *c = *state;
	struct sse_client *client;

	respond(c, "svc.echo", on_echo, "one");
	client = send_to(c, "POST", "svc.echo", "", "ping");
	expect_status(client, 200);
	assert_string_equal(bytes_text(&client->body), "ping");
	sse_client_assert_header(client, "Content-Type",
				 "application/octet-stream");
	sse_client_assert_header(client, "X-Content-Type-Options", "nosniff");
	sse_client_assert_header(client, "NatsH-Responder", "one");
}

static void several_replies_come_as_they_are(void **state)
{
	struct core *c = *state;
	struct sse_client *client;
	const char *body;

	respond(c, "svc.all", on_echo, "one");
	respond(c, "svc.all", on_echo, "two");
	client = send_to(c, "POST", "svc.all?replies=2",
			 "Accept: application/x-ndjson\r\n", "ping");
	expect_status(client, 200);
	sse_client_assert_header(client, "Content-Type",
				 "application/x-ndjson");
	body = bytes_text(&client->body);
	assert_non_null(strstr(body, "\"Responder\":[\"one\"]"));
	assert_non_null(strstr(body, "\"Responder\":[\"two\"]"));
	assert_non_null(strstr(body, "{\"subject\":\"svc.all\",\"time\":\"20"));
	assert_null(strstr(body, "\"seq\""));
	/* Not as many as asked for: the stall ends it, not the timeout. */
	client = send_to(c, "POST", "svc.all?stall=300ms&timeout=25s",
			 "Accept: text/event-stream\r\n", "ping");
	expect_status(client, 200);
	assert_int_equal(client->n_messages, 2);
}

/* ---- failures ------------------------------------------------------------ */

static void nothing_answers(void **state)
{
	struct core *c = *state;
	struct sse_client *client;

	client = send_to(c, "POST", "svc.none", "", "x");
	expect_status(client, 503);
	sse_client_assert_header(client, "Retry-After", "5");
	respond(c, "svc.silent", on_unanswered, NULL);
	expect_problem(c, "POST", "svc.silent?timeout=200ms", 504,
		       "\"outcome\":\"unknown\"");
	expect_problem(c, "POST", "svc.silent?timeout=200ms&replies=2", 504,
		       "\"outcome\":\"unknown\"");
	expect_status(send_to(c, "PUT", "svc.none", "", "x"), 204);
}

static void errors_of_services(void **state)
{
	static const struct {
		const char *code;
		int status;
	} cases[] = {
		{"404", 404},
		{"429", 429},
		{"503", 503},
		{"200", 502},
	};
	struct core *c = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char subject[16];

		snprintf(subject, sizeof(subject), "svc.e%zu", i);
		respond(c, subject, on_service_error, cases[i].code);
		expect_problem(c, "POST", subject, cases[i].status, "service");
	}
}

/* The gateway's own NATS user may not publish there: the server says so later
 * and elsewhere. */
static void what_the_gateway_may_not(void **state)
{
	struct core *c = *state;

	expect_problem(c, "PUT", "forbidden.a", 403, "may not publish");
	expect_problem(c, "POST", "forbidden.a", 403, "may not publish");
	expect_problem(c, "POST", "forbidden.a?replies=2", 403,
		       "may not publish");
	expect_status(send_to(c, "PUT", "allowed.a", "", "x"), 204);
}

static void too_large_for_the_server(void **state)
{
	struct core *c = *state;
	char *body = malloc(65536 + 2);

	assert_non_null(body);
	memset(body, 'x', 65537);
	body[65537] = '\0';
	expect_status(send_to(c, "PUT", "orders.1", "", body), 413);
	expect_status(send_to(c, "POST", "orders.1", "", body), 413);
	body[65536] = '\0';
	expect_status(send_to(c, "PUT", "orders.1", "", body), 204);
	/* The headers count, too. */
	expect_status(send_to(c, "PUT", "orders.1", "NatsH-A: b\r\n", body),
		      413);
	free(body);
}

static void without_nats(void **state)
{
	struct core *c = *state;
	struct sse_client *client;

	nats_server_kill(&c->e2e.nats, SIGKILL);
	gateway_proc_wait_unready(&c->e2e.gw);
	client = send_to(c, "PUT", "orders.1", "", "x");
	expect_status(client, 503);
	sse_client_assert_header(client, "Retry-After", "5");
	expect_status(send_to(c, "POST", "orders.1", "", "x"), 503);
}

static void hidden_subjects_are_no_way_in(void **state)
{
	struct core *c = *state;

	expect_problem(c, "POST", "$JS.API.STREAM.DELETE.Events", 403,
		       "begins with $");
	expect_problem(c, "PUT", "%24JS.API.STREAM.PURGE.Events", 403,
		       "begins with $");
	expect_problem(c, "PUT", "_INBOX.x", 403, "_INBOX");
	expect_problem(c, "PUT", "gw_inbox.x", 403, "the gateway itself");
	expect_problem(c, "PUT", "orders.1?reply=$JS.API.STREAM.PURGE.Events",
		       403, "begins with $");
	assert_int_equal(e2e_stream_number(&c->e2e, "state.messages"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CORE_TEST(a_publish_reaches_subscribers),
		CORE_TEST(what_a_stream_has_is_stored),
		CORE_TEST(a_request_gets_its_reply),
		CORE_TEST(several_replies_come_as_they_are),
		CORE_TEST(nothing_answers),
		CORE_TEST(errors_of_services),
		CORE_TEST(what_the_gateway_may_not),
		CORE_TEST(too_large_for_the_server),
		CORE_TEST(without_nats),
		CORE_TEST(hidden_subjects_are_no_way_in),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
