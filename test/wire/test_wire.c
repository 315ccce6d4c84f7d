/* Conversations as data: what a client sends and receives over a real socket.
 *
 *	test_wire [--only WORDS] [--show] FILE...
 *	test_wire --must-fail FILE...
 *	test_wire --real [--only WORDS] FILE...
 *
 * JetStream is fake_jetstream, the hub and src/server are the real ones. Each
 * conversation is played whole; then with its bytes cut in two at every place
 * (of the first 4096), with the loop run between the two; then byte by byte;
 * then read byte by byte from a small socket; then through a listener on the
 * loopback. The client must receive the same bytes in all of them, step by
 *step. The clock is the conversation's own: nothing waits for time.
 *
 * With --real the program itself and a real nats-server play each conversation
 * that needs neither the clock nor a fault, once: see play_real.h.
 *
 * A .wire file is conversations with empty lines between them. The first
 * comment is the conversation's name. Lines are:
 *
 *	# a comment
 *	> GET /livez HTTP/1.1	the client sends it, and CR LF
 *	>> bytes		the same without CR LF
 *	< 200			a response begins: its head has this status
 *	= store 7 events.a "x"	something happens around the client
 *
 * Lines that are sent one behind the other are one write. Escapes:
 *
 *	\r \n \t \0 \\ \" \xHH
 *	\{TEXT*N}		N times the text
 *	\[CLAIMS]		the token (HS256) of these claims; brackets in
 *				them have to match
 *	-TAG, -TAG2		in an id: the tag of the first, second stream
 *
 * What a client expects ("<"):
 *
 *	NNN			the head of a response, with this status
 *	Name: value		that head has this header once, with this value
 *	no Name			it has no such header
 *	body TEXT		the body by Content-Length is this
 *	says TEXT		the body is one line and contains this
 *	holds TEXT		one of the body's lines is this
 *	opens [ID]		subscription: retry:, with an ID "open" and the
 *				id, and an empty line
 *	cursor ID		subscription: "open", the id and an empty line
 *	event [type: T ]id: ID data: DATA
 *				subscription: a block, as a browser reads it
 *	| TEXT			subscription: a line
 *	jitter FROM TO		subscription: retry: of another time (ms)
 *	raw TEXT		these bytes, as they are on the wire
 *	last-chunk		the end of the chunks
 *	eof | reset		the end of the connection
 *	nothing			nothing more has come so far
 *
 * A conversation fails when its end leaves anything unread that no line
 *expects.
 *
 * What happens ("="):
 *
 *	option NAME VALUE	one of the program's, or send-buffer BYTES;
 *				comes first
 *	start			without a client (else the first client starts
 *it) client NAME		selects the client; connects it when it is new
 *	admin NAME		the same, to the admin listener
 *	close, shutdown		the client closes, or ends its sending half
 *	vanish			it closes, and the next step comes in the same
 *				iteration of the loop
 *	stop-reading, read BYTES, read-on
 *	store SEQ SUBJECT "TEXT"	a message is added to the stream
 *	mark SEQ SUBJECT "TEXT"	the same, written by JetStream for itself
 *	purge SEQ, delete SEQ	all up to it, or it alone, are removed
 *	drop-stream, make-stream, remake-stream
 *	down, up		the connection to NATS
 *	silent, answers		JetStream does not answer, or does again
 *	pass 5s			time
 *	step 5s, step -5s	the wall clock alone is set
 *	keys here|away|fail	of tokens: in use, on their way, or neither
 *	reply "TEXT"		of the next request of a client, in place of
 *				storing its message and acknowledging it
 *	reply-headers "LINES"	the headers of the next reply
 *	answer "TEXT"		one more reply to the message that came last
 *	fails WHAT		how the next request fails: no-responders,
 *				denied, busy
 *	published SUBJECT "TEXT"	the next message that NATS has got
 *	has-headers "LINES"	the headers of that message
 *	nothing-published	no more messages
 *	hold on|off		the worker sends nothing
 *	mute on|off		nothing answers messages
 *	drain, end-streams N	as the gateway does at its end
 *	streams N, connections N	expected numbers
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "play.h"
#include "play_real.h"

enum { WORD_EDGE = 16 };

struct run {
	const char *only;
	bool show;
	bool must_fail;
	struct real *real; /* --real */
	unsigned n_cases;
	unsigned n_failed;
};

static void print_case(struct run *r, bool ok, const char *path,
		       const struct script *s, const char *way,
		       const struct bytes *why)
{
	const char *base = strrchr(path, '/');

	r->n_failed += !ok;
	printf("%sok %u - %s: %s: %s\n", ok ? "" : "not ", ++r->n_cases,
	       base != NULL ? base + 1 : path, s->name, way);
	if (why->len > 0)
		printf("# %s\n", bytes_text(why));
	fflush(stdout);
}

