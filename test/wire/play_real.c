#include "play_real.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "client.h"
#include "config/options.h"
#include "expect.h"
#include "fake_jetstream.h"
#include "gateway_proc.h"
#include "nats_server.h"
#include "test_clock.h"

enum {
	MAX_CLIENTS = 8,
	MAX_ARGS = 32,
	ARG_MAX_LEN = 512,
	FILLERS_MAX = 16, /* messages that are deleted, to reach a sequence */
	DEADLINE_MS = 10000,
	POLL_MS = 20,
};

#define DEFAULT_SUBJECTS "events.*"

/* As in server.c; and a short drain. */
static const char *const defaults[] = {"--ping-interval",
				       "0",
				       "--buffer-size",
				       "64KiB",
				       "--max-replays",
				       "4",
				       "--admin-host",
				       "h",
				       "--max-connections",
				       "1000",
				       NULL};

struct real {
	struct nats_server nats;
	struct nats_admin *admin;
	bool has_stream;

	/* Of one conversation. */
	const struct script *script;
	struct bytes *why;
	struct gateway_proc gateway;
	bool started;
	bool draining;
	char args[MAX_ARGS][ARG_MAX_LEN];
	size_t n_args;
	char subjects[128]; /* of the stream */
	struct sse_tag tag;
	uint64_t retry_ms;
	uint64_t last_seq;
	struct client clients[MAX_CLIENTS];
	size_t n_clients;
	struct client *client;
};

struct real_action {
	const char *name;
	bool (*run)(struct real *r, const char *rest);
};

static bool real_fail(struct real *r, const char *what)
{
	bytes_add(r->why, what, strlen(what));
	return false;
}

/* ---- the stream ---------------------------------------------------------- */

static void make_stream(struct real *r)
{
	char config[256], created[64] = "", *info, *at;

	if (r->has_stream)
		free(nats_admin_api(r->admin, "STREAM.DELETE.Events", NULL));
	snprintf(config, sizeof(config),
		 "{\"name\": \"Events\", \"subjects\": [\"%s\"], "
		 "\"storage\": \"memory\"}",
		 r->subjects);
	nats_admin_stream(r->admin, config);
	r->has_stream = true;
	r->last_seq = 0;
	info = nats_admin_api(r->admin, "STREAM.INFO.Events", NULL);
	at = strstr(info, "\"created\":\"");
	MUST(at != NULL && sscanf(at + 11, "%63[^\"]", created) == 1);
	free(info);
	r->tag = sse_tag_of(created, strlen(created));
	script_set_tag(&r->tag);
}

static void api(struct real *r, const char *subject, const char *key,
		uint64_t seq)
{
	char json[64];

	snprintf(json, sizeof(json), "{\"%s\": %llu}", key,
		 (unsigned long long)seq);
	free(nats_admin_api(r->admin, subject, json));
}

/* The next message gets this sequence. */
static bool skip_to(struct real *r, uint64_t seq)
{
	char filler[160];

	if (r->last_seq == 0 && seq > 1) {
		api(r, "STREAM.PURGE.Events", "seq", seq);
		r->last_seq = seq - 1;
	}
	if (seq <= r->last_seq || seq - r->last_seq > FILLERS_MAX)
		return real_fail(r, "a real stream can't get that sequence");
	snprintf(filler, sizeof(filler), "%.*s.filler",
		 (int)strcspn(r->subjects, "."), r->subjects);
	while (r->last_seq + 1 < seq) {
		r->last_seq = nats_admin_publish(r->admin, filler, "", 0);
		api(r, "STREAM.MSG.DELETE.Events", "seq", r->last_seq);
	}
	return true;
}

