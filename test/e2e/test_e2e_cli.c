/* The command line and the environment: which output, on which descriptor, with
 * which exit status; NATS CLI contexts; the listeners; the log. */
#include "e2e.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { END_MS = 10000 };

/* Runs the program to its end; the exit status. */
static int run(struct e2e *f, const char *const *args, const char *const *env)
{
	gateway_proc_spawn(&f->gw, args, env);
	return gateway_proc_wait_exit(&f->gw, END_MS);
}

static void must_have(char *text, const char *word)
{
	if (strstr(text, word) == NULL)
		fail_msg("\"%s\" is not in:\n%s", word, text);
	free(text);
}

static void must_not_have(char *text, const char *word)
{
	if (strstr(text, word) != NULL)
		fail_msg("\"%s\" is in:\n%s", word, text);
	free(text);
}

/* ---- what it says of itself ---------------------------------------------- */

static void version_and_help(void **state)
{
	static const char *const options[] = {"--listen",
					      "--admin-listen",
					      "--reuse-port",
					      "--proxy-protocol",
					      "--trusted-proxy",
					      "--server",
					      "--context",
					      "--user",
					      "--password",
					      "--token",
					      "--creds",
					      "--nkey",
					      "--tlsca",
					      "--tlscert",
					      "--tlskey",
					      "--tlsfirst",
					      "--inbox-prefix",
					      "--js-domain",
					      "--js-api-prefix",
					      "--stream",
					      "--subject",
					      "--allow-sub",
					      "--id-header",
					      "--id-query",
					      "--allow-pub",
					      "--publish-timeout",
					      "--max-body",
					      "--body-timeout",
					      "--max-body-memory",
					      "--max-requests",
					      "--max-requests-per-id",
					      "--ping-interval",
					      "--ping-style",
					      "--retry",
					      "--buffer-size",
					      "--max-replays",
					      "--max-connections",
					      "--max-subscriptions-per-id",
					      "--max-subscriptions-per-address",
					      "--max-subscription-age",
					      "--max-header-bytes",
					      "--header-timeout",
					      "--idle-timeout",
					      "--drain-delay",
					      "--drain-timeout",
					      "--log-format",
					      "--log-level",
					      "--check-config",
					      "--healthcheck",
					      "--version",
					      "--help"};
	struct e2e *f = *state;

	assert_int_equal(run(f, (const char *[]){"--version", NULL}, NULL), 0);
	must_have(gateway_proc_output(&f->gw), "0.");
	gateway_proc_finish(&f->gw);
	assert_int_equal(run(f, (const char *[]){"--help", NULL}, NULL), 0);
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		must_have(gateway_proc_output(&f->gw), options[i]);
	must_have(gateway_proc_output(&f->gw), "64MiB");
}

/* ---- wrong ones ---------------------------------------------------------- */

static void wrong_options(void **state)
{
	/* Option, value or NULL, what the line must name. */
	static const char *const list[][3] = {
		{"--ping-intervall", "1s", "--ping-intervall"},
		{"-x", NULL, "-x"},
		{"stray", NULL, "stray"},
		{"--stream", NULL, "--stream"},
		{"--ping-interval", "soon", "--ping-interval"},
		{"--ping-interval", "30", "--ping-interval"},
		{"--ping-interval", "-1s", "--ping-interval"},
		{"--ping-style", "loud", "comment"},
		{"--retry", "", "--retry"},
		{"--buffer-size", "1", "--buffer-size"},
		{"--buffer-size", "10XiB", "--buffer-size"},
		{"--max-replays", "0", "--max-replays"},
		{"--max-replays", "many", "--max-replays"},
		{"--max-connections", "-1", "--max-connections"},
		{"--max-connections", "0", "--max-connections"},
		{"--max-header-bytes", "1", "--max-header-bytes"},
		{"--listen", "nowhere", "--listen"},
		{"--listen", "127.0.0.1:99999", "--listen"},
		{"--listen", "off", "--listen"},
		{"--admin-listen", "127.0.0.1", "--admin-listen"},
		{"--subject", "events.x{id}", "{id}"},
		{"--subject", "events..{id}", "--subject"},
		{"--subject", "events.>.{id}", "--subject"},
		{"--subject", "$KV.bucket.{id}", "--subject"},
		{"--allow-sub", "rooms.{room}", "{id}"},
		{"--allow-pub", "$JS.API.>", "$KV"},
		{"--auth", "none", "--subject"},
		{"--stream", "a.b", "--stream"},
		{"--id-header", "user id", "--id-header"},
		{"--server", "http://127.0.0.1", "--server"},
		{"--log-level", "loud", "--log-level"},
		{"--log-format", "xml", "--log-format"},
		{"--creds", "/nonexistent/creds", "--creds"},
		{"--tlsfirst=2", NULL, "--tlsfirst"},
		{"--context", "nobody-made-this", "nobody-made-this"},
		{"--context", "../escape", "--context"},
	};
	struct e2e *f = *state;

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		const char *args[] = {list[i][0], list[i][1], NULL};
		int status = run(f, args, NULL);
		char *log = gateway_proc_log(&f->gw);

		if (status != 2 || strstr(log, list[i][2]) == NULL ||
		    strchr(log, '\n') != log + strlen(log) - 1)
			fail_msg("%s %s: status %d, said:\n%s", list[i][0],
				 list[i][1] == NULL ? "" : list[i][1], status,
				 log);
		free(log);
		log = gateway_proc_output(&f->gw);
		assert_string_equal(log, "");
		free(log);
		gateway_proc_finish(&f->gw);
	}
}

