/* The content of the fake's stream. A message keeps its number for ever, since
 * an event on its way may name one that has left the stream. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "fake_jetstream.h"
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
	js->last_seq = seq;
	js->stored[js->n_stored++] = js->n_messages++;
	return true;
}

void fake_jetstream_mark_internal(struct fake_jetstream *js)
{
	js->messages[js->stored[js->n_stored - 1]].internal = true;
}

/* The place in `stored` of the first message above `seq`. */
static size_t place_above(const struct fake_jetstream *js, uint64_t seq)
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

static void drop(struct fake_jetstream *js, size_t from, size_t to)
{
	memmove(js->stored + from, js->stored + to,
		(js->n_stored - to) * sizeof(*js->stored));
	js->n_stored -= to - from;
}

void fake_jetstream_purge(struct fake_jetstream *js, uint64_t upto)
{
	if (js->n_stored > 0)
		drop(js, 0, place_above(js, upto));
}

void fake_jetstream_delete(struct fake_jetstream *js, uint64_t seq)
{
	size_t to = place_above(js, seq);

	if (to > 0 && js->messages[js->stored[to - 1]].seq == seq)
		drop(js, to - 1, to);
}

void fake_jetstream_make_stream(struct fake_jetstream *js)
{
	if (js->has_stream)
		return;
	js->has_stream = true;
	js->epoch++;
	js->last_seq = 0;
}

size_t fake_jetstream_next(const struct fake_jetstream *js, uint64_t seq,
			   const char *subject)
{
	for (size_t i = place_above(js, seq); i < js->n_stored; i++) {
		size_t m = js->stored[i];

		if (subject[0] == '\0' ||
		    pattern_matches(span_of(subject),
				    span_of(js->messages[m].subject)))
			return m;
	}
	return 0;
}
