/* Opens many subscriptions and measures what they receive.
 *
 *	ssebench --url http://127.0.0.1:8080/api/v1/events \
 *		--header 'user_id: {id}' --mode read \
 *		--subscriptions 1000 --ids 1 --events 1000
 *
 * The caller does the rest, for example the publishing. Therefore the program
 * writes a word on a line of its standard output when it reaches a step, and
 * waits for a line on its standard input where the caller has to act. The
 *modes:
 *
 *	connect  opens all, ends
 *	churn    opens --subscriptions and closes each at once, ends
 *	hold     opens all, writes "ready", stays open until a line is read or
 *		 --seconds are over
 *	read     opens all, writes "ready", reads until each has --events, a
 *		 line is read or --seconds are over
 *	resume   opens all, writes "ready", reads --before events for each,
 *		 closes all, writes "dropped", waits for a line, resumes all
 *		 after their last event ids, reads until each has --events
 *
 * Then the result is written to standard output as text, and to --json as JSON.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report.h"
#include "subscriptions.h"

enum { SECOND_NS = 1000000000, TURN_MS = 100 };

static struct {
	const char *url, *mode, *json;
	struct args_list headers;
	uint64_t subscriptions, ids, first_id, in_flight, sources, first_source;
	uint64_t events, before, first, warm_up, stalled;
	uint64_t seconds_ns, open_ns;
	bool quiet;
} options = {.mode = "read",
	     .subscriptions = 1,
	     .ids = 1,
	     .in_flight = 64,
	     .sources = 8,
	     .first_source = 1,
	     .open_ns = 120ULL * SECOND_NS,
	     .seconds_ns = 60ULL * SECOND_NS};

static const struct arg table[] = {
	{"url", ARG_TEXT, &options.url, "of the request; {id}: the identity"},
	{"header", ARG_LIST, &options.headers, "line of the request head"},
	{"mode", ARG_TEXT, &options.mode, "connect churn hold read resume"},
	{"subscriptions", ARG_NUMBER, &options.subscriptions, "number"},
	{"ids", ARG_NUMBER, &options.ids, "number of identities"},
	{"first-id", ARG_NUMBER, &options.first_id,
	 "number of the first identity"},
	{"in-flight", ARG_NUMBER, &options.in_flight, "concurrent requests"},
	{"sources", ARG_NUMBER, &options.sources, "number of source addresses"},
	{"first-source", ARG_NUMBER, &options.first_source,
	 "x of the first, 127.0.0.x"},
	{"events", ARG_NUMBER, &options.events,
	 "for each subscription, in all"},
	{"before", ARG_NUMBER, &options.before,
	 "resume: events before the close"},
	{"first", ARG_NUMBER, &options.first, "number of the first event"},
	{"warm-up", ARG_NUMBER, &options.warm_up,
	 "number of the last event without a latency"},
	{"stalled", ARG_NUMBER, &options.stalled,
	 "subscriptions that do not read"},
	{"seconds", ARG_SECONDS, &options.seconds_ns, "time limit"},
	{"open-seconds", ARG_SECONDS, &options.open_ns,
	 "time limit to open all"},
	{"json", ARG_TEXT, &options.json, "file for the result"},
	{"quiet", ARG_FLAG, &options.quiet, "no progress"},
	{0}};

struct bench {
	struct subscriptions subscriptions;
	bool has_line; /* on standard input */
	bool timed_out;
	uint64_t begun_ns;
	uint64_t next_line_ns;
	uint64_t events_before; /* at the last line of progress */
	uint64_t resume_ns;	/* from the first connect to the last event */
};

typedef bool (*bench_done)(struct bench *b);

/* ---- progress ------------------------------------------------------------ */

static void print_progress(struct bench *b, uint64_t now)
{
	const struct subscriptions *s = &b->subscriptions;
	const struct subscriptions_counts *c = &s->counts;

	fprintf(stderr,
		"%4.0f s  open %u/%u failed %llu ended %llu  events %llu "
		"(+%llu)  wrong %llu  %s\n",
		(double)(now - b->begun_ns) / SECOND_NS, s->n_open, s->cfg.n,
		(unsigned long long)c->failed, (unsigned long long)c->ended,
		(unsigned long long)c->events,
		(unsigned long long)(c->events - b->events_before),
		(unsigned long long)(c->missing + c->duplicates +
				     c->disordered),
		report_percentiles(s->latency.n > 0 ? &s->latency : &s->setup));
	b->events_before = c->events;
}

