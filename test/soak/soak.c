/* A long run with faults: two gateways on one nats-server with a file store,
 * each behind a fault proxy, and a crowd of clients that check all that comes.
 *
 *	soak [--seconds N] [--clients N] [--rate N] [--seed N]
 *
 * The first gateway lives throughout, and what it takes of the system must be
 * level; the second is drained, killed and started again. At the end the faults
 * are healed, every subject gets one message more, and every client must have
 * everything; then all leave, and nothing of them may be left. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

#include "crowd.h"
#include "levels.h"
#include "press.h"
#include "test_clock.h"
#include "trouble.h"

enum {
	GATES = 2,
	TURN_MS = 10,
	EVENTS = 512,
	PATIENT_MS = 60000, /* for everything to be there at the end */
	SETTLE_MS = 120000,
	EMPTY_MS = 60000,
	PER_SUBJECT = 5, /* clients */
};

/* Tails and replays of all gateways, and as many that broken sessions have left
 * and the server has not yet forgotten. */
enum { MAX_CONSUMERS = 2 * GATES * (1 + GATE_MAX_REPLAYS) };

static struct {
	unsigned seconds, clients, rate;
	uint64_t seed;
} options = {.seconds = 10, .clients = 100, .rate = 400};

struct soak {
	struct nats_server nats;
	struct gate gates[GATES];
	struct dice dice;
	struct address_counter tally;
	struct ledger ledger;
	struct press press;
	struct crowd crowd;
	struct trouble trouble;
	struct levels levels;
	int epoll;
	uint64_t now_ms;
};

static struct soak soak;

/* ---- start --------------------------------------------------------------- */

static void start_server(struct soak *s)
{
	struct nats_admin *admin;

	nats_server_start(&s->nats, NULL);
	admin = nats_admin_open(s->nats.url);
	nats_admin_stream(admin, "{\"name\": \"Events\", "
				 "\"subjects\": [\"events.*\"], "
				 "\"storage\": \"file\"}");
	nats_admin_close(admin);
}

static void start_parts(struct soak *s)
{
	unsigned subjects = options.clients / PER_SUBJECT;
	struct reader_room room = {.ledger = &s->ledger,
				   .tally = &s->tally,
				   .dice = &s->dice,
				   .epoll = s->epoll,
				   .now_ms = s->now_ms};

	ledger_init(&s->ledger, subjects, subjects / 50 + 1, options.seed);
	s->press = (struct press){.ledger = &s->ledger,
				  .tally = &s->tally,
				  .dice = &s->dice};
	press_init(&s->press, s->nats.port, options.rate);
	crowd_init(&s->crowd, &room, s->gates, GATES, options.clients);
	s->trouble = (struct trouble){
		.nats = &s->nats,
		.gates = s->gates,
		.n_gates = GATES,
		.press = &s->press,
		.crowd = &s->crowd,
		.dice = &s->dice,
		.tally = &s->tally,
		.pause_ms = options.seconds < 60 ? 600 : 4000,
	};
	s->levels = (struct levels){
		.gate = &s->gates[0],
		.press = &s->press,
		.tally = &s->tally,
		.max_consumers = MAX_CONSUMERS,
		.every_ms = options.seconds < 200 ? options.seconds * 25 : 5000,
	};
}

static int setup(void **state)
{
	struct soak *s = &soak;

	*state = s;
	s->now_ms = s->tally.start_ms = test_now_ms();
	s->dice.state = options.seed;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	assert_true(s->epoll >= 0);
	start_server(s);
	for (size_t i = 0; i < GATES; i++) {
		fault_proxy_start(&s->gates[i].proxy, s->nats.url);
		gate_start(&s->gates[i]);
		gateway_proc_wait_ready(&s->gates[i].proc);
	}
	start_parts(s);
	levels_start(&s->levels);
	s->tally.start_ms = test_now_ms();
	return 0;
}

