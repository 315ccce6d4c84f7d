/* How the gateway is let in, and by which way it comes to the stream: wrong
 * credentials that become right, a user with no more permissions than needed,
 * leaf nodes with a domain, the API of another account, servers that say that
 * they are about to go. And messages as large as the server takes. */
#include "mixed_clients.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_writer.h"
#include "test_clock.h"

enum { LEAVES = 2 };

struct accounts {
	struct e2e e2e; /* first: its fixture's functions take this, too */
	struct nats_server leaves[LEAVES];
	struct mixed_clients clients;
};

#define ACCOUNTS_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static int group_setup(void **state)
{
	static struct accounts a;

	*state = &a;
	return 0;
}

/* What a test that has failed half-way left, too. */
static int setup(void **state)
{
	struct accounts *a = *state;

	mixed_clients_close(&a->clients);
	gateway_proc_finish(&a->e2e.gw);
	nats_admin_close(a->e2e.admin);
	nats_server_stop(&a->e2e.nats);
	for (int i = 0; i < LEAVES; i++)
		nats_server_stop(&a->leaves[i]);
	*a = (struct accounts){0};
	return 0;
}

static int teardown(void **state)
{
	struct accounts *a = *state;

	mixed_clients_close(&a->clients);
	e2e_teardown(state);
	return setup(state);
}

/* A server of this configuration, and an admin: "user:password@", or "". */
static void serve(struct e2e *f, const char *config, const char *admin)
{
	char url[128];

	nats_server_start(&f->nats, config);
	snprintf(url, sizeof(url), "nats://%s127.0.0.1:%d", admin,
		 f->nats.port);
	f->admin = nats_admin_open(url);
	e2e_make_stream(f, NULL);
}

/* ---- credentials --------------------------------------------------------- */

#define USERS(password)                  \
	"authorization { users: ["       \
	"{ user: admin, password: x }, " \
	"{ user: gw, password: " password " } ] }"

static void credentials_that_become_right(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c = e2e_client(f);

	serve(f, USERS("other"), "admin:x@");
	e2e_publish_many(f, "alice", "old", 3);
	e2e_gateway_unready(f, "--ping-interval", "200ms", "--user", "gw",
			    "--password", "right", NULL);
	sse_client_stream(c, f->gw.address, "alice", "deliver=all");
	sse_client_wait_ping(c, 8);
	assert_int_equal(gateway_proc_status_of(&f->gw, false, "/readyz"), 503);
	assert_int_equal(e2e_count_in_log(f, "level=warn"), 1);
	assert_int_equal(e2e_count_in_log(f, "uthorization"), 1);

	nats_server_reload(&f->nats, USERS("right"));
	gateway_proc_wait_ready(&f->gw);
	e2e_expect_many(c, 0, "old", 3);
	/* The server disconnects a user that is no longer allowed. */
	nats_server_reload(&f->nats, USERS("other"));
	gateway_proc_wait_unready(&f->gw);
	e2e_publish_many(f, "alice", "meanwhile", 3);
	nats_server_reload(&f->nats, USERS("right"));
	e2e_expect_many(c, 3, "meanwhile", 3);
	gateway_proc_wait_ready(&f->gw);
	e2e_expect_marker(f, c, "alice", 7);
	assert_int_equal(e2e_count_in_log(f, "right"), 0);
	assert_null(sse_client_event(c, "gap", 0));
}

/* ---- permissions --------------------------------------------------------- */

/* Every policy, replays with consumers, a tail that is recreated. */
static void everything_works(struct e2e *f)
{
	enum { N = 2000 };
	struct sse_client *all, *resuming, *last, *fresh;

	all = e2e_open(f, "alice", "deliver=all");
	resuming = e2e_resume(f, "alice", "1500");
	last = e2e_open(f, "alice", "deliver=last");
	fresh = e2e_open(f, "alice", NULL);
	e2e_expect_many(all, 0, "m", N);
	e2e_expect(resuming, 1, "m-1500");
	sse_client_wait_message(resuming, N - 1500);
	e2e_expect(last, 1, "m-1999");
	assert_true(gateway_proc_metric(&f->gw,
					"sluice_replay_consumers_total") >= 2);
	e2e_wait_consumers(f, 1); /* those of the replays were deleted */
	e2e_expect_marker(f, all, "alice", N + 1);
	e2e_expect(resuming, N - 1500 + 1, "marker");
	e2e_expect(last, 2, "marker");
	e2e_expect(fresh, 1, "marker");
}

static void publish_before(struct e2e *f)
{
	e2e_publish_many(f, "alice", "m", 2000);
}

