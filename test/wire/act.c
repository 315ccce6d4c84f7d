/* The steps behind "=": what happens around the clients. */
#include "play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct action {
	const char *name;
	bool (*act)(struct play *p, const char *rest);
};

static bool act_option(struct play *p, const char *rest)
{
	char name[64] = "", err[OPTIONS_ERROR_MAX];
	int at = 0;

	if (server_started(p->server))
		return play_fail(p, "options come before everything else");
	if (sscanf(rest, "%63s %n", name, &at) != 1)
		return play_fail(p, "option NAME VALUE");
	if (strcmp(name, "send-buffer") == 0) {
		server_set_send_buffer(p->server, atoi(rest + at));
		return true;
	}
	if (!server_option(p->server, name, rest + at, err))
		return play_fail(p, "%s", err);
	return true;
}

static bool act_start(struct play *p, const char *rest)
{
	(void)rest;
	play_start(p);
	return true;
}

/* ---- JetStream ----------------------------------------------------------- */

/* SEQ SUBJECT "TEXT" */
static bool act_store(struct play *p, const char *rest)
{
	struct bytes data = {0};
	unsigned long long seq;
	char subject[160];
	size_t len = strlen(rest);
	int at = 0;
	bool ok;

	if (sscanf(rest, "%llu %159s %n", &seq, subject, &at) != 2 ||
	    rest[at] != '"' || (size_t)at + 1 >= len || rest[len - 1] != '"')
		return play_fail(p, "store SEQ SUBJECT \"TEXT\"");
	ok = script_unescape(&data, rest + at + 1, len - (size_t)at - 2);
	ok = ok && fake_jetstream_store(server_js(p->server), seq, subject,
					bytes_text(&data), data.len);
	bytes_free(&data);
	return ok || play_fail(p, "it can't be stored");
}

/* "LINES": the headers of the next message, each line with its end */
static bool act_headers(struct play *p, const char *rest)
{
	struct bytes block = {0};
	size_t len = strlen(rest);
	bool ok = len > 1 && rest[0] == '"' && rest[len - 1] == '"';

	bytes_add(&block, "NATS/1.0\r\n", 10);
	ok = ok && script_unescape(&block, rest + 1, len - 2);
	bytes_add(&block, "\r\n", 2);
	if (ok)
		fake_jetstream_set_headers(server_js(p->server), block.at,
					   block.len);
	bytes_free(&block);
	return ok || play_fail(p, "headers \"LINES\"");
}

/* SEQ SUBJECT "TEXT", by JetStream itself */
static bool act_mark(struct play *p, const char *rest)
{
	if (!act_store(p, rest))
		return false;
	fake_jetstream_mark_internal(server_js(p->server));
	return true;
}

static bool act_purge(struct play *p, const char *rest)
{
	fake_jetstream_purge(server_js(p->server), strtoull(rest, NULL, 10));
	return true;
}

static bool act_delete(struct play *p, const char *rest)
{
	fake_jetstream_delete(server_js(p->server), strtoull(rest, NULL, 10));
	return true;
}

static bool act_drop_stream(struct play *p, const char *rest)
{
	(void)rest;
	fake_jetstream_drop_stream(server_js(p->server));
	return true;
}

static bool act_make_stream(struct play *p, const char *rest)
{
	(void)rest;
	fake_jetstream_make_stream(server_js(p->server));
	return true;
}

static bool act_remake_stream(struct play *p, const char *rest)
{
	(void)rest;
	fake_jetstream_drop_stream(server_js(p->server));
	fake_jetstream_make_stream(server_js(p->server));
	return true;
}

static bool act_up(struct play *p, const char *rest)
{
	struct publishing *publishing = server_publishing(p->server);

	(void)rest;
	if (!server_js(p->server)->up)
		fake_jetstream_up(server_js(p->server));
	if (!publishing->fake.is_up)
		fake_publisher_up(&publishing->fake);
	return true;
}

static bool act_down(struct play *p, const char *rest)
{
	struct publishing *publishing = server_publishing(p->server);

	(void)rest;
	fake_jetstream_down(server_js(p->server));
	fake_publisher_down(&publishing->fake);
	publishing->n_answered = publishing->fake.n_arrived;
	return true;
}

static bool act_silent(struct play *p, const char *rest)
{
	(void)rest;
	server_js(p->server)->faults.silent = true;
	return true;
}

static bool act_answers(struct play *p, const char *rest)
{
	(void)rest;
	server_js(p->server)->faults.silent = false;
	return true;
}

/* ---- messages of clients ------------------------------------------------- */

/* NULL: no quoted text. Owned. */
static char *quoted_text(const char *rest)
{
	struct bytes text = {0};
	size_t len = strlen(rest);
	char *copy = NULL;

	if (len >= 2 && rest[0] == '"' && rest[len - 1] == '"' &&
	    script_unescape(&text, rest + 1, len - 2))
		copy = strdup(bytes_text(&text));
	bytes_free(&text);
	return copy;
}

