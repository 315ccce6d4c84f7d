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

#include "client_pool.h"
#include "resource_usage.h"
#include "soak_publisher.h"
#include "test_clock.h"
#include "fault_injector.h"

enum {
	GATEWAYS = 2,
	TURN_MS = 10,
	EVENTS = 512,
	PATIENT_MS = 60000, /* for everything to be there at the end */
	SETTLE_MS = 120000,
	EMPTY_MS = 60000,
	PER_SUBJECT = 5, /* clients */
};

/* Tails and replays of all gateways, and as many that broken sessions have left
 * and the server has not yet forgotten. */
enum { MAX_CONSUMERS = 2 * GATEWAYS * (1 + SOAK_GATEWAY_MAX_REPLAYS) };

static struct {
	unsigned seconds, clients, rate;
	uint64_t seed;
} options = {.seconds = 10, .clients = 100, .rate = 400};

struct soak {
	struct nats_server nats;
	struct soak_gateway gateways[GATEWAYS];
	struct seeded_random random;
	struct soak_report report;
	struct expected_messages expected;
	struct soak_publisher publisher;
	struct client_pool clients;
	struct fault_injector injector;
	struct resource_usage usage;
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
	struct soak_context context = {.expected = &s->expected,
				       .report = &s->report,
				       .random = &s->random,
				       .epoll = s->epoll,
				       .now_ms = s->now_ms};

	expected_messages_init(&s->expected, subjects, subjects / 50 + 1,
			       options.seed);
	s->publisher = (struct soak_publisher){.expected = &s->expected,
					       .report = &s->report,
					       .random = &s->random};
	soak_publisher_init(&s->publisher, s->nats.port, options.rate);
	client_pool_init(&s->clients, &context, s->gateways, GATEWAYS,
			 options.clients);
	s->injector = (struct fault_injector){
		.nats = &s->nats,
		.gateways = s->gateways,
		.n_gateways = GATEWAYS,
		.publisher = &s->publisher,
		.clients = &s->clients,
		.random = &s->random,
		.report = &s->report,
		.pause_ms = options.seconds < 60 ? 600 : 4000,
	};
	s->usage = (struct resource_usage){
		.gateway = &s->gateways[0],
		.publisher = &s->publisher,
		.report = &s->report,
		.max_consumers = MAX_CONSUMERS,
		.every_ms = options.seconds < 200 ? options.seconds * 25 : 5000,
	};
}

static int setup(void **state)
{
	struct soak *s = &soak;

	*state = s;
	s->now_ms = s->report.start_ms = test_now_ms();
	s->random.state = options.seed;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	assert_true(s->epoll >= 0);
	start_server(s);
	for (size_t i = 0; i < GATEWAYS; i++) {
		fault_proxy_start(&s->gateways[i].proxy, s->nats.url);
		soak_gateway_start(&s->gateways[i]);
		gateway_proc_wait_ready(&s->gateways[i].proc);
	}
	start_parts(s);
	resource_usage_start(&s->usage);
	s->report.start_ms = test_now_ms();
	return 0;
}

static int teardown(void **state)
{
	struct soak *s = *state;

	client_pool_finish(&s->clients);
	soak_publisher_close(&s->publisher);
	for (size_t i = 0; i < GATEWAYS; i++) {
		gateway_proc_finish(&s->gateways[i].proc);
		fault_proxy_stop(&s->gateways[i].proxy);
	}
	nats_server_stop(&s->nats);
	expected_messages_finish(&s->expected);
	resource_usage_finish(&s->usage);
	close(s->epoll);
	return 0;
}

/* ---- the run ------------------------------------------------------------- */

static void say_progress(struct soak *s)
{
	static uint64_t next_ms;
	const struct soak_report *t = &s->report;
	const struct level *l = s->usage.n == 0
					? &s->usage.first
					: &s->usage.samples[s->usage.n - 1];

	if (s->now_ms < next_ms)
		return;
	next_ms = s->now_ms + 30000;
	soak_report_log(t,
			"-- published %" PRIu64 ", delivered %" PRIu64
			", pings "
			"%" PRIu64 ", gaps %" PRIu64 ", reconnects %" PRIu64
			", wrong %" PRIu64
			"; RSS %zu KiB, fds +%d, threads %d, "
			"consumers %d; late %u s",
			t->published, t->events, t->pings, t->gaps,
			t->reconnects, soak_report_violations(t), l->rss_kib,
			l->fds - s->usage.first.fds, l->threads, l->consumers,
			t->late_s);
}

