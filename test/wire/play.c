#include "play.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "expect.h"

enum {
	QUIET_TURNS = 3,
	LIMITER_MAX = 1000000,
	SMALL_SOCKET = 1, /* bytes: Linux gives the least that it can */
	TCP_DEADLINE_MS = 10000,
};

bool play_fail(struct play *p, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	bytes_add(p->why, text, strlen(text));
	return false;
}

/* ---- until nothing moves ------------------------------------------------- */

static bool read_all(struct play *p)
{
	bool moved = false;

	for (size_t i = 0; i < p->n_clients; i++)
		moved |= client_read(&p->clients[i],
				     p->way == PLAY_SLOW ? 1 : SIZE_MAX);
	return moved;
}

static bool come_to_rest(struct play *p)
{
	unsigned quiet = 0;
	const char *fault;

	for (unsigned turns = 0; turns < LIMITER_MAX; turns++) {
		bool moved = server_turn(p->server);

		fault = server_check(p->server);
		if (fault != NULL)
			return play_fail(p, "%s", fault);
		moved |= read_all(p);
		quiet = moved ? 0 : quiet + 1;
		if (quiet == QUIET_TURNS)
			return true;
	}
	return play_fail(p, "the loop never comes to rest");
}

static uint64_t monotonic_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* A network may keep bytes for a while: wait for what is known to come. */
static bool has_come(const struct play *p)
{
	for (size_t i = 0; i < p->n_clients; i++) {
		const struct client *c = &p->clients[i];
		const struct play_mark *m = &p->reference->marks[p->step][i];

		if (!client_sent_all(c))
			return false;
		if (c->in.len < m->len || c->end != m->end)
			return false;
	}
	return true;
}

bool play_settle(struct play *p)
{
	uint64_t deadline = monotonic_ms() + TCP_DEADLINE_MS;

	if (!server_started(p->server))
		return true;
	if (!come_to_rest(p))
		return false;
	while (p->way == PLAY_TCP && !has_come(p) &&
	       monotonic_ms() < deadline) {
		server_wait(p->server, 1);
		if (!come_to_rest(p))
			return false;
	}
	return true;
}

/* ---- steps --------------------------------------------------------------- */

void play_start(struct play *p)
{
	if (server_started(p->server))
		return;
	if (p->way == PLAY_SLOW)
		server_set_send_buffer(p->server, SMALL_SOCKET);
	server_start(p->server, p->way == PLAY_TCP);
}

bool play_use(struct play *p, const char *name, bool admin)
{
	for (size_t i = 0; i < p->n_clients; i++) {
		p->client = &p->clients[i];
		if (strcmp(p->client->name, name) == 0)
			return true;
	}
	if (p->n_clients == PLAY_CLIENTS)
		return play_fail(p, "too many clients");
	/* What went before is over, so that the first turn of the new one is
	 * the same in all ways. */
	play_start(p);
	if (!come_to_rest(p))
		return false;
	p->client = &p->clients[p->n_clients++];
	client_init(p->client, name, server_connect(p->server, admin));
	return true;
}

bool play_pass(struct play *p, uint64_t ms)
{
	play_start(p);
	if (!come_to_rest(p))
		return false;
	while (ms > 0) {
		uint64_t step = server_due_in(p->server, ms);

		server_pass(p->server, step);
		ms -= step;
		if (!come_to_rest(p))
			return false;
	}
	return true;
}

static bool send_piece(struct play *p, const char *bytes, size_t len)
{
	p->n_sent += len;
	if (!client_send(p->client, bytes, len))
		return play_fail(p, "the client's socket is full");
	return come_to_rest(p);
}

static bool send_bytes(struct play *p, const struct bytes *b)
{
	size_t len;

	for (size_t at = 0; at < b->len; at += len) {
		len = p->n_sent < PLAY_EACH ? 1 : PLAY_STRIDE;
		if (len > b->len - at)
			len = b->len - at;
		if (!send_piece(p, b->at + at, len))
			return false;
	}
	return true;
}

static bool send_step(struct play *p, const struct bytes *b)
{
	size_t first = b->len;

	if (p->client == NULL && !play_use(p, "the client", false))
		return false;
	if (p->client->fd < 0)
		return play_fail(p, "the client has closed");
	if (p->way == PLAY_CUT && p->cut_at > p->n_sent &&
	    p->cut_at < p->n_sent + b->len)
		first = p->cut_at - p->n_sent;
	if (p->way == PLAY_BYTES)
		return send_bytes(p, b);
	if (!send_piece(p, b->at, first))
		return false;
	return first == b->len || send_piece(p, b->at + first, b->len - first);
}

static bool expect_step(struct play *p, const char *line)
{
	if (p->way != PLAY_WHOLE)
		return true; /* the bytes are compared */
	if (p->client == NULL)
		return play_fail(p, "there is no client yet");
	return expect_line(p->client, line, server_retry_ms(p->server), p->why);
}

