#include "reader.h"

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

static void wrong(struct reader *r, enum wrong what, const char *detail,
		  uint64_t a, uint64_t b)
{
	address_counter_wrong(
		r->room->tally, what,
		"reader %u (subject %u, gateway %u, cursor %s, floor "
		"%" PRIu64 ", last %d): %s (%" PRIu64 ", %" PRIu64 ")",
		r->number, r->subject, r->gate, r->cursor, r->floor,
		r->has_last ? (int)r->last : -1, detail, a, b);
}

/* ---- what may be missing ------------------------------------------------- */

static const struct ledger_subject *mine(const struct reader *r)
{
	return &r->room->ledger->subjects[r->subject];
}

/* A message that was passed over. Purged ones need a gap, and then lie at the
 * floor or below. */
static void passed_over(struct reader *r, uint64_t seq, uint64_t counter)
{
	if (ledger_is_deleted(r->room->ledger, seq))
		r->room->tally->excused++;
	else
		wrong(r, WRONG_LOST, "passed over (sequence, counter)", seq,
		      counter);
}

/* Between the floor and this message there is nothing. */
static void check_before(struct reader *r, uint32_t counter)
{
	const uint64_t *seqs = mine(r)->seqs;

	for (uint32_t j = counter; j-- > 0;) {
		if (r->has_last && j <= r->last)
			return;
		/* Not acknowledged: who has just come may have begun behind
		 * it. */
		if (seqs[j] == 0 && !r->has_last)
			continue;
		if (seqs[j] != 0 && seqs[j] <= r->floor)
			return;
		passed_over(r, seqs[j], j);
	}
}

bool reader_awaits(const struct reader *r, uint32_t *counter)
{
	const struct ledger_subject *s = mine(r);
	uint32_t j = r->has_last ? r->last + 1 : 0;

	if (!r->has_last && r->cursor[0] == '\0')
		return false;
	for (; j < s->n; j++) {
		uint64_t seq = s->seqs[j];

		if (seq == 0)
			return false;
		if (seq > r->floor && !ledger_is_deleted(r->room->ledger, seq))
			break;
	}
	*counter = j;
	return j < s->n;
}