/* "TEXT": of the next request, in place of an acknowledgement */
static bool act_reply(struct play *p, const char *rest)
{
	struct publishing *to = server_publishing(p->server);

	free(to->reply);
	to->reply = quoted_text(rest);
	return to->reply != NULL || play_fail(p, "reply \"TEXT\"");
}

/* "LINES": headers of the next reply, without their first line */
static bool act_reply_headers(struct play *p, const char *rest)
{
	struct publishing *to = server_publishing(p->server);
	char *lines = quoted_text(rest);

	if (lines == NULL)
		return play_fail(p, "reply-headers \"LINES\"");
	free(to->headers);
	if (asprintf(&to->headers, "NATS/1.0\r\n%s\r\n", lines) < 0)
		to->headers = NULL;
	free(lines);
	return true;
}

/* "TEXT": one more reply to the message that came last */
static bool act_answer(struct play *p, const char *rest)
{
	char *text = quoted_text(rest);

	if (text == NULL)
		return play_fail(p, "answer \"TEXT\"");
	publishing_reply(server_publishing(p->server), text);
	free(text);
	return true;
}

/* SUBJECT "TEXT": a message of core NATS */
static bool act_deliver(struct play *p, const char *rest)
{
	size_t n = strcspn(rest, " ");
	char *subject = strndup(rest, n);
	char *text = rest[n] == ' ' ? quoted_text(rest + n + 1) : NULL;
	bool good = text != NULL;

	if (good)
		publishing_deliver(server_publishing(p->server), subject, text);
	free(subject);
	free(text);
	return good || play_fail(p, "deliver SUBJECT \"TEXT\"");
}

/* N: subscriptions that NATS has */
static bool act_subscribed(struct play *p, const char *rest)
{
	size_t n = publishing_subscriptions(server_publishing(p->server));

	return n == strtoul(rest, NULL, 10) ||
	       play_fail(p, "NATS has %zu subscriptions", n);
}

/* WHAT: how the next request fails */
static bool act_fails(struct play *p, const char *rest)
{
	static const struct {
		const char *name;
		enum publish_failure failure;
	} failures[] = {
		{"no-responders", PUBLISH_NO_RESPONDERS},
		{"denied", PUBLISH_DENIED},
		{"busy", PUBLISH_BUSY},
	};

	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		if (strcmp(failures[i].name, rest) != 0)
			continue;
		server_publishing(p->server)->failure = failures[i].failure;
		return true;
	}
	return play_fail(p, "fails no-responders | denied | busy");
}

/* SUBJECT "TEXT": the next message that NATS has */
static bool act_published(struct play *p, const char *rest)
{
	const struct fake_call *call =
		publishing_next(server_publishing(p->server));
	size_t subject = strcspn(rest, " "), len = strlen(rest);
	struct bytes text = {0};
	bool same;

	if (len < subject + 3 || rest[subject + 1] != '"' ||
	    rest[len - 1] != '"' ||
	    !script_unescape(&text, rest + subject + 2, len - subject - 3))
		return play_fail(p, "published SUBJECT \"TEXT\"");
	if (call == NULL) {
		bytes_free(&text);
		return play_fail(p, "nothing more was published");
	}
	same = strlen(call->subject) == subject &&
	       memcmp(call->subject, rest, subject) == 0 &&
	       call->len == text.len &&
	       memcmp(call->data, bytes_text(&text), text.len) == 0;
	bytes_free(&text);
	return same || play_fail(p, "published: %s \"%.60s\"", call->subject,
				 call->data);
}

/* "LINES": the headers of the message that "published" named last, without
 * their first line */
static bool act_has_headers(struct play *p, const char *rest)
{
	const struct publishing *from = server_publishing(p->server);
	const struct fake_call *call;
	static const char version[] = "NATS/1.0\r\n";
	struct bytes text = {0};
	size_t len = strlen(rest);
	bool same;

	if (from->n_seen == 0 || len < 2 ||
	    !script_unescape(&text, rest + 1, len - 2))
		return play_fail(p, "has-headers \"LINES\"");
	call = &from->fake.arrived[from->n_seen - 1];
	bytes_add(&text, "\r\n", 2);
	same = call->headers_len == strlen(version) + text.len &&
	       memcmp(call->headers, version, strlen(version)) == 0 &&
	       memcmp(call->headers + strlen(version), bytes_text(&text),
		      text.len) == 0;
	bytes_free(&text);
	return same ||
	       play_fail(p, "its headers are \"%.200s\"", call->headers);
}

static bool act_nothing_published(struct play *p, const char *rest)
{
	(void)rest;
	return publishing_next(server_publishing(p->server)) == NULL ||
	       play_fail(p, "something was published");
}

static bool act_hold(struct play *p, const char *rest)
{
	server_publishing(p->server)->is_held = strcmp(rest, "on") == 0;
	return true;
}

static bool act_mute(struct play *p, const char *rest)
{
	server_publishing(p->server)->is_silent = strcmp(rest, "on") == 0;
	return true;
}

/* ---- clients ------------------------------------------------------------- */