static void no_more_permissions_than_needed(void **state)
{
	static const char config[] =
		"authorization { users: [\n"
		" { user: admin, password: x }\n"
		" { user: gw, password: x, permissions: {\n"
		"  publish: [\"$JS.API.STREAM.INFO.Events\",\n"
		"   \"$JS.API.STREAM.MSG.GET.Events\",\n"
		"   \"$JS.API.CONSUMER.CREATE.Events.>\",\n"
		"   \"$JS.API.CONSUMER.MSG.NEXT.Events.>\",\n"
		"   \"$JS.API.CONSUMER.DELETE.Events.*\"],\n"
		"  subscribe: [\"_INBOX_gw.>\"] } } ] }";
	struct e2e *f = *state;

	serve(f, config, "admin:x@");
	publish_before(f);
	e2e_gateway(f, "--user", "gw", "--password", "x", "--inbox-prefix",
		    "_INBOX_gw", NULL);
	everything_works(f);
	assert_int_equal(e2e_count_in_log(f, "level=warn"), 0);
}

static struct sse_client *open_live(struct e2e *f, const char *subject)
{
	struct sse_client *c = e2e_client(f);
	char request[128];

	snprintf(request, sizeof(request),
		 "GET /api/v1/subjects/%s HTTP/1.1\r\nHost: a\r\n"
		 "user_id: alice\r\n\r\n",
		 subject);
	sse_client_connect(c, f->gw.address);
	sse_client_send_text(c, request);
	sse_client_wait_head(c);
	return c;
}

/* Events, with a duplicate that the gateway reads back; a publish, a request
 * and a live subscription of core NATS. */
static void writing_works(struct e2e *f)
{
	static const char key[] = "Idempotency-Key: k\r\n";
	static const char alice[] = "user_id: alice\r\n";
	struct sse_client *live = open_live(f, "live.a");

	assert_int_equal(live->status, 200);
	http_post(f, 201, "\"seq\":1", "", key, "a");
	http_post(f, 200, "\"duplicate\":true", "", key, "a");
	http_write(f, "PUT", "/api/v1/subjects/live.a", alice, "now", 3);
	http_expect(204, "");
	e2e_expect(live, 1, "now");
	/* JetStream replies, as a service would. */
	http_write(f, "POST", "/api/v1/subjects/events.alice", alice, "b", 1);
	http_expect(200, "\"seq\":2");
}

static void no_more_permissions_than_writing_needs(void **state)
{
	static const char config[] =
		"authorization { users: [\n"
		" { user: admin, password: x }\n"
		" { user: gw, password: x, permissions: {\n"
		"  publish: [\"$JS.API.STREAM.INFO.Events\",\n"
		"   \"$JS.API.STREAM.MSG.GET.Events\",\n"
		"   \"$JS.API.CONSUMER.CREATE.Events.>\",\n"
		"   \"$JS.API.CONSUMER.MSG.NEXT.Events.>\",\n"
		"   \"$JS.API.CONSUMER.DELETE.Events.*\",\n"
		"   \"events.*\", \"live.>\", \"_INBOX_gw.>\"],\n"
		"  subscribe: [\"live.>\", \"_INBOX_gw.>\"] } } ] }";
	struct e2e *f = *state;

	serve(f, config, "admin:x@");
	e2e_gateway(f, "--user", "gw", "--password", "x", "--inbox-prefix",
		    "_INBOX_gw", "--allow-pub", ">", "--allow-sub", ">", NULL);
	writing_works(f);
	assert_int_equal(e2e_count_in_log(f, "level=warn"), 0);
	/* Clients may, the gateway's user may not. */
	http_post(f, 403, "may not publish", "?subject=other.a", NULL, "x");
	assert_int_equal(open_live(f, "other.a")->status, 403);
}

/* The inbox that it asks for is not the one that it may have. */
static void permissions_that_lack_something(void **state)
{
	static const char config[] =
		"authorization { users: [\n"
		" { user: admin, password: x }\n"
		" { user: gw, password: x, permissions: {\n"
		"  publish: [\"$JS.API.>\"],\n"
		"  subscribe: [\"_INBOX_gw.>\"] } } ] }";
	struct e2e *f = *state;

	serve(f, config, "admin:x@");
	e2e_gateway_unready(f, "--user", "gw", "--password", "x", NULL);
	gateway_proc_wait_log(&f->gw, "ermissions Violation");
	assert_int_equal(gateway_proc_status_of(&f->gw, false, "/readyz"), 503);
}

/* ---- other ways to the stream -------------------------------------------- */

#define LAME_DUCK                       \
	"lame_duck_duration: \"30s\"\n" \
	"lame_duck_grace_period: \"10s\"\n"