bool reader_is_done(const struct reader *r)
{
	const struct ledger_subject *s = mine(r);

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
	if (len % 4 != 0 || len / 4 * 3 > LEDGER_PAYLOAD_MAX)
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
static bool parse_message(struct reader *r, const struct sse_event *ev,
			  uint32_t *counter)
{
	char text[LEDGER_PAYLOAD_MAX + 4], want[LEDGER_PAYLOAD_MAX];
	bool base64 = strcmp(ev->type, "base64") == 0, binary;
	size_t len = ev->len, want_len;
	unsigned subject;

	if (len > LEDGER_PAYLOAD_MAX * 4 / 3)
		return false;
	if (!base64 && len < sizeof(text))
		memcpy(text, ev->data, len);
	else if (!base64 || !base64_bytes(ev->data, len, text, &len))
		return false;
	text[len < sizeof(text) ? len : sizeof(text) - 1] = '\0';
	if (sscanf(text, "%u %u ", &subject, counter) != 2 ||
	    subject != r->subject || *counter >= mine(r)->n)
		return false;
	want_len = ledger_payload(r->room->ledger, subject, *counter, want,
				  &binary);
	return len == want_len && memcmp(text, want, len) == 0 &&
	       binary == base64;
}

static void on_message(struct reader *r, const struct sse_event *ev,
		       uint64_t seq)
{
	uint32_t counter;

	r->room->tally->events++;
	r->room->tally->event_bytes += ev->len;
	if (!parse_message(r, ev, &counter)) {
		wrong(r, WRONG_FOREIGN, ev->data, seq, ev->len);
		return;
	}
	if (!ledger_stored(r->room->ledger, r->subject, counter, seq))
		wrong(r, WRONG_STORE, "another sequence than is known", seq,
		      mine(r)->seqs[counter]);
	if (r->has_last && counter <= r->last) {
		wrong(r, counter == r->last ? WRONG_DOUBLED : WRONG_DISORDERED,
		      "(sequence, counter)", seq, counter);
		return;
	}
	if (seq <= r->cursor_seq || seq <= r->floor)
		wrong(r, WRONG_DISORDERED, "below what is known", seq, counter);
	check_before(r, counter);
	r->has_last = true;
	r->last = counter;
	r->floor = seq;
}

/* All that is at `after` or before must have come; what is behind it and before
 * `first` must be gone. */
static void take_gap(struct reader *r, uint64_t after, uint64_t first)
{
	const struct ledger_subject *s = mine(r);
	uint32_t j = r->has_last ? r->last + 1 : 0;

	if (!ledger_all_gone(r->room->ledger, after + 1, first))
		wrong(r, WRONG_GAP, "a gap where nothing is gone", after,
		      first);
	if (after < r->cursor_seq || first <= after + 1)
		wrong(r, WRONG_GAP, "a gap of nothing", after, first);
	for (; j < s->n && s->seqs[j] != 0 && s->seqs[j] < first; j++) {
		if (s->seqs[j] > r->floor && s->seqs[j] <= after)
			passed_over(r, s->seqs[j], j);
	}
	if (first - 1 > r->floor)
		r->floor = first - 1;
}

static void on_gap(struct reader *r, const struct sse_event *ev, uint64_t seq)
{
	uint64_t after, first;
	int end = 0;

	r->room->tally->gaps++;
	if (sscanf(ev->data,
		   "{\"system\": \"gap\", \"reason\": \"expired\", \"after\": "
		   "%" SCNu64 ", \"first\": %" SCNu64 "}%n",
		   &after, &first, &end) != 2 ||
	    (size_t)end != ev->len || first != seq + 1)
		wrong(r, WRONG_GAP, ev->data, seq, 0);
	else
		take_gap(r, after, first);
}

/* "4711-9f31c2", never below what came before. */
static uint64_t take_id(struct reader *r, const char *id)
{
	const char *tag = strchr(id, '-');
	uint64_t seq = strtoull(id, NULL, 10);

	if (r->room->tag[0] == '\0' && tag != NULL)
		snprintf(r->room->tag, sizeof(r->room->tag), "%s", tag + 1);
	if (tag == NULL || strcmp(tag + 1, r->room->tag) != 0)
		wrong(r, WRONG_GAP, "an id of another stream", seq, 0);
	if (seq < r->cursor_seq)
		wrong(r, WRONG_DISORDERED, "an id that goes back", seq,
		      r->cursor_seq);
	return seq;
}

static void set_cursor(struct reader *r, const char *id, uint64_t seq)
{
	snprintf(r->cursor, sizeof(r->cursor), "%s", id);
	if (seq > r->cursor_seq)
		r->cursor_seq = seq;
}

static void on_event(void *arg, const struct sse_event *ev)
{
	struct reader *r = arg;
	uint64_t seq;

	if (sse_event_is_ping(ev)) {
		r->room->tally->pings++;
		/* Before the gateway knows the stream, it has no id. */
		if (ev->id[0] == '\0' && r->cursor[0] == '\0')
			return;
	}
	if (!r->opened)
		wrong(r, WRONG_REPLY, "an event before the first id", 0, 0);
	seq = take_id(r, ev->id);
	if (strcmp(ev->type, "gap") == 0)
		on_gap(r, ev, seq);
	else if (sse_event_is_message(ev))
		on_message(r, ev, seq);
	else if (!sse_event_is_ping(ev))
		wrong(r, WRONG_FOREIGN, ev->data, seq, ev->len);
	set_cursor(r, ev->id, seq);
}

/* The opening block: a cursor of its own comes back, a new reader's is where
 * the stream begins. */
static void on_opened(struct reader *r, const char *id)
{
	uint64_t seq = take_id(r, id);

	r->opened = true;
	if (r->cursor[0] != '\0') {
		if (seq != r->cursor_seq)
			wrong(r, WRONG_REPLY, "opens with another id", seq, 0);
		return;
	}
	if (strcmp(r->deliver, "all") == 0 &&
	    !ledger_all_gone(r->room->ledger, 1, seq + 1))
		wrong(r, WRONG_LOST, "all does not begin at the start", seq, 0);
	r->floor = seq;
	set_cursor(r, id, seq);
}

/* ---- the connection ------------------------------------------------------ */

static void watch(struct reader *r, int op, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = r};

	if (epoll_ctl(r->room->epoll, op, r->http.fd, &ev) != 0)
		abort();
}