static void wrong_environment(void **state)
{
	static const char *const list[][2] = {
		{"SLUICE_PING_INTERVAL=soon", "SLUICE_PING_INTERVAL"},
		{"SLUICE_PING_INTERVALL=1s", "SLUICE_PING_INTERVALL"},
		{"SLUICE_TLSFIRST=maybe", "SLUICE_TLSFIRST"},
		{"NATS_CONTEXT=nobody-made-this", "nobody-made-this"},
		{"NATS_URL=ftp://x", "NATS_URL"},
	};
	struct e2e *f = *state;

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		const char *env[] = {list[i][0], NULL};

		assert_int_equal(run(f,
				     (const char *[]){"--check-config", NULL},
				     env),
				 2);
		must_have(gateway_proc_log(&f->gw), list[i][1]);
		gateway_proc_finish(&f->gw);
	}
}

/* Anything else that stops it is status 1, with a line that says what. */
static void an_address_in_use(void **state)
{
	struct e2e *f = *state;
	struct gateway_proc other = {0};

	e2e_gateway(f, NULL);
	gateway_proc_spawn(&other,
			   (const char *[]){"--listen", f->gw.address,
					    "--admin-listen", "off", "--server",
					    f->nats.url, NULL},
			   NULL);
	assert_int_equal(gateway_proc_wait_exit(&other, END_MS), 1);
	must_have(gateway_proc_log(&other), f->gw.address);
	gateway_proc_finish(&other);
}

/* ---- which setting holds ------------------------------------------------- */

static void put_file(struct e2e *f, const char *name, const char *text)
{
	char path[512], *slash;
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", gateway_proc_home(&f->gw), name);
	for (slash = strchr(path + 1, '/'); slash != NULL;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
		*slash = '/';
	}
	out = fopen(path, "w");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

/* The line of --check-config for `name` has this value. */
static void expect_setting(struct e2e *f, const char *const *args,
			   const char *const *env, const char *name,
			   const char *value)
{
	const char *all[16] = {"--check-config"};
	char *out, *line;

	for (size_t i = 0; args != NULL && args[i] != NULL; i++)
		all[i + 1] = args[i];
	if (run(f, all, env) != 0)
		must_have(gateway_proc_log(&f->gw), "--check-config ends well");
	out = gateway_proc_output(&f->gw);
	for (line = out; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, strlen(name)) == 0 &&
		    line[strlen(name)] == ' ')
			break;
	}
	if (line == NULL ||
	    strncmp(line + strcspn(line, "=") + 2, value, strlen(value)) != 0)
		fail_msg("%s is not %s in:\n%s", name, value, out);
	free(out);
}

static void precedence(void **state)
{
	static const char context[] = "{\"url\": \"nats://context:4222\"}";
	static const char *const flag[] = {"--server", "nats://flag:4222",
					   NULL};
	static const char *const own_env[] = {"SLUICE_SERVER=nats://own:4222",
					      "NATS_URL=nats://cli:4222", NULL};
	static const char *const cli_env[] = {"SLUICE_SERVER=",
					      "NATS_URL=nats://cli:4222", NULL};
	struct e2e *f = *state;

	expect_setting(f, NULL, NULL, "server", "nats://127.0.0.1:4222");
	gateway_proc_finish(&f->gw);
	put_file(f, ".config/nats/context/mine.json", context);
	put_file(f, ".config/nats/context.txt", "mine\n");
	expect_setting(f, NULL, NULL, "server", "nats://context:4222");
	gateway_proc_finish(&f->gw);
	put_file(f, ".config/nats/context/mine.json", context);
	put_file(f, ".config/nats/context.txt", "mine\n");
	expect_setting(f, NULL, cli_env, "server", "nats://cli:4222");
	expect_setting(f, NULL, own_env, "server", "nats://own:4222");
	expect_setting(f, flag, own_env, "server", "nats://flag:4222");
}

