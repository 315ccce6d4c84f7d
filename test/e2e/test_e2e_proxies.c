/* The gateway behind a real nginx and a real HAProxy. Streams come through as
 * they are written. And what one of the two takes for a body the other does not
 * take for a request: however a request is framed, the gateway answers no more
 * of them than the proxy has forwarded, and no client gets the response to
 * another's request. */
#include "e2e.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reverse_proxy.h"
#include "test_clock.h"

enum { IN_TIME_MS = 2000 };

static struct reverse_proxy nginx, haproxy;

static struct {
	struct reverse_proxy *front;
	const char *name;
} sites[] = {
	{&nginx, REVERSE_PROXY_NGINX_OLD},
	{&nginx, REVERSE_PROXY_NGINX_KEPT},
	{&nginx, REVERSE_PROXY_NGINX_STREAMED},
	{&haproxy, REVERSE_PROXY_HAPROXY},
	{&haproxy, REVERSE_PROXY_HAPROXY_LOOSE},
};

enum { SITES = sizeof(sites) / sizeof(sites[0]) };

static int teardown(void **state)
{
	reverse_proxy_stop(&nginx);
	reverse_proxy_stop(&haproxy);
	return e2e_teardown(state);
}

#define REVERSE_PROXY_TEST(fn) \
	cmocka_unit_test_setup_teardown(fn, e2e_setup, teardown)

/* The gateway and both proxies, as far as they are there. */
static void start(struct e2e *f)
{
	e2e_gateway(f, "--ping-interval", "200ms", "--log-level", "debug",
		    NULL);
	reverse_proxy_start_nginx(&nginx, f->gw.address);
	reverse_proxy_start_haproxy(&haproxy, f->gw.address);
}

static const char *address_of(size_t site)
{
	return reverse_proxy_address(sites[site].front, sites[site].name);
}

/* ---- subscriptions ------------------------------------------------------- */

static struct sse_client *open_as(struct e2e *f, size_t site,
				  const char *headers)
{
	struct sse_client *c = e2e_client(f);

	sse_client_get(c, address_of(site), "/api/v1/events", headers);
	sse_client_wait_head(c);
	assert_int_equal(c->status, 200);
	sse_client_assert_header(c, "Content-Type", "text/event-stream");
	sse_client_wait_any_id(c);
	return c;
}

/* Each event is there before the next one is sent, and so are pings: no proxy
 * waits for more. */
static void event_by_event(struct e2e *f, size_t site)
{
	uint64_t start_ms = test_now_ms();
	struct sse_client *c = open_as(f, site, "X-User: alice\r\n");
	char text[32];

	assert_true(test_now_ms() - start_ms < IN_TIME_MS);

	for (size_t i = 1; i <= 20; i++) {
		snprintf(text, sizeof(text), "event %zu", i);
		e2e_publish(f, "alice", text);
		e2e_expect(c, i, text);
		assert_true(test_now_ms() - start_ms < 2 * IN_TIME_MS);
	}
	sse_client_wait_ping(c, c->n_pings + 2);
}

static void big_events(struct e2e *f, size_t site)
{
	enum { BIG = 1000000, BIGS = 4 };
	struct sse_client *c = open_as(f, site, "X-User: alice\r\n");
	char *data = malloc(BIG + 1);

	assert_non_null(data);
	memset(data, 'x', BIG);
	data[BIG] = '\0';
	for (size_t i = 1; i <= BIGS; i++) {
		data[i] = 'y';
		e2e_publish(f, "alice", data);
		e2e_expect(c, i, data);
	}
	free(data);
}

static void resumes(struct e2e *f, size_t site)
{
	struct sse_client *c = open_as(f, site, "X-User: alice\r\n");
	char headers[128];

	e2e_publish_many(f, "alice", "m", 3);
	e2e_expect_many(c, 0, "m", 3);
	snprintf(headers, sizeof(headers),
		 "X-User: alice\r\nLast-Event-ID: %s\r\n",
		 sse_client_last_id(c));
	sse_client_close(c);
	e2e_publish_many(f, "alice", "n", 3);
	c = open_as(f, site, headers);
	e2e_expect_many(c, 0, "n", 3);
	e2e_expect_marker(f, c, "alice", 4);
}