static bool run_store(struct real *r, const char *rest)
{
	struct bytes data = {0};
	unsigned long long seq;
	char subject[160];
	size_t len = strlen(rest);
	int at = 0;

	if (sscanf(rest, "%llu %159s %n", &seq, subject, &at) != 2 ||
	    rest[at] != '"' ||
	    !script_unescape(&data, rest + at + 1, len - (size_t)at - 2))
		return real_fail(r, "store SEQ SUBJECT \"TEXT\"");
	if (!skip_to(r, seq)) {
		bytes_free(&data);
		return false;
	}
	r->last_seq = nats_admin_publish(r->admin, subject, bytes_text(&data),
					 data.len);
	bytes_free(&data);
	if (r->last_seq != seq)
		return real_fail(r, "stored under another sequence");
	/* A tail that filters does not see every message. */
	if (r->started && strcmp(r->subjects, DEFAULT_SUBJECTS) == 0)
		gateway_proc_wait_metric(&r->gateway,
					 "sluice_tail_last_sequence",
					 (double)seq);
	return true;
}

static bool run_purge(struct real *r, const char *rest)
{
	api(r, "STREAM.PURGE.Events", "seq", strtoull(rest, NULL, 10) + 1);
	return true;
}

static bool run_delete(struct real *r, const char *rest)
{
	api(r, "STREAM.MSG.DELETE.Events", "seq", strtoull(rest, NULL, 10));
	return true;
}

/* ---- the gateway --------------------------------------------------------- */

/* The first token of the template names the stream's subjects. */
static void set_option(struct real *r, const char *name, const char *value)
{
	MUST(r->n_args + 2 < MAX_ARGS);
	snprintf(r->args[r->n_args++], ARG_MAX_LEN, "--%s", name);
	snprintf(r->args[r->n_args++], ARG_MAX_LEN, "%s", value);
	if (strcmp(name, "subject") == 0)
		snprintf(r->subjects, sizeof(r->subjects), "%.*s.>",
			 (int)strcspn(value, "."), value);
	if (strcmp(name, "retry") == 0)
		r->retry_ms = strtoull(value, NULL, 10) *
			      (strstr(value, "ms") != NULL ? 1 : 1000);
}

static bool run_option(struct real *r, const char *rest)
{
	char name[64] = "";
	int at = 0;

	if (sscanf(rest, "%63s %n", name, &at) != 1)
		return real_fail(r, "option NAME VALUE");
	set_option(r, name, rest + at);
	return true;
}

static bool start_gateway(struct real *r)
{
	const char *args[MAX_ARGS + ARRAY_LEN(defaults)];
	size_t n = 0;

	if (r->started)
		return true;
	while (defaults[n] != NULL) {
		args[n] = defaults[n];
		n++;
	}
	for (size_t i = 0; i < r->n_args; i++)
		args[n++] = r->args[i];
	args[n] = NULL;
	gateway_proc_start(&r->gateway, r->nats.url, args);
	gateway_proc_wait_ready(&r->gateway);
	r->started = true;
	return true;
}

static bool run_start(struct real *r, const char *rest)
{
	(void)rest;
	return start_gateway(r);
}

static bool run_streams(struct real *r, const char *rest)
{
	gateway_proc_wait_metric(&r->gateway, "sluice_subscriptions",
				 strtod(rest, NULL));
	return true;
}

/* ---- clients ------------------------------------------------------------- */

static int connect_to(const char *address)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	const char *port = strrchr(address, ':');
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	MUST(port != NULL && fd >= 0);
	to.sin_port = htons((uint16_t)atoi(port + 1));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	MUST(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
	return fd;
}

static bool use(struct real *r, const char *name, bool admin)
{
	for (size_t i = 0; i < r->n_clients; i++) {
		r->client = &r->clients[i];
		if (strcmp(r->client->name, name) == 0)
			return true;
	}
	MUST(r->n_clients < MAX_CLIENTS && start_gateway(r));
	r->client = &r->clients[r->n_clients++];
	client_init(r->client, name,
		    connect_to(admin ? r->gateway.admin : r->gateway.address));
	return true;
}

static bool run_client(struct real *r, const char *rest)
{
	return use(r, rest, false);
}

static bool run_admin(struct real *r, const char *rest)
{
	return use(r, rest, true);
}

