/* Holes in the sequence of what the tail reads. Most are harmless: a message
 * was deleted, or its subject is not ours. But if limits or a purge removed
 * messages before the tail read them, a hole is a gap. A hole does not explain
 * itself: what decides is whether the stream's first sequence, requested after
 * the hole was seen, is above the sequence at which the hole starts.
 *
 * - A tail without a filter sees few holes. The message after a hole is held
 *   until the answer, with all messages that follow.
 * - A tail with a filter sees holes all the time. It reads on; one answer
 * clears all holes before it that start at or above the first sequence. The
 * others are reported then.
 * - A server before 2.10 may skip messages that are still there: after a purge
 *   of one subject, its consumers without a literal filter jump to the end of
 *   the stream. With such a server each hole waits for a question of its own:
 *   which message is the next one from the hole's start? If it lies in the
 * hole, the consumer is recreated from there. */
#include "delivery/tail_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/mutation.h"

enum {
	HOLE_ASK_MS = 50,    /* between two questions of a filtering tail */
	HOLE_FINDS = 64,     /* questions about single holes in flight */
	HOLE_FIND_MS = 2000, /* for each answer */
	IDLE_WAIT_MAX = 16,  /* heartbeats between two questions about the end
			      */
	HELD_MAX =
		16384, /* messages; their bytes are bounded by the open
			  pulls,    for none is sent while messages are held */
};

struct tail_held {
	struct list link;
	uint64_t prev;	   /* the sequence before it; seq - 1: no hole */
	uint32_t info_no;  /* the leader's answer that clears it; 0: cleared */
	uint32_t find_gen; /* question in flight; 0: none */
	uint32_t none_gen; /* the question that "no message" answered */
	bool finds;	   /* a question about it is not yet answered */
	bool gone;	   /* messages before it are gone from the stream */
	struct jetstream_message msg;
	char bytes[]; /* of the message */
};

static struct tail_held *held_of(struct list *n)
{
	return LIST_ENTRY(n, struct tail_held, link);
}

static void drop_first_held(struct tail *t)
{
	struct tail_held *w = held_of(list_first(&t->held));

	list_remove(&w->link);
	t->n_held--;
	if (w->find_gen != 0)
		t->finds--;
	free(w);
}

void tail_drop_held(struct tail *t)
{
	while (!list_empty(&t->held))
		drop_first_held(t);
	t->leader->held_seq = 0;
}

void tail_forget_holes(struct tail *t)
{
	t->holes = t->next_holes = (struct tail_holes){0};
}

bool tail_has_held(const struct tail *t)
{
	return t->n_held > 0;
}

/* ---- single holes, with servers before 2.10 ------------------------------ */

static void ask_about_held(struct tail *t, uint64_t now_ms)
{
	struct list *n = t->held.next;

	for (; n != &t->held && t->finds < HOLE_FINDS; n = n->next) {
		struct tail_held *w = held_of(n);

		if (!w->finds || w->find_gen != 0)
			continue;
		w->find_gen = ++t->generation;
		t->finds++;
		t->find_due_ms = now_ms + HOLE_FIND_MS;
		t->source->ops->get_next(
			t->source,
			(struct request_id){.owner = TAIL_SLOT,
					    .generation = w->find_gen},
			w->prev + 1, tail_pattern(t));
	}
}

/* The consumer may have jumped to the end of the stream, where no message
 * follows the hole for now. "No message" proves nothing, since a leader that is
 * behind says so, too: the question is repeated, less and less often. The
 * leader's response may come after one of a former leader, so a later response
 * to the same question counts as well. */
static bool is_idle_answer(struct tail *t, const struct jetstream_event *ev)
{
	if (t->idle_gen == 0 || ev->request.generation != t->idle_gen)
		return false;
	if (ev->err == 0 && ev->msg.seq <= t->idle_to)
		/* If messages have come since, the next heartbeat asks again.
		 */
		t->skipped = !tail_has_held(t) &&
			     event_buffer_last_seq(t->buffer) == t->idle_from;
	return true;
}