static bool do_step(struct play *p, const struct script_step *s)
{
	switch (s->kind) {
	case SCRIPT_SEND:
		return send_step(p, &s->text) && play_settle(p);
	case SCRIPT_EXPECT:
		return expect_step(p, bytes_text(&s->text));
	case SCRIPT_ACT:
		p->hurried = false;
		return act_line(p, bytes_text(&s->text)) &&
		       (p->hurried || play_settle(p));
	}
	return false;
}

/* ---- the reference ------------------------------------------------------- */

void play_trace_finish(struct play_trace *t)
{
	free(t->marks);
	for (size_t i = 0; i < PLAY_CLIENTS; i++)
		bytes_free(&t->in[i]);
	memset(t, 0, sizeof(*t));
}

static void record(struct play *p)
{
	for (size_t i = 0; i < p->n_clients; i++) {
		const struct client *c = &p->clients[i];
		struct play_mark *m = &p->reference->marks[p->step][i];
		struct bytes *in = &p->reference->in[i];

		m->len = c->in.len;
		m->end = c->end;
		bytes_add(in, bytes_text(&c->in) + in->len,
			  c->in.len - in->len);
	}
}

static size_t same_bytes(const struct bytes *a, const struct bytes *b)
{
	size_t least = a->len < b->len ? a->len : b->len, n = 0;

	/* Mostly they are the same, and this is quick. */
	if (least == 0 || memcmp(a->at, b->at, least) == 0)
		return least;
	while (a->at[n] == b->at[n])
		n++;
	return n;
}

static bool compare_client(struct play *p, size_t i)
{
	static const char *const ends[] = {"open", "eof", "reset"};
	const struct client *c = &p->clients[i];
	const struct play_mark *m = &p->reference->marks[p->step][i];
	const struct bytes *in = &p->reference->in[i];
	size_t same = same_bytes(&c->in, in), shown;

	if (same == c->in.len && c->in.len == m->len && c->end == m->end)
		return true;
	play_fail(p,
		  "client %s: %zu bytes and %s where the whole has %zu and "
		  "%s; behind the first %zu comes \"",
		  c->name, c->in.len, ends[c->end], m->len, ends[m->end], same);
	shown = c->in.len - same;
	script_escape(p->why, bytes_text(&c->in) + same,
		      shown < 200 ? shown : 200);
	return play_fail(p, "\"");
}

static bool compare(struct play *p)
{
	for (size_t i = 0; i < p->n_clients; i++)
		if (!compare_client(p, i))
			return false;
	return true;
}

/* ---- all of it ----------------------------------------------------------- */

static bool all_seen(struct play *p)
{
	for (size_t i = 0; i < p->n_clients && p->way == PLAY_WHOLE; i++)
		if (!expect_all_seen(&p->clients[i], p->why))
			return false;
	return true;
}

/* When the clients have gone, so has everything of theirs. */
static bool leave(struct play *p)
{
	uint64_t deadline = monotonic_ms() + TCP_DEADLINE_MS;

	if (!server_started(p->server))
		return play_fail(p, "nothing was said");
	for (size_t i = 0; i < p->n_clients; i++)
		client_close(&p->clients[i]);
	do {
		if (!come_to_rest(p))
			return false;
		if (server_connections(p->server) == 0 &&
		    server_streams(p->server) == 0)
			return true;
		if (p->way == PLAY_TCP)
			server_wait(p->server, 1);
	} while (p->way == PLAY_TCP && monotonic_ms() < deadline);
	return play_fail(p,
			 "%zu connections are left when the clients have "
			 "gone",
			 server_connections(p->server));
}

static bool do_steps(struct play *p)
{
	const struct script *s = p->script;

	for (p->step = 0; p->step < s->n_steps; p->step++) {
		bool ok = do_step(p, &s->steps[p->step]);

		if (p->way == PLAY_WHOLE)
			record(p);
		else
			ok = ok && compare(p);
		if (!ok)
			return play_fail(p, " (line %u)",
					 s->steps[p->step].line);
	}
	return all_seen(p) && leave(p);
}

bool play_script(const struct script *script, enum play_way way, size_t cut_at,
		 struct play_trace *reference, struct bytes *why)
{
	struct play p = {.script = script,
			 .way = way,
			 .cut_at = cut_at,
			 .reference = reference,
			 .why = why};
	const char *left;
	bool ok;

	if (way == PLAY_WHOLE)
		reference->marks =
			calloc(script->n_steps, sizeof(*reference->marks));
	p.server = server_new();
	ok = do_steps(&p);
	for (size_t i = 0; i < p.n_clients; i++)
		client_finish(&p.clients[i]);
	left = server_free(p.server);
	if (left != NULL)
		ok = play_fail(&p, "%s", left);
	return ok;
}
