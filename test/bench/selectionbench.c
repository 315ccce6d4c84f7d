/* What selections cost the gateway, without sockets and without NATS: the hub
 * alone, on one core.
 *
 *	selectionbench [SUBSCRIPTIONS [FRAMES]]
 *
 * SUBSCRIPTIONS (100,000) selections `events.<id>.>`, all different, are
 *opened; messages of subjects that one of them matches, and that none does, are
 * stored; then SUBSCRIPTIONS / 10 of one broad selection resume from a buffer
 * with FRAMES (20,000) messages. */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "delivery/hub.h"
#include "fake_jetstream.h"
#include "jetstream_events.h"
#include "readable_of.h"

struct bench {
	struct fake_jetstream js;
	struct metrics metrics;
	struct hub *hub;
	struct readable *readable;
	struct request_id consumer; /* the tail's */
	uint64_t seq;
	uint64_t cseq;
	struct cursor *cursors;
	size_t n;
};

static uint64_t events;

static ssize_t on_write(struct cursor *c, const struct iovec *header,
			const struct iovec *iov, int n)
{
	size_t len = 0;

	(void)c;
	(void)header;
	for (int i = 0; i < n; i++)
		len += iov[i].iov_len;
	return (ssize_t)len;
}

static int on_hold(struct cursor *c, const void *bytes, size_t len)
{
	(void)c;
	(void)bytes;
	(void)len;
	return 0;
}

static void on_done(struct cursor *c)
{
	(void)c;
}

static const struct hub_sink sink = {.write = on_write,
				     .hold = on_hold,
				     .done = on_done};

/* Of the processor: other programs run beside this one. */
static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static size_t heap_bytes(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

/* ---- the hub, live ------------------------------------------------------- */

static void send_event(struct bench *b, struct jetstream_event ev)
{
	hub_on_event(b->hub, &ev, 1000);
}

/* Skips the requests before it. */
static struct request_id next_request(struct bench *b,
				      enum fake_request_kind kind)
{
	while (requests_unread(&b->js) > 0) {
		const struct fake_request *r = &b->js.requests[b->js.read++];

		if (r->kind == kind)
			return r->request;
	}
	fprintf(stderr, "the hub has sent no request %d\n", kind);
	exit(1);
}

static void begin(struct bench *b, size_t n)
{
	struct hub_config cfg = {.buffer_size = 64 << 20,
				 .max_replays = 4,
				 .retry_ms = 3000};
	const char *why;

	memset(b, 0, sizeof(*b));
	b->n = n;
	b->cursors = calloc(n, sizeof(*b->cursors));
	MUST(b->cursors != NULL);
	MUST(subject_template_parse(&cfg.subject, "own.{id}", &why) == 0);
	cfg.readable = b->readable = readable_of(">");
	fake_jetstream_init(&b->js);
	MUST(hub_new(&b->hub, &cfg, &b->js.source, &sink, &b->metrics) == 0);
	send_event(b, event_up());
	send_event(b,
		   event_info(next_request(b, REQUEST_INFO), "created", 1, 0));
	b->consumer = next_request(b, REQUEST_CREATE);
	send_event(b, event_created(b->consumer));
	send_event(b,
		   event_info(next_request(b, REQUEST_INFO), "created", 1, 0));
	next_request(b, REQUEST_PULL);
}

static void end(struct bench *b)
{
	for (size_t i = 0; i < b->n; i++)
		hub_close(b->hub, &b->cursors[i], 1000);
	hub_free(b->hub);
	fake_jetstream_finish(&b->js);
	readable_unref(b->readable);
	free(b->cursors);
}

static void open_pattern(struct bench *b, size_t i, const char *pattern,
			 enum cursor_start start)
{
	struct rights_selection s = {.n_patterns = 1};
	char id[16];
	struct hub_open open = {.id = id,
				.selection = &s,
				.start = start,
				.text = "0",
				.chunked = true};

	s.patterns[0] = span_of(pattern);
	open.id_len = (size_t)snprintf(id, sizeof(id), "u%zu", i);
	MUST(hub_open(b->hub, &b->cursors[i], &open, 1000) == 0);
}

static void store(struct bench *b, const char *subject)
{
	static const char payload[129] = "0123456789abcdef0123456789abcdef01234"
					 "56789abcdef0123456789abcdef"
					 "0123456789abcdef0123456789abcdef01234"
					 "56789abcdef0123456789abcde";

	send_event(b, event_message(b->consumer, ++b->seq, ++b->cseq, subject,
				    payload));
	b->js.read = b->js.n_requests; /* pulls */
}

static void flush_all(struct bench *b)
{
	while (hub_flush(b->hub, 1000, 1000))
		;
}

/* ---- the figures --------------------------------------------------------- */

static void bench_different(size_t n)
{
	struct bench b;
	char text[64];
	size_t before;
	double from, per;

	begin(&b, n);
	before = heap_bytes();
	from = now_us();
	for (size_t i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "events.u%zu.>", i);
		open_pattern(&b, i, text, START_NEW);
	}
	per = (now_us() - from) / (double)n;
	flush_all(&b);
	printf("open: %.2f us each, %zu selections\n", per, n);
	printf("heap: %zu bytes each beside a cursor of %zu\n",
	       (heap_bytes() - before) / n, sizeof(struct cursor));
	from = now_us();
	for (size_t i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "other.x%zu.y", i);
		store(&b, text);
	}
	printf("message on a new subject that none matches: %.2f us\n",
	       (now_us() - from) / (double)n);
	from = now_us();
	for (size_t i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "events.u%zu.y", i);
		store(&b, text);
	}
	printf("message on a new subject that one matches: %.2f us\n",
	       (now_us() - from) / (double)n);
	from = now_us();
	flush_all(&b);
	printf("its delivery: %.2f us\n", (now_us() - from) / (double)n);
	end(&b);
}

static void bench_broad(size_t n, size_t frames, const char *pattern,
			const char *what)
{
	struct bench b;
	char text[64];
	double from;

	begin(&b, n);
	for (size_t i = 0; i < frames; i++) {
		snprintf(text, sizeof(text), "events.u%zu.%s", i % 1000,
			 i % 100 == 0 ? "rare" : "often");
		store(&b, text);
	}
	flush_all(&b);
	from = now_us();
	for (size_t i = 0; i < n; i++)
		open_pattern(&b, i, pattern, START_RESUME);
	flush_all(&b);
	for (size_t i = 0; i < n; i++)
		events += b.cursors[i].events;
	printf("%zu subscriptions of one %s selection resume from %zu frames: "
	       "%.3f s, %" PRIu64 " events\n",
	       n, what, frames, (now_us() - from) / 1e6, events);
	events = 0;
	end(&b);
}

int main(int argc, char **argv)
{
	size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
	size_t frames = argc > 2 ? strtoul(argv[2], NULL, 10) : 20000;

	bench_different(n);
	bench_broad(n / 10, frames, "events.*.rare", "narrow");
	bench_broad(n / 10, frames / 20, "events.>", "broad");
	return 0;
}