static bool run_close(struct real *r, const char *rest)
{
	(void)rest;
	client_close(r->client);
	return true;
}

static bool run_shutdown(struct real *r, const char *rest)
{
	(void)rest;
	client_shutdown(r->client);
	return true;
}

/* The script's bytes hold the fake stream's tag. */
static void replace_tag(const struct real *r, struct bytes *text)
{
	struct sse_tag fake = fake_jetstream_tag(1);
	char *at = text->at, *end = text->at + text->len;

	while (at != NULL && (at = memmem(at, (size_t)(end - at), fake.hex,
					  SSE_TAG_LEN)) != NULL) {
		memcpy(at, r->tag.hex, SSE_TAG_LEN);
		at += SSE_TAG_LEN;
	}
}

static bool send_text(struct real *r, const struct bytes *text)
{
	struct bytes copy = {0};
	bool ok;

	if (r->client == NULL)
		use(r, "the client", false);
	bytes_add(&copy, bytes_text(text), text->len);
	replace_tag(r, &copy);
	ok = client_send(r->client, bytes_text(&copy), copy.len);
	bytes_free(&copy);
	return ok || real_fail(r, "the client's socket is full");
}

/* Whether the line holds for what has come; takes nothing. */
static bool holds(const struct real *r, const char *line)
{
	struct client trial = *r->client;
	struct bytes why = {0};
	bool ok;

	trial.decoder = (struct sse_decoder){0};
	ok = expect_line(&trial, line, r->retry_ms, &why);
	sse_decoder_finish(&trial.decoder);
	bytes_free(&why);
	return ok;
}

static void read_for(struct client *c, int timeout_ms)
{
	struct pollfd p = {.fd = c->fd, .events = POLLIN};

	if (c->fd < 0 || c->end != CLIENT_OPEN)
		poll(NULL, 0, timeout_ms);
	else if (poll(&p, 1, timeout_ms) > 0)
		client_read(c, SIZE_MAX);
}

static bool expect(struct real *r, const char *line)
{
	uint64_t deadline_ms = test_deadline_ms(DEADLINE_MS);

	if (r->client == NULL)
		return real_fail(r, "there is no client yet");
	while (!holds(r, line) && test_now_ms() < deadline_ms)
		read_for(r->client, POLL_MS);
	return expect_line(r->client, line, r->retry_ms, r->why);
}

/* ---- a conversation ------------------------------------------------------ */

/* What NATS has got: the responses and the subscribers show it. */
static bool run_unseen(struct real *r, const char *rest)
{
	(void)r;
	(void)rest;
	return true;
}

static const struct real_action real_actions[] = {
	{"published", run_unseen},
	{"has-headers", run_unseen},
	{"nothing-published", run_unseen},
	{"option", run_option},
	{"start", run_start},
	{"store", run_store},
	{"purge", run_purge},
	{"delete", run_delete},
	{"client", run_client},
	{"admin", run_admin},
	{"close", run_close},
	{"streams", run_streams},
	{"shutdown", run_shutdown},
};

static const struct real_action *find_action(const char *line)
{
	size_t len = strcspn(line, " ");

	for (size_t i = 0; i < ARRAY_LEN(real_actions); i++)
		if (strlen(real_actions[i].name) == len &&
		    memcmp(real_actions[i].name, line, len) == 0)
			return &real_actions[i];
	return NULL;
}

bool real_can_play(const struct script *script)
{
	for (size_t i = 0; i < script->n_steps; i++) {
		const char *line = bytes_text(&script->steps[i].text);

		/* These bytes hold the time. */
		if (script->steps[i].kind == SCRIPT_EXPECT &&
		    strncmp(line, "raw HTTP/", 9) == 0)
			return false;
		if (script->steps[i].kind == SCRIPT_ACT &&
		    (find_action(line) == NULL ||
		     strncmp(line, "option send-buffer", 18) == 0))
			return false;
	}
	return true;
}

