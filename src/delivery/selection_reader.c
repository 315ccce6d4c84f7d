#include "delivery/selection_reader.h"

#include "nats/pattern.h"

static struct span subject_at(const struct event_buffer *b, uint64_t number)
{
	const struct buffer_subject *s = event_buffer_frame(b, number)->subject;

	return (struct span){s->name, s->len};
}

static bool has_only_literals(const struct selection *s)
{
	for (size_t i = 0; i < s->n_patterns; i++)
		if (!pattern_is_literal(s->patterns[i]))
			return false;
	return true;
}

/* ---- the index, backwards ------------------------------------------------ */

/* The newest frame of this subject before number `before`; 0: none. */
static uint64_t frame_of_subject_before(const struct event_buffer *b,
					struct span subject, uint64_t before)
{
	const struct buffer_subject *e =
		event_buffer_find(b, subject.at, subject.len);
	uint64_t n;

	if (e == NULL || e->first == 0 || e->first >= before)
		return 0;
	if (e->last < before)
		return e->last;
	/* the frame at or after `before`, then the one before it */
	n = event_buffer_search(b, e, event_buffer_frame(b, before)->seq - 1,
				NULL);
	return n - event_buffer_frame(b, n)->back;
}

/* The newest frame before `before` of any of its subjects; 0: none. */
static uint64_t newest_of_subjects(const struct selection *s,
				   const struct event_buffer *b,
				   uint64_t before)
{
	uint64_t newest = 0;

	for (size_t i = 0; i < s->n_patterns; i++) {
		uint64_t n = frame_of_subject_before(b, s->patterns[i], before);

		if (n > newest && !selection_denies(s, s->patterns[i]))
			newest = n;
	}
	return newest;
}

static bool extend_by_subjects(struct selection *s,
			       const struct event_buffer *b, uint64_t number)
{
	for (unsigned i = 0; i < SELECTION_SCAN_MAX && s->from > number;
	     i += s->n_patterns) {
		uint64_t n = newest_of_subjects(s, b, s->from);

		if (n < number) {
			s->from = number;
			return true;
		}
		if (!selection_push_front(s, n))
			return true;
	}
	return s->from <= number;
}

static bool extend_by_scan(struct selection *s, const struct event_buffer *b,
			   uint64_t number)
{
	for (unsigned i = 0; i < SELECTION_SCAN_MAX && s->from > number; i++) {
		uint64_t n = s->from - 1;

		if (!selection_accepts(s, subject_at(b, n)))
			s->from = n;
		else if (!selection_push_front(s, n))
			return true;
	}
	return s->from <= number;
}

bool selection_reader_prepare(struct selection *s, const struct event_buffer *b,
			      uint64_t number)
{
	if (s->from <= number)
		return true;
	return has_only_literals(s) ? extend_by_subjects(s, b, number)
				    : extend_by_scan(s, b, number);
}

/* ---- reading ------------------------------------------------------------- */

uint64_t selection_reader_next(const struct selection *s,
			       const struct event_buffer *b, uint64_t number,
			       unsigned *scan)
{
	if (number < event_buffer_first(b))
		number = event_buffer_first(b);
	for (; number < s->from; number++) {
		if (*scan == 0 || !event_buffer_has(b, number))
			return 0;
		--*scan;
		if (selection_accepts(s, subject_at(b, number)))
			return number;
	}
	return selection_find(s, number);
}
