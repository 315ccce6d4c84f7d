#include "hub_selection_rig.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "nats/pattern.h"

enum { STEP_MS = 50 };

struct rights_selection selection_of(const char *text)
{
	struct rights_selection s = {.n_patterns = 0};
	bool denied = false;

	while (*text != '\0') {
		size_t len = strcspn(text, " ");
		struct span one = {text, len};

		if (*text == '!')
			denied = true;
		else if (denied)
			s.denied[s.n_denied++] = one;
		else
			s.patterns[s.n_patterns++] = one;
		text += len + (text[len] == ' ');
	}
	s.n_patterns = pattern_normalise(s.patterns, s.n_patterns);
	return s;
}

struct rig_client *open_selection(struct rig *r, const char *id,
				  const char *patterns, struct hub_open how)
{
	struct rights_selection s = selection_of(patterns);

	how.id = id;
	how.id_len = strlen(id);
	how.selection = &s;
	return rig_open_with(r, &how, SIZE_MAX);
}

struct rig_client *resume_selection(struct rig *r, const char *id,
				    const char *patterns, uint64_t seq)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, seq);
	return open_selection(r, id, patterns,
			      (struct hub_open){.start = START_RESUME,
						.seq = seq,
						.text = text});
}

/* ---- the stream ---------------------------------------------------------- */

void store_many(struct rig *r, size_t n)
{
	static const char *const subjects[] = {"ev.a",	 "ev.b.x", "ev.b.y",
					       "ev.c.x", "ev.c.y", "ev.d.x",
					       "ev.a",	 "ev.e",   "ev.b.z",
					       "ev.f.x"};

	for (size_t i = 0; i < n; i++) {
		uint64_t seq = r->src.last_seq + 1;
		size_t which = seq * 7 / 3 % 11;

		which = seq / 100 % 5 == 3 ? 0 : which; /* long runs, too */
		MUST(fake_jetstream_store(&r->src, seq,
					  subjects[which % ARRAY_LEN(subjects)],
					  "x", 1));
	}
}

void store_one(struct rig *r, const char *subject)
{
	MUST(fake_jetstream_store(&r->src, r->src.last_seq + 1, subject, "x",
				  1));
}

void store_subjects(struct rig *r, const char *prefix, size_t n_subjects,
		    size_t n)
{
	char subject[64];

	for (size_t i = 0; i < n; i++) {
		snprintf(subject, sizeof(subject), "%s%zu", prefix,
			 i * 7 % n_subjects + 1);
		store_one(r, subject);
	}
}

static void on_event(void *arg, const struct jetstream_event *ev)
{
	rig_send(arg, *ev);
}

void answer_once(struct rig *r)
{
	r->src.now_ms = r->now_ms;
	fake_jetstream_turn(&r->src, on_event, r);
	rig_flush(r);
}

static void answer_all(struct rig *r)
{
	do
		answer_once(r);
	while (requests_unread(&r->src) > 0 || !fake_jetstream_idle(&r->src));
}

void rig_connect(struct rig *r)
{
	const char *why;

	fake_jetstream_up(&r->src);
	answer_all(r);
	assert_true(hub_ready(r->hub, &why));
}

void run_for(struct rig *r, uint64_t ms)
{
	uint64_t end_ms = r->now_ms + ms;

	answer_all(r);
	while (r->now_ms < end_ms) {
		uint64_t left_ms = end_ms - r->now_ms;

		r->now_ms += left_ms < STEP_MS ? left_ms : STEP_MS;
		r->src.now_ms = r->now_ms;
		fake_jetstream_tick(&r->src);
		hub_tick(r->hub, r->now_ms);
		answer_all(r);
	}
}

/* ---- what came ----------------------------------------------------------- */

static bool is_selected(const struct rights_selection *s, const char *subject)
{
	bool is = false;

	for (size_t i = 0; i < s->n_patterns; i++)
		is |= pattern_matches(s->patterns[i], span_of(subject));
	for (size_t i = 0; i < s->n_denied; i++)
		is &= !pattern_matches(s->denied[i], span_of(subject));
	return is;
}

/* Up to `end` the newest of its subject. */
static bool is_current(const struct rig *r, const struct fake_message *m,
		       uint64_t end)
{
	return m->seq > end ||
	       fake_jetstream_next(&r->src, m->seq, m->subject, end) == 0;
}

/* Text by text, `what` and then the sequence. Up to `end` of each subject the
 * newest. */
static size_t assert_sequences(struct rig *r, const char *got, const char *what,
			       const char *patterns, uint64_t from,
			       uint64_t end)
{
	struct rights_selection s = selection_of(patterns);
	size_t n = 0;

	for (size_t i = fake_jetstream_place_above(&r->src, from - 1);
	     i < r->src.n_stored; i++) {
		const struct fake_message *m =
			&r->src.messages[r->src.stored[i]];
		uint64_t seq;

		if (m->internal || !is_selected(&s, m->subject) ||
		    !is_current(r, m, end))
			continue;
		got = strstr(got, what);
		if (got == NULL)
			fail_msg("%" PRIu64 " did not come", m->seq);
		got += strlen(what);
		seq = strtoull(got, NULL, 10);
		if (seq != m->seq)
			fail_msg("%" PRIu64 " came, expected %" PRIu64, seq,
				 m->seq);
		n++;
	}
	if (strstr(got, what) != NULL)
		fail_msg("more than expected: %s", strstr(got, what));
	return n;
}

static size_t assert_selected(struct rig *r, struct rig_client *c,
			      const char *what, const char *patterns,
			      uint64_t from, uint64_t end)
{
	const char *got = bytes_text(&c->got);
	size_t n;

	assert_null(strstr(got, "\"gap\""));
	n = assert_sequences(r, got, what, patterns, from, end);
	bytes_clear(&c->got);
	return n;
}

size_t assert_events(struct rig *r, struct rig_client *c, const char *patterns,
		     uint64_t from)
{
	return assert_selected(r, c, "data: x\nid: ", patterns, from, 0);
}

size_t assert_snapshot(struct rig *r, struct rig_client *c,
		       const char *patterns, uint64_t end)
{
	return assert_selected(r, c, "data: x\nid: ", patterns, 1, end);
}

size_t assert_lines(struct rig *r, struct rig_client *c, const char *patterns,
		    uint64_t from)
{
	return assert_selected(r, c, "{\"seq\":", patterns, from, 0);
}

size_t assert_events_after_gap(struct rig *r, struct rig_client *c,
			       const char *patterns, uint64_t from)
{
	const char *got = bytes_text(&c->got), *gap;
	size_t n;

	while ((gap = strstr(got, "event: gap\n")) != NULL)
		got = gap + 1;
	n = assert_sequences(r, got, "data: x\nid: ", patterns, from, 0);
	bytes_clear(&c->got);
	return n;
}
