#include "gateway_farm.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "test_clock.h"

enum { BURST = 4, REST_MS = 2100, TEXT_MAX = 256 };

static const char *const users[GATEWAY_FARM_USERS] = {"alice", "bob"};

static void close_clients(struct gateway_farm *ls)
{
	for (size_t i = 0; i < ls->n * GATEWAY_FARM_USERS; i++)
		sse_client_close(&ls->clients[i]);
}

/* What a test that has failed half-way left, too. */
static void close_lanes(struct gateway_farm *ls)
{
	close_clients(ls);
	for (size_t i = 0; i < ls->n; i++) {
		gateway_proc_finish(&ls->at[i].gw);
		fault_proxy_stop(&ls->at[i].proxy);
	}
	ls->n = ls->rounds = 0;
	memset(ls->n_sent, 0, sizeof(ls->n_sent));
}

int gateway_farm_setup(void **state)
{
	close_lanes(*state);
	return e2e_setup(state);
}

static bool runs(const struct farm_gateway *l)
{
	return l->gw.pid > 0;
}

/* All at once. */
int gateway_farm_teardown(void **state)
{
	struct gateway_farm *ls = *state;

	close_clients(ls);
	for (size_t i = 0; i < ls->n; i++) {
		if (runs(&ls->at[i]))
			gateway_proc_signal(&ls->at[i].gw, SIGTERM);
	}
	for (size_t i = 0; i < ls->n; i++) {
		if (runs(&ls->at[i]))
			assert_int_equal(
				gateway_proc_wait_exit(&ls->at[i].gw,
						       GATEWAY_PROC_WAIT_MS),
				0);
	}
	close_lanes(ls);
	return e2e_teardown(state);
}

static void start_gateway(struct gateway_farm *ls, struct farm_gateway *l)
{
	char url[64];
	const char *args[2 * 7 + 1] = {
		"--listen",	   "127.0.0.1:0",
		"--admin-listen",  "127.0.0.1:0",
		"--server",	   url,
		"--drain-delay",   "0s",
		"--drain-timeout", "1s",
		"--ping-interval", "500ms",
		"--tlsca",	   ls->ca,
	};
	/* The system's certificates, read at each connect, are most of
	 * its time. */
	static const char *const env[] = {"SSL_CERT_FILE=/dev/null",
					  "SSL_CERT_DIR=/dev/null", NULL};

	if (ls->ca == NULL)
		args[2 * 6] = NULL;
	snprintf(url, sizeof(url), "%s://%s", ls->ca == NULL ? "nats" : "tls",
		 l->proxy.address);
	gateway_proc_spawn(&l->gw, args, env);
	gateway_proc_wait_listening(&l->gw);
	gateway_proc_wait_ready(&l->gw);
}

static void start_lane(struct gateway_farm *ls)
{
	struct farm_gateway *l = &ls->at[ls->n];
	struct sse_client *c = &ls->clients[ls->n * GATEWAY_FARM_USERS];

	assert_true(ls->n < GATEWAY_FARM_MAX);
	ls->n++;
	fault_proxy_start(&l->proxy, ls->e2e.nats.url);
	start_gateway(ls, l);
	for (size_t u = 0; u < GATEWAY_FARM_USERS; u++) {
		c[u] = (struct sse_client){0};
		sse_client_stream(&c[u], l->gw.address, users[u], NULL);
		sse_client_wait_any_id(&c[u]);
	}
}

void gateway_farm_start(struct gateway_farm *ls, size_t n)
{
	while (ls->n < n)
		start_lane(ls);
}

void gateway_farm_rest(void)
{
	poll(NULL, 0, REST_MS);
}

/* ---- a round of messages ------------------------------------------------- */

/* Behind the round's number. One looks like the protocol that carries it: a
 * parser that is off by some bytes would take it for its own. */
static const struct {
	size_t user;
	const char *text; /* empty: nor is there a number */
} round_of[] = {
	{0, "first"},
	{1, "\r\nMSG events.alice 1 $JS.ACK.E.c.1.1.1.1.0 5\r\nwrong\r\n"},
	{0, ""},
	{1, "bob bob bob bob bob bob bob bob bob bob bob bob"},
	{0, "the quick brown fox jumps over the lazy dog, and the quick brown "
	    "fox jumps over the lazy dog"},
};

enum { ROUND = sizeof(round_of) / sizeof(round_of[0]) };

static void put_text(char *out, const char *text, unsigned round)
{
	out[0] = '\0';
	if (text[0] != '\0')
		snprintf(out, TEXT_MAX, "%u %s", round, text);
}