static void streams(void **state)
{
	struct e2e *f = *state;

	start(f);
	for (size_t i = 0; i < SITES; i++) {
		if (sites[i].front->pid == 0)
			continue;
		event_by_event(f, i);
		big_events(f, i);
		resumes(f, i);
		/* A client that leaves the proxy has left the gateway. */
		for (size_t j = 0; j < f->n_clients; j++)
			sse_client_close(f->clients[j]);
		gateway_proc_wait_metric(&f->gw,
					 "sluice_subscriptions{state=\"live\"}",
					 0);
	}
}

/* ---- identities ---------------------------------------------------------- */

/* Whatever a client says of himself, the proxy's word holds. */
static void identities(void **state)
{
	static const char *const said[] = {
		"user_id: bob\r\n",
		"USER_ID: bob\r\n",
		"User_Id:bob\r\n",
		"user-id: bob\r\n",
		"user_id: bob\r\nuser_id: bob\r\n",
		"X-A: b\r\nuser_id: \r\n",
		"Connection: user_id\r\n",
		"Connection: close, user_id\r\nuser_id: bob\r\n",
	};
	struct e2e *f = *state;
	char headers[256];

	start(f);
	for (size_t i = 0; i < SITES; i++) {
		if (sites[i].front->pid == 0)
			continue;
		for (size_t j = 0; j < sizeof(said) / sizeof(said[0]); j++) {
			struct sse_client *c;

			snprintf(headers, sizeof(headers),
				 "%sX-User: alice\r\n", said[j]);
			c = open_as(f, i, headers);
			e2e_publish(f, "bob", "for bob alone");
			e2e_expect_marker(f, c, "alice", 1);
			sse_client_close(c);
		}
	}
}

/* ---- one connection for many --------------------------------------------- */

static void ask_again(struct sse_client *c, const char *method,
		      const char *target, int status)
{
	char request[256];

	if (c->state == SSE_CLIENT_DONE)
		sse_client_next_reply(c);
	c->head_only = strcmp(method, "HEAD") == 0;
	snprintf(request, sizeof(request),
		 "%s %s HTTP/1.1\r\nHost: t\r\nX-User: alice\r\n\r\n", method,
		 target);
	sse_client_send_text(c, request);
	sse_client_wait_reply(c);
	if (c->status != status)
		fail_msg("%s %s: %s", method, target, sse_client_describe(c));
}

static void kept_alive(void **state)
{
	struct e2e *f = *state;

	start(f);
	for (size_t i = 0; i < SITES; i++) {
		struct sse_client *c;

		if (sites[i].front->pid == 0)
			continue;
		c = e2e_client(f);
		sse_client_connect(c, address_of(i));
		for (int turn = 0; turn < 3; turn++) {
			ask_again(c, "GET", "/livez", 200);
			ask_again(c, "HEAD", "/livez", 200);
			ask_again(c, "HEAD", "/api/v1/events", 200);
			sse_client_assert_header(c, "Content-Type",
						 "text/event-stream");
			ask_again(c, "GET", "/api/v1/events?deliver=x", 400);
			ask_again(c, "GET", "/nothing", 404);
		}
		assert_false(c->eof);
	}
}

/* ---- smuggling ----------------------------------------------------------- */

/* Every request here is for a path of its own that is not there: so its answer,
 * the gateway's log and the proxy's name it.
 *
 * In a case's bytes @ is the number of the turn, # how many bytes come behind
 * the head, & the request that is hidden, ~ how many bytes that has, in hex; ^
 * is a path, or where messages are published, which takes bodies. */
#define POST   "POST ^ HTTP/1.1\r\nHost: h\r\nX-User: alice\r\n"
#define GET    "GET /carrier@ HTTP/1.1\r\nHost: h\r\n"
#define LENGTH "Content-Length: #\r\n"
#define CODED  "Transfer-Encoding: chunked\r\n"
#define HIDDEN "GET /hidden@ HTTP/1.1\r\nHost: h\r\n\r\n"
#define END    "\r\n0\r\n\r\n&" /* by chunks it is over before the hidden one */

struct smuggle {
	const char *bytes;
	size_t len;
};

#define CASE(text)                       \
	{                                \
		(text), sizeof(text) - 1 \
	}

