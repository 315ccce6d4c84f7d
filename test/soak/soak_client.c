#include "soak_client.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_MAX = 64 * 1024 };

static void report_violation(struct soak_client *r, enum violation what,
			     const char *detail, uint64_t a, uint64_t b)
{
	soak_report_violation(
		r->context->report, what,
		"reader %u (subject %u, gateway %u, cursor %s, floor "
		"%" PRIu64 ", last %d): %s (%" PRIu64 ", %" PRIu64 ")",
		r->number, r->subject, r->gateway, r->cursor, r->floor,
		r->has_last ? (int)r->last : -1, detail, a, b);
}

/* ---- what may be missing ------------------------------------------------- */

static const struct expected_subject *mine(const struct soak_client *r)
{
	return &r->context->expected->subjects[r->subject];
}

/* A message that was skipped. Purged ones need a gap, and then lie at the
 * floor or below. */
static void count_skipped(struct soak_client *r, uint64_t seq, uint64_t counter)
{
	if (expected_messages_is_deleted(r->context->expected, seq))
		r->context->report->excused++;
	else
		report_violation(r, VIOLATION_LOST,
				 "passed over (sequence, counter)", seq,
				 counter);
}

/* Between the floor and this message there is nothing. */
static void check_before(struct soak_client *r, uint32_t counter)
{
	const uint64_t *seqs = mine(r)->seqs;

	for (uint32_t j = counter; j-- > 0;) {
		if (r->has_last && j <= r->last)
			return;
		/* Not acknowledged: a new client may have started after
		 * it. */
		if (seqs[j] == 0 && !r->has_last)
			continue;
		if (seqs[j] != 0 && seqs[j] <= r->floor)
			return;
		count_skipped(r, seqs[j], j);
	}
}

bool soak_client_awaits(const struct soak_client *r, uint32_t *counter)
{
	const struct expected_subject *s = mine(r);
	uint32_t j = r->has_last ? r->last + 1 : 0;

	if (!r->has_last && r->cursor[0] == '\0')
		return false;
	for (; j < s->n; j++) {
		uint64_t seq = s->seqs[j];

		if (seq == 0)
			return false;
		if (seq > r->floor &&
		    !expected_messages_is_deleted(r->context->expected, seq))
			break;
	}
	*counter = j;
	return j < s->n;
}

bool soak_client_is_done(const struct soak_client *r)
{
	const struct expected_subject *s = mine(r);

	if (r->has_last)
		return r->last + 1 == s->n;
	/* It has just come, when all had been published. */
	return r->cursor[0] != '\0' && s->n > 0 && s->seqs[s->n - 1] != 0 &&
	       s->seqs[s->n - 1] <= r->floor;
}

/* ---- events -------------------------------------------------------------- */

static int sextet(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c == '\0' ? NULL : strchr(digits, c);

	return at == NULL ? -1 : (int)(at - digits);
}

/* False when it is not padded base64. */
static bool base64_bytes(const char *in, size_t len, char *out, size_t *n)
{
	*n = 0;
	if (len % 4 != 0 || len / 4 * 3 > EXPECTED_MESSAGES_PAYLOAD_MAX)
		return false;
	for (size_t i = 0; i < len; i += 4) {
		unsigned bits = 0, pad = 0;

		for (size_t j = 0; j < 4; j++) {
			int v = sextet(in[i + j]);

			if (v < 0 && (in[i + j] != '=' || i + 4 != len))
				return false;
			pad += v < 0;
			bits = bits << 6 | (unsigned)(v < 0 ? 0 : v);
		}
		out[(*n)++] = (char)(bits >> 16);
		if (pad < 2)
			out[(*n)++] = (char)(bits >> 8 & 0xFF);
		if (pad < 1)
			out[(*n)++] = (char)(bits & 0xFF);
	}
	return true;
}

/* The counter of a message of this reader's own, each byte as it was published;
 * false when it is none. */
static bool parse_message(struct soak_client *r, const struct sse_event *ev,
			  uint32_t *counter)
{
	char text[EXPECTED_MESSAGES_PAYLOAD_MAX + 4],
		want[EXPECTED_MESSAGES_PAYLOAD_MAX];
	bool base64 = strcmp(ev->type, "base64") == 0, binary;
	size_t len = ev->len, want_len;
	unsigned subject;

	if (len > EXPECTED_MESSAGES_PAYLOAD_MAX * 4 / 3)
		return false;
	if (!base64 && len < sizeof(text))
		memcpy(text, ev->data, len);
	else if (!base64 || !base64_bytes(ev->data, len, text, &len))
		return false;
	text[len < sizeof(text) ? len : sizeof(text) - 1] = '\0';
	if (sscanf(text, "%u %u ", &subject, counter) != 2 ||
	    subject != r->subject || *counter >= mine(r)->n)
		return false;
	want_len = expected_messages_payload(r->context->expected, subject,
					     *counter, want, &binary);
	return len == want_len && memcmp(text, want, len) == 0 &&
	       binary == base64;
}

