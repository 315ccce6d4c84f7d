/* The servers of the fake: what the leader and a former leader have of the
 * stream, and the order in which their responses come. */
#include <string.h>

#include "fake_jetstream_internal.h"

void fake_jetstream_lead(struct fake_jetstream *js)
{
	if (js->leader != 0)
		js->leader++;
	js->no_leader = false;
	js->applied = FAKE_ALL;
}

void fake_jetstream_lead_behind(struct fake_jetstream *js, uint64_t applied)
{
	fake_jetstream_lead(js);
	js->applied = applied;
}

void fake_jetstream_stand_still(struct fake_jetstream *js)
{
	js->applied = js->last_seq;
}

void fake_jetstream_cut_off(struct fake_jetstream *js, uint64_t applied)
{
	js->no_leader = true;
	js->applied = applied;
}

void fake_jetstream_return_former(struct fake_jetstream *js, uint64_t last)
{
	js->former_leader = true;
	js->former_last = last;
}

void fake_jetstream_step_down(struct fake_jetstream *js)
{
	js->former_leader = false;
}

uint64_t fake_known_to(const struct fake_jetstream *js, int server)
{
	uint64_t last = js->last_seq < js->applied ? js->last_seq : js->applied;

	return server == 0 || last < js->former_last ? last : js->former_last;
}

/* ---- late responses ------------------------------------------------------ */

bool fake_has_late(const struct fake_jetstream *js)
{
	return js->late[0].from != js->late[0].to ||
	       js->late[1].from != js->late[1].to;
}

void fake_answer(struct fake_jetstream *js, int server,
		 const struct fake_event *e)
{
	struct fake_late *late = &js->late[server];

	if (!js->former_leader && !fake_has_late(js) && !js->faults.shuffles) {
		fake_post(js, e);
		return;
	}
	if (late->to - late->from == FAKE_MAX_LATE)
		fake_jetstream_deliver_late(js, (size_t)server);
	late->events[late->to++ % FAKE_MAX_LATE] = *e;
}

/* Several workers of the server: one of the first responses becomes the first.
 */
static void shuffle(struct fake_jetstream *js, struct fake_late *late)
{
	size_t n = late->to - late->from;
	size_t i = late->from + fake_random_below(js, n < 3 ? n : 3);
	struct fake_event *first = &late->events[late->from % FAKE_MAX_LATE];
	struct fake_event e = late->events[i % FAKE_MAX_LATE];

	late->events[i % FAKE_MAX_LATE] = *first;
	*first = e;
}

bool fake_jetstream_deliver_late(struct fake_jetstream *js, size_t server)
{
	struct fake_late *late = &js->late[server];

	if (late->from == late->to)
		return false;
	if (js->faults.shuffles)
		shuffle(js, late);
	fake_post(js, &late->events[late->from++ % FAKE_MAX_LATE]);
	return true;
}

void fake_jetstream_drop_infos(struct fake_jetstream *js)
{
	struct fake_late *late = &js->late[1];
	size_t kept = js->read;

	for (size_t i = js->read; i < js->n_requests; i++)
		if (js->requests[i].kind != REQUEST_INFO)
			js->requests[kept++] = js->requests[i];
	js->n_requests = kept;
	kept = late->from;
	for (size_t i = late->from; i != late->to; i++)
		if (late->events[i % FAKE_MAX_LATE].ev.kind != JETSTREAM_INFO)
			late->events[kept++ % FAKE_MAX_LATE] =
				late->events[i % FAKE_MAX_LATE];
	late->to = kept;
}