static const struct smuggle cases[] = {
	/* One behind the other, and all of them meant. */
	CASE(GET "\r\n&"),
	CASE("\r\n\r\n" GET "\r\n&"),
	CASE("HEAD /carrier@ HTTP/1.1\r\nHost: h\r\n\r\n&"),
	/* A body where none belongs. */
	CASE(GET LENGTH "\r\n&"),
	CASE(POST LENGTH "\r\n&"),
	CASE("HEAD /carrier@ HTTP/1.1\r\nHost: h\r\n" LENGTH "\r\n&"),
	CASE("OPTIONS /carrier@ HTTP/1.1\r\nHost: h\r\n" LENGTH "\r\n&"),
	CASE(GET CODED "\r\n~\r\n&\r\n0\r\n\r\n"),
	CASE(GET CODED END),
	CASE("GET /carrier@ HTTP/1.0\r\nHost: h\r\nConnection: "
	     "keep-alive\r\n" LENGTH "\r\n&"),
	CASE("GET /carrier@ HTTP/1.0\r\nHost: h\r\nConnection: "
	     "keep-alive\r\n" CODED END),
	CASE(POST LENGTH "Expect: 100-continue\r\n\r\n&"),
	CASE(GET LENGTH "Expect: 100-continue\r\n\r\n&"),
	CASE(POST CODED "Expect: 100-continue" END),
	CASE(POST LENGTH "Expect: x\r\n\r\n&"),
	/* Both framings. */
	CASE(POST LENGTH CODED END),
	CASE(POST CODED LENGTH END),
	CASE(GET LENGTH CODED END),
	CASE(POST CODED "Content-Length: 4\r\n\r\n~\r\n&\r\n0\r\n\r\n"),
	CASE(POST "Content-Length: 4\r\n" CODED "\r\n~\r\n&\r\n0\r\n\r\n"),
	CASE(POST LENGTH "Transfer-Encoding:\r\n chunked\r\n" END),
	CASE(POST LENGTH "X: y\r\n Transfer-Encoding: chunked\r\n" END),
	CASE(POST LENGTH "X: y\r\n\tTransfer-Encoding: chunked\r\n" END),
	CASE(POST LENGTH "Transfer-Encoding : chunked\r\n" END),
	CASE(POST LENGTH "Transfer-Encoding\t: chunked\r\n" END),
	CASE(POST LENGTH " Transfer-Encoding: chunked\r\n" END),
	CASE(POST LENGTH "Transfer-Encoding: \x0b"
			 "chunked\r\n" END),
	CASE(POST LENGTH "Transfer-Encoding: chunked\x0c\r\n" END),
	CASE(POST LENGTH "Transfer-Encoding: \0chunked\r\n" END),
	CASE(POST LENGTH "Transfer\0-Encoding: chunked\r\n" END),
	CASE(POST LENGTH "Transfer-Encoding: xchunked\r\n" END),
	CASE(POST LENGTH "Transfer-Encoding: chunkedx\r\n" END),
	CASE(POST LENGTH "Transfer-Encoding: \"chunked\"\r\n" END),
	CASE(POST LENGTH "Transfer-Encoding: chunked;q=1\r\n" END),
	CASE(POST LENGTH "Transfer-Encoding: CHUNKED\r\n" END),
	CASE(POST LENGTH "Transfer-Encoding: chunked, identity\r\n" END),
	CASE(POST LENGTH "Transfer-Encoding: identity, chunked\r\n" END),
	CASE(POST LENGTH "Transfer-Encoding: identity\r\n" CODED END),
	CASE(POST LENGTH CODED "Transfer-Encoding: identity\r\n" END),
	CASE(POST LENGTH "Transfer-Encoding: gzip, chunked\r\n" END),
	CASE(POST LENGTH CODED CODED END),
	CASE(POST LENGTH "Transfer-Encoding:\r\n" END),
	CASE(POST LENGTH "Transfer-Encoding: ,chunked\r\n" END),
	CASE(POST LENGTH "Transfer_Encoding: chunked\r\n" END),
	CASE(POST LENGTH "Transfer-\xc4\x90ncoding: chunked\r\n" END),
	CASE(POST LENGTH "X: y\rTransfer-Encoding: chunked\r\n" END),
	CASE(POST LENGTH "X: y\nTransfer-Encoding: chunked\r\n" END),
	CASE(POST LENGTH "X:\rTransfer-Encoding: chunked\r\n" END),
	CASE(POST LENGTH "Connection: Transfer-Encoding\r\n" CODED END),
	CASE(POST "Connection: close, Content-Length\r\n" LENGTH "\r\n&"),
	CASE(GET "Connection: Content-Length\r\n" LENGTH "\r\n&"),
	CASE(GET "Connection: Host\r\n" LENGTH "\r\n&"),
	/* Coded as no gateway takes it, and no length. */
	CASE(POST "Transfer-Encoding: identity\r\n\r\n&"),
	CASE(POST "Transfer-Encoding: xchunked\r\n" END),
	CASE(POST "Transfer-Encoding:\r\n chunked\r\n" END),
	CASE(POST "Transfer-Encoding: gzip, chunked\r\n" END),
	/* Lengths. */
	CASE(POST "Content-Length: 0\r\n" LENGTH "\r\n&"),
	CASE(POST LENGTH "Content-Length: 0\r\n\r\n&"),
	CASE(POST LENGTH LENGTH "\r\n&"),
	CASE(POST "Content-Length: #, #\r\n\r\n&"),
	CASE(POST "Content-Length: 0, #\r\n\r\n&"),
	CASE(POST "Content-Length: +#\r\n\r\n&"),
	CASE(POST "Content-Length: -#\r\n\r\n&"),
	CASE(POST "Content-Length: 00000#\r\n\r\n&"),
	CASE(POST "Content-Length: 0x#\r\n\r\n&"),
	CASE(POST "Content-Length: # 0\r\n\r\n&"),
	CASE(POST "Content-Length: #.0\r\n\r\n&"),
	CASE(POST "Content-Length: #\0\r\n\r\n&"),
	CASE(POST "Content-Length:\r\n\r\n&"),
	CASE(POST "Content-Length:\r\n #\r\n\r\n&"),
	CASE(POST "Content-Length : #\r\n\r\n&"),
	CASE(POST "Content_Length: #\r\n\r\n&"),
	CASE(POST "X: y\nContent-Length: #\r\n\r\n&"),
	CASE(POST "X: y\rContent-Length: #\r\n\r\n&"),
	CASE(POST "Content-Length: 18446744073709551616\r\n\r\n&"),
	CASE(POST "Content-Length: 18446744073709551655\r\n\r\n&"),
	/* Chunks. */
	CASE(POST CODED END),
	CASE(POST CODED "\r\n~;x=y\r\n&\r\n0\r\n\r\n&"),
	CASE(POST CODED "\r\n0;x\r\n\r\n&"),
	CASE(POST CODED "\r\n0;x\ny\r\n\r\n&"),
	CASE(POST CODED "\r\n0;x\ry\r\n\r\n&"),
	CASE(POST CODED "\r\n0 \r\n\r\n&"),
	CASE(POST CODED "\r\n 0\r\n\r\n&"),
	CASE(POST CODED "\r\n0\n\r\n&"),
	CASE(POST CODED "\r\n0\r\n\n&"),
	CASE(POST CODED "\r\n0\r\r\n&"),
	CASE(POST CODED "\r\n0x0\r\n\r\n&"),
	CASE(POST CODED "\r\n+0\r\n\r\n&"),
	CASE(POST CODED "\r\n-1\r\n\r\n&"),
	CASE(POST CODED "\r\n\r\n0\r\n\r\n&"),
	CASE(POST CODED "\r\n000000000000000000000\r\n\r\n&"),
	CASE(POST CODED "\r\n10000000000000000\r\n\r\n&"),
	CASE(POST CODED "\r\nffffffffffffffff\r\n&"),
	CASE(POST CODED "\r\n1\r\nxy\r\n0\r\n\r\n&"),
	CASE(POST CODED "\r\n1\r\nx0\r\n\r\n&"),
	CASE(POST CODED "\r\n1\r\nx\n0\r\n\r\n&"),
	CASE(POST CODED "\r\n0\r\nX: y\r\n\r\n&"),
	CASE(POST CODED "\r\n0\r\nContent-Length: #\r\n\r\n&"),
	CASE(POST CODED "\r\n0\r\n&"),
	/* Where the head ends, and the line. */
	CASE("GET /carrier@ HTTP/1.1\nHost: h\n\n&"),
	CASE("GET /carrier@ HTTP/1.1\r\nHost: h\r\n\n&"),
	CASE("GET /carrier@ HTTP/1.1\r\nHost: h\n\r\n&"),
	CASE("GET /carrier@ HTTP/1.1\r\nHost: h\r\n\r&"),
	CASE("GET /carrier@ HTTP/1.1\r\nHost: h\r\r\n\r\n&"),
	CASE("GET /carrier@ HTTP/1.1\r\nHost: h\r\nX: y\0z\r\n\r\n&"),
	CASE("GET /carrier@ HTTP/1.1\r\nHost: h\r\n: y\r\n\r\n&"),
	CASE("GET /carrier@ HTTP/1.1\r\nHost: h\r\nX\r\n\r\n&"),
	CASE("GET /carrier@\r\n\r\n&"),
	CASE("GET /carrier@ HTTP/1.1 HTTP/1.1\r\nHost: h\r\n\r\n&"),
	CASE("GET /carrier@ HTTP/1.1\tx\r\nHost: h\r\n\r\n&"),
	CASE("GET /carrier@\tHTTP/1.1\r\nHost: h\r\n\r\n&"),
	CASE("GET /carrier@?a b HTTP/1.1\r\nHost: h\r\n\r\n&"),
	CASE("GET /carrier@?\0 HTTP/1.1\r\nHost: h\r\n\r\n&"),
	CASE("GET /carrier@?%0d%0a%0d%0a HTTP/1.1\r\nHost: h\r\n\r\n&"),
	CASE("GET /carrier@%20HTTP/1.1%0d%0aX:y HTTP/1.1\r\nHost: h\r\n\r\n&"),
	CASE("GET /carrier@?\xe9 HTTP/1.1\r\nHost: h\r\n\r\n&"),
	CASE("GET  /carrier@ HTTP/1.1\r\nHost: h\r\n\r\n&"),
	CASE("GET /carrier@ HTTP/1.2\r\nHost: h\r\n\r\n&"),
	CASE("GET /carrier@ HTTP/2.0\r\nHost: h\r\n\r\n&"),
	CASE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n&"),
	/* The identity. */
	CASE("GET http://other/carrier@ HTTP/1.1\r\nHost: h\r\n\r\n&"),
	CASE("GET /carrier@ HTTP/1.1\r\n\r\n&"),
	CASE("GET /carrier@ HTTP/1.1\r\nHost: h\r\nHost: g\r\n\r\n&"),
	CASE("GET /carrier@ HTTP/1.1\r\nHost: h/g@\r\n\r\n&"),
	CASE("GET /carrier@ HTTP/1.1\r\nHost: h g\r\n\r\n&"),
	CASE(GET "X-User: a\r\nX-User: b\r\n\r\n&"),
	CASE(GET "X-User: a\tb\r\n\r\n&"),
	/* Another protocol from here on. */
	CASE(GET "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n&"),
	CASE(GET "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
		 "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n&"),
	CASE(POST LENGTH "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n&"),
	CASE("CONNECT carrier@:80 HTTP/1.1\r\nHost: h\r\n\r\n&"),
	CASE("CONNECT carrier@:80 HTTP/1.1\r\nHost: h\r\n" LENGTH "\r\n&"),
	CASE("TRACE /carrier@ HTTP/1.1\r\nHost: h\r\n\r\n&"),
	CASE("get /carrier@ HTTP/1.1\r\nHost: h\r\n" LENGTH "\r\n&"),
};

