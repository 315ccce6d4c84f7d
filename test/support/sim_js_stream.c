/* The simulated stream: publishing, limits, purges, deletes, roll-backs,
 * another stream in its place, and what the leader has seen of it. */
#include "sim_js_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "nats/pattern.h"

static void drop(struct sim_js *s, uint64_t seq, bool expired)
{
	uint64_t uid = s->at[seq];

	if (uid == 0)
		return;
	s->messages[uid].stored = false;
	s->messages[uid].expired = expired;
	s->gone[seq] = expired ? uid : 0;
	s->gone_read[seq] = seq <= s->read_to;
	s->at[seq] = 0;
}

static void find_first(struct sim_js *s)
{
	while (s->first <= s->last && s->at[s->first] == 0)
		s->first++;
}

uint64_t sim_count(const struct sim_js *s)
{
	uint64_t n = 0;

	for (uint64_t q = s->first; q <= s->last; q++)
		n += s->at[q] != 0;
	return n;
}

void sim_publish(struct sim_js *s, int subject)
{
	struct sim_message *m;

	if (s->last == SIM_MAX_SEQ)
		return;
	if (s->n_messages == s->cap_messages) {
		s->cap_messages *= 2;
		s->messages = realloc(s->messages,
				      s->cap_messages * sizeof(*s->messages));
		MUST(s->messages != NULL);
	}
	m = &s->messages[s->n_messages];
	m->seq = ++s->last;
	m->time_ns = s->n_messages * 1000;
	m->big = sim_happens(s, s->faults.big);
	m->subject = subject;
	m->stored = true;
	m->expired = false;
	s->gone[s->last] = 0;
	s->at[s->last] = s->n_messages++;
	while (sim_count(s) > s->limit) {
		drop(s, s->first, true);
		find_first(s);
	}
}

void sim_delete(struct sim_js *s, uint64_t seq)
{
	drop(s, seq, false);
	find_first(s);
}

void sim_purge(struct sim_js *s, uint64_t upto)
{
	for (uint64_t q = s->first; q <= upto && q <= s->last; q++)
		drop(s, q, true);
	find_first(s);
}

bool sim_is_literal(const char *filter)
{
	return filter[0] != '\0' && strpbrk(filter, "*>") == NULL;
}

void sim_purge_subject(struct sim_js *s, int subject)
{
	for (uint64_t q = s->first; q <= s->last; q++)
		if (s->at[q] != 0 && s->messages[s->at[q]].subject == subject)
			drop(s, q, false);
	find_first(s);
	for (unsigned i = 0; s->faults.jumps && i < SIM_MAX_CONSUMERS; i++)
		if (s->consumers[i].alive &&
		    !sim_is_literal(s->consumers[i].filter))
			s->consumers[i].pos = s->last;
}

void sim_lead(struct sim_js *s)
{
	if (s->leader != 0)
		s->leader++;
	s->no_leader = false;
	s->applied = SIM_ALL;
}

void sim_lead_behind(struct sim_js *s, uint64_t applied)
{
	sim_lead(s);
	s->applied = applied;
}

void sim_stand_still(struct sim_js *s)
{
	s->applied = s->last;
}

void sim_cut_off(struct sim_js *s, uint64_t applied)
{
	s->no_leader = true;
	s->applied = applied;
}

void sim_rival(struct sim_js *s, uint64_t last)
{
	s->rival = true;
	s->rival_last = last;
}

void sim_step_down(struct sim_js *s)
{
	s->rival = false;
}

uint64_t sim_leaders_last(const struct sim_js *s)
{
	return s->last < s->applied ? s->last : s->applied;
}

void sim_consumers_gone(struct sim_js *s)
{
	memset(s->consumers, 0, sizeof(s->consumers));
}

void sim_recreate(struct sim_js *s)
{
	sim_purge(s, s->last);
	s->epoch++;
	s->applied = SIM_ALL;
	s->last = 0;
	s->first = 1;
	s->read_to = 0;
	memset(s->gone, 0, sizeof(s->gone));
	sim_consumers_gone(s);
}

void sim_roll_back(struct sim_js *s, uint64_t last)
{
	for (uint64_t q = last + 1; q <= s->last; q++)
		drop(s, q, false);
	memset(s->gone + last + 1, 0,
	       (SIM_MAX_SEQ - last) * sizeof(s->gone[0]));
	s->last = last;
	s->applied = SIM_ALL;
	if (s->first > last + 1)
		s->first = last + 1;
	find_first(s);
	sim_consumers_gone(s);
}

uint64_t sim_next(const struct sim_js *s, uint64_t seq, const char *subject,
		  uint64_t upto)
{
	for (uint64_t q = seq + 1; q <= s->last && q <= upto; q++) {
		uint64_t uid = s->at[q];

		if (uid != 0 &&
		    (subject[0] == '\0' ||
		     pattern_matches(
			     span_of(subject),
			     span_of(sim_subjects[s->messages[uid].subject]))))
			return uid;
	}
	return 0;
}
