/* Conversations as data: what a client sends and gets over a real socket, while
 * JetStream (fake_jetstream) does what the conversation says. The hub and
 *everything of src/io that a client meets are the real ones.
 *
 *	test_wire [--only WORDS] [--show] FILE...
 *	test_wire --must-fail FILE...
 *
 * Each conversation is played whole; then with its bytes cut in two at every
 * place (of the first 4096), with the loop run between the two; then byte by
 *byte; then read byte by byte of a small socket; then through a listener on the
 *loopback. What the client gets must be the same bytes in all of them, step by
 *step. The clock is the conversation's own: nothing waits for time.
 *
 * A .wire file is conversations with empty lines between them. The first
 * comment is the conversation's name. Lines are:
 *
 *	# a comment
 *	> GET /livez HTTP/1.1	the client sends it, and CR LF
 *	>> bytes		the same without CR LF
 *	< 200			an answer begins: its head has this status
 *	= store 7 events.a "x"	something happens around the client
 *
 * Lines that are sent one behind the other are one write. Escapes: \r \n \t \0
 * \\ \" \xHH; \{TEXT*N} is N times the text; \[CLAIMS] the token (HS256) of
 *these claims, which hold no ]; -TAG (-TAG2, ...) in an id stands for the tag
 *of the first (second, ...) stream.
 *
 * What a client expects ("<"):
 *
 *	NNN			an answer's head, with this status
 *	Name: value		that head has this header once, with this value
 *	no Name			it has no such header
 *	body TEXT		the body by Content-Length is this
 *	says TEXT		the body is one line and holds this
 *	holds TEXT		one of the body's lines is this
 *	opens [ID]		stream: retry:, with an ID "open" and the id,
 *				and an empty line
 *	cursor ID		stream: "open", the id and an empty line
 *	event [type: T ]id: ID data: DATA	stream: a block, as browsers
 *take it | TEXT			stream: a line
 *	jitter FROM TO		stream: retry: of another time (ms)
 *	raw TEXT		these bytes, as they are on the wire
 *	last-chunk		the stream's end
 *	eof | reset		the connection's end
 *	nothing			nothing more has come so far
 *
 * A conversation whose end leaves anything unexpected unread has failed.
 *
 * What happens ("="):
 *
 *	option NAME VALUE	one of the program's, or send-buffer BYTES;
 *first start			without a client (else the first one starts it)
 *	client NAME		who speaks from here on; connects when it is new
 *	admin NAME		the same, to the admin listener
 *	close, shutdown		the client goes, or ends its sending half
 *	vanish			it goes, and the next step comes in the same
 *				turn of the loop
 *	stop-reading, read BYTES, read-on
 *	store SEQ SUBJECT "TEXT"	a message comes into the stream
 *	mark SEQ SUBJECT "TEXT"	one that JetStream wrote for itself
 *	purge SEQ, delete SEQ	all up to it, or it alone, are gone
 *	drop-stream, make-stream, remake-stream
 *	down, up		the connection to NATS
 *	silent, answers		JetStream does not answer, or does again
 *	pass 5s			time
 *	step 5s, step -5s	of the wall clock alone
 *	drain, end-streams N	as the gateway does at its end
 *	streams N, connections N	there are so many
 */
#include <stdio.h>
#include <string.h>

#include "play.h"

struct run {
	const char *only;
	bool show;
	bool must_fail;
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

static bool play_cuts(const struct script *s, struct play_trace *t,
		      struct bytes *why)
{
	for (size_t at = 1; at < s->n_sent;
	     at += at < PLAY_EACH ? 1 : PLAY_STRIDE) {
		char where[64];

		if (play_script(s, PLAY_CUT, at, t, why))
			continue;
		snprintf(where, sizeof(where), ", cut at byte %zu", at);
		bytes_add(why, where, strlen(where));
		return false;
	}
	return true;
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

static void play_file(struct run *r, const char *path)
{
	struct script_file f;
	char err[SCRIPT_ERROR_MAX];

	if (!script_file_read(&f, path, err)) {
		printf("not ok %u - %s\n# %s\n", ++r->n_cases, path, err);
		r->n_failed++;
	}
	for (size_t i = 0; i < f.n_scripts; i++)
		if (r->only == NULL ||
		    strstr(f.scripts[i].name, r->only) != NULL)
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
		else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
			r.only = argv[++i];
		else
			play_file(&r, argv[i]);
	}
	printf("1..%u\n", r.n_cases);
	return r.n_failed > 0;
}