static int free_port(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	close(fd);
	return ntohs(at.sin_port);
}

/* A hub with the stream; leaf nodes, with a JetStream of their own, which the
 * gateway connects to. */
static void serve_leaves(struct accounts *a)
{
	int port = free_port();
	char config[512];

	snprintf(config, sizeof(config),
		 "jetstream { domain: hub }\nserver_name: hub\n"
		 "leafnodes { listen: \"127.0.0.1:%d\" }",
		 port);
	serve(&a->e2e, config, "");
	for (int i = 0; i < LEAVES; i++) {
		snprintf(config, sizeof(config),
			 "jetstream { domain: leaf%d }\nserver_name: "
			 "leaf%d\n" LAME_DUCK
			 "leafnodes { reconnect: 1, remotes: "
			 "[{ url: \"nats-leaf://127.0.0.1:%d\" }] }",
			 i, i, port);
		nats_server_start(&a->leaves[i], config);
	}
}

/* The gateway begins with any. */
static struct nats_server *leaf_in_use(struct accounts *a)
{
	char *log = gateway_proc_log(&a->e2e.gw);
	char said[160];
	int i;

	snprintf(said, sizeof(said), "\"connected to NATS\" server=%s",
		 a->leaves[0].url);
	i = strstr(log, said) == NULL;
	free(log);
	return &a->leaves[i];
}

static void start_at_leaves(struct accounts *a, const char *const *args)
{
	char urls[160];

	snprintf(urls, sizeof(urls), "%s,%s", a->leaves[0].url,
		 a->leaves[1].url);
	gateway_proc_start(&a->e2e.gw, urls, args);
	gateway_proc_wait_ready(&a->e2e.gw);
}

static void the_domain_of_a_hub(void **state)
{
	static const char *const args[] = {"--js-domain", "hub", NULL};
	struct accounts *a = *state;
	struct e2e *f = &a->e2e;
	struct sse_client *c;

	serve_leaves(a);
	publish_before(f);
	start_at_leaves(a, args);
	everything_works(f);
	/* Its server goes: it takes the other way. */
	c = e2e_open(f, "bob", NULL);
	nats_server_kill(leaf_in_use(a), SIGKILL);
	e2e_publish_many(f, "bob", "m", 100);
	e2e_expect_many(c, 0, "m", 100);
	e2e_expect_marker(f, c, "bob", 101);
	assert_null(sse_client_event(c, "gap", 0));
}

static void the_api_of_another_account(void **state)
{
	static const char config[] =
		"jetstream: enabled\n"
		"accounts {\n"
		" JS { jetstream: enabled\n"
		"  users: [{ user: admin, password: x }]\n"
		"  exports: [{ service: \"$JS.API.>\", response: stream }] }\n"
		" GW {\n"
		"  users: [{ user: gw, password: x }]\n"
		"  imports: [{ service: { account: JS, subject: \"$JS.API.>\" "
		"},"
		"   to: \"JS.other.API.>\" }] } }";
	struct e2e *f = *state;

	serve(f, config, "admin:x@");
	publish_before(f);
	e2e_gateway(f, "--user", "gw", "--password", "x", "--js-api-prefix",
		    "JS.other.API", NULL);
	everything_works(f);
}

/* ---- lame ducks ---------------------------------------------------------- */

/* It says so before it goes: the gateway has left before that. */
static void a_lame_duck_is_left_for_the_next(void **state)
{
	static const char *const args[] = {
		"--js-domain", "hub",		"--ping-interval",
		"200ms",       "--buffer-size", "4MiB",
		NULL};
	struct accounts *a = *state;
	struct e2e *f = &a->e2e;

	serve_leaves(a);
	mixed_clients_flood(&a->clients, f, 5000);
	start_at_leaves(a, args);
	mixed_clients_gather(&a->clients);
	mixed_clients_read(&a->clients, 500);
	nats_server_kill(leaf_in_use(a), SIGUSR2);
	gateway_proc_wait_log(&f->gw, "about to shut down");
	gateway_proc_wait_metric(&f->gw, "sluice_nats_sessions_total", 2);
	gateway_proc_wait_ready(&f->gw);
	mixed_clients_read(&a->clients, 1000);
	mixed_clients_check(&a->clients);
	assert_int_equal(mixed_clients_expired(&a->clients), 0);
	assert_int_equal(mixed_clients_resets(&a->clients), 0);
	assert_true(gateway_proc_metric(&f->gw, "sluice_nats_sessions_total") ==
		    2);
}

/* The only server: JetStream ends at once, the connections later. Streams stay
 * open until it comes again. */