static void a_stale_selection(void **state)
{
	struct e2e *f = *state;

	put_file(f, ".config/nats/context.txt", "gone\n");
	assert_int_equal(run(f, (const char *[]){"--check-config", NULL}, NULL),
			 2);
	must_have(gateway_proc_log(&f->gw), "gone");
}

static void what_a_context_asks_and_cannot_be_done(void **state)
{
	static const char *const list[][2] = {
		{"{\"nsc\": \"nsc://a/b/c\"}", "nsc"},
		{"{\"socks_proxy\": \"socks5://a\"}", "socks_proxy"},
		{"{\"url\": \"ws://127.0.0.1:80\"}", "ws://"},
		{"{\"user\": \"a\", \"creds\": \"/x\"}", "creds"},
		{"{\"url\": 7}", "url"},
		{"{", "mine"},
	};
	struct e2e *f = *state;

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		put_file(f, ".config/nats/context/mine.json", list[i][0]);
		assert_int_equal(run(f,
				     (const char *[]){"--check-config",
						      "--context", "mine",
						      NULL},
				     NULL),
				 2);
		must_have(gateway_proc_log(&f->gw), list[i][1]);
		gateway_proc_finish(&f->gw);
	}
}

static void check_hides_secrets(void **state)
{
	static const char *const args[] = {"--check-config", "--user", "me",
					   "--password",     "s3cret", NULL};
	struct e2e *f = *state;

	assert_int_equal(run(f, args, NULL), 0);
	must_have(gateway_proc_output(&f->gw), "(hidden)");
	must_not_have(gateway_proc_output(&f->gw), "s3cret");
	must_not_have(gateway_proc_log(&f->gw), "s3cret");
}

/* ---- for real ------------------------------------------------------------ */

/* A server that wants a password; the context knows it, and no log line says
 * it. */
static void a_context_with_a_password(void **state)
{
	struct e2e *f = *state;
	struct nats_server nats;
	struct nats_admin *admin;
	struct sse_client *c;
	char context[256], url[128];

	nats_server_start(&nats,
			  "authorization { user: gw, password: s3cret }");
	snprintf(url, sizeof(url), "nats://gw:s3cret@127.0.0.1:%d", nats.port);
	admin = nats_admin_open(url);
	nats_admin_stream(admin, "{\"name\": \"Events\", \"subjects\": "
				 "[\"events.*\"]}");
	snprintf(context, sizeof(context),
		 "{\"url\": \"%s\", \"user\": \"gw\", \"password\": "
		 "\"s3cret\"}",
		 nats.url);
	put_file(f, ".config/nats/context/mine.json", context);
	gateway_proc_spawn(&f->gw,
			   (const char *[]){"--context", "mine", "--listen",
					    "127.0.0.1:0", "--admin-listen",
					    "127.0.0.1:0", "--drain-delay",
					    "0s", "--log-level", "debug", NULL},
			   NULL);
	gateway_proc_wait_listening(&f->gw);
	gateway_proc_wait_ready(&f->gw);
	c = e2e_open(f, "alice", NULL);
	nats_admin_publish(admin, "events.alice", "hello", 5);
	e2e_expect(c, 1, "hello");
	sse_client_close(c);
	gateway_proc_stop(&f->gw);
	must_not_have(gateway_proc_log(&f->gw), "s3cret");
	nats_admin_close(admin);
	nats_server_stop(&nats);
}

/* The wrong one is no reason to end: it may be put right on the server. */
static void a_wrong_password(void **state)
{
	struct e2e *f = *state;
	struct nats_server nats;

	nats_server_start(&nats,
			  "authorization { user: gw, password: s3cret }");
	gateway_proc_start(&f->gw, nats.url,
			   (const char *[]){"--user", "gw", "--password",
					    "wr0ng", NULL});
	gateway_proc_wait_log(&f->gw, "level=warn");
	assert_int_equal(gateway_proc_status_of(&f->gw, false, "/readyz"), 503);
	assert_int_equal(gateway_proc_status_of(&f->gw, false, "/livez"), 200);
	gateway_proc_stop(&f->gw);
	must_not_have(gateway_proc_log(&f->gw), "wr0ng");
	nats_server_stop(&nats);
}

static void listeners(void **state)
{
	struct e2e *f = *state;
	char path[160], address[192];
	struct sse_client *c = e2e_client(f);

	snprintf(path, sizeof(path), "unix:%s/socket",
		 gateway_proc_home(&f->gw));
	e2e_gateway(f, "--listen", path, NULL);
	sse_client_stream(c, path, "alice", NULL);
	e2e_expect_marker(f, c, "alice", 1);
	/* The first is still there. */
	e2e_expect_marker(f, e2e_open(f, "alice", NULL), "alice", 1);
	snprintf(address, sizeof(address), "%s", path + strlen("unix:"));
	gateway_proc_stop(&f->gw);
	assert_int_equal(access(address, F_OK), -1);
}