static void progress(struct bench *b)
{
	uint64_t now = stamp_now();

	if (options.quiet || now < b->next_line_ns)
		return;
	if (b->next_line_ns != 0)
		print_progress(b, now);
	b->next_line_ns = now + SECOND_NS;
}

static void print_step(const char *word)
{
	puts(word);
	fflush(stdout);
}

/* ---- waiting ------------------------------------------------------------- */

static void read_line(struct bench *b)
{
	char line[64];

	if (!b->has_line || read(STDIN_FILENO, line, sizeof(line)) > 0)
		return;
	/* End of file: the caller has ended. */
	exit(1);
}

static void run_until(struct bench *b, bench_done done, uint64_t limit_ns)
{
	uint64_t deadline = stamp_now() + limit_ns;

	while (!done(b) && !b->timed_out) {
		subscriptions_run_once(&b->subscriptions, TURN_MS);
		read_line(b);
		progress(b);
		if (stamp_now() > deadline)
			b->timed_out = true;
	}
}

static bool are_open(struct bench *b)
{
	return subscriptions_are_open(&b->subscriptions);
}

static bool has_line(struct bench *b)
{
	return b->has_line;
}

static bool are_done(struct bench *b)
{
	return b->has_line || (b->subscriptions.goal > 0 &&
			       subscriptions_are_done(&b->subscriptions));
}

/* ---- modes --------------------------------------------------------------- */

static void open_all(struct bench *b)
{
	subscriptions_open(&b->subscriptions);
	run_until(b, are_open, options.open_ns);
	print_step("ready");
}

static void run_connect(struct bench *b)
{
	open_all(b);
}

static void run_hold(struct bench *b)
{
	open_all(b);
	run_until(b, has_line, options.seconds_ns);
	b->timed_out = false;
}

static void run_read(struct bench *b)
{
	subscriptions_expect(&b->subscriptions, (uint32_t)options.events);
	open_all(b);
	run_until(b, are_done, options.seconds_ns);
	if (options.events == 0)
		b->timed_out = false;
}

static void run_resume(struct bench *b)
{
	struct subscriptions *s = &b->subscriptions;

	subscriptions_expect(s, (uint32_t)options.before);
	open_all(b);
	run_until(b, are_done, options.seconds_ns);
	subscriptions_close(s);
	b->has_line = false;
	print_step("dropped");
	run_until(b, has_line, options.seconds_ns);
	b->has_line = false;
	memset(&s->setup, 0, sizeof(s->setup));
	subscriptions_expect(s, (uint32_t)options.events);
	subscriptions_open(s);
	run_until(b, are_done, options.seconds_ns);
	b->resume_ns = s->last_event_ns - s->begun_ns;
}

static const struct {
	const char *name;
	void (*run)(struct bench *b);
	bool close_at_once;
} modes[] = {{"connect", run_connect, false}, {"churn", run_connect, true},
	     {"hold", run_hold, false},	      {"read", run_read, false},
	     {"resume", run_resume, false},   {0}};

/* ---- the result ---------------------------------------------------------- */

static double rate(uint64_t n, uint64_t ns)
{
	return ns == 0 ? 0 : (double)n * SECOND_NS / (double)ns;
}

static void set_count(json_t *to, const char *name, uint64_t n)
{
	json_object_set_new(to, name, json_integer((json_int_t)n));
}

static void set_real(json_t *to, const char *name, double value)
{
	json_object_set_new(to, name, json_real(value));
}

/* Missing events, including those after the last one received. */
static uint64_t count_missing(const struct subscriptions *s)
{
	uint64_t missing = s->counts.missing;

	for (unsigned i = s->cfg.n_stalled; i < s->cfg.n; i++) {
		uint64_t next = s->all[i].next;
		uint64_t last = (next == 0 ? 1 : next) - 1;

		if (options.first == 1 && s->goal > last)
			missing += s->goal - last;
	}
	return missing;
}

static void set_counts(json_t *to, const struct subscriptions *s)
{
	const struct subscriptions_counts *c = &s->counts;

	set_count(to, "opened", c->opened);
	set_count(to, "failed", c->failed);
	set_count(to, "ended", c->ended);
	set_count(to, "last_status", (uint64_t)s->last_status);
	json_object_set_new(to, "last_error",
			    json_string(s->last_error == 0
						? ""
						: strerror(s->last_error)));
	set_count(to, "events", c->events);
	set_count(to, "pings", c->pings);
	set_count(to, "gaps", c->gaps);
	set_count(to, "others", c->others);
	set_count(to, "bytes", c->bytes);
	set_count(to, "missing", count_missing(s));
	set_count(to, "duplicates", c->duplicates);
	set_count(to, "disordered", c->disordered);
}

