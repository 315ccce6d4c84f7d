#include "resource_usage.h"

#include <stdio.h>
#include <stdlib.h>

static int n_threads(const struct soak_gateway *g)
{
	char path[64], line[256];
	int n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)g->proc.pid);
	f = fopen(path, "r");
	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "Threads: %d", &n) == 1)
			break;
	}
	fclose(f);
	return n;
}

struct level resource_usage_now(const struct resource_usage *l)
{
	/* The connections first: what comes meanwhile counts as a descriptor
	 * too many, and not as one too few. */
	double conns =
		gateway_proc_metric(&l->gateway->proc, "sluice_connections");

	return (struct level){
		.rss_kib = gateway_proc_rss_kib(&l->gateway->proc),
		.fds = (int)gateway_proc_fds(&l->gateway->proc) - (int)conns,
		.threads = n_threads(l->gateway),
		.consumers = l->publisher->consumers,
	};
}

void resource_usage_start(struct resource_usage *l)
{
	/* The request itself may still hold a descriptor: the least of some. */
	l->first = resource_usage_now(l);
	for (int i = 0; i < 10; i++) {
		struct level s = resource_usage_now(l);

		if (s.fds < l->first.fds)
			l->first = s;
	}
}

void resource_usage_finish(struct resource_usage *l)
{
	free(l->samples);
	l->samples = NULL;
}

static int max_int(int a, int b)
{
	return a > b ? a : b;
}

static void raise_to(struct level *max, const struct level *s)
{
	if (s->rss_kib > max->rss_kib)
		max->rss_kib = s->rss_kib;
	max->fds = max_int(max->fds, s->fds);
	max->threads = max_int(max->threads, s->threads);
	max->consumers = max_int(max->consumers, s->consumers);
}

static void take(struct resource_usage *l)
{
	struct level s = resource_usage_now(l);

	if (l->n == l->cap) {
		l->cap = l->cap == 0 ? 64 : l->cap * 2;
		l->samples = realloc(l->samples, l->cap * sizeof(*l->samples));
		if (l->samples == NULL)
			abort();
	}
	l->samples[l->n++] = s;
	raise_to(&l->max, &s);
	if (s.fds > l->first.fds + RESOURCE_USAGE_SLACK_FDS)
		soak_report_violation(
			l->report, VIOLATION_LEVEL,
			"%d descriptors beside the connections, %d at the "
			"start",
			s.fds, l->first.fds);
	if (s.consumers > l->max_consumers)
		soak_report_violation(l->report, VIOLATION_LEVEL,
				      "%d consumers, not %d", s.consumers,
				      l->max_consumers);
}

void resource_usage_turn(struct resource_usage *l, uint64_t now_ms)
{
	if (now_ms < l->next_ms)
		return;
	l->next_ms = now_ms + l->every_ms;
	take(l);
	soak_publisher_ask_consumers(l->publisher);
}

/* The maxima of a quarter of what is behind the first fifth. */
static struct level quarter(const struct resource_usage *l, unsigned which)
{
	size_t warm = l->n / 5, rest = l->n - warm;
	struct level max = {0};

	for (size_t i = warm + rest * which / 4;
	     i < warm + rest * (which + 1) / 4; i++)
		raise_to(&max, &l->samples[i]);
	return max;
}

void resource_usage_judge(struct resource_usage *l)
{
	struct level second = quarter(l, 1), last = quarter(l, 3);
	size_t bound = second.rss_kib +
		       second.rss_kib * RESOURCE_USAGE_SLACK_PERCENT / 100 +
		       RESOURCE_USAGE_SLACK_KIB;

	soak_report_log(
		l->report,
		"quarters: RSS %zu %zu %zu %zu KiB, descriptors %d %d %d %d, "
		"threads %d %d %d %d, consumers %d %d %d %d",
		quarter(l, 0).rss_kib, second.rss_kib, quarter(l, 2).rss_kib,
		last.rss_kib, quarter(l, 0).fds, second.fds, quarter(l, 2).fds,
		last.fds, quarter(l, 0).threads, second.threads,
		quarter(l, 2).threads, last.threads, quarter(l, 0).consumers,
		second.consumers, quarter(l, 2).consumers, last.consumers);
	if (l->next_ms - l->report->start_ms >= RESOURCE_USAGE_RSS_FROM_MS &&
	    last.rss_kib > bound)
		soak_report_violation(
			l->report, VIOLATION_LEVEL,
			"%zu KiB resident in the last quarter, %zu in the "
			"second",
			last.rss_kib, second.rss_kib);
	if (last.threads > l->first.threads)
		soak_report_violation(
			l->report, VIOLATION_LEVEL,
			"%d threads in the last quarter, %d at the start",
			last.threads, l->first.threads);
}