static bool act_client(struct play *p, const char *rest)
{
	return play_use(p, rest, false);
}

static bool act_admin(struct play *p, const char *rest)
{
	return play_use(p, rest, true);
}

static bool has_client(struct play *p)
{
	if (p->client != NULL && p->client->fd >= 0)
		return true;
	return play_fail(p, "there is no client that is open");
}

static bool act_close(struct play *p, const char *rest)
{
	(void)rest;
	if (!has_client(p))
		return false;
	client_close(p->client);
	return true;
}

static bool act_vanish(struct play *p, const char *rest)
{
	p->hurried = true;
	return act_close(p, rest);
}

static bool act_shutdown(struct play *p, const char *rest)
{
	(void)rest;
	if (!has_client(p))
		return false;
	client_shutdown(p->client);
	return true;
}

static bool act_stop_reading(struct play *p, const char *rest)
{
	(void)rest;
	if (!has_client(p))
		return false;
	p->client->deaf = true;
	return true;
}

static bool act_read(struct play *p, const char *rest)
{
	if (!has_client(p))
		return false;
	p->client->wants += strtoul(rest, NULL, 10);
	return true;
}

static bool act_read_on(struct play *p, const char *rest)
{
	(void)rest;
	if (!has_client(p))
		return false;
	p->client->deaf = false;
	return true;
}

/* ---- the gateway --------------------------------------------------------- */

static bool act_pass(struct play *p, const char *rest)
{
	unsigned long n;
	char unit[4];

	if (sscanf(rest, "%lu%3s", &n, unit) != 2 ||
	    (strcmp(unit, "s") != 0 && strcmp(unit, "ms") != 0))
		return play_fail(p, "pass 5s, pass 200ms");
	return play_pass(p, strcmp(unit, "s") == 0 ? n * 1000 : n);
}

/* The wall clock alone, as when it is set, or the machine was suspended. */
static bool act_step(struct play *p, const char *rest)
{
	long long n;
	char unit[4];

	if (sscanf(rest, "%lld%3s", &n, unit) != 2 || strcmp(unit, "s") != 0)
		return play_fail(p, "step 60s, step -60s");
	play_start(p);
	server_step(p->server, n * 1000);
	return true;
}

static bool act_keys(struct play *p, const char *rest)
{
	static const char *const states[] = {
		[SERVER_KEYS_HERE] = "here",
		[SERVER_KEYS_AWAY] = "away",
		[SERVER_KEYS_FAIL] = "fail",
	};

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		if (strcmp(rest, states[i]) != 0)
			continue;
		server_set_keys(p->server, (enum server_keys)i);
		return true;
	}
	return play_fail(p, "keys here, keys away, keys fail");
}

static bool act_drain(struct play *p, const char *rest)
{
	(void)rest;
	play_start(p);
	server_drain(p->server);
	return true;
}

static bool act_end_streams(struct play *p, const char *rest)
{
	server_end_streams(p->server, strtoul(rest, NULL, 10));
	return true;
}

static bool is_number(struct play *p, size_t is, const char *rest)
{
	if (is == strtoul(rest, NULL, 10))
		return true;
	return play_fail(p, "there are %zu", is);
}

static bool act_streams(struct play *p, const char *rest)
{
	return is_number(p, server_streams(p->server), rest);
}

static bool act_connections(struct play *p, const char *rest)
{
	return is_number(p, server_connections(p->server), rest);
}

static const struct action actions[] = {
	{"option", act_option},
	{"start", act_start},
	{"store", act_store},
	{"mark", act_mark},
	{"headers", act_headers},
	{"purge", act_purge},
	{"delete", act_delete},
	{"drop-stream", act_drop_stream},
	{"make-stream", act_make_stream},
	{"remake-stream", act_remake_stream},
	{"up", act_up},
	{"down", act_down},
	{"silent", act_silent},
	{"answers", act_answers},
	{"reply", act_reply},
	{"reply-headers", act_reply_headers},
	{"answer", act_answer},
	{"deliver", act_deliver},
	{"subscribed", act_subscribed},
	{"fails", act_fails},
	{"published", act_published},
	{"has-headers", act_has_headers},
	{"nothing-published", act_nothing_published},
	{"hold", act_hold},
	{"mute", act_mute},
	{"client", act_client},
	{"admin", act_admin},
	{"close", act_close},
	{"vanish", act_vanish},
	{"shutdown", act_shutdown},
	{"stop-reading", act_stop_reading},
	{"read", act_read},
	{"read-on", act_read_on},
	{"pass", act_pass},
	{"step", act_step},
	{"keys", act_keys},
	{"drain", act_drain},
	{"end-streams", act_end_streams},
	{"streams", act_streams},
	{"connections", act_connections},
};

bool act_line(struct play *p, const char *line)
{
	size_t len = strcspn(line, " ");

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (strlen(actions[i].name) == len &&
		    memcmp(actions[i].name, line, len) == 0)
			return actions[i].act(p,
					      line + len + (line[len] == ' '));
	return play_fail(p, "no such step");
}