/* Time from the first event's publishing to the last event; from the first
 * connect when the events were published before it. */
static uint64_t events_ns(const struct subscriptions *s)
{
	uint64_t from = s->first_stamp_ns > s->begun_ns ? s->first_stamp_ns
							: s->begun_ns;

	return s->counts.events == 0 ? 0 : s->last_event_ns - from;
}

static json_t *result_of(const struct bench *b)
{
	const struct subscriptions *s = &b->subscriptions;
	json_t *to = json_object();

	json_object_set_new(to, "mode", json_string(options.mode));
	set_count(to, "subscriptions", options.subscriptions);
	set_count(to, "ids", options.ids);
	json_object_set_new(to, "timed_out", json_boolean(b->timed_out));
	set_counts(to, s);
	set_real(to, "open_s", (double)(s->opened_ns - s->begun_ns) / 1e9);
	set_real(to, "connects_per_s",
		 rate(s->setup.n, s->opened_ns - s->begun_ns));
	set_real(to, "events_s", (double)events_ns(s) / 1e9);
	set_real(to, "events_per_s", rate(s->counts.events, events_ns(s)));
	set_real(to, "resume_s", (double)b->resume_ns / 1e9);
	json_object_set_new(to, "setup_ms", report_histogram(&s->setup));
	json_object_set_new(to, "latency_ms", report_histogram(&s->latency));
	json_object_set_new(to, "self", report_self());
	return to;
}

/* ---- start --------------------------------------------------------------- */

static void fail(const char *what)
{
	fprintf(stderr, "ssebench: %s\n", what);
	exit(2);
}

static void check_options(void)
{
	if (options.url == NULL)
		fail("--url is missing");
	if (options.subscriptions == 0 || options.subscriptions > 10000000 ||
	    options.ids == 0 || options.ids > options.subscriptions)
		fail("--subscriptions: 1 to 10000000; --ids: 1 to "
		     "--subscriptions");
	if (options.in_flight == 0 || options.sources == 0 ||
	    options.first_source == 0 ||
	    options.first_source + options.sources > 255)
		fail("--in-flight, --sources: 1 at least; the last address "
		     "is 127.0.0.254");
	if (options.events > UINT32_MAX ||
	    options.stalled > options.subscriptions)
		fail("--events or --stalled is too large");
}

static void start(struct bench *b, const struct target *target,
		  bool close_at_once)
{
	struct subscriptions_config cfg = {
		.target = target,
		.n = (unsigned)options.subscriptions,
		.n_ids = (unsigned)options.ids,
		.first_id = (unsigned)options.first_id,
		.in_flight = (unsigned)options.in_flight,
		.n_sources = (unsigned)options.sources,
		.first_source = (unsigned)options.first_source,
		.n_stalled = (unsigned)options.stalled,
		.close_at_once = close_at_once,
		.first = options.first,
		.warm_up = options.warm_up,
	};

	if (subscriptions_init(&b->subscriptions, &cfg) < 0)
		fail("out of memory");
	/* A terminal is not the driver: do not wait for its lines. */
	if (!isatty(STDIN_FILENO))
		(void)subscriptions_watch(&b->subscriptions, STDIN_FILENO,
					  &b->has_line);
	b->begun_ns = stamp_now();
}

int main(int argc, char **argv)
{
	static struct bench b;
	struct target target;
	size_t mode = 0;
	int rc;

	args_parse(table, argc, argv);
	check_options();
	if (target_init(&target, "GET", options.url, &options.headers) < 0)
		fail("--url: http://ADDRESS:PORT/PATH");
	while (modes[mode].name != NULL &&
	       strcmp(modes[mode].name, options.mode) != 0)
		mode++;
	if (modes[mode].name == NULL)
		fail("--mode: connect, churn, hold, read or resume");
	args_raise_descriptors();
	start(&b, &target, modes[mode].close_at_once);
	modes[mode].run(&b);
	rc = report_end(result_of(&b), options.json);
	subscriptions_finish(&b.subscriptions);
	return rc == 0 ? 0 : 1;
}
