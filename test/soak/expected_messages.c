#include "expected_messages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seeded_random.h"

enum { COLD_MAX = 120, HOT_MAX = 2000 };

void expected_messages_init(struct expected_messages *l, unsigned n_subjects,
			    unsigned n_hot, uint64_t seed)
{
	*l = (struct expected_messages){.seed = seed,
					.n_subjects = n_subjects,
					.n_hot = n_hot};
	l->subjects = calloc(n_subjects, sizeof(*l->subjects));
	if (l->subjects == NULL)
		abort();
}

void expected_messages_finish(struct expected_messages *l)
{
	for (unsigned i = 0; i < l->n_subjects; i++)
		free(l->subjects[i].seqs);
	free(l->subjects);
	free(l->deleted);
	*l = (struct expected_messages){0};
}

uint32_t expected_messages_add(struct expected_messages *l, unsigned subject)
{
	struct expected_subject *s = &l->subjects[subject];

	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 64 : s->cap * 2;
		s->seqs = realloc(s->seqs, s->cap * sizeof(*s->seqs));
		if (s->seqs == NULL)
			abort();
	}
	s->seqs[s->n] = 0;
	return s->n++;
}

bool expected_messages_stored(struct expected_messages *l, unsigned subject,
			      uint32_t counter, uint64_t seq)
{
	uint64_t *at = &l->subjects[subject].seqs[counter];

	if (*at == 0)
		*at = seq;
	return *at == seq;
}

/* ---- payloads ------------------------------------------------------------ */

size_t expected_messages_payload(const struct expected_messages *l,
				 unsigned subject, uint32_t counter, char *out,
				 bool *binary)
{
	uint64_t r = seeded_random_mix(l->seed ^
				       ((uint64_t)subject << 32 | counter));
	unsigned max = subject < l->n_hot ? HOT_MAX : COLD_MAX;
	size_t len = (size_t)snprintf(out, EXPECTED_MESSAGES_PAYLOAD_MAX,
				      "%u %u ", subject, counter);
	size_t head = len, end = len + (size_t)(r >> 32) % max;
	unsigned kind = r % 16;

	while (len < end) {
		r = seeded_random_mix(r);
		out[len++] = (char)('a' + r % 26);
	}
	*binary = kind == 0;
	if (kind == 0)
		out[len++] = (char)0xFF;
	if (kind == 1) {
		/* Several lines, the last of them empty. */
		len += len == head;
		out[(head + len) / 2] = '\n';
		out[len++] = '\n';
	}
	return len;
}

/* ---- what is gone -------------------------------------------------------- */

void expected_messages_delete(struct expected_messages *l, uint64_t seq)
{
	size_t at = (size_t)(seq / 8), more;

	if (at >= l->n_deleted_bytes) {
		more = at * 2 + 4096;
		l->deleted = realloc(l->deleted, more);
		if (l->deleted == NULL)
			abort();
		memset(l->deleted + l->n_deleted_bytes, 0,
		       more - l->n_deleted_bytes);
		l->n_deleted_bytes = more;
	}
	l->deleted[at] |= (uint8_t)(1U << seq % 8);
}

void expected_messages_purge(struct expected_messages *l, uint64_t up_to)
{
	if (up_to > l->purged)
		l->purged = up_to;
}

bool expected_messages_is_deleted(const struct expected_messages *l,
				  uint64_t seq)
{
	size_t at = (size_t)(seq / 8);

	return at < l->n_deleted_bytes && (l->deleted[at] >> seq % 8 & 1) != 0;
}

bool expected_messages_all_gone(const struct expected_messages *l,
				uint64_t first, uint64_t end)
{
	if (first <= l->purged)
		first = l->purged + 1;
	for (; first < end; first++) {
		if (!expected_messages_is_deleted(l, first))
			return false;
	}
	return true;
}
