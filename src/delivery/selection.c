#include "delivery/selection.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mutation.h"
#include "nats/pattern.h"

enum {
	SELECTION_NUMBERS_MIN = 8,
	SELECTION_NUMBERS_SHARE = 64, /* without regard to the budget */
};

static size_t texts_len(const struct span *list, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		len += list[i].len + 1;
	return len;
}

static char *copy_texts(struct span *to, const struct span *list, size_t n,
			char *out)
{
	for (size_t i = 0; i < n; i++) {
		memcpy(out, list[i].at, list[i].len);
		out[list[i].len] = '\0';
		to[i] = (struct span){out, list[i].len};
		out += list[i].len + 1;
	}
	return out;
}

/* One allocation: the spans, the links, the texts. */
struct selection *selection_new(const struct rights_selection *from,
				struct selection_budget *budget,
				uint64_t next_number)
{
	size_t n_spans = from->n_patterns + from->n_denied;
	size_t links = sizeof(struct selection) + n_spans * sizeof(struct span);
	size_t texts = links + from->n_patterns * sizeof(struct pattern_link);
	struct selection *s =
		calloc(1, texts + texts_len(from->patterns, from->n_patterns) +
				  texts_len(from->denied, from->n_denied));
	char *out;

	if (s == NULL)
		return NULL;
	list_init(&s->watchers);
	s->budget = budget;
	s->from = next_number;
	s->n_patterns = (uint16_t)from->n_patterns;
	s->n_denied = (uint16_t)from->n_denied;
	s->links = (struct pattern_link *)(void *)((char *)s + links);
	out = copy_texts(s->patterns, from->patterns, from->n_patterns,
			 (char *)s + texts);
	copy_texts(s->patterns + s->n_patterns, from->denied, from->n_denied,
		   out);
	return s;
}

void selection_free(struct selection *s)
{
	s->budget->n -= s->n_numbers;
	free(s->numbers);
	free(s);
}

static bool is_same_list(const struct span *a, const struct span *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (a[i].len != b[i].len ||
		    memcmp(a[i].at, b[i].at, a[i].len) != 0)
			return false;
	return true;
}

bool selection_is(const struct selection *s,
		  const struct rights_selection *other)
{
	return s->n_patterns == other->n_patterns &&
	       s->n_denied == other->n_denied &&
	       is_same_list(s->patterns, other->patterns, s->n_patterns) &&
	       is_same_list(s->patterns + s->n_patterns, other->denied,
			    s->n_denied);
}

bool selection_denies(const struct selection *s, struct span subject)
{
	const struct span *denied = s->patterns + s->n_patterns;

	if (MUTATED(DENIED_DELIVERED))
		return false;
	if (pattern_is_hidden(subject))
		return true;
	for (size_t i = 0; i < s->n_denied; i++)
		if (pattern_matches(denied[i], subject))
			return true;
	return false;
}

bool selection_accepts(const struct selection *s, struct span subject)
{
	for (size_t i = 0; i < s->n_patterns; i++)
		if (pattern_matches(s->patterns[i], subject))
			return !selection_denies(s, subject);
	return false;
}

/* ---- the index ----------------------------------------------------------- */

static uint64_t *number_at(const struct selection *s, uint32_t i)
{
	return &s->numbers[(s->numbers_first + i) & (s->numbers_cap - 1)];
}

static void drop_numbers(struct selection *s, uint32_t n)
{
	s->numbers_first = (s->numbers_first + n) & (s->numbers_cap - 1);
	s->n_numbers -= n;
	s->budget->n -= n;
}

static void drop_evicted_numbers(struct selection *s, uint64_t first)
{
	uint32_t n = 0;

	while (n < s->n_numbers && *number_at(s, n) < first)
		n++;
	if (n > 0)
		drop_numbers(s, n);
}

static bool is_over_budget(const struct selection *s)
{
	return s->n_numbers >= SELECTION_NUMBERS_SHARE &&
	       s->budget->n >= s->budget->max;
}

/* False: no memory. */
static bool make_number_room(struct selection *s)
{
	uint32_t cap = s->numbers_cap * 2;
	uint64_t *grown;

	if (s->n_numbers < s->numbers_cap)
		return true;
	if (cap == 0)
		cap = SELECTION_NUMBERS_MIN;
	grown = malloc(cap * sizeof(*grown));
	if (grown == NULL)
		return false;
	for (uint32_t i = 0; i < s->n_numbers; i++)
		grown[i] = *number_at(s, i);
	free(s->numbers);
	s->numbers = grown;
	s->numbers_cap = cap;
	s->numbers_first = 0;
	return true;
}

void selection_push(struct selection *s, uint64_t number, uint64_t first)
{
	if (s->n_numbers > 0)
		drop_evicted_numbers(s, first);
	if (is_over_budget(s)) {
		s->from = *number_at(s, s->n_numbers / 2);
		drop_numbers(s, s->n_numbers / 2);
	}
	if (!make_number_room(s)) {
		drop_numbers(s, s->n_numbers);
		s->from = number + 1;
		return;
	}
	*number_at(s, s->n_numbers++) = number;
	s->budget->n++;
}

bool selection_push_front(struct selection *s, uint64_t number)
{
	if (is_over_budget(s) || !make_number_room(s))
		return false;
	s->numbers_first = (s->numbers_first - 1) & (s->numbers_cap - 1);
	s->n_numbers++;
	s->budget->n++;
	*number_at(s, 0) = number;
	s->from = number;
	return true;
}

uint64_t selection_find(const struct selection *s, uint64_t number)
{
	uint32_t low = 0, high = s->n_numbers;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (*number_at(s, middle) < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->n_numbers ? *number_at(s, low) : 0;
}