enum { CASES = sizeof(cases) / sizeof(cases[0]) };

static const char *post_target = "/carrier@";

static void add_text(struct bytes *out, unsigned turn, const char *text)
{
	for (; *text != '\0'; text++) {
		char number[16];

		snprintf(number, sizeof(number), "%05u", turn);
		if (*text == '@')
			bytes_add(out, number, strlen(number));
		else
			bytes_add_char(out, *text);
	}
}

/* What stands for something replaced; `n`: for #. */
static void fill_in(struct bytes *out, const struct smuggle *s, unsigned turn,
		    size_t n)
{
	struct bytes hidden = {0};
	char number[32];

	add_text(&hidden, turn, HIDDEN);
	for (size_t i = 0; i < s->len; i++) {
		switch (s->bytes[i]) {
		case '@':
			add_text(out, turn, "@");
			break;
		case '^':
			add_text(out, turn, post_target);
			break;
		case '&':
			bytes_add(out, hidden.at, hidden.len);
			break;
		case '#':
			snprintf(number, sizeof(number), "%zu", n);
			bytes_add(out, number, strlen(number));
			break;
		case '~':
			snprintf(number, sizeof(number), "%zx", hidden.len);
			bytes_add(out, number, strlen(number));
			break;
		default:
			bytes_add_char(out, s->bytes[i]);
			break;
		}
	}
	bytes_free(&hidden);
}