void gateway_farm_publish_round(struct gateway_farm *ls)
{
	for (size_t i = 0; i < ROUND; i++) {
		char text[TEXT_MAX];

		put_text(text, round_of[i].text, ls->rounds);
		e2e_publish(&ls->e2e, users[round_of[i].user], text);
		ls->n_sent[round_of[i].user]++;
	}
	ls->rounds++;
}

/* An event stream's lines end with "\n". */
static void drop_cr(char *text)
{
	char *to = text;

	for (const char *from = text; *from != '\0'; from++) {
		if (*from != '\r')
			*to++ = *from;
	}
	*to = '\0';
}

static bool has_all(const struct sse_client *c, void *arg)
{
	const struct gateway_farm *ls = arg;
	size_t user = (size_t)(c - ls->clients) % GATEWAY_FARM_USERS;

	return c->n_messages >= ls->n_sent[user];
}

static void wait_all(struct gateway_farm *ls)
{
	if (sse_clients_until(ls->clients, ls->n * GATEWAY_FARM_USERS, has_all,
			      ls, SSE_CLIENT_WAIT_MS))
		return;
	for (size_t i = 0; i < ls->n * GATEWAY_FARM_USERS; i++) {
		if (!has_all(&ls->clients[i], ls))
			fail_msg("gateway %zu, %s, round %u: %s",
				 i / GATEWAY_FARM_USERS,
				 users[i % GATEWAY_FARM_USERS], ls->rounds,
				 sse_client_describe(&ls->clients[i]));
	}
}

/* The user's messages of this round, the last that have come. */
static void expect_round(const struct gateway_farm *ls,
			 const struct sse_client *c, size_t user,
			 unsigned round)
{
	size_t n = 0;

	for (size_t i = 0; i < ROUND; i++)
		n += round_of[i].user == user;
	for (size_t i = 0, at = ls->n_sent[user] - n; i < ROUND; i++) {
		const struct sse_event *ev;
		char text[TEXT_MAX];

		if (round_of[i].user != user)
			continue;
		put_text(text, round_of[i].text, round);
		drop_cr(text);
		ev = sse_client_message(c, at++);
		if (strcmp(ev->data, text) != 0 ||
		    strcmp(ev->type, "message") != 0)
			fail_msg("%s got \"%s\" in place of \"%s\": %s",
				 users[user], ev->data, text,
				 sse_client_describe(c));
	}
}

/* No more than these, in rising order, and nothing but messages and pings. */
static void expect_only_these(const struct gateway_farm *ls,
			      const struct sse_client *c, size_t user)
{
	uint64_t last = 0;

	if (c->n_messages != ls->n_sent[user] ||
	    c->n_events != c->n_messages + c->n_pings || c->bad[0] != '\0')
		fail_msg("%s got %zu messages of %zu, and other events: %s",
			 users[user], c->n_messages, ls->n_sent[user],
			 sse_client_describe(c));
	for (size_t i = 0; i < c->n_events; i++) {
		if (!sse_event_is_message(&c->events[i]))
			continue;
		assert_true(sse_id_seq(c->events[i].id) > last);
		last = sse_id_seq(c->events[i].id);
	}
}

void gateway_farm_expect_round(struct gateway_farm *ls)
{
	wait_all(ls);
	for (size_t i = 0; i < ls->n * GATEWAY_FARM_USERS; i++) {
		expect_round(ls, &ls->clients[i], i % GATEWAY_FARM_USERS,
			     ls->rounds - 1);
		expect_only_these(ls, &ls->clients[i], i % GATEWAY_FARM_USERS);
	}
}

void gateway_farm_expect_no_more(struct gateway_farm *ls)
{
	gateway_farm_publish_round(ls);
	gateway_farm_expect_round(ls);
}

/* ---- every byte ---------------------------------------------------------- */

void gateway_farm_wait_live(struct farm_gateway *l)
{
	struct fault_counts c;

	/* What has not happened yet is not to happen any more. */
	fault_proxy_heal(&l->proxy);
	c = fault_proxy_counts(&l->proxy);
	fault_proxy_wait_connections(&l->proxy, c.cuts + 1);
	gateway_proc_wait_ready(&l->gw);
	fault_proxy_wait_open(&l->proxy, 1);
	l->cuts = c.cuts;
}

/* The bytes from the server that a round is, without a cut. */
static uint64_t measure(struct gateway_farm *ls)
{
	uint64_t before[GATEWAY_FARM_MAX], least = UINT64_MAX;

	for (size_t i = 0; i < ls->n; i++) {
		gateway_farm_wait_live(&ls->at[i]);
		before[i] = fault_proxy_counts(&ls->at[i].proxy).all_to_client;
	}
	gateway_farm_publish_round(ls);
	gateway_farm_expect_round(ls);
	for (size_t i = 0; i < ls->n; i++) {
		uint64_t n =
			fault_proxy_counts(&ls->at[i].proxy).all_to_client -
			before[i];

		least = n < least ? n : least;
	}
	return least;
}