static void listens_on_ipv6(void **state)
{
	struct e2e *f = *state;

	/* Left out where the kernel has no IPv6: [::1] can't be listened on.
	 * cmocka 1.1's own word for it is a failure in TAP. */
	if (access("/proc/net/if_inet6", F_OK) != 0) {
		fprintf(stderr, "%s: left out, no IPv6 here\n", __func__);
		return;
	}
	gateway_proc_spawn(&f->gw,
			   (const char *[]){"--listen", "[::1]:0", "--server",
					    f->nats.url, "--admin-listen",
					    "[::1]:0", "--drain-delay", "0s",
					    NULL},
			   NULL);
	gateway_proc_wait_listening(&f->gw);
	gateway_proc_wait_ready(&f->gw);
	e2e_expect_marker(f, e2e_open(f, "alice", NULL), "alice", 1);
}

static void settings_from_the_environment(void **state)
{
	struct e2e *f = *state;
	char server[96];
	const char *env[] = {"SLUICE_LISTEN=127.0.0.1:0",
			     "SLUICE_ADMIN_LISTEN=127.0.0.1:0",
			     "SLUICE_DRAIN_DELAY=0s",
			     "SLUICE_LOG_FORMAT=json",
			     "SLUICE_RETRY=7s",
			     server,
			     NULL};

	snprintf(server, sizeof(server), "SLUICE_SERVER=%s", f->nats.url);
	gateway_proc_spawn(&f->gw, (const char *[]){"--retry", "2s", NULL},
			   env);
	gateway_proc_wait_log(&f->gw, "\"listener\":\"public\"");
	gateway_proc_wait_log(&f->gw, "{\"time\":");
	gateway_proc_stop(&f->gw);
}

/* One page, each family's help and type once; the admin listener only. */
static void metrics(void **state)
{
	static const char *const names[] = {
		"sluice_connections{state=\"subscription\"} 1\n",
		"sluice_subscriptions{state=\"live\"} 1\n",
		"sluice_events_sent_total{source=\"buffer\"} 1\n",
		"sluice_bytes_sent_total ",
		"sluice_replays_total ",
		"sluice_buffer_bytes ",
		"sluice_nats_connected 1\n",
		"sluice_requests_rejected_total{reason=\"not_found\"} 1\n",
		"# TYPE sluice_subscriptions gauge\n",
		"# TYPE sluice_events_sent_total counter\n"};
	struct e2e *f = *state;
	struct sse_client *c = e2e_client(f);
	const char *help;

	e2e_gateway(f, NULL);
	e2e_expect_marker(f, e2e_open(f, "alice", NULL), "alice", 1);
	assert_int_equal(gateway_proc_status_of(&f->gw, false, "/metrics"),
			 404);
	gateway_proc_wait_metric(&f->gw, "sluice_subscriptions{state=\"live\"}",
				 1);
	sse_client_get(c, f->gw.admin, "/metrics", NULL);
	sse_client_wait_reply(c);
	assert_int_equal(c->status, 200);
	sse_client_assert_header(c, "Content-Type",
				 "text/plain; version=0.0.4; charset=utf-8");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		must_have(strdup(bytes_text(&c->body)), names[i]);
	help = strstr(bytes_text(&c->body), "# HELP sluice_subscriptions ");
	assert_non_null(help);
	assert_null(strstr(help + 1, "# HELP sluice_subscriptions "));
	assert_int_equal(gateway_proc_status_of(&f->gw, true, "/livez"), 200);
	assert_int_equal(gateway_proc_status_of(&f->gw, true, "/healthz"), 200);
	assert_int_equal(gateway_proc_status_of(&f->gw, true, "/readyz"), 200);
	assert_int_equal(gateway_proc_status_of(&f->gw, true, "/api/v1/events"),
			 404);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		E2E_TEST(version_and_help),
		E2E_TEST(wrong_options),
		E2E_TEST(wrong_environment),
		E2E_TEST(an_address_in_use),
		E2E_TEST(precedence),
		E2E_TEST(a_stale_selection),
		E2E_TEST(what_a_context_asks_and_cannot_be_done),
		E2E_TEST(check_hides_secrets),
		E2E_TEST(a_context_with_a_password),
		E2E_TEST(a_wrong_password),
		E2E_TEST(listeners),
		E2E_TEST(listens_on_ipv6),
		E2E_TEST(settings_from_the_environment),
		E2E_TEST(metrics),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
