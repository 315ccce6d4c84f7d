/* The connection to NATS is cut at every byte of a delivery, in plain text and
 * in TLS, held in the middle of a record, and frozen: every client gets its own
 * messages, all of them, in order, once, and no byte of another's.
 *
 * Several gateways ("lanes"), each behind a proxy of its own, follow the same
 * stream: one round of messages tries as many offsets as there are lanes. */
#include "e2e.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault_proxy.h"
#include "test_clock.h"

enum {
	LANES = 12,
	USERS = 2,
	/* The program waits longer before each connect when sessions end soon
	 * after their start; one that has lasted counts as a success. A rest
	 * now and then is faster than none. */
	BURST = 4,
	REST_MS = 2100,
	TEXT_MAX = 256,
};

static const char *const users[USERS] = {"alice", "bob"};

struct lane {
	struct fault_proxy proxy;
	struct gateway_proc gw;
	uint64_t cuts; /* before this round */
};

struct fixture {
	struct e2e e2e; /* first: the fixture's functions take it */
	char dir[64];	/* of the certificate */
	char cert[96];
	struct lane lanes[LANES];
	size_t n_lanes;
	struct sse_client clients[LANES * USERS]; /* by lane, then by user */
	unsigned rounds;
	size_t n_sent[USERS];
};

/* ---- fixture ------------------------------------------------------------- */

static void make_certificate(struct fixture *f)
{
	char command[512];

	snprintf(f->dir, sizeof(f->dir), "/tmp/sluice-cert-XXXXXX");
	if (mkdtemp(f->dir) == NULL)
		fail_msg("mkdtemp: %s", strerror(errno));
	snprintf(f->cert, sizeof(f->cert), "%s/cert.pem", f->dir);
	snprintf(command, sizeof(command),
		 "cd %s && exec openssl req -x509 -nodes -newkey ec "
		 "-pkeyopt ec_paramgen_curve:P-256 -keyout key.pem "
		 "-out cert.pem -days 2 -subj /CN=localhost -addext "
		 "subjectAltName=DNS:localhost,IP:127.0.0.1 2>openssl.log",
		 f->dir);
	assert_int_equal(system(command), 0);
}

static void remove_certificate(struct fixture *f)
{
	static const char *const names[] = {"cert.pem", "key.pem",
					    "openssl.log"};
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
		unlink(path);
	}
	rmdir(f->dir);
}

/* One server for both: TLS for those who ask for it. */
static int group_setup(void **state)
{
	static struct fixture f;
	char config[512];

	f = (struct fixture){0};
	*state = &f;
	make_certificate(&f);
	snprintf(config, sizeof(config),
		 "allow_non_tls: true\n"
		 "tls { cert_file: \"%s\", key_file: \"%s/key.pem\" }",
		 f.cert, f.dir);
	nats_server_start(&f.e2e.nats, config);
	f.e2e.admin = nats_admin_open(f.e2e.nats.url);
	return 0;
}

static int group_teardown(void **state)
{
	remove_certificate(*state);
	return e2e_group_teardown(state);
}

static void close_lanes(struct fixture *f)
{
	for (size_t i = 0; i < f->n_lanes * USERS; i++)
		sse_client_close(&f->clients[i]);
	for (size_t i = 0; i < f->n_lanes; i++) {
		gateway_proc_finish(&f->lanes[i].gw);
		fault_proxy_stop(&f->lanes[i].proxy);
	}
	f->n_lanes = f->rounds = 0;
	memset(f->n_sent, 0, sizeof(f->n_sent));
}

/* Also after a test that has failed half-way. */
static int teardown(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < f->n_lanes; i++)
		gateway_proc_stop(&f->lanes[i].gw);
	close_lanes(f);
	return e2e_teardown(state);
}

static int setup(void **state)
{
	close_lanes(*state);
	return e2e_setup(state);
}