static void make_case(struct bytes *out, const struct smuggle *s, unsigned turn)
{
	const char *end;
	size_t n = 0;

	fill_in(out, s, turn, 0);
	end = memmem(out->at, out->len, "\r\n\r\n", 4);
	if (end != NULL)
		n = out->len - (size_t)(end + 4 - out->at);
	bytes_clear(out);
	fill_in(out, s, turn, n);
}

/* "/clean00017" */
static const char *path_of(const char *what, unsigned turn)
{
	static char text[4][32];
	static unsigned next;
	char *out = text[next++ % 4];

	snprintf(out, sizeof(text[0]), "/%s%05u", what, turn);
	return out;
}

static size_t count_in(const char *text, const char *part)
{
	size_t n = 0;

	for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
		n++;
	return n;
}

/* Answers of the gateway, by its log, which quotes the path. */
static size_t answered(struct e2e *f, const char *what)
{
	char *log = gateway_proc_log(&f->gw);
	size_t n = count_in(log, what);

	free(log);
	return n;
}

/* Of all requests: the log names no more than some of them in a second. */
static size_t rejected(struct e2e *f)
{
	return (size_t)gateway_proc_metric(&f->gw,
					   "sluice_requests_rejected_total");
}

/* As many as the proxy has forwarded, at the most; its log may be late. */
static void expect_no_more_answers(struct e2e *f, struct reverse_proxy *front,
				   size_t stored)
{
	uint64_t deadline = test_now_ms() + IN_TIME_MS;
	size_t n = stored + rejected(f);

	fprintf(stderr, "%zu answers, %zu of them to messages\n", n, stored);
	assert_true(n > 0);
	while (reverse_proxy_count(front, "") < n) {
		if (test_now_ms() > deadline)
			fail_msg("answered %zu, passed on %zu", n,
				 reverse_proxy_count(front, ""));
		poll(NULL, 0, 10);
	}
}

