/* The content of the fake's stream. A message keeps its number for ever, since
 * an event on its way may name one that has left the stream. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "fake_jetstream_internal.h"
#include "nats/pattern.h"

static void grow(struct fake_jetstream *js)
{
	if (js->n_messages < js->cap_messages)
		return;
	js->cap_messages = js->cap_messages == 0 ? 16 : js->cap_messages * 2;
	js->messages =
		realloc(js->messages, js->cap_messages * sizeof(*js->messages));
	js->stored =
		realloc(js->stored, js->cap_messages * sizeof(*js->stored));
	MUST(js->messages != NULL && js->stored != NULL);
}

size_t fake_jetstream_place_above(const struct fake_jetstream *js, uint64_t seq)
{
	size_t low = 0, high = js->n_stored;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (js->messages[js->stored[middle]].seq > seq)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static void report(struct fake_jetstream *js, size_t message, bool expired)
{
	if (js->on_removed != NULL)
		js->on_removed(js, message, expired);
}

static void drop(struct fake_jetstream *js, size_t from, size_t to,
		 bool expired)
{
	if (from == to)
		return;
	for (size_t i = from; i < to; i++)
		report(js, js->stored[i], expired);
	memmove(js->stored + from, js->stored + to,
		(js->n_stored - to) * sizeof(*js->stored));
	js->n_stored -= to - from;
}

void fake_jetstream_set_headers(struct fake_jetstream *js, const void *block,
				size_t len)
{
	free(js->next_block);
	js->next_block = malloc(len);
	MUST(js->next_block != NULL);
	memcpy(js->next_block, block, len);
	js->next_block_len = len;
}

bool fake_jetstream_store(struct fake_jetstream *js, uint64_t seq,
			  const char *subject, const void *data, size_t len)
{
	struct fake_message *m;

	if (seq <= js->last_seq || !js->has_stream)
		return false;
	grow(js);
	m = &js->messages[js->n_messages];
	*m = (struct fake_message){.seq = seq,
				   .time_ns = 1000000000,
				   .len = len};
	m->subject = strdup(subject);
	m->data = malloc(len + 1);
	MUST(m->subject != NULL && m->data != NULL);
	memcpy(m->data, data, len);
	m->block = js->next_block;
	m->block_len = js->next_block_len;
	js->next_block = NULL;
	js->next_block_len = 0;
	buf_init(&m->headers, 1 << 20);
	m->big = fake_happens(js, js->faults.big);
	js->last_seq = seq;
	js->stored[js->n_stored++] = js->n_messages++;
	if (js->limit != 0 && js->n_stored > js->limit)
		drop(js, 0, js->n_stored - js->limit, true);
	return true;
}

void fake_jetstream_mark_internal(struct fake_jetstream *js)
{
	js->messages[js->stored[js->n_stored - 1]].internal = true;
}

void fake_jetstream_purge(struct fake_jetstream *js, uint64_t upto)
{
	drop(js, 0, fake_jetstream_place_above(js, upto), true);
}

bool fake_is_literal(const char *filter)
{
	return filter[0] != '\0' && strpbrk(filter, "*>") == NULL;
}

bool fake_matches(const char *filter, const char *subject)
{
	return filter[0] == '\0' ||
	       pattern_matches(span_of(filter), span_of(subject));
}

void fake_jetstream_purge_subject(struct fake_jetstream *js,
				  const char *subject)
{
	size_t kept = 0;

	for (size_t i = 0; i < js->n_stored; i++) {
		size_t m = js->stored[i];

		if (strcmp(js->messages[m].subject, subject) == 0)
			report(js, m, false);
		else
			js->stored[kept++] = m;
	}
	js->n_stored = kept;
	for (size_t i = 0; js->faults.jumps && i < FAKE_MAX_CONSUMERS; i++)
		if (js->consumers[i].alive && js->consumers[i].n_newest == 0 &&
		    !fake_is_literal(js->consumers[i].filter))
			js->consumers[i].pos = js->last_seq;
}

void fake_jetstream_delete(struct fake_jetstream *js, uint64_t seq)
{
	size_t to = fake_jetstream_place_above(js, seq);

	if (fake_jetstream_at(js, seq) != 0)
		drop(js, to - 1, to, false);
}

void fake_jetstream_roll_back(struct fake_jetstream *js, uint64_t last)
{
	drop(js, fake_jetstream_place_above(js, last), js->n_stored, false);
	js->last_seq = last;
	js->applied = FAKE_ALL;
	fake_jetstream_lose_consumers(js);
}

void fake_jetstream_drop_stream(struct fake_jetstream *js)
{
	fake_jetstream_purge(js, UINT64_MAX);
	js->has_stream = false;
	for (size_t i = 0; i < FAKE_MAX_CONSUMERS; i++)
		if (js->consumers[i].alive)
			fake_jetstream_delete_consumer(js, &js->consumers[i],
						       true);
}

void fake_jetstream_make_stream(struct fake_jetstream *js)
{
	if (js->has_stream)
		return;
	js->has_stream = true;
	js->epoch++;
	js->last_seq = 0;
	js->applied = FAKE_ALL;
}

uint64_t fake_jetstream_first_seq(const struct fake_jetstream *js)
{
	return js->n_stored > 0 ? js->messages[js->stored[0]].seq
				: js->last_seq + 1;
}

size_t fake_jetstream_at(const struct fake_jetstream *js, uint64_t seq)
{
	size_t to = fake_jetstream_place_above(js, seq);
	size_t m = to > 0 ? js->stored[to - 1] : 0;

	return m != 0 && js->messages[m].seq == seq ? m : 0;
}

/* ---- searches ------------------------------------------------------------ */

/* The place of the first message of a subject at or after a place, and up to a
 * sequence; n_stored: none. */
static size_t find_place(const struct fake_jetstream *js, size_t from,
			 struct span subject, uint64_t upto)
{
	for (size_t i = from; i < js->n_stored; i++) {
		const struct fake_message *m = &js->messages[js->stored[i]];

		if (m->seq > upto)
			break;
		if (subject.len == 0 ||
		    pattern_matches(subject, span_of(m->subject)))
			return i;
	}
	return js->n_stored;
}

size_t fake_jetstream_next(const struct fake_jetstream *js, uint64_t seq,
			   const char *subject, uint64_t upto)
{
	size_t i = find_place(js, fake_jetstream_place_above(js, seq),
			      span_of(subject), upto);

	return i < js->n_stored ? js->stored[i] : 0;
}

uint64_t fake_count(const struct fake_jetstream *js, uint64_t seq,
		    const char *subject, uint64_t upto)
{
	struct span s = span_of(subject);
	size_t i = fake_jetstream_place_above(js, seq);
	uint64_t n = 0;

	while ((i = find_place(js, i, s, upto)) < js->n_stored) {
		n++;
		i++;
	}
	return n;
}