static void a_lame_duck_without_another(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	serve(f, LAME_DUCK, "");
	e2e_gateway(f, "--ping-interval", "200ms", NULL);
	c = e2e_open(f, "alice", NULL);
	e2e_publish(f, "alice", "before");
	e2e_expect(c, 1, "before");
	nats_server_kill(&f->nats, SIGUSR2);
	gateway_proc_wait_log(&f->gw, "about to shut down");
	gateway_proc_wait_unready(&f->gw);
	sse_client_wait_ping(c, c->n_pings + 5);
	assert_int_equal(e2e_count_in_log(f, "about to shut down"), 1);
	nats_server_kill(&f->nats, SIGKILL);
	nats_server_again(&f->nats);
	e2e_publish(f, "alice", "after");
	e2e_expect(c, 2, "after");
	gateway_proc_wait_ready(&f->gw);
	e2e_expect_marker(f, c, "alice", 3);
	assert_null(sse_client_event(c, "gap", 0));
}

/* ---- large messages ------------------------------------------------------ */

enum { LARGE = 8 * 1024 * 1024, LARGE_WAIT_MS = 4 * SSE_CLIENT_WAIT_MS };

struct large {
	char *text; /* LARGE bytes */
	bool wrong;
	size_t n;
};

/* Each begins with its number. */
static void on_large(void *arg, const struct sse_event *ev)
{
	struct large *l = arg;

	if (sse_event_is_ping(ev))
		return;
	if (ev->len != LARGE || strtoul(ev->data, NULL, 10) != l->n ||
	    memcmp(ev->data + 8, l->text + 8, LARGE - 8) != 0)
		l->wrong = true;
	l->n++;
}

static bool has_large(const struct sse_client *c, void *arg)
{
	const struct large *l = c->sink_arg;

	return l->n >= *(size_t *)arg;
}

static void publish_large(struct e2e *f, struct large *l, unsigned n)
{
	char number[9];

	snprintf(number, sizeof(number), "%-8u", n);
	memcpy(l->text, number, 8);
	nats_admin_publish(f->admin, "events.alice", l->text, LARGE);
}

static struct sse_client *open_large(struct e2e *f, struct large *l,
				     const char *query)
{
	struct sse_client *c = e2e_client(f);

	c->sink = on_large;
	c->sink_arg = l;
	sse_client_stream(c, f->gw.address, "alice", query);
	return c;
}

/* As large as the server takes: larger than a replay's pull, and one than the
 * whole log. */
static void the_largest_messages(void **state)
{
	static const char *const memory[] = {"1MiB", "64MiB"};
	struct e2e *f = *state;
	char *text = malloc(LARGE);

	assert_non_null(text);
	for (size_t i = 0; i < LARGE; i++)
		text[i] = (char)('a' + i % 23);
	serve(f, "max_payload: 8388608", "");
	for (size_t i = 0; i < 2; i++) {
		struct large all = {.text = text}, fresh = {.text = text};
		struct sse_client *a, *b;
		size_t n = 4;

		e2e_make_stream(f, NULL);
		for (unsigned j = 0; j < 2; j++)
			publish_large(f, &all, j);
		e2e_gateway(f, "--buffer-size", memory[i], NULL);
		a = open_large(f, &all, "deliver=all");
		b = open_large(f, &fresh, NULL);
		sse_client_wait_any_id(b);
		fresh.n = 2;
		for (unsigned j = 2; j < 4; j++)
			publish_large(f, &all, j);
		assert_true(sse_client_until(a, has_large, &n, LARGE_WAIT_MS));
		assert_true(sse_client_until(b, has_large, &n, LARGE_WAIT_MS));
		assert_false(all.wrong);
		assert_false(fresh.wrong);
		/* On a busy machine a message takes long, and the tail may take
		 * the server for silent. */
		assert_int_equal(e2e_count_in_log(f, "level=warn"),
				 e2e_count_in_log(f,
						  "no message or heartbeat") +
					 e2e_count_in_log(f,
							  "does not answer"));
		gateway_proc_stop(&f->gw);
		gateway_proc_finish(&f->gw);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ACCOUNTS_TEST(credentials_that_become_right),
		ACCOUNTS_TEST(no_more_permissions_than_needed),
		ACCOUNTS_TEST(no_more_permissions_than_writing_needs),
		ACCOUNTS_TEST(permissions_that_lack_something),
		ACCOUNTS_TEST(the_domain_of_a_hub),
		ACCOUNTS_TEST(the_api_of_another_account),
		ACCOUNTS_TEST(a_lame_duck_is_left_for_the_next),
		ACCOUNTS_TEST(a_lame_duck_without_another),
		ACCOUNTS_TEST(the_largest_messages),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