static void turn(struct soak *s, bool faults)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(s->epoll, events, EVENTS, TURN_MS);

	s->now_ms = test_now_ms();
	s->clients.context.now_ms = s->now_ms;
	for (int i = 0; i < n; i++)
		soak_client_on_ready(events[i].data.ptr);
	soak_publisher_turn(&s->publisher, s->now_ms);
	client_pool_turn(&s->clients, s->now_ms);
	fault_injector_turn(&s->injector, s->now_ms, faults);
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
	return fault_injector_is_over(&s->injector) &&
	       soak_publisher_is_up(&s->publisher) &&
	       soak_publisher_is_settled(&s->publisher);
}

static bool is_complete(struct soak *s)
{
	return soak_publisher_is_settled(&s->publisher) &&
	       client_pool_n_behind(&s->clients) == 0;
}

static void complete(struct soak *s)
{
	fault_injector_heal(&s->injector);
	s->publisher.rate = 0;
	if (!turn_until(s, is_settled, SETTLE_MS))
		fail_msg("%" PRIu64 " messages are not acknowledged",
			 s->publisher.next - s->publisher.head);
	soak_report_log(&s->report, "healed, and all is acknowledged");
	for (unsigned i = 0; i < s->expected.n_subjects; i++)
		soak_publisher_one(&s->publisher, i);
	client_pool_calm(&s->clients);
	if (!turn_until(s, is_complete, PATIENT_MS)) {
		soak_report_log(&s->report,
				"%u clients are behind and come anew",
				client_pool_n_behind(&s->clients));
		client_pool_hasten(&s->clients);
		if (!turn_until(s, is_complete, SETTLE_MS))
			client_pool_judge(&s->clients);
	}
	soak_report_log(&s->report, "%u clients are not at the end",
			client_pool_n_behind(&s->clients));
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
	soak_publisher_ask_consumers(&s->publisher);
	now = resource_usage_now(&s->usage);
	return now.consumers == GATEWAYS && now.fds <= s->usage.first.fds &&
	       now.threads == s->usage.first.threads &&
	       gateway_proc_metric(&s->gateways[0].proc,
				   "sluice_connections") ==
		       1; /* the request itself */
}

static void empty(struct soak *s)
{
	struct level now;

	client_pool_leave(&s->clients);
	if (!turn_until(s, is_empty, EMPTY_MS)) {
		now = resource_usage_now(&s->usage);
		soak_report_violation(
			&s->report, VIOLATION_LEVEL,
			"empty again: %g connections, %d descriptors (%d "
			"at the start), %d threads (%d), %d consumers",
			gateway_proc_metric(&s->gateways[0].proc,
					    "sluice_connections") -
				1,
			now.fds, s->usage.first.fds, now.threads,
			s->usage.first.threads, now.consumers);
	}
	for (size_t i = 0; i < GATEWAYS; i++)
		gateway_proc_stop(&s->gateways[i].proc);
}

static void everything_comes_once(void **state)
{
	struct soak *s = *state;
	uint64_t end = test_now_ms() + (uint64_t)options.seconds * 1000;

	while (s->now_ms < end) {
		turn(s, true);
		resource_usage_turn(&s->usage, s->now_ms);
	}
	complete(s);
	resource_usage_judge(&s->usage);
	empty(s);
	assert_true(s->report.events > 0 && s->report.faults > 0);
	assert_int_equal(soak_report_violations(&s->report), 0);
}

/* ---- figures ------------------------------------------------------------- */

static void say_figures(const struct soak *s)
{
	const struct soak_report *t = &s->report;
	const struct resource_usage *l = &s->usage;
	uint64_t others = soak_report_violations(t) -
			  t->violations[VIOLATION_LOST] -
			  t->violations[VIOLATION_DOUBLED] -
			  t->violations[VIOLATION_DISORDERED];

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
		t->violations[VIOLATION_LOST], t->violations[VIOLATION_DOUBLED],
		t->violations[VIOLATION_DISORDERED], others);
	fprintf(stderr,
		"late %u s at most; RSS %zu/%zu KiB (start/max), descriptors "
		"%d/%d, threads %d/%d, consumers at most %d; the server ended "
		"by itself %" PRIu64 " times; seed %" PRIu64 "\n",
		t->late_s, l->first.rss_kib, l->max.rss_kib, l->first.fds,
		l->max.fds, l->first.threads, l->max.threads, l->max.consumers,
		s->injector.n_by_itself, options.seed);
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