static bool run_step(struct real *r, const struct script_step *s)
{
	const char *line = bytes_text(&s->text);

	switch (s->kind) {
	case SCRIPT_SEND:
		return send_text(r, &s->text);
	case SCRIPT_EXPECT:
		return expect(r, line);
	case SCRIPT_ACT:
		/* The options decide which subjects the stream has. */
		if (strncmp(line, "option ", 7) != 0 && r->tag.hex[0] == '\0')
			make_stream(r);
		return find_action(line)->run(r, line + strcspn(line, " ") +
							 (strchr(line, ' ') !=
							  NULL));
	}
	return false;
}

/* When the program drains, a subscription ends with a retry: and a last chunk.
 * Anything before that is an event too many. */
static bool is_drained(struct real *r, struct client *c)
{
	uint64_t deadline_ms = test_deadline_ms(DEADLINE_MS);

	r->client = c;
	if (c->fd < 0)
		return expect_all_seen(c, r->why);
	while (c->end == CLIENT_OPEN && test_now_ms() < deadline_ms)
		read_for(c, POLL_MS);
	client_close(c);
	c->end_seen = true;
	if (holds(r, "jitter 0 10000000"))
		expect_line(c, "jitter 0 10000000", r->retry_ms, r->why);
	if (holds(r, "last-chunk"))
		expect_line(c, "last-chunk", r->retry_ms, r->why);
	return expect_all_seen(c, r->why);
}

/* Every subscription has all messages of its subject. */
static void wait_live(const struct real *r)
{
	uint64_t deadline_ms = test_deadline_ms(DEADLINE_MS);

	while (gateway_proc_metric(&r->gateway, "sluice_subscriptions") !=
		       gateway_proc_metric(
			       &r->gateway,
			       "sluice_subscriptions{state=\"live\"}") &&
	       test_now_ms() < deadline_ms)
		poll(NULL, 0, POLL_MS);
}

static bool play_steps(struct real *r)
{
	for (size_t i = 0; i < r->script->n_steps; i++) {
		const struct script_step *s = &r->script->steps[i];
		char where[32];

		if (s->kind == SCRIPT_SEND && r->tag.hex[0] == '\0')
			make_stream(r);
		if (run_step(r, s))
			continue;
		snprintf(where, sizeof(where), " (line %u)", s->line);
		return real_fail(r, where);
	}
	if (!r->started)
		return real_fail(r, "nothing was sent");
	wait_live(r);
	gateway_proc_signal(&r->gateway, SIGTERM);
	r->draining = true;
	for (size_t i = 0; i < r->n_clients; i++)
		if (!is_drained(r, &r->clients[i]))
			return false;
	return true;
}

bool real_play(struct real *r, const struct script *script, struct bytes *why)
{
	bool ok;

	r->script = script;
	r->why = why;
	r->started = r->draining = false;
	r->n_args = r->n_clients = 0;
	r->client = NULL;
	r->tag = (struct sse_tag){0};
	r->retry_ms = 3000;
	r->last_seq = 0;
	strcpy(r->subjects, DEFAULT_SUBJECTS);
	ok = play_steps(r);
	for (size_t i = 0; i < r->n_clients; i++)
		client_finish(&r->clients[i]);
	if (r->started && !r->draining)
		gateway_proc_signal(&r->gateway, SIGTERM);
	if (r->started && gateway_proc_wait_exit(&r->gateway, DEADLINE_MS) != 0)
		ok = real_fail(r, "the program ended with an error");
	gateway_proc_finish(&r->gateway);
	script_set_tag(NULL);
	return ok;
}

struct real *real_new(void)
{
	struct real *r = calloc(1, sizeof(*r));

	MUST(r != NULL);
	nats_server_start(&r->nats, NULL);
	r->admin = nats_admin_open(r->nats.url);
	return r;
}

void real_free(struct real *r)
{
	nats_admin_close(r->admin);
	nats_server_stop(&r->nats);
	free(r);
}