#define CUTS_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static void start_lane(struct fixture *f, bool tls)
{
	struct lane *l = &f->lanes[f->n_lanes];
	struct sse_client *c = &f->clients[f->n_lanes * USERS];
	const char *args[] = {"--ping-interval", "500ms",
			      tls ? "--tlsca" : NULL, f->cert, NULL};
	char url[64];

	f->n_lanes++;
	fault_proxy_start(&l->proxy, f->e2e.nats.url);
	snprintf(url, sizeof(url), "%s://%s", tls ? "tls" : "nats",
		 l->proxy.address);
	gateway_proc_start(&l->gw, url, args);
	gateway_proc_wait_ready(&l->gw);
	for (size_t u = 0; u < USERS; u++) {
		c[u] = (struct sse_client){0};
		sse_client_stream(&c[u], l->gw.address, users[u], NULL);
		sse_client_wait_any_id(&c[u]);
	}
}

static void start_lanes(struct fixture *f, size_t n, bool tls)
{
	while (f->n_lanes < n)
		start_lane(f, tls);
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

static void publish_round(struct fixture *f)
{
	for (size_t i = 0; i < ROUND; i++) {
		char text[TEXT_MAX];

		put_text(text, round_of[i].text, f->rounds);
		e2e_publish(&f->e2e, users[round_of[i].user], text);
		f->n_sent[round_of[i].user]++;
	}
	f->rounds++;
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
	const struct fixture *f = arg;
	size_t user = (size_t)(c - f->clients) % USERS;

	return c->n_messages >= f->n_sent[user];
}

static void wait_all(struct fixture *f)
{
	if (sse_clients_until(f->clients, f->n_lanes * USERS, has_all, f,
			      SSE_CLIENT_WAIT_MS))
		return;
	for (size_t i = 0; i < f->n_lanes * USERS; i++) {
		if (!has_all(&f->clients[i], f))
			fail_msg("lane %zu, %s, round %u: %s", i / USERS,
				 users[i % USERS], f->rounds,
				 sse_client_describe(&f->clients[i]));
	}
}

/* The user's messages of this round, the last that have come. */
static void expect_round(const struct fixture *f, const struct sse_client *c,
			 size_t user, unsigned round)
{
	size_t n = 0;

	for (size_t i = 0; i < ROUND; i++)
		n += round_of[i].user == user;
	for (size_t i = 0, at = f->n_sent[user] - n; i < ROUND; i++) {
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
static void expect_only_these(const struct fixture *f,
			      const struct sse_client *c, size_t user)
{
	uint64_t last = 0;

	if (c->n_messages != f->n_sent[user] ||
	    c->n_events != c->n_messages + c->n_pings || c->bad[0] != '\0')
		fail_msg("%s got %zu messages of %zu, and other events: %s",
			 users[user], c->n_messages, f->n_sent[user],
			 sse_client_describe(c));
	for (size_t i = 0; i < c->n_events; i++) {
		if (!sse_event_is_message(&c->events[i]))
			continue;
		assert_true(sse_id_seq(c->events[i].id) > last);
		last = sse_id_seq(c->events[i].id);
	}
}

static void expect_rounds(struct fixture *f, unsigned round)
{
	wait_all(f);
	for (size_t i = 0; i < f->n_lanes * USERS; i++) {
		expect_round(f, &f->clients[i], i % USERS, round);
		expect_only_these(f, &f->clients[i], i % USERS);
	}
}

/* What would come twice comes before the next round: this ends a test. */
static void expect_no_more(struct fixture *f)
{
	publish_round(f);
	expect_rounds(f, f->rounds - 1);
}

/* ---- every byte ---------------------------------------------------------- */

static void wait_live(struct lane *l)
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
static uint64_t measure(struct fixture *f)
{
	uint64_t before[LANES], least = UINT64_MAX;

	for (size_t i = 0; i < f->n_lanes; i++) {
		wait_live(&f->lanes[i]);
		before[i] =
			fault_proxy_counts(&f->lanes[i].proxy).all_to_client;
	}
	publish_round(f);
	expect_rounds(f, f->rounds - 1);
	for (size_t i = 0; i < f->n_lanes; i++) {
		uint64_t n =
			fault_proxy_counts(&f->lanes[i].proxy).all_to_client -
			before[i];

		least = n < least ? n : least;
	}
	return least;
}

/* Each lane at another offset, from `first` in steps; by turns with a reset and
 * with a FIN. The number of lanes that were cut. */
static size_t cut_round(struct fixture *f, uint64_t first, unsigned step)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_lanes; i++) {
		uint64_t k = first + i * step;

		wait_live(&f->lanes[i]);
		fault_proxy_cut(&f->lanes[i].proxy, FAULT_TO_CLIENT,
				FAULT_PRESENT, k,
				(k / step + f->rounds) % 2 == 0 ? FAULT_RST
								: FAULT_FIN);
	}
	publish_round(f);
	expect_rounds(f, f->rounds - 1);
	for (size_t i = 0; i < f->n_lanes; i++)
		n += fault_proxy_counts(&f->lanes[i].proxy).cuts >
		     f->lanes[i].cuts;
	return n;
}

static void cut_everywhere(struct fixture *f, unsigned step)
{
	uint64_t start = test_now_ms(), len = measure(f), offsets = 0;
	size_t cuts = 0;

	/* Sequences get longer meanwhile: some bytes more than was measured. */
	for (uint64_t k = 0; k < len + 16; k += LANES * step) {
		cuts += cut_round(f, k, step);
		offsets += LANES;
		if (f->rounds % BURST == 0)
			poll(NULL, 0, REST_MS);
	}
	for (size_t i = 0; i < f->n_lanes; i++)
		wait_live(&f->lanes[i]);
	expect_no_more(f);
	fprintf(stderr,
		"%u rounds of %llu bytes: %llu offsets, %zu cuts, %llu ms\n",
		f->rounds, (unsigned long long)len, (unsigned long long)offsets,
		cuts, (unsigned long long)(test_now_ms() - start));
	/* All but those in the last line end, without which a message may be
	 * known already. */
	assert_true(cuts + 4 >= len / step);
}

static void cut_at_every_byte(void **state)
{
	start_lanes(*state, LANES, false);
	cut_everywhere(*state, 1);
}

static void cut_in_tls_records(void **state)
{
	start_lanes(*state, LANES, true);
	cut_everywhere(*state, 3);
}

/* The start of a session is cut, too, again and again, while messages come. */
static void cut_while_it_starts(void **state)
{
	enum { STEP = 37, MAX = 3000 };
	struct fixture *f = *state;
	uint64_t cuts = 0;

	start_lanes(f, LANES, false);
	for (uint64_t k = 1; k < MAX; k += LANES * STEP) {
		for (size_t i = 0; i < f->n_lanes; i++) {
			struct fault_proxy *p = &f->lanes[i].proxy;

			wait_live(&f->lanes[i]);
			fault_proxy_cut(p, FAULT_TO_CLIENT, FAULT_NEXT,
					k + i * STEP, FAULT_RST);
			fault_proxy_end(p, FAULT_RST);
		}
		publish_round(f);
		expect_rounds(f, f->rounds - 1);
	}
	for (size_t i = 0; i < f->n_lanes; i++)
		cuts += fault_proxy_counts(&f->lanes[i].proxy).cuts;
	/* INFO, the stream's and the consumer's answers are more than this. */
	assert_true(cuts >= 1000 / STEP);
	expect_no_more(f);
}

/* ---- a pause in the middle ----------------------------------------------- */

static bool has_pauses(const struct fault_counts *c, uint64_t n)
{
	return c->pauses >= n;
}

/* Everything that needs no word of NATS goes on meanwhile: health, new streams,
 * what is in memory, pings. */
static void expect_no_stall(struct fixture *f, struct lane *l)
{
	uint64_t start = test_now_ms();
	struct sse_client *c = e2e_client(&f->e2e);
	size_t pings = f->clients[0].n_pings;

	for (int i = 0; i < 5; i++)
		assert_int_equal(gateway_proc_status_of(&l->gw, false,
							"/livez"),
				 200);
	sse_client_resume(c, l->gw.address, "alice",
			  sse_client_message(&f->clients[0], 0)->id);
	sse_client_wait_message(c, 1);
	assert_true(test_now_ms() - start < 1000);
	sse_client_wait_ping(&f->clients[0], pings + 2);
}

static void pause_at(struct fixture *f, uint64_t k)
{
	enum { PAUSE_MS = 2000 };
	struct lane *l = &f->lanes[0];
	struct fault_counts before = fault_proxy_counts(&l->proxy);
	uint64_t start = test_now_ms();

	fault_proxy_pause(&l->proxy, FAULT_TO_CLIENT, FAULT_PRESENT, k,
			  PAUSE_MS);
	publish_round(f);
	fault_proxy_until(&l->proxy, has_pauses, before.pauses + 1, "pauses");
	expect_no_stall(f, l);
	expect_rounds(f, f->rounds - 1);
	assert_true(test_now_ms() - start >= PAUSE_MS);
	assert_int_equal(fault_proxy_counts(&l->proxy).connections,
			 before.connections);
}

static void pause_at_some(struct fixture *f)
{
	/* In a record's head, at its end, in its middle. */
	static const uint64_t at[] = {3, 5, 80};

	/* Messages for who resumes meanwhile. */
	publish_round(f);
	expect_rounds(f, f->rounds - 1);
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		pause_at(f, at[i]);
	expect_no_more(f);
}

static void paused_in_a_message(void **state)
{
	start_lanes(*state, 1, false);
	pause_at_some(*state);
}

static void paused_in_a_tls_record(void **state)
{
	start_lanes(*state, 1, true);
	pause_at_some(*state);
}

/* ---- frozen -------------------------------------------------------------- */

/* One lane for each way to freeze, all at once: it takes its time. */
static void frozen_beyond_the_pings(void **state)
{
	enum { LEFT_MS = 15000, SLACK_MS = 1000 };
	static const enum fault_way ways[] = {FAULT_BOTH, FAULT_TO_SERVER,
					      FAULT_TO_CLIENT};
	static const struct fault_rule frozen = {.frozen = true};
	struct fixture *f = *state;
	uint64_t start;

	start_lanes(f, 3, false);
	publish_round(f);
	expect_rounds(f, f->rounds - 1);
	start = test_now_ms();
	for (size_t i = 0; i < f->n_lanes; i++)
		fault_proxy_rule(&f->lanes[i].proxy, ways[i], &frozen);
	for (size_t i = 0; i < f->n_lanes; i++) {
		gateway_proc_wait_metric(&f->lanes[i].gw,
					 "sluice_nats_connected", 0);
		assert_true(test_now_ms() - start < LEFT_MS + SLACK_MS);
		assert_int_equal(gateway_proc_status_of(&f->lanes[i].gw, false,
							"/livez"),
				 200);
		assert_int_equal(gateway_proc_status_of(&f->lanes[i].gw, false,
							"/readyz"),
				 503);
	}
	publish_round(f);
	for (size_t i = 0; i < f->n_lanes; i++)
		fault_proxy_heal(&f->lanes[i].proxy);
	wait_all(f);
	for (size_t i = 0; i < f->n_lanes; i++)
		gateway_proc_wait_ready(&f->lanes[i].gw);
	expect_no_more(f);
}

/* A freeze that is shorter is borne. */
static void frozen_for_a_while(void **state)
{
	struct fixture *f = *state;
	struct fault_proxy *p = &f->lanes[0].proxy;

	start_lanes(f, 1, false);
	fault_proxy_rule(p, FAULT_BOTH, &(struct fault_rule){.frozen = true});
	publish_round(f);
	sse_client_wait_ping(&f->clients[0], f->clients[0].n_pings + 2);
	fault_proxy_heal(p);
	expect_rounds(f, f->rounds - 1);
	assert_int_equal(fault_proxy_counts(p).connections, 1);
	expect_no_more(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CUTS_TEST(cut_at_every_byte),
		CUTS_TEST(cut_in_tls_records),
		CUTS_TEST(cut_while_it_starts),
		CUTS_TEST(paused_in_a_message),
		CUTS_TEST(paused_in_a_tls_record),
		CUTS_TEST(frozen_beyond_the_pings),
		CUTS_TEST(frozen_for_a_while),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