void tail_on_idle(struct tail *t, uint64_t last_stream)
{
	if (!t->jumps || tail_has_held(t) ||
	    last_stream <= event_buffer_last_seq(t->buffer))
		return;
	if (last_stream > t->idle_to)
		t->idle_beats = t->idle_wait = 0;
	if (t->idle_beats < t->idle_wait) {
		t->idle_beats++;
		return;
	}
	t->idle_beats = 0;
	t->idle_wait = t->idle_wait == 0 ? 1 : t->idle_wait * 2;
	if (t->idle_wait > IDLE_WAIT_MAX)
		t->idle_wait = IDLE_WAIT_MAX;
	t->idle_from = event_buffer_last_seq(t->buffer);
	t->idle_to = last_stream;
	t->idle_gen = ++t->generation;
	t->source->ops->get_next(t->source,
				 (struct request_id){.owner = TAIL_SLOT,
						     .generation = t->idle_gen},
				 t->idle_from + 1, tail_pattern(t));
}

/* The message after the hole exists, or did just now. A server that has nothing
 * from the hole on is behind, unless a second question brings the same answer.
 * Until then the leader may still answer the first one. */
static bool is_none_at_first(struct tail_held *w,
			     const struct jetstream_event *ev)
{
	bool first = w->none_gen == 0 || w->none_gen == w->find_gen;

	if (ev->err != JETSTREAM_ERR_NO_MESSAGE || !first)
		return false;
	w->none_gen = w->find_gen;
	return true;
}

void tail_on_hole_found(struct tail *t, const struct jetstream_event *ev,
			uint64_t now_ms)
{
	struct list *n = t->held.next;
	struct tail_held *w;

	if (is_idle_answer(t, ev))
		return;
	while (n != &t->held && held_of(n)->find_gen != ev->request.generation)
		n = n->next;
	if (n == &t->held || ev->request.generation == 0)
		return;
	if (ev->err != 0 && ev->err != JETSTREAM_ERR_NO_MESSAGE)
		return; /* as no response: asked again at its deadline */
	w = held_of(n);
	if (is_none_at_first(w, ev))
		return;
	t->finds--;
	w->find_gen = 0;
	if (ev->err == 0 && ev->msg.seq < w->msg.seq) {
		t->skipped = true;
		return;
	}
	w->finds = false;
	/* What the server skipped may have existed until now: only the first
	 * sequence after this response tells. */
	if (!t->wants_filter)
		w->info_no = leader_want_info(t->leader);
	ask_about_held(t, now_ms);
}

void tail_tick_holes(struct tail *t, uint64_t now_ms)
{
	struct list *n;

	if (t->finds == 0 || now_ms < t->find_due_ms)
		return;
	for (n = t->held.next; n != &t->held; n = n->next)
		held_of(n)->find_gen = 0;
	t->finds = 0;
	ask_about_held(t, now_ms);
}

uint64_t tail_holes_due(const struct tail *t)
{
	return t->finds == 0 ? UINT64_MAX : t->find_due_ms;
}

/* ---- holding ------------------------------------------------------------- */

int tail_hold(struct tail *t, const struct jetstream_message *m,
	      uint64_t now_ms)
{
	bool hole = m->seq != t->read_seq + 1;
	struct tail_held *w;

	if (t->n_held >= HELD_MAX)
		return -ENOBUFS;
	w = malloc(sizeof(*w) + jetstream_message_bytes(m));
	if (w == NULL)
		return -ENOMEM;
	*w = (struct tail_held){.prev = t->read_seq, .msg = *m};
	jetstream_message_copy(m, w->bytes);
	jetstream_message_place(&w->msg, w->bytes);
	w->finds = hole && t->jumps;
	if (hole && !w->finds)
		w->info_no = leader_want_info(t->leader);
	list_push_back(&t->held, &w->link);
	t->n_held++;
	ask_about_held(t, now_ms);
	return 0;
}

bool tail_must_hold(const struct tail *t, const struct jetstream_message *m)
{
	if (MUTATED(HOLES_UNSEEN))
		return false;
	return tail_has_held(t) ||
	       (m->seq != t->read_seq + 1 && (!t->wants_filter || t->jumps));
}