static void show(const struct play_trace *t)
{
	for (size_t i = 0; i < PLAY_CLIENTS && t->in[i].len > 0; i++) {
		struct bytes text = {0};

		script_escape(&text, t->in[i].at, t->in[i].len);
		printf("# client %zu got \"%s\"\n", i + 1, bytes_text(&text));
		bytes_free(&text);
	}
}

static void gather_sent(const struct script *s, struct bytes *sent)
{
	for (size_t i = 0; i < s->n_steps; i++)
		if (s->steps[i].kind == SCRIPT_SEND)
			bytes_add(sent, bytes_text(&s->steps[i].text),
				  s->steps[i].text.len);
}

/* Deep in a long word, as a token is, one place is like the next. */
static bool is_like_the_next(const struct bytes *sent, size_t at)
{
	if (at < WORD_EDGE || at + WORD_EDGE > sent->len || at % WORD_EDGE == 0)
		return false;
	for (size_t i = at - WORD_EDGE; i < at + WORD_EDGE; i++) {
		unsigned char c = (unsigned char)sent->at[i];

		if (!isalnum(c) && c != '-' && c != '_')
			return false;
	}
	return true;
}

/* SLUICE_WIRE_STRIDE=N: only each N-th place, for a second run elsewhere. */
static size_t cut_stride(void)
{
	const char *text = getenv("SLUICE_WIRE_STRIDE");
	int stride = text == NULL ? 1 : atoi(text);

	return stride > 0 ? (size_t)stride : 1;
}

static bool play_cuts(const struct script *s, struct play_trace *t,
		      struct bytes *why)
{
	size_t stride = cut_stride();
	struct bytes sent = {0};
	bool ok = true;

	gather_sent(s, &sent);
	/* Each conversation begins at another place. */
	for (size_t at = 1 + s->steps[0].line % stride; at < s->n_sent && ok;
	     at += at < PLAY_EACH ? stride : PLAY_STRIDE) {
		char where[64];

		if (is_like_the_next(&sent, at) ||
		    play_script(s, PLAY_CUT, at, t, why))
			continue;
		snprintf(where, sizeof(where), ", cut at byte %zu", at);
		bytes_add(why, where, strlen(where));
		ok = false;
	}
	bytes_free(&sent);
	return ok;
}

static void play_ways(struct run *r, const char *path, const struct script *s,
		      struct play_trace *t)
{
	static const struct {
		const char *name;
		enum play_way way;
	} ways[] = {
		{"byte by byte", PLAY_BYTES},
		{"read byte by byte", PLAY_SLOW},
		{"over TCP", PLAY_TCP},
	};
	struct bytes why = {0};

	print_case(r, play_cuts(s, t, &why), path, s, "cut at every byte",
		   &why);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		bytes_clear(&why);
		print_case(r, play_script(s, ways[i].way, 0, t, &why), path, s,
			   ways[i].name, &why);
	}
	bytes_free(&why);
}

static void play_all_ways(struct run *r, const char *path,
			  const struct script *s)
{
	struct play_trace t = {0};
	struct bytes why = {0};
	bool ok = play_script(s, PLAY_WHOLE, 0, &t, &why);

	if (r->must_fail)
		print_case(r, !ok, path, s, "fails", &why);
	else
		print_case(r, ok, path, s, "whole", &why);
	if (r->show)
		show(&t);
	if (ok && !r->must_fail)
		play_ways(r, path, s, &t);
	bytes_free(&why);
	play_trace_finish(&t);
}

/* No case where the conversation needs the clock or a fault. */
static void play_real(struct run *r, const char *path, const struct script *s)
{
	struct bytes why = {0};

	if (real_can_play(s))
		print_case(r, real_play(r->real, s, &why), path, s,
			   "by a real server", &why);
	bytes_free(&why);
}

static void play_file(struct run *r, const char *path)
{
	struct script_file f;
	char err[SCRIPT_ERROR_MAX];

	if (!script_file_read(&f, path, err)) {
		printf("not ok %u - %s\n# %s\n", ++r->n_cases, path, err);
		r->n_failed++;
	}
	for (size_t i = 0; i < f.n_scripts; i++)
		if (r->only != NULL &&
		    strstr(f.scripts[i].name, r->only) == NULL)
			continue;
		else if (r->real != NULL)
			play_real(r, path, &f.scripts[i]);
		else
			play_all_ways(r, path, &f.scripts[i]);
	script_file_finish(&f);
}

int main(int argc, char **argv)
{
	struct run r = {0};

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--show") == 0)
			r.show = true;
		else if (strcmp(argv[i], "--must-fail") == 0)
			r.must_fail = true;
		else if (strcmp(argv[i], "--real") == 0)
			r.real = real_new();
		else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
			r.only = argv[++i];
		else
			play_file(&r, argv[i]);
	}
	if (r.real != NULL)
		real_free(r.real);
	printf("1..%u\n", r.n_cases);
	return r.n_failed > 0;
}
