/* The tests' own client: it reads events as the WHATWG algorithm says, and sees
 * every fault of a reply's framing that the tests rely on it to see. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "sse_client.h"

/* ---- the decoder --------------------------------------------------------- */

/* Events as text: "type|data|id" each, with ';' behind. */
static void note(void *arg, const struct sse_event *ev)
{
	struct bytes *out = arg;

	bytes_add(out, ev->type, strlen(ev->type));
	bytes_add_char(out, '|');
	bytes_add(out, ev->data, ev->len);
	bytes_add_char(out, '|');
	bytes_add(out, ev->id, strlen(ev->id));
	bytes_add_char(out, ';');
}

struct decoder_case {
	const char *in;
	const char *events;
	const char *last_id;
};

static const struct decoder_case decoder_cases[] = {
	{"data: a\n\n", "message|a|;", ""},
	{"data:a\n\n", "message|a|;", ""},
	{"data:  a\n\n", "message| a|;", ""},
	{"data\n\n", "message||;", ""},
	{"data:\n\n", "message||;", ""},
	{"data: a\ndata: b\n\n", "message|a\nb|;", ""},
	{"data: a\rdata: b\r\r", "message|a\nb|;", ""},
	{"data: a\r\ndata: b\r\n\r\n", "message|a\nb|;", ""},
	{"data: a\n\r\n", "message|a|;", ""},
	{"data: a\n", "", ""},
	{"data: a\nid: 1\n", "", ""},
	{"id: 7\n\n", "", "7"},
	{"data: a\nid: 7\n\ndata: b\n\n", "message|a|7;message|b|7;", "7"},
	{"id: 7\n\nid\ndata: b\n\n", "message|b|;", ""},
	{"event: gap\ndata: x\n\ndata: y\n\n", "gap|x|;message|y|;", ""},
	{"event: gap\n\ndata: y\n\n", "message|y|;", ""},
	{": comment\ndata: a\n\n", "message|a|;", ""},
	{"unknown: 1\ndata: a\n\n", "message|a|;", ""},
	{"\xEF\xBB\xBF"
	 "data: a\n\n",
	 "message|a|;", ""},
	{"data: \xEF\xBB\xBF"
	 "a\n\n",
	 "message|\xEF\xBB\xBF"
	 "a|;",
	 ""},
};

static void decode_cut(const struct decoder_case *c, size_t cut)
{
	struct bytes out = {0};
	struct sse_decoder d = {.on_event = note, .arg = &out};

	sse_decoder_feed(&d, c->in, cut);
	sse_decoder_feed(&d, c->in + cut, strlen(c->in) - cut);
	assert_string_equal(bytes_text(&out), c->events);
	assert_string_equal(bytes_text(&d.last_id), c->last_id);
	sse_decoder_finish(&d);
	bytes_free(&out);
}

static void reads_as_a_browser_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(decoder_cases) / sizeof(decoder_cases[0]);
	     i++) {
		for (size_t cut = 0; cut <= strlen(decoder_cases[i].in); cut++)
			decode_cut(&decoder_cases[i], cut);
	}
}

static void takes_retry_of_digits_only(void **state)
{
	static const char in[] = "retry: 3000\nretry: 4x\nretry: -1\nretry:\n";
	struct sse_decoder d = {0};

	(void)state;
	sse_decoder_feed(&d, in, strlen(in));
	assert_true(d.has_retry);
	assert_int_equal(d.retry_ms, 3000);
	sse_decoder_finish(&d);
}

static void ignores_an_id_with_nul(void **state)
{
	static const char in[] = "id: 7\n\nid: 8\0\ndata: a\n\n";
	struct sse_decoder d = {0};

	(void)state;
	sse_decoder_feed(&d, in, sizeof(in) - 1);
	assert_string_equal(bytes_text(&d.last_id), "7");
	sse_decoder_finish(&d);
}

/* ---- the client ---------------------------------------------------------- */

/* A server of one connection, in the test's own thread. */
struct peer {
	int listener;
	int fd;
	char address[64];
};

static int setup(void **state)
{
	static struct peer p;
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);

	p = (struct peer){.fd = -1};
	p.listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(p.listener, (struct sockaddr *)&at, sizeof(at)) != 0 ||
	    listen(p.listener, 4) != 0 ||
	    getsockname(p.listener, (struct sockaddr *)&at, &len) != 0)
		return -1;
	snprintf(p.address, sizeof(p.address), "127.0.0.1:%d",
		 ntohs(at.sin_port));
	*state = &p;
	return 0;
}

static int teardown(void **state)
{
	struct peer *p = *state;

	close(p->listener);
	if (p->fd >= 0)
		close(p->fd);
	return 0;
}

static void peer_say(struct peer *p, const char *text)
{
	if (p->fd < 0)
		p->fd = accept(p->listener, NULL, NULL);
	assert_true(p->fd >= 0);
	assert_int_equal(write(p->fd, text, strlen(text)), strlen(text));
}