static void on_message(struct soak_client *r, const struct sse_event *ev,
		       uint64_t seq)
{
	uint32_t counter;

	r->context->report->events++;
	r->context->report->event_bytes += ev->len;
	if (!parse_message(r, ev, &counter)) {
		report_violation(r, VIOLATION_FOREIGN, ev->data, seq, ev->len);
		return;
	}
	if (!expected_messages_stored(r->context->expected, r->subject, counter,
				      seq))
		report_violation(r, VIOLATION_STORE,
				 "another sequence than is known", seq,
				 mine(r)->seqs[counter]);
	if (r->has_last && counter <= r->last) {
		report_violation(r,
				 counter == r->last ? VIOLATION_DOUBLED
						    : VIOLATION_DISORDERED,
				 "(sequence, counter)", seq, counter);
		return;
	}
	if (seq <= r->cursor_seq || seq <= r->floor)
		report_violation(r, VIOLATION_DISORDERED, "below what is known",
				 seq, counter);
	check_before(r, counter);
	r->has_last = true;
	r->last = counter;
	r->floor = seq;
}

/* All that is at `after` or before must have come; what is behind it and before
 * `first` must be gone. */
static void take_gap(struct soak_client *r, uint64_t after, uint64_t first)
{
	const struct expected_subject *s = mine(r);
	uint32_t j = r->has_last ? r->last + 1 : 0;

	if (!expected_messages_all_gone(r->context->expected, after + 1, first))
		report_violation(r, VIOLATION_GAP,
				 "a gap where nothing is gone", after, first);
	if (after < r->cursor_seq || first <= after + 1)
		report_violation(r, VIOLATION_GAP, "a gap of nothing", after,
				 first);
	for (; j < s->n && s->seqs[j] != 0 && s->seqs[j] < first; j++) {
		if (s->seqs[j] > r->floor && s->seqs[j] <= after)
			count_skipped(r, s->seqs[j], j);
	}
	if (first - 1 > r->floor)
		r->floor = first - 1;
}

static void on_gap(struct soak_client *r, const struct sse_event *ev,
		   uint64_t seq)
{
	uint64_t after, first;
	int end = 0;

	r->context->report->gaps++;
	if (sscanf(ev->data,
		   "{\"system\": \"gap\", \"reason\": \"expired\", \"after\": "
		   "%" SCNu64 ", \"first\": %" SCNu64 "}%n",
		   &after, &first, &end) != 2 ||
	    (size_t)end != ev->len || first != seq + 1)
		report_violation(r, VIOLATION_GAP, ev->data, seq, 0);
	else
		take_gap(r, after, first);
}

/* "4711-9f31c2", never below what came before. */
static uint64_t take_id(struct soak_client *r, const char *id)
{
	const char *tag = strchr(id, '-');
	uint64_t seq = strtoull(id, NULL, 10);

	if (r->context->tag[0] == '\0' && tag != NULL)
		snprintf(r->context->tag, sizeof(r->context->tag), "%s",
			 tag + 1);
	if (tag == NULL || strcmp(tag + 1, r->context->tag) != 0)
		report_violation(r, VIOLATION_GAP, "an id of another stream",
				 seq, 0);
	if (seq < r->cursor_seq)
		report_violation(r, VIOLATION_DISORDERED,
				 "an id that goes back", seq, r->cursor_seq);
	return seq;
}

static void set_cursor(struct soak_client *r, const char *id, uint64_t seq)
{
	snprintf(r->cursor, sizeof(r->cursor), "%s", id);
	if (seq > r->cursor_seq)
		r->cursor_seq = seq;
}

static void on_event(void *arg, const struct sse_event *ev)
{
	struct soak_client *r = arg;
	uint64_t seq;

	if (sse_event_is_ping(ev)) {
		r->context->report->pings++;
		/* Before the gateway knows the stream, it has no id. */
		if (ev->id[0] == '\0' && r->cursor[0] == '\0')
			return;
	}
	if (!r->opened)
		report_violation(r, VIOLATION_REPLY,
				 "an event before the first id", 0, 0);
	seq = take_id(r, ev->id);
	if (strcmp(ev->type, "gap") == 0)
		on_gap(r, ev, seq);
	else if (sse_event_is_message(ev))
		on_message(r, ev, seq);
	else if (!sse_event_is_ping(ev))
		report_violation(r, VIOLATION_FOREIGN, ev->data, seq, ev->len);
	set_cursor(r, ev->id, seq);
}

/* The opening block: a cursor of its own comes back, a new reader's is where
 * the stream begins. */
static void on_opened(struct soak_client *r, const char *id)
{
	uint64_t seq = take_id(r, id);

	r->opened = true;
	if (r->cursor[0] != '\0') {
		if (seq != r->cursor_seq)
			report_violation(r, VIOLATION_REPLY,
					 "opens with another id", seq, 0);
		return;
	}
	if (strcmp(r->deliver, "all") == 0 &&
	    !expected_messages_all_gone(r->context->expected, 1, seq + 1))
		report_violation(r, VIOLATION_LOST,
				 "all does not begin at the start", seq, 0);
	r->floor = seq;
	set_cursor(r, id, seq);
}