/* The proxy may write its log a moment after the gateway has. */
static void expect_no_more(struct e2e *f, struct reverse_proxy *front,
			   const char *what, const char *part)
{
	uint64_t deadline = test_now_ms() + IN_TIME_MS;
	size_t n = answered(f, what);

	while (reverse_proxy_count(front, part) < n) {
		if (test_now_ms() > deadline)
			fail_msg("%s: answered %zu, passed on %zu", what, n,
				 reverse_proxy_count(front, part));
		poll(NULL, 0, 10);
	}
}

/* On a connection of the client's own: its answer and no other. */
static void expect_own_answer(struct sse_client *c, const char *address,
			      const char *path)
{
	char request[128];

	if (c->eof || c->fd < 0) {
		sse_client_close(c);
		sse_client_connect(c, address);
	} else if (c->state == SSE_CLIENT_DONE) {
		sse_client_next_reply(c);
	}
	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n",
		 path);
	sse_client_send_text(c, request);
	sse_client_wait_reply(c);
	if (c->status != 404 || strstr(bytes_text(&c->body), path) == NULL)
		fail_msg("%s: %s", path, sse_client_describe(c));
}

/* Or the word that it should go on, which it has. */
static bool has_reply(const struct sse_client *c, void *arg)
{
	(void)arg;
	return c->state == SSE_CLIENT_DONE || c->eof || c->status == 100;
}

static bool is_over(const struct sse_client *c, void *arg)
{
	(void)arg;
	return c->eof;
}

/* The case's bytes, then, when there is an answer, a clean request; to the end
 * of the connection. What came. */
static void attack(struct sse_client *c, const char *address,
		   const struct bytes *bytes, unsigned turn)
{
	char request[128];

	c->head_only = memcmp(bytes->at, "HEAD", 4) == 0;
	sse_client_connect(c, address);
	sse_client_send(c, bytes->at, bytes->len);
	sse_client_until(c, has_reply, NULL, SSE_CLIENT_WAIT_MS);
	snprintf(request, sizeof(request),
		 "GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
		 path_of("clean", turn));
	sse_client_send_text(c, request);
	if (!sse_client_until(c, is_over, NULL, SSE_CLIENT_WAIT_MS))
		fail_msg("it does not end: %s", sse_client_describe(c));
}

