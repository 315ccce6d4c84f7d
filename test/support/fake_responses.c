/* What the fake's servers answer, and the faults of their responses. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "fake_jetstream_internal.h"

enum { ERR_UNAVAILABLE = 10008 };

/* ---- faults -------------------------------------------------------------- */

uint64_t fake_random_below(struct fake_jetstream *js, uint64_t n)
{
	uint64_t z = (js->random += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return (z ^ (z >> 31)) % n;
}

bool fake_happens(struct fake_jetstream *js, unsigned chance)
{
	return chance != 0 && fake_random_below(js, 256) < chance;
}

void fake_count_rejection(struct fake_jetstream *js, struct request_id request)
{
	js->rejected[request.owner < FAKE_MAX_OWNERS - 1
			     ? request.owner
			     : FAKE_MAX_OWNERS - 1]++;
}

/* An error in place of a response. */
static bool reject(struct fake_jetstream *js, int server, struct fake_event *e)
{
	if (!fake_happens(js, js->faults.errors))
		return false;
	e->ev.err = fake_random_below(js, 2) ? ERR_UNAVAILABLE
					     : JETSTREAM_ERR_NO_RESPONDERS;
	fake_count_rejection(js, e->ev.request);
	fake_answer(js, server, e);
	return true;
}

size_t fake_mix_up(struct fake_jetstream *js, size_t message,
		   const char *filter)
{
	const struct fake_message *m = &js->messages[message];

	if (message == 0 || !fake_is_literal(filter) ||
	    !fake_happens(js, js->faults.foreign))
		return message;
	for (size_t i = fake_jetstream_place_above(js, m->seq);
	     i < js->n_stored; i++)
		if (strcmp(js->messages[js->stored[i]].subject, m->subject) !=
		    0)
			return js->stored[i];
	return message;
}

/* ---- responses ----------------------------------------------------------- */

static void respond_info(struct fake_jetstream *js, int server,
			 struct fake_event *e)
{
	struct jetstream_info *info = &e->ev.info;

	if (reject(js, server, e))
		return;
	e->epoch = js->epoch;
	info->filter_covers_all = js->covers_all;
	info->last_seq = fake_known_to(js, server);
	info->first_seq = fake_jetstream_first_seq(js);
	if (info->first_seq > info->last_seq + 1)
		info->first_seq = info->last_seq + 1;
	info->messages = js->n_stored;
	info->leader = js->leader + (uint32_t)server * 1000;
	info->no_leader = js->no_leader || server != 0;
	/* A former leader that is back has not answered the new one. */
	info->all_follow = !info->no_leader && !js->former_leader;
	info->before_2_10 = js->faults.jumps;
	info->api_level = js->faults.jumps ? 0 : 2;
	fake_answer(js, server, e);
}

static size_t find_last(const struct fake_jetstream *js, const char *subject,
			uint64_t upto)
{
	size_t m = 0, next = fake_jetstream_next(js, 0, subject, upto);

	while (next != 0) {
		m = next;
		next = fake_jetstream_next(js, js->messages[m].seq, subject,
					   upto);
	}
	return m;
}

/* The newest message that ever was has left the stream. */
static bool is_newest_deleted(const struct fake_jetstream *js,
			      const char *subject)
{
	for (size_t m = js->n_messages - 1; m > 0; m--)
		if (fake_matches(subject, js->messages[m].subject))
			return fake_jetstream_at(js, js->messages[m].seq) != m;
	return false;
}

static void respond_found(struct fake_jetstream *js, int server,
			  const struct fake_request *a, struct fake_event *e)
{
	uint64_t last = fake_known_to(js, server);

	if (reject(js, server, e))
		return;
	if (a->kind == REQUEST_GET_LAST && js->faults.forgets &&
	    is_newest_deleted(js, a->subject))
		e->message = 0;
	else if (a->kind == REQUEST_GET_LAST)
		e->message = find_last(js, a->subject, last);
	else if (a->kind == REQUEST_GET)
		e->message = a->seq <= last ? fake_jetstream_at(js, a->seq) : 0;
	else
		e->message =
			fake_jetstream_next(js, a->seq > 0 ? a->seq - 1 : 0,
					    a->subject, last);
	if (e->message == 0)
		e->ev.err = JETSTREAM_ERR_NO_MESSAGE;
	if (a->kind != REQUEST_GET)
		e->message = fake_mix_up(js, e->message, a->subject);
	fake_answer(js, server, e);
}

static void respond_created(struct fake_jetstream *js,
			    const struct fake_request *a, struct fake_event *e)
{
	if (reject(js, 0, e))
		return;
	if (js->faults.max_consumers != 0 &&
	    fake_jetstream_count_consumers(js) >= js->faults.max_consumers) {
		e->ev.err = JETSTREAM_ERR_MAX_CONSUMERS;
		fake_count_rejection(js, a->request);
	} else {
		fake_create_consumer(js, a);
	}
	fake_post(js, e);
}

/* INFO, GET_NEXT, GET, GET_LAST, CREATE. */
static void respond(struct fake_jetstream *js, int server,
		    const struct fake_request *a)
{
	static const enum jetstream_event_kind kinds[] = {JETSTREAM_INFO,
							  JETSTREAM_FOUND,
							  JETSTREAM_FOUND,
							  JETSTREAM_FOUND,
							  JETSTREAM_CREATED};
	struct fake_event e = {
		.ev = {.kind = kinds[a->kind], .request = a->request}};

	if (!js->has_stream) {
		e.ev.err = JETSTREAM_ERR_NO_STREAM;
		e.ev.err_text = "stream not found";
		fake_answer(js, server, &e);
	} else if (a->kind == REQUEST_INFO) {
		respond_info(js, server, &e);
	} else if (a->kind == REQUEST_CREATE) {
		respond_created(js, a, &e);
	} else {
		respond_found(js, server, a, &e);
	}
}

/* Takes the n-th unread request out of the record. */
static struct fake_request take_request(struct fake_jetstream *js, size_t which)
{
	struct fake_request *first = &js->requests[js->read];
	struct fake_request a = first[which];

	memmove(first + 1, first, which * sizeof(a));
	js->read++;
	if (js->read == js->n_requests)
		js->read = js->n_requests = 0;
	return a;
}

bool fake_jetstream_serve_request(struct fake_jetstream *js, size_t which)
{
	size_t n = requests_unread(js);
	struct fake_request a;
	int last;

	if (n == 0)
		return false;
	a = take_request(js, which % n);
	js->served[a.kind]++;
	last = a.kind != REQUEST_CREATE && js->former_leader;
	if (a.kind == REQUEST_PULL)
		fake_take_pull(js, &a);
	else if (a.kind == REQUEST_DELETE_CONSUMER)
		fake_end_consumer(js, a.request);
	else
		for (int server = 0; server <= last; server++)
			respond(js, server, &a);
	return true;
}

static bool is_due(const struct fake_jetstream *js,
		   const struct fake_request *a)
{
	bool searches = a->kind == REQUEST_GET_NEXT || a->kind == REQUEST_GET ||
			a->kind == REQUEST_GET_LAST;

	return js->now_ms >=
	       a->sent_ms + (searches ? js->search_ms : js->answer_ms);
}

void fake_jetstream_serve_due(struct fake_jetstream *js)
{
	size_t i = 0;

	while (i < requests_unread(js))
		if (is_due(js, &js->requests[js->read + i]))
			fake_jetstream_serve_request(js, i);
		else
			i++;
}

bool fake_jetstream_turn(struct fake_jetstream *js, fake_event_cb to, void *arg)
{
	bool did = false;

	for (size_t n = requests_unread(js); n > 0; n--)
		fake_jetstream_serve_request(js, 0);
	while (fake_jetstream_deliver(js, to, arg))
		did = true;
	for (size_t i = 0; i < FAKE_MAX_CONSUMERS; i++)
		while (fake_jetstream_serve_consumer(js, &js->consumers[i]))
			did |= fake_jetstream_deliver(js, to, arg);
	return did;
}