const struct jetstream_message *tail_next_held(const struct tail *t,
					       uint64_t *after, bool *gone)
{
	const struct tail_held *w;

	if (!tail_has_held(t))
		return NULL;
	w = held_of(t->held.next);
	if (w->info_no != 0 || w->finds)
		return NULL;
	*after = w->prev;
	*gone = w->gone;
	return &w->msg;
}

void tail_held_gap_reported(struct tail *t)
{
	held_of(t->held.next)->gone = false;
}

void tail_pop_held(struct tail *t)
{
	drop_first_held(t);
}

/* ---- noted holes, with a filter ------------------------------------------ */

static void ask_about_noted(struct tail *t, uint64_t now_ms)
{
	uint64_t at_ms = t->hole_ms + HOLE_ASK_MS;

	t->holes = t->next_holes;
	t->next_holes = (struct tail_holes){0};
	t->holes.info_no = t->leader->question + 1;
	leader_want_info_by(t->leader, at_ms > now_ms ? at_ms : now_ms);
}

void tail_note_hole(struct tail *t, uint64_t after, uint64_t to,
		    uint64_t now_ms)
{
	/* A question that is not yet sent serves this hole as well. */
	bool sent = t->holes.to != 0 && t->leader->question >= t->holes.info_no;
	struct tail_holes *h =
		t->holes.to != 0 && !sent ? &t->holes : &t->next_holes;

	if (to == after + 1 || !t->wants_filter || MUTATED(HOLES_UNSEEN))
		return;
	if (h->to == 0)
		h->from = after;
	h->to = to;
	if (t->holes.to == 0)
		ask_about_noted(t, now_ms);
}

/* ---- the leader's answer ------------------------------------------------- */

static unsigned report_late_gap(struct tail *t, uint64_t first)
{
	uint64_t upto = t->holes.to - 1;

	if (first - 1 < upto)
		upto = first - 1;
	t->gap = (struct tail_gap){.after = t->holes.from,
				   .first = first,
				   .upto = upto};
	tail_report(t, true,
		    "messages after sequence %" PRIu64 " up to %" PRIu64
		    " may be gone from the stream",
		    t->gap.after, first - 1);
	metric_add(t->metrics, METRIC_CHANGE_TRIMMED, 1);
	event_buffer_drop(t->buffer, upto);
	return TAIL_LATE_GAP;
}

static unsigned clear_noted_holes(struct tail *t, uint32_t no, uint64_t now_ms)
{
	uint64_t first = t->leader->state.first_seq;
	unsigned out = 0;

	if (t->holes.to == 0 || no < t->holes.info_no)
		return 0;
	t->hole_ms = now_ms;
	if (first > t->holes.from + 1)
		out = report_late_gap(t, first);
	t->holes = (struct tail_holes){0};
	if (t->next_holes.to != 0)
		ask_about_noted(t, now_ms);
	return out;
}

/* Their question may be lost with its session, or replaced by the tail's own.
 */
unsigned tail_clear_holes(struct tail *t, uint64_t first)
{
	unsigned out = 0;

	if (t->holes.to == 0)
		return 0;
	if (t->next_holes.to != 0)
		t->holes.to = t->next_holes.to;
	if (first > t->holes.from + 1)
		out = report_late_gap(t, first);
	tail_forget_holes(t);
	return out;
}

static void clear_held_messages(struct tail *t, uint32_t no)
{
	uint64_t first = t->leader->state.first_seq;
	struct list *n;

	for (n = t->held.next; n != &t->held; n = n->next) {
		struct tail_held *w = held_of(n);

		if (w->info_no == 0)
			continue;
		if (no < w->info_no)
			return;
		w->info_no = 0;
		w->gone = first > w->prev + 1;
	}
}

unsigned tail_on_leader_info(struct tail *t, uint32_t no, uint64_t now_ms)
{
	/* A leader that is behind may not yet know of a purge. */
	if (t->state != TAIL_LIVE || leader_is_behind(t->leader))
		return 0;
	clear_held_messages(t, no);
	return clear_noted_holes(t, no, now_ms);
}