static int teardown(void **state)
{
	struct soak *s = *state;

	crowd_finish(&s->crowd);
	press_close(&s->press);
	for (size_t i = 0; i < GATES; i++) {
		gateway_proc_finish(&s->gates[i].proc);
		fault_proxy_stop(&s->gates[i].proxy);
	}
	nats_server_stop(&s->nats);
	ledger_finish(&s->ledger);
	levels_finish(&s->levels);
	close(s->epoll);
	return 0;
}

/* ---- the run ------------------------------------------------------------- */

static void say_progress(struct soak *s)
{
	static uint64_t next_ms;
	const struct address_counter *t = &s->tally;
	const struct level *l = s->levels.n == 0
					? &s->levels.first
					: &s->levels.samples[s->levels.n - 1];

	if (s->now_ms < next_ms)
		return;
	next_ms = s->now_ms + 30000;
	address_counter_say(t,
			    "-- published %" PRIu64 ", delivered %" PRIu64
			    ", pings "
			    "%" PRIu64 ", gaps %" PRIu64 ", reconnects %" PRIu64
			    ", wrong %" PRIu64
			    "; RSS %zu KiB, fds +%d, threads %d, "
			    "consumers %d; late %u s",
			    t->published, t->events, t->pings, t->gaps,
			    t->reconnects, address_counter_wrongs(t),
			    l->rss_kib, l->fds - s->levels.first.fds,
			    l->threads, l->consumers, t->late_s);
}

static void turn(struct soak *s, bool faults)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(s->epoll, events, EVENTS, TURN_MS);

	s->now_ms = test_now_ms();
	s->crowd.room.now_ms = s->now_ms;
	for (int i = 0; i < n; i++)
		reader_on_ready(events[i].data.ptr);
	press_turn(&s->press, s->now_ms);
	crowd_turn(&s->crowd, s->now_ms);
	trouble_turn(&s->trouble, s->now_ms, faults);
	say_progress(s);
}

/* Turns until done() says so; false at the deadline. */
static bool turn_until(struct soak *s, bool (*done)(struct soak *s),
		       uint64_t ms)
{
	uint64_t deadline = test_now_ms() + ms;

	while (!done(s)) {
		if (s->now_ms > deadline)
			return false;
		turn(s, false);
	}
	return true;
}

static bool is_settled(struct soak *s)
{
	return trouble_is_over(&s->trouble) && press_is_up(&s->press) &&
	       press_is_settled(&s->press);
}

static bool is_complete(struct soak *s)
{
	return press_is_settled(&s->press) && crowd_n_behind(&s->crowd) == 0;
}

static void complete(struct soak *s)
{
	trouble_heal(&s->trouble);
	s->press.rate = 0;
	if (!turn_until(s, is_settled, SETTLE_MS))
		fail_msg("%" PRIu64 " messages are not acknowledged",
			 s->press.next - s->press.head);
	address_counter_say(&s->tally, "healed, and all is acknowledged");
	for (unsigned i = 0; i < s->ledger.n_subjects; i++)
		press_one(&s->press, i);
	crowd_calm(&s->crowd);
	if (!turn_until(s, is_complete, PATIENT_MS)) {
		address_counter_say(&s->tally,
				    "%u clients are behind and come anew",
				    crowd_n_behind(&s->crowd));
		crowd_hasten(&s->crowd);
		if (!turn_until(s, is_complete, SETTLE_MS))
			crowd_judge(&s->crowd);
	}
	address_counter_say(&s->tally, "%u clients are not at the end",
			    crowd_n_behind(&s->crowd));
}

/* One tail for each gateway is all that is left on the stream, and no
 * descriptor of a client. */
static bool is_empty(struct soak *s)
{
	static uint64_t next_ms;
	struct level now;

	if (s->now_ms < next_ms)
		return false;
	next_ms = s->now_ms + 200;
	press_ask_consumers(&s->press);
	now = levels_now(&s->levels);
	return now.consumers == GATES && now.fds <= s->levels.first.fds &&
	       now.threads == s->levels.first.threads &&
	       gateway_proc_metric(&s->gates[0].proc, "sluice_connections") ==
		       1; /* the request itself */
}

