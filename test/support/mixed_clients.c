#include "mixed_clients.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_clock.h"

enum {
	STAY_MS = 400,
	HISTORY = 4000,
	END_MS = 60000,
	RCVBUF = 16384,
	MAXSEG = 1000,
	FLOOD_PUBLISHER_MS = 30000
};

#define LAST_NUMBER "99999999999" /* behind the flood's */

/* ---- what comes ---------------------------------------------------------- */

static void add_item(struct mixed_clients_items *items, uint64_t seq,
		     uint64_t number)
{
	if (items->n == items->cap) {
		items->cap = items->cap * 2 + 256;
		items->at = realloc(items->at, items->cap * sizeof(*items->at));
		assert_non_null(items->at);
	}
	items->at[items->n++] =
		(struct mixed_clients_item){.seq = seq, .number = number};
}

static void wrong(struct mixed_client *c, const char *what, const char *id,
		  const char *data)
{
	if (c->wrong[0] != '\0')
		return;
	snprintf(c->wrong, sizeof(c->wrong),
		 "%s: id \"%s\", covered %" PRIu64 ", data \"%.64s\"", what, id,
		 c->covered, data);
}

static void take_tag(struct mixed_client *c, const char *id, const char *data,
		     bool reset)
{
	const char *tag = strchr(id, '-');

	if (tag == NULL || strlen(tag) >= sizeof(c->tag))
		wrong(c, "no tag", id, data);
	else if (c->tag[0] != '\0' && !reset && strcmp(c->tag, tag) != 0)
		wrong(c, "another stream without a reset", id, data);
	else
		strcpy(c->tag, tag);
}

static void take_gap(struct mixed_client *c, const struct sse_event *ev)
{
	bool reset = strstr(ev->data, "\"reset\"") != NULL;
	uint64_t seq = sse_id_seq(ev->id), after = 0, first = 0;
	const char *numbers = strstr(ev->data, "\"after\"");

	take_tag(c, ev->id, ev->data, reset);
	if (numbers == NULL ||
	    sscanf(numbers, "\"after\": %" SCNu64 ", \"first\": %" SCNu64,
		   &after, &first) != 2 ||
	    first != seq + 1)
		wrong(c, "a gap's numbers", ev->id, ev->data);
	if (after < c->covered)
		wrong(c, "a gap over what came", ev->id, ev->data);
	if (!reset && first <= after + 1)
		wrong(c, "a gap of nothing", ev->id, ev->data);
	c->expired += !reset;
	c->resets += reset;
	c->covered = c->from = seq;
	add_item(&c->got, seq, 0);
}

static void on_event(void *arg, const struct sse_event *ev)
{
	struct mixed_client *c = arg;
	uint64_t seq = sse_id_seq(ev->id);

	if (strcmp(ev->type, "gap") == 0) {
		take_gap(c, ev);
		return;
	}
	if (sse_event_is_ping(ev)) {
		if (ev->id[0] == '\0' || strchr(ev->id, '-') == NULL)
			return; /* none yet, or the client's own without tag */
		if (seq < c->covered)
			wrong(c, "a ping that goes back", ev->id, ev->data);
	} else {
		if (seq <= c->covered)
			wrong(c, "it came before", ev->id, ev->data);
		add_item(&c->got, seq, strtoull(ev->data, NULL, 10));
	}
	take_tag(c, ev->id, ev->data, false);
	c->covered = seq;
}

/* ---- which clients ------------------------------------------------------- */

/* The first id of a connection, of its opening block: what came until then was
 * kept, and is taken in now. */
static void take_opening(struct mixed_client *c)
{
	const char *at = strstr(bytes_text(&c->sse.body), "\nid: ");
	uint64_t seq;

	if (c->sse.sink != NULL || at == NULL || strchr(at + 1, '\n') == NULL)
		return;
	seq = sse_id_seq(at + strlen("\nid: "));
	if (c->opened && seq != c->covered)
		wrong(c, "not the cursor that it resumed with", at + 5, "");
	if (!c->opened && c->query == NULL)
		c->from = c->covered = seq;
	c->opened = true;
	c->sse.sink = on_event;
	c->sse.sink_arg = c;
	for (size_t i = 0; i < c->sse.n_events; i++)
		on_event(c, &c->sse.events[i]);
}

static void connect_client(struct mixed_clients *w, struct mixed_client *c,
			   const char *query, const char *cursor)
{
	char id[16];

	snprintf(id, sizeof(id), "u%u", c->subject);
	c->sse = (struct sse_client){
		.fd = -1,
		.rcvbuf = c->mode == MIXED_CLIENTS_SLOW ? RCVBUF : 0,
		.maxseg = c->mode == MIXED_CLIENTS_SLOW ? MAXSEG : 0,
	};
	c->open_ms = test_now_ms();
	if (cursor != NULL)
		sse_client_resume(&c->sse, w->e2e->gw.address, id, cursor);
	else
		sse_client_stream(&c->sse, w->e2e->gw.address, id, query);
	take_opening(c); /* more than the head may have come */
}