/* ---- the connection ------------------------------------------------------ */

static void watch(struct soak_client *r, int op, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = r};

	if (epoll_ctl(r->context->epoll, op, r->http.fd, &ev) != 0)
		abort();
}

void soak_client_watch(struct soak_client *r, bool on)
{
	if (r->state != SOAK_CLIENT_OPEN || r->watched == on)
		return;
	/* Not with no events: a hang-up would be reported again and again. */
	watch(r, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, EPOLLIN);
	r->watched = on;
}

void soak_client_leave(struct soak_client *r, bool reset)
{
	if (r->state == SOAK_CLIENT_AWAY)
		return;
	if (reset)
		sse_client_reset(&r->http);
	else
		sse_client_close(&r->http);
	r->state = SOAK_CLIENT_AWAY;
	r->watched = r->opened = false;
}

void soak_client_forget(struct soak_client *r)
{
	soak_client_leave(r, false);
	r->cursor[0] = '\0';
	r->cursor_seq = r->floor = 0;
	r->has_last = false;
}

void soak_client_connect(struct soak_client *r, const struct sockaddr_in *to)
{
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		abort();
	if (r->rcvbuf > 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &r->rcvbuf,
			   sizeof(r->rcvbuf));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) != 0 &&
	    errno != EINPROGRESS) {
		r->context->report->turned_away++;
		close(fd);
		return;
	}
	r->http =
		(struct sse_client){.fd = fd, .sink = on_event, .sink_arg = r};
	r->state = SOAK_CLIENT_CONNECTING;
	r->heard_ms = r->context->now_ms;
	r->watched = true;
	watch(r, EPOLL_CTL_ADD, EPOLLOUT);
}

static void put_request(struct soak_client *r, char *out, size_t size)
{
	bool resumes = r->cursor[0] != '\0', header;
	char query[96] = "", more[96] = "";

	header = resumes && !seeded_random_one_in(r->context->random, 4);
	if (header)
		snprintf(more, sizeof(more), "Last-Event-ID: %s\r\n",
			 r->cursor);
	else if (resumes)
		snprintf(query, sizeof(query), "?lastEventId=%s", r->cursor);
	else if (r->deliver[0] != '\0')
		snprintf(query, sizeof(query), "?deliver=%s", r->deliver);
	snprintf(out, size,
		 "GET /api/v1/events%s HTTP/1.%d\r\nHost: soak\r\n"
		 "Accept: text/event-stream\r\nuser_id: u%u\r\n%s\r\n",
		 query, r->http10 ? 0 : 1, r->subject, more);
}

static void on_connected(struct soak_client *r)
{
	struct soak_report *t = r->context->report;
	char request[512];
	socklen_t len = sizeof(int);
	int err = 0;

	getsockopt(r->http.fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (err != 0) {
		t->turned_away++;
		soak_client_leave(r, false);
		return;
	}
	put_request(r, request, sizeof(request));
	sse_client_send_text(&r->http, request);
	r->state = SOAK_CLIENT_OPEN;
	watch(r, EPOLL_CTL_MOD, EPOLLIN);
	t->connects++;
	t->reconnects += r->n_connects++ > 0;
}

void soak_client_on_ready(struct soak_client *r)
{
	if (r->state == SOAK_CLIENT_CONNECTING)
		on_connected(r);
	else if (r->state == SOAK_CLIENT_OPEN && r->watched)
		soak_client_read(r, READ_MAX);
}

/* Byte by byte up to the first id: where a stream begins is no event. */
static size_t feed_opening(struct soak_client *r, const char *at, size_t len)
{
	size_t n = 0;

	while (n < len && !r->opened) {
		const char *id;

		sse_client_feed(&r->http, at + n++, 1);
		id = sse_client_last_id(&r->http);
		if (id[0] != '\0')
			on_opened(r, id);
	}
	return n;
}

/* Over: a reply that is whole may be a 503, or a stream that is ended. */
static void on_end(struct soak_client *r)
{
	const struct sse_client *h = &r->http;

	if (h->bad[0] != '\0')
		report_violation(r, VIOLATION_REPLY, h->bad,
				 (uint64_t)h->status, 0);
	if (h->status == 503 || (h->status == 200 && !r->opened))
		r->context->report->turned_away++;
	else if (h->status != 200 && h->status != 0)
		report_violation(r, VIOLATION_REPLY, "a status",
				 (uint64_t)h->status, 0);
	soak_client_leave(r, false);
}

void soak_client_read(struct soak_client *r, size_t max)
{
	static char buf[READ_MAX];
	ssize_t n;
	size_t opening;

	if (r->state != SOAK_CLIENT_OPEN)
		return;
	n = recv(r->http.fd, buf, max < READ_MAX ? max : READ_MAX, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		on_end(r);
		return;
	}
	r->heard_ms = r->context->now_ms;
	opening = feed_opening(r, buf, (size_t)n);
	sse_client_feed(&r->http, buf + opening, (size_t)n - opening);
	if (r->http.state == SSE_CLIENT_DONE || r->http.bad[0] != '\0')
		on_end(r);
}