/* What came names each request once at the most, in the order in which they
 * were sent. */
static void expect_order(const struct sse_client *c, unsigned turn)
{
	const char *text = bytes_text(&c->raw), *at = text;
	static const char *const names[] = {"carrier", "hidden", "clean"};

	for (size_t i = 0; i < 3; i++) {
		const char *found = strstr(text, path_of(names[i], turn));

		if (found == NULL)
			continue;
		if (found < at || count_in(text, path_of(names[i], turn)) > 1)
			fail_msg("%s: %s", path_of(names[i], turn),
				 sse_client_describe(c));
		at = found;
	}
}

static void show_case(size_t site, const struct bytes *bytes)
{
	fprintf(stderr, "%s: ", sites[site].name);
	for (size_t i = 0; i < bytes->len; i++) {
		unsigned char b = (unsigned char)bytes->at[i];

		if (b >= ' ' && b <= '~')
			fputc(b, stderr);
		else
			fprintf(stderr, "\\x%02x", b);
	}
	fputc('\n', stderr);
}

static void play_case(struct e2e *f, size_t site, const struct smuggle *s,
		      unsigned turn, struct sse_client *other)
{
	struct reverse_proxy *front = sites[site].front;
	const char *hidden = path_of("hidden", turn);
	const char *clean = path_of("clean", turn);
	struct sse_client c = {0};
	struct bytes bytes = {0};

	make_case(&bytes, s, turn);
	show_case(site, &bytes);
	attack(&c, address_of(site), &bytes, turn);
	expect_order(&c, turn);
	expect_own_answer(other, address_of(site), path_of("other", turn));
	expect_no_more(f, front, hidden, hidden);
	expect_no_more(f, front, clean, clean);
	/* What was taken in with the body, or not at all, comes again. */
	if (strstr(bytes_text(&c.raw), clean) == NULL) {
		sse_client_close(&c);
		expect_own_answer(&c, address_of(site), clean);
	}
	sse_client_close(&c);
	bytes_free(&bytes);
}

static void smuggle(struct e2e *f, struct reverse_proxy *front)
{
	unsigned turn = 0;

	for (size_t i = 0; i < SITES; i++) {
		struct sse_client other = {.fd = -1};

		for (size_t j = 0; sites[i].front == front && j < CASES; j++)
			play_case(f, i, &cases[j], ++turn, &other);
		sse_client_close(&other);
	}
	fprintf(stderr, "%u turns, %zu requests passed on\n", turn,
		reverse_proxy_count(front, ""));
	expect_no_more_answers(f, front,
			       (size_t)e2e_stream_number(f, "state.messages"));
}

/* ---- unexpected bodies --------------------------------------------------- */

/* Each of them is answered early. The proxy is still sending then, and must get
 * the response all the same: its client gets that and no 502, and is not cut
 * off. */
static void post_bodies(struct e2e *f, struct reverse_proxy *front,
			const char *site)
{
	enum { POSTS = 20, SIZE = 3000000 };
	char *body = calloc(1, SIZE);
	char head[128];

	assert_non_null(body);
	snprintf(head, sizeof(head),
		 "POST /api/v1/events HTTP/1.1\r\nHost: h\r\n"
		 "Content-Length: %d\r\n\r\n",
		 SIZE);
	for (int i = 0; i < POSTS; i++) {
		struct sse_client *c = e2e_client(f);

		sse_client_connect(c, reverse_proxy_address(front, site));
		sse_client_send_text(c, head);
		sse_client_send(c, body, SIZE);
		sse_client_wait_reply(c);
		if (c->status != 405)
			fail_msg("%s, post %d: %s", site, i,
				 sse_client_describe(c));
		sse_client_close(c);
	}
	free(body);
}

/* A client of its own, which sends all before it reads: without the reading on
 * the close would be a reset, which takes the response with it. */