void mixed_clients_add(struct mixed_clients *w, enum mixed_clients_mode mode,
		       unsigned subject, const char *query, const char *cursor)
{
	struct mixed_client *c = &w->clients[w->n++];

	assert_true(w->n <= MIXED_CLIENTS_MAX);
	*c = (struct mixed_client){.subject = subject,
				   .mode = mode,
				   .query = query,
				   .cursor = cursor};
	connect_client(w, c, query, cursor);
}

void mixed_clients_gather(struct mixed_clients *w)
{
	static const char *const cursors[] = {"1000", "2000", "3000"};

	for (unsigned mode = 0; mode < 3; mode++) {
		mixed_clients_add(w, mode, mode, NULL, NULL);
		mixed_clients_add(w, mode, mode + 1, "deliver=all", NULL);
		mixed_clients_add(w, mode, mode + 2, NULL, cursors[mode]);
	}
}

void mixed_clients_flood(struct mixed_clients *w, struct e2e *f, unsigned rate)
{
	*w = (struct mixed_clients){.e2e = f};
	w->flood = flood_publisher_start(f->nats.port, MIXED_CLIENTS_SUBJECTS,
					 rate);
	flood_publisher_wait(w->flood, HISTORY);
}

static void go_and_come(struct mixed_clients *w, struct mixed_client *c)
{
	char id[64];

	snprintf(id, sizeof(id), "%s", sse_client_last_id(&c->sse));
	sse_client_close(&c->sse);
	connect_client(w, c, c->query, c->opened ? id : c->cursor);
}

static void turn(struct mixed_clients *w, int timeout_ms, bool all)
{
	struct pollfd ps[MIXED_CLIENTS_MAX];

	for (size_t i = 0; i < w->n; i++) {
		const struct mixed_client *c = &w->clients[i];
		bool reads = all || c->mode != MIXED_CLIENTS_SLOW || !c->opened;

		ps[i] = (struct pollfd){.fd = reads && !c->sse.eof ? c->sse.fd
								   : -1,
					.events = POLLIN};
	}
	if (poll(ps, w->n, timeout_ms) <= 0)
		return;
	for (size_t i = 0; i < w->n; i++) {
		struct mixed_client *c = &w->clients[i];

		if (ps[i].revents == 0)
			continue;
		sse_client_step(&c->sse, 0);
		take_opening(c);
	}
}

void mixed_clients_read(struct mixed_clients *w, int ms)
{
	uint64_t deadline = test_now_ms() + (uint64_t)ms;
	int left;

	while ((left = test_ms_left(deadline)) > 0) {
		turn(w, left < 20 ? left : 20, false);
		for (size_t i = 0; i < w->n; i++) {
			struct mixed_client *c = &w->clients[i];

			if (c->mode == MIXED_CLIENTS_RESTLESS &&
			    test_now_ms() - c->open_ms > STAY_MS)
				go_and_come(w, c);
		}
	}
}

void mixed_clients_read_until(struct mixed_clients *w, uint64_t sent)
{
	uint64_t deadline = test_deadline_ms(END_MS);

	while (flood_publisher_sent(w->flood) < sent) {
		if (test_now_ms() > deadline)
			fail_msg("the flood stands still");
		mixed_clients_read(w, 20);
	}
}

void mixed_clients_purged(struct mixed_clients *w)
{
	assert_true(w->n_points < MIXED_CLIENTS_POINTS);
	w->points[w->n_points++] =
		(uint64_t)e2e_stream_number(w->e2e, "state.first_seq");
}

/* ---- the end ------------------------------------------------------------- */

static void complain(const struct mixed_clients *w,
		     const struct mixed_client *c, const char *what, uint64_t a,
		     uint64_t b)
{
	fail_msg("client %zu of u%u (temper %d, %s, %s), %zu events, from "
		 "%" PRIu64 ", covered %" PRIu64 ", %u expired, %u resets, "
		 "eof %d, framing \"%s\": %s (%" PRIu64 ", %" PRIu64 ")",
		 (size_t)(c - w->clients), c->subject, (int)c->mode,
		 c->query ? c->query : "new", c->cursor ? c->cursor : "-",
		 c->got.n, c->from, c->covered, c->expired, c->resets,
		 (int)c->sse.eof, c->sse.bad, what, a, b);
}

static bool is_purged(const struct mixed_clients *w, uint64_t from, uint64_t to)
{
	for (size_t i = 0; i < w->n_points; i++) {
		if (from < w->points[i] && w->points[i] <= to)
			return true;
	}
	return false;
}

static bool is_last(const struct mixed_clients_item *i)
{
	return i->number == strtoull(LAST_NUMBER, NULL, 10);
}