static void empty(struct soak *s)
{
	struct level now;

	crowd_leave(&s->crowd);
	if (!turn_until(s, is_empty, EMPTY_MS)) {
		now = levels_now(&s->levels);
		address_counter_wrong(
			&s->tally, WRONG_LEVEL,
			"empty again: %g connections, %d descriptors (%d "
			"at the start), %d threads (%d), %d consumers",
			gateway_proc_metric(&s->gates[0].proc,
					    "sluice_connections") -
				1,
			now.fds, s->levels.first.fds, now.threads,
			s->levels.first.threads, now.consumers);
	}
	for (size_t i = 0; i < GATES; i++)
		gateway_proc_stop(&s->gates[i].proc);
}

static void everything_comes_once(void **state)
{
	struct soak *s = *state;
	uint64_t end = test_now_ms() + (uint64_t)options.seconds * 1000;

	while (s->now_ms < end) {
		turn(s, true);
		levels_turn(&s->levels, s->now_ms);
	}
	complete(s);
	levels_judge(&s->levels);
	empty(s);
	assert_true(s->tally.events > 0 && s->tally.faults > 0);
	assert_int_equal(address_counter_wrongs(&s->tally), 0);
}

/* ---- figures ------------------------------------------------------------- */

static void say_figures(const struct soak *s)
{
	const struct address_counter *t = &s->tally;
	const struct levels *l = &s->levels;
	uint64_t others = address_counter_wrongs(t) - t->wrong[WRONG_LOST] -
			  t->wrong[WRONG_DOUBLED] - t->wrong[WRONG_DISORDERED];

	fprintf(stderr,
		"soak: %g min, %u clients, %" PRIu64 " messages, %" PRIu64
		" events (%" PRIu64 " MB) and %" PRIu64 " pings delivered, "
		"%" PRIu64 " faults, %" PRIu64 " connects, %" PRIu64
		" reconnects, %" PRIu64 " gaps, %" PRIu64
		" passed over as deleted; %" PRIu64 " lost, %" PRIu64
		" doubled, %" PRIu64 " out of order, %" PRIu64
		" otherwise wrong; ",
		options.seconds / 60.0, options.clients, t->published,
		t->events, t->event_bytes / 1000000, t->pings, t->faults,
		t->connects, t->reconnects, t->gaps, t->excused,
		t->wrong[WRONG_LOST], t->wrong[WRONG_DOUBLED],
		t->wrong[WRONG_DISORDERED], others);
	fprintf(stderr,
		"late %u s at most; RSS %zu/%zu KiB (start/max), descriptors "
		"%d/%d, threads %d/%d, consumers at most %d; the server ended "
		"by itself %" PRIu64 " times; seed %" PRIu64 "\n",
		t->late_s, l->first.rss_kib, l->max.rss_kib, l->first.fds,
		l->max.fds, l->first.threads, l->max.threads, l->max.consumers,
		s->trouble.n_by_itself, options.seed);
}

static void usage(void)
{
	fprintf(stderr, "usage: soak [--seconds N] [--clients N] [--rate N] "
			"[--seed N]\n");
	exit(2);
}

static void take_option(const char *name, const char *text)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (*end != '\0' || end == text)
		usage();
	if (strcmp(name, "--seconds") == 0 && value > 0)
		options.seconds = (unsigned)value;
	else if (strcmp(name, "--clients") == 0 && value >= 50)
		options.clients = (unsigned)value;
	else if (strcmp(name, "--rate") == 0 && value > 0)
		options.rate = (unsigned)value;
	else if (strcmp(name, "--seed") == 0)
		options.seed = value;
	else
		usage();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(everything_comes_once, setup,
						teardown),
	};
	int rc;

	options.seed = (uint64_t)time(NULL);
	for (int i = 1; i < argc; i += 2) {
		if (i + 1 == argc)
			usage();
		take_option(argv[i], argv[i + 1]);
	}
	fprintf(stderr, "seed %" PRIu64 "\n", options.seed);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	say_figures(&soak);
	return rc == 0 ? 0 : 1;
}
