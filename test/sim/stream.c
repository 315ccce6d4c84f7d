/* The stream of a world: that of fake_jetstream, and what client.c needs to
 * judge: the subject of each message, and the messages that were removed. */
#include "sim.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"

const char *const sim_subjects[SIM_SUBJECTS] = {"ev.a", "ev.b", "other.x",
						"ev.c", "ev.d", "ev.e",
						"ev.f", "ev.g"};

static void on_removed(struct fake_jetstream *js, size_t message, bool expired)
{
	struct sim *s = CONTAINER_OF(js, struct sim, js);
	uint64_t seq = js->messages[message].seq;

	s->removed.messages[seq] = expired ? message : 0;
	s->removed.was_read[seq] = seq <= s->removed.read_to;
}

void sim_init_stream(struct sim *s)
{
	fake_jetstream_init(&s->js);
	s->js.up = false;
	s->js.leader = 1;
	s->js.on_removed = on_removed;
}

void sim_publish(struct sim *s, int subject)
{
	size_t number = s->js.n_messages;
	uint64_t seq = s->js.last_seq + 1;
	char data[32];
	int len;

	if (seq > SIM_MAX_SEQ)
		return;
	MUST(number < UIDS_MAX);
	len = snprintf(data, sizeof(data), "%zu", number);
	s->removed.messages[seq] = 0;
	s->subjects[number] = (uint8_t)subject;
	MUST(fake_jetstream_store(&s->js, seq, sim_subjects[subject], data,
				  (size_t)len));
	s->js.messages[number].time_ns = number * 1000; /* of no other */
}

void sim_recreate(struct sim *s)
{
	fake_jetstream_lose_consumers(&s->js);
	fake_jetstream_drop_stream(&s->js);
	fake_jetstream_make_stream(&s->js);
	memset(&s->removed, 0, sizeof(s->removed));
}

void sim_roll_back(struct sim *s, uint64_t last)
{
	fake_jetstream_roll_back(&s->js, last);
	memset(s->removed.messages + last + 1, 0,
	       (SIM_MAX_SEQ - last) * sizeof(s->removed.messages[0]));
}

void sim_up(struct sim *s)
{
	if (!s->js.up)
		fake_jetstream_up(&s->js);
}