/* Each number is the one before and one, but over a gap. */
static void check_numbers(const struct mixed_clients *w,
			  const struct mixed_client *c)
{
	for (size_t i = 1; i < c->got.n; i++) {
		const struct mixed_clients_item *a = &c->got.at[i - 1],
						*b = a + 1;

		if (a->number == 0 || b->number == 0 ||
		    b->number == a->number + 1 || is_last(b))
			continue;
		if (b->number <= a->number ||
		    (!w->lossy && !is_purged(w, a->seq, b->seq)))
			complain(w, c, "a hole in its numbers", a->seq, b->seq);
	}
}

/* What the stream holds, by subject. */
struct truth {
	struct mixed_clients_items of[MIXED_CLIENTS_SUBJECTS];
};

static void on_stored(void *arg, unsigned long long seq, const char *subject,
		      const char *data, size_t len)
{
	struct truth *t = arg;
	size_t i = strtoul(subject + strlen("events.u"), NULL, 10);

	assert_true(i < MIXED_CLIENTS_SUBJECTS && len > 0);
	add_item(&t->of[i], seq, strtoull(data, NULL, 10));
}

/* Everything stored behind `from` was got, each at its place. What was got and
 * is no longer stored is all right if the test has deleted it. */
static void check_stored(const struct mixed_clients *w,
			 const struct mixed_client *c,
			 const struct mixed_clients_items *stored)
{
	size_t i = c->got.n, j = 0;

	while (i > 0 && c->got.at[i - 1].number != 0)
		i--; /* the last gap, or the begin */
	while (j < stored->n && stored->at[j].seq <= c->from)
		j++;
	for (; j < stored->n; i++, j++) {
		const struct mixed_clients_item *want = &stored->at[j];

		for (; i < c->got.n && c->got.at[i].seq < want->seq; i++) {
			if (!w->lossy &&
			    !is_purged(w, c->got.at[i].seq, want->seq))
				complain(w, c, "it got what is not stored",
					 c->got.at[i].seq, want->seq);
		}
		if (i == c->got.n || c->got.at[i].seq != want->seq)
			complain(w, c, "it never got what is stored", want->seq,
				 stored->n);
		if (c->got.at[i].number != want->number)
			complain(w, c, "it got another's message", want->seq,
				 want->number);
	}
	if (i != c->got.n)
		complain(w, c, "it got more than is stored", c->got.at[i].seq,
			 0);
}

static bool has_got_last(const struct mixed_client *c)
{
	return c->got.n > 0 && is_last(&c->got.at[c->got.n - 1]);
}

static void read_to_the_end(struct mixed_clients *w)
{
	uint64_t deadline;
	size_t i = 0;

	for (unsigned s = 0; s < MIXED_CLIENTS_SUBJECTS; s++) {
		char id[16];

		snprintf(id, sizeof(id), "u%u", s);
		e2e_publish(w->e2e, id, LAST_NUMBER);
	}
	deadline = test_deadline_ms(END_MS);
	while (i < w->n) {
		struct mixed_client *c = &w->clients[i];

		if (has_got_last(c)) {
			i++;
			continue;
		}
		if (c->sse.eof || test_now_ms() > deadline)
			complain(w, c, "it never got the last", 0, 0);
		turn(w, 100, true);
	}
}

void mixed_clients_check(struct mixed_clients *w)
{
	struct flood_publisher *flood = w->flood;
	struct truth truth = {0};

	w->flood = NULL;
	if (!flood_publisher_stop(flood, FLOOD_PUBLISHER_MS))
		fail_msg("the server never took all of the flood");
	read_to_the_end(w);
	nats_admin_read(w->e2e->admin, "Events", "events.*", on_stored, &truth);
	for (size_t i = 0; i < w->n; i++) {
		const struct mixed_client *c = &w->clients[i];

		if (c->wrong[0] != '\0' || c->sse.bad[0] != '\0')
			complain(w, c, c->wrong, 0, 0);
		check_stored(w, c, &truth.of[c->subject]);
		check_numbers(w, c);
	}
	for (unsigned s = 0; s < MIXED_CLIENTS_SUBJECTS; s++)
		free(truth.of[s].at);
}

void mixed_clients_close(struct mixed_clients *w)
{
	struct flood_publisher *flood = w->flood;

	for (size_t i = 0; i < w->n; i++) {
		sse_client_close(&w->clients[i].sse);
		free(w->clients[i].got.at);
	}
	*w = (struct mixed_clients){0};
	flood_publisher_stop(flood, 0);
}

unsigned mixed_clients_resets(const struct mixed_clients *w)
{
	unsigned n = 0;

	for (size_t i = 0; i < w->n; i++)
		n += w->clients[i].resets;
	return n;
}

unsigned mixed_clients_expired(const struct mixed_clients *w)
{
	unsigned n = 0;

	for (size_t i = 0; i < w->n; i++)
		n += w->clients[i].expired;
	return n;
}