/* Each gateway at another offset, from `first` in steps; by turns with a reset
 * and with a FIN. The number of gateways that were cut. */
static size_t cut_round(struct gateway_farm *ls, uint64_t first, unsigned step)
{
	size_t n = 0;

	for (size_t i = 0; i < ls->n; i++) {
		uint64_t k = first + i * step;

		gateway_farm_wait_live(&ls->at[i]);
		fault_proxy_cut(&ls->at[i].proxy, FAULT_TO_CLIENT,
				FAULT_PRESENT, k,
				(k / step + ls->rounds) % 2 == 0 ? FAULT_RST
								 : FAULT_FIN);
	}
	gateway_farm_publish_round(ls);
	gateway_farm_expect_round(ls);
	for (size_t i = 0; i < ls->n; i++)
		n += fault_proxy_counts(&ls->at[i].proxy).cuts > ls->at[i].cuts;
	return n;
}

/* A heartbeat or the end of a pull may add bytes to a round. */
static uint64_t measure_least(struct gateway_farm *ls)
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 3; i++) {
		uint64_t len = measure(ls);

		least = len < least ? len : least;
	}
	return least;
}

void gateway_farm_cut_everywhere(struct gateway_farm *ls, unsigned step)
{
	uint64_t start = test_now_ms(), len = measure_least(ls), offsets = 0;
	size_t cuts = 0;

	/* Sequences get longer meanwhile: some bytes more than was measured. */
	for (uint64_t k = 0; k < len + 16; k += GATEWAY_FARM_MAX * step) {
		cuts += cut_round(ls, k, step);
		offsets += GATEWAY_FARM_MAX;
		if (ls->rounds % BURST == 0)
			gateway_farm_rest();
	}
	for (size_t i = 0; i < ls->n; i++)
		gateway_farm_wait_live(&ls->at[i]);
	gateway_farm_expect_no_more(ls);
	fprintf(stderr,
		"%u rounds of %llu bytes: %llu offsets, %zu cuts, %llu ms\n",
		ls->rounds, (unsigned long long)len,
		(unsigned long long)offsets, cuts,
		(unsigned long long)(test_now_ms() - start));
	/* All but those in the last line end, without which a message may be
	 * known already. */
	assert_true(cuts + 4 >= len / step);
}

/* ---- a pause in the middle ----------------------------------------------- */

static bool has_pauses(const struct fault_counts *c, uint64_t n)
{
	return c->pauses >= n;
}

/* Everything that needs no word of NATS goes on meanwhile: health, new streams,
 * what is in memory, pings. */
static void expect_no_stall(struct gateway_farm *ls, struct farm_gateway *l)
{
	uint64_t start = test_now_ms();
	struct sse_client *c = e2e_client(&ls->e2e);
	size_t pings = ls->clients[0].n_pings;

	for (int i = 0; i < 5; i++)
		assert_int_equal(gateway_proc_status_of(&l->gw, false,
							"/livez"),
				 200);
	sse_client_resume(c, l->gw.address, "alice",
			  sse_client_message(&ls->clients[0], 0)->id);
	sse_client_wait_message(c, 1);
	assert_true(test_now_ms() - start < 1000);
	sse_client_wait_ping(&ls->clients[0], pings + 2);
}

static void pause_at(struct gateway_farm *ls, uint64_t k)
{
	enum { PAUSE_MS = 2000 };
	struct farm_gateway *l = &ls->at[0];
	struct fault_counts before = fault_proxy_counts(&l->proxy);
	uint64_t start = test_now_ms();

	fault_proxy_pause(&l->proxy, FAULT_TO_CLIENT, FAULT_PRESENT, k,
			  PAUSE_MS);
	gateway_farm_publish_round(ls);
	fault_proxy_until(&l->proxy, has_pauses, before.pauses + 1, "pauses");
	expect_no_stall(ls, l);
	gateway_farm_expect_round(ls);
	assert_true(test_now_ms() - start >= PAUSE_MS);
	assert_int_equal(fault_proxy_counts(&l->proxy).connections,
			 before.connections);
}

void gateway_farm_pause_at_some(struct gateway_farm *ls)
{
	/* In a record's head, at its end, in its middle. */
	static const uint64_t at[] = {3, 5, 80};

	/* Messages for clients that resume meanwhile. */
	gateway_farm_publish_round(ls);
	gateway_farm_expect_round(ls);
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		pause_at(ls, at[i]);
	gateway_farm_expect_no_more(ls);
}