void reader_watch(struct reader *r, bool on)
{
	if (r->state != READER_OPEN || r->watched == on)
		return;
	/* Not with no events: a hang-up would be told again and again. */
	watch(r, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, EPOLLIN);
	r->watched = on;
}

void reader_leave(struct reader *r, bool reset)
{
	if (r->state == READER_AWAY)
		return;
	if (reset)
		sse_client_reset(&r->http);
	else
		sse_client_close(&r->http);
	r->state = READER_AWAY;
	r->watched = r->opened = false;
}

void reader_forget(struct reader *r)
{
	reader_leave(r, false);
	r->cursor[0] = '\0';
	r->cursor_seq = r->floor = 0;
	r->has_last = false;
}

void reader_connect(struct reader *r, const struct sockaddr_in *to)
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
		r->room->tally->turned_away++;
		close(fd);
		return;
	}
	r->http =
		(struct sse_client){.fd = fd, .sink = on_event, .sink_arg = r};
	r->state = READER_CONNECTING;
	r->heard_ms = r->room->now_ms;
	r->watched = true;
	watch(r, EPOLL_CTL_ADD, EPOLLOUT);
}

static void put_request(struct reader *r, char *out, size_t size)
{
	bool resumes = r->cursor[0] != '\0', header;
	char query[96] = "", more[96] = "";

	header = resumes && !dice_one_in(r->room->dice, 4);
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

static void on_connected(struct reader *r)
{
	struct address_counter *t = r->room->tally;
	char request[512];
	socklen_t len = sizeof(int);
	int err = 0;

	getsockopt(r->http.fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (err != 0) {
		t->turned_away++;
		reader_leave(r, false);
		return;
	}
	put_request(r, request, sizeof(request));
	sse_client_send_text(&r->http, request);
	r->state = READER_OPEN;
	watch(r, EPOLL_CTL_MOD, EPOLLIN);
	t->connects++;
	t->reconnects += r->n_connects++ > 0;
}

void reader_on_ready(struct reader *r)
{
	if (r->state == READER_CONNECTING)
		on_connected(r);
	else if (r->state == READER_OPEN && r->watched)
		reader_read(r, READ_MAX);
}

/* Byte by byte up to the first id: where a stream begins is no event. */
static size_t feed_opening(struct reader *r, const char *at, size_t len)
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
static void on_end(struct reader *r)
{
	const struct sse_client *h = &r->http;

	if (h->bad[0] != '\0')
		wrong(r, WRONG_REPLY, h->bad, (uint64_t)h->status, 0);
	if (h->status == 503 || (h->status == 200 && !r->opened))
		r->room->tally->turned_away++;
	else if (h->status != 200 && h->status != 0)
		wrong(r, WRONG_REPLY, "a status", (uint64_t)h->status, 0);
	reader_leave(r, false);
}

void reader_read(struct reader *r, size_t max)
{
	static char buf[READ_MAX];
	ssize_t n;
	size_t opening;

	if (r->state != READER_OPEN)
		return;
	n = recv(r->http.fd, buf, max < READ_MAX ? max : READ_MAX, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		on_end(r);
		return;
	}
	r->heard_ms = r->room->now_ms;
	opening = feed_opening(r, buf, (size_t)n);
	sse_client_feed(&r->http, buf + opening, (size_t)n - opening);
	if (r->http.state == SSE_CLIENT_DONE || r->http.bad[0] != '\0')
		on_end(r);
}
