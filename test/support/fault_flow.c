#include "fault_flow.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum { THROTTLE_SLICES = 50 }; /* a second's bytes go in so many parts */

static const uint64_t ns_per_s = 1000000000;

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static size_t less(size_t a, uint64_t b)
{
	return b < a ? (size_t)b : a;
}

/* ---- in ------------------------------------------------------------------ */

bool fault_flow_wants_input(const struct fault_flow *f,
			    const struct fault_rule *r)
{
	if (f->ended)
		return false;
	if (f->shut)
		return true;
	return !r->frozen && f->len < FAULT_FLOW_BYTES &&
	       f->n_chunks < FAULT_FLOW_CHUNKS;
}

static void add_chunk(struct fault_flow *f, size_t len, uint64_t due_ns)
{
	size_t at = (f->first + f->n_chunks) % FAULT_FLOW_CHUNKS;

	f->chunks[at] = (struct fault_chunk){.len = len, .due_ns = due_ns};
	f->n_chunks++;
	f->len += len;
}

static void end_input(struct fault_flow *f, enum fault_end end, uint64_t due_ns)
{
	f->ended = true;
	f->end = end;
	f->end_due_ns = due_ns;
}

void fault_flow_take(struct fault_flow *f, const struct fault_rule *r,
		     uint64_t now_ns)
{
	uint64_t due_ns = now_ns + (uint64_t)r->delay_ms * 1000000;
	ssize_t n;

	memmove(f->bytes, f->bytes + f->start, f->len);
	f->start = 0;
	n = recv(f->from, f->bytes + f->len, FAULT_FLOW_BYTES - f->len,
		 MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		end_input(f, n == 0 ? FAULT_FIN : FAULT_RST, due_ns);
	else if (!f->shut)
		add_chunk(f, (size_t)n, due_ns);
}

/* ---- out ----------------------------------------------------------------- */

/* Bytes whose time has come: what is behind others waits for them. */
static size_t due_bytes(const struct fault_flow *f, uint64_t now_ns)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_chunks; i++) {
		const struct fault_chunk *c =
			&f->chunks[(f->first + i) % FAULT_FLOW_CHUNKS];

		if (c->due_ns > now_ns)
			break;
		n += c->len;
	}
	return n;
}

static size_t may_pass(const struct fault_flow *f, const struct fault_rule *r,
		       uint64_t now_ns)
{
	size_t n = due_bytes(f, now_ns);

	if (r->piece > 0)
		n = less(n, r->piece);
	if (r->bytes_per_s > 0)
		n = less(n, 1 + r->bytes_per_s / THROTTLE_SLICES);
	if (f->pause.armed)
		n = less(n, f->pause.at - f->passed);
	if (f->cut.armed)
		n = less(n, f->cut.at - f->passed);
	return n;
}

static void drop_front(struct fault_flow *f, size_t n)
{
	f->start += n;
	f->len -= n;
	while (n > 0) {
		struct fault_chunk *c = &f->chunks[f->first];
		size_t part = less(n, c->len);

		c->len -= part;
		n -= part;
		if (c->len == 0) {
			f->first = (f->first + 1) % FAULT_FLOW_CHUNKS;
			f->n_chunks--;
		}
	}
}

static void passed(struct fault_flow *f, const struct fault_rule *r, size_t n,
		   uint64_t now_ns)
{
	unsigned wait_us =
		r->piece_wait_us > 0 ? r->piece_wait_us : FAULT_PIECE_WAIT_US;

	drop_front(f, n);
	f->passed += n;
	if (r->piece > 0)
		f->wake_ns = now_ns + (uint64_t)wait_us * 1000;
	if (r->bytes_per_s > 0)
		f->wake_ns = later(f->wake_ns,
				   now_ns + n * ns_per_s / r->bytes_per_s);
}

/* Begins the pause when its place is reached. */
static void look_at_pause(struct fault_flow *f, uint64_t now_ns)
{
	if (!f->pause.armed || f->pause.at != f->passed)
		return;
	f->pause.armed = false;
	f->n_pauses++;
	f->wake_ns = later(f->wake_ns, now_ns + f->pause.wait_ns);
}

static bool holds(const struct fault_flow *f, const struct fault_rule *r,
		  uint64_t now_ns)
{
	return r->frozen || f->blocked || f->wake_ns > now_ns;
}

/* Everything is passed on: the end, too. */
static enum fault_verdict pass_end(struct fault_flow *f, uint64_t now_ns)
{
	if (!f->ended || f->len > 0 || f->end_due_ns > now_ns)
		return FAULT_FLOW_ON;
	if (f->end == FAULT_RST)
		return FAULT_FLOW_BROKEN;
	fault_flow_shut(f);
	return FAULT_FLOW_ON;
}

enum fault_verdict fault_flow_pass(struct fault_flow *f,
				   const struct fault_rule *r, uint64_t now_ns,
				   uint64_t *n)
{
	*n = 0;
	for (;;) {
		size_t want;
		ssize_t sent;

		look_at_pause(f, now_ns);
		if (f->cut.armed && f->cut.at == f->passed)
			return FAULT_FLOW_CUT;
		if (f->shut)
			return f->ended && f->end == FAULT_RST
				       ? FAULT_FLOW_BROKEN
				       : FAULT_FLOW_ON;
		if (holds(f, r, now_ns))
			return FAULT_FLOW_ON;
		want = may_pass(f, r, now_ns);
		if (want == 0)
			return pass_end(f, now_ns);
		sent = send(f->to, f->bytes + f->start, want,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
		f->blocked = sent < 0 && errno == EAGAIN;
		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return FAULT_FLOW_BROKEN;
		if (sent > 0) {
			passed(f, r, (size_t)sent, now_ns);
			*n += (uint64_t)sent;
		}
	}
}

uint64_t fault_flow_due_ns(const struct fault_flow *f,
			   const struct fault_rule *r)
{
	if (r->frozen || f->shut || f->blocked)
		return UINT64_MAX;
	if (f->n_chunks > 0)
		return later(f->wake_ns, f->chunks[f->first].due_ns);
	return f->ended ? later(f->wake_ns, f->end_due_ns) : UINT64_MAX;
}

void fault_flow_shut(struct fault_flow *f)
{
	f->start = f->len = f->n_chunks = 0;
	f->cut.armed = f->pause.armed = false;
	f->shut = true;
	shutdown(f->to, SHUT_WR);
}