static void post_bodies_alone(struct e2e *f)
{
	enum { SIZE = 30000000 };
	struct sse_client *c = e2e_client(f);
	char *body = calloc(1, SIZE);
	char head[128];

	assert_non_null(body);
	snprintf(head, sizeof(head),
		 "POST /api/v1/events HTTP/1.1\r\nHost: h\r\n"
		 "Content-Length: %d\r\n\r\n",
		 SIZE);
	sse_client_connect(c, f->gw.address);
	sse_client_send_text(c, head);
	sse_client_send(c, body, SIZE);
	sse_client_wait_reply(c);
	assert_int_equal(c->status, 405);
	free(body);
}

static void bodies_get_their_response(void **state)
{
	struct e2e *f = *state;

	start(f);
	if (nginx.pid > 0)
		post_bodies(f, &nginx, REVERSE_PROXY_NGINX_POSTS);
	if (haproxy.pid > 0)
		post_bodies(f, &haproxy, REVERSE_PROXY_HAPROXY_POSTS);
	post_bodies_alone(f);
}

static void smuggling_by_nginx(void **state)
{
	struct e2e *f = *state;

	e2e_gateway(f, "--log-level", "debug", NULL);
	if (reverse_proxy_start_nginx(&nginx, f->gw.address))
		smuggle(f, &nginx);
}

static void smuggling_by_haproxy(void **state)
{
	struct e2e *f = *state;

	e2e_gateway(f, "--log-level", "debug", NULL);
	if (reverse_proxy_start_haproxy(&haproxy, f->gw.address))
		smuggle(f, &haproxy);
}

/* The same before a gateway that takes bodies: a request that carries another
 * one is published, or rejected, as one. */
static void smuggle_with_bodies(struct e2e *f, struct reverse_proxy *front)
{
	post_target = "/api/v1/events?c=/carrier@";
	smuggle(f, front);
	post_target = "/carrier@";
	assert_true(e2e_stream_number(f, "state.messages") > 0);
}

static void start_with_bodies(struct e2e *f)
{
	e2e_gateway(f, "--log-level", "debug", "--allow-pub", "events.{id}",
		    "--body-timeout", "1s", NULL);
}

static void smuggling_bodies_by_nginx(void **state)
{
	struct e2e *f = *state;

	start_with_bodies(f);
	if (reverse_proxy_start_nginx(&nginx, f->gw.address))
		smuggle_with_bodies(f, &nginx);
}

static void smuggling_bodies_by_haproxy(void **state)
{
	struct e2e *f = *state;

	start_with_bodies(f);
	if (reverse_proxy_start_haproxy(&haproxy, f->gw.address))
		smuggle_with_bodies(f, &haproxy);
}

/* The gateway rejects chunk extensions and trailers; proxies drop the
 * extensions, and make chunks of their own. */
static void chunk_extensions_end_at_the_proxy(void **state)
{
	struct e2e *f = *state;
	struct sse_client *reader;
	size_t n = 0;

	start_with_bodies(f);
	reverse_proxy_start_nginx(&nginx, f->gw.address);
	reverse_proxy_start_haproxy(&haproxy, f->gw.address);
	reader = e2e_open(f, "alice", NULL);
	for (size_t i = 0; i < SITES; i++) {
		struct sse_client *c = e2e_client(f);

		if (sites[i].front->pid == 0)
			continue;
		sse_client_connect(c, address_of(i));
		sse_client_send_text(
			c, "POST /api/v1/events HTTP/1.1\r\nHost: h\r\n"
			   "X-User: alice\r\nTransfer-Encoding: chunked\r\n\r\n"
			   "5;a=b;c=\"d\"\r\nhello\r\n6;x\r\n world\r\n"
			   "0;last\r\n\r\n");
		sse_client_wait_reply(c);
		if (c->status != 201)
			fail_msg("%s: %s", sites[i].name,
				 sse_client_describe(c));
		e2e_expect(reader, ++n, "hello world");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REVERSE_PROXY_TEST(streams),
		REVERSE_PROXY_TEST(identities),
		REVERSE_PROXY_TEST(kept_alive),
		REVERSE_PROXY_TEST(bodies_get_their_response),
		REVERSE_PROXY_TEST(smuggling_by_nginx),
		REVERSE_PROXY_TEST(smuggling_by_haproxy),
		REVERSE_PROXY_TEST(chunk_extensions_end_at_the_proxy),
		REVERSE_PROXY_TEST(smuggling_bodies_by_nginx),
		REVERSE_PROXY_TEST(smuggling_bodies_by_haproxy),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