/* Takes the request in first: else the end would be a reset. */
static void peer_end(struct peer *p)
{
	char request[512];

	assert_true(read(p->fd, request, sizeof(request)) > 0);
	close(p->fd);
	p->fd = -1;
}

static void reads_a_chunked_stream(void **state)
{
	struct peer *p = *state;
	struct sse_client c = {0};

	sse_client_get(&c, p->address, "/", "user_id: a\r\n");
	peer_say(p, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	sse_client_wait_head(&c);
	assert_int_equal(c.status, 200);
	peer_say(p, "1E\r\nretry: 5\nid: 1-aaaaaa\n\ndata: x\r\n"
		    "d\r\n\nid: 2-aaaaaa\r\n2\r\n\n\n\r\n");
	assert_string_equal(sse_client_wait_message(&c, 1)->data, "x");
	assert_string_equal(sse_client_last_id(&c), "2-aaaaaa");
	assert_int_equal(c.decoder.retry_ms, 5);
	assert_int_equal(c.n_chunks, 3);
	assert_false(c.last_chunk);
	peer_say(p, "0\r\n\r\n");
	sse_client_wait_reply(&c);
	assert_true(c.last_chunk);
	sse_client_close(&c);
}

static void tells_messages_from_pings_and_gaps(void **state)
{
	struct peer *p = *state;
	struct sse_client c = {0};

	sse_client_get(&c, p->address, "/", NULL);
	peer_say(p, "HTTP/1.0 200 OK\r\n\r\ndata: {\"system\": \"ping\"}\n\n"
		    "event: gap\ndata: {}\n\ndata: a\n\n"
		    "event: base64\ndata: AA==\n\n");
	assert_string_equal(sse_client_wait_message(&c, 2)->data, "AA==");
	assert_int_equal(c.n_pings, 1);
	assert_int_equal(c.n_events, 4);
	assert_string_equal(sse_client_wait_event(&c, NULL, 1)->type, "gap");
	peer_end(p);
	sse_client_wait_reply(&c);
	sse_client_close(&c);
}

static void takes_replies_one_by_one(void **state)
{
	struct peer *p = *state;
	struct sse_client c = {0};
	char value[32];

	sse_client_get(&c, p->address, "/", NULL);
	peer_say(p, "HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno"
		    "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nA: 1\r\nA: 2\r\n"
		    "\r\n");
	sse_client_wait_reply(&c);
	assert_int_equal(c.status, 404);
	assert_string_equal(bytes_text(&c.body), "no");
	sse_client_next_reply(&c);
	sse_client_wait_reply(&c);
	assert_int_equal(c.status, 200);
	sse_client_assert_header(&c, "Content-Length", "0");
	assert_false(sse_client_header(&c, "A", value, sizeof(value)));
	assert_false(sse_client_header(&c, "B", value, sizeof(value)));
	sse_client_close(&c);
}

static bool reply_over(const struct sse_client *c, void *arg)
{
	(void)arg;
	return c->state == SSE_CLIENT_DONE || c->state == SSE_CLIENT_GONE;
}

static void sees_a_stream_cut_short(void **state)
{
	struct peer *p = *state;
	struct sse_client c = {0};

	sse_client_get(&c, p->address, "/", NULL);
	peer_say(p, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		    "3\r\n: a\r\n");
	peer_end(p);
	assert_true(sse_client_until(&c, reply_over, NULL, 5000));
	assert_int_equal(c.state, SSE_CLIENT_GONE);
	sse_client_close(&c);
}

static void sees_broken_chunks(void **state)
{
	static const char *const broken[] = {
		"3\r\nabcd\r\n",  "3\nabc\r\n", " 3\r\nabc\r\n",
		"3;x\r\nabc\r\n", "g\r\n",
	};
	static const char head[] =
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct sse_client c = {.fd = -1};

		sse_client_feed(&c, head, strlen(head));
		sse_client_feed(&c, broken[i], strlen(broken[i]));
		assert_true(c.bad[0] != '\0');
		sse_client_close(&c);
	}
}

static bool never(const struct sse_client *c, void *arg)
{
	(void)c;
	(void)arg;
	return false;
}

static void waits_no_longer_than_asked(void **state)
{
	struct peer *p = *state;
	struct sse_client c = {0};

	sse_client_get(&c, p->address, "/", NULL);
	peer_say(p, "HTTP/1.1 200 OK\r\n");
	assert_false(sse_client_until(&c, never, NULL, 50));
	assert_int_equal(c.state, SSE_CLIENT_HEAD);
	sse_client_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_as_a_browser_does),
		cmocka_unit_test(takes_retry_of_digits_only),
		cmocka_unit_test(ignores_an_id_with_nul),
		cmocka_unit_test(sees_broken_chunks),
		cmocka_unit_test_setup_teardown(reads_a_chunked_stream, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			tells_messages_from_pings_and_gaps, setup, teardown),
		cmocka_unit_test_setup_teardown(takes_replies_one_by_one, setup,
						teardown),
		cmocka_unit_test_setup_teardown(sees_a_stream_cut_short, setup,
						teardown),
		cmocka_unit_test_setup_teardown(waits_no_longer_than_asked,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
