#include "publisher_spy.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/check.h"

struct publisher_spy_item {
	struct publisher_spy_item *next;
	struct publisher_event event;
	char bytes[];
};

static struct span copy_text(char **to, struct span text)
{
	struct span copy = {*to, text.len};

	if (text.len > 0)
		memcpy(*to, text.at, text.len);
	(*to)[text.len] = '\0';
	*to += text.len + 1;
	return copy;
}

void publisher_spy_record(struct publisher_spy *s,
			  const struct publisher_event *ev)
{
	struct publisher_spy_item *item;
	char *to;

	s->n_dropped += ev->dropped;
	if (ev->kind == PUBLISHER_SENT)
		s->last_sent = ev->id;
	if (s->counting && ev->kind == PUBLISHER_MESSAGE) {
		s->n_counted++;
		s->last_number = strtoull(ev->data.at, NULL, 10);
		return;
	}
	item = malloc(sizeof(*item) + ev->subject.len + ev->reply.len +
		      ev->headers.len + ev->data.len + 4);
	assert_non_null(item);
	*item = (struct publisher_spy_item){.event = *ev};
	to = item->bytes;
	item->event.subject = copy_text(&to, ev->subject);
	item->event.reply = copy_text(&to, ev->reply);
	item->event.headers = copy_text(&to, ev->headers);
	item->event.data = copy_text(&to, ev->data);
	if (s->first == NULL)
		s->last = &s->first;
	*s->last = item;
	s->last = &item->next;
	if (s->next == NULL)
		s->next = item;
	s->n++;
}

const struct publisher_event *publisher_spy_find(const struct publisher_spy *s,
						 enum publisher_event_kind kind,
						 uint64_t id)
{
	for (struct publisher_spy_item *i = s->next; i != NULL; i = i->next)
		if (i->event.kind == kind && (id == 0 || i->event.id == id))
			return &i->event;
	return NULL;
}

const struct publisher_event *publisher_spy_next(struct publisher_spy *s)
{
	struct publisher_spy_item *item = s->next;

	if (item == NULL)
		return NULL;
	s->next = item->next;
	return &item->event;
}

void publisher_spy_pass(struct publisher_spy *s,
			const struct publisher_event *ev)
{
	s->next = CONTAINER_OF(ev, struct publisher_spy_item, event)->next;
}

void publisher_spy_print(const struct publisher_spy *s)
{
	static const char *const names[] = {
		[PUBLISHER_UP] = "up",
		[PUBLISHER_DOWN] = "down",
		[PUBLISHER_SENT] = "sent",
		[PUBLISHER_FLUSHED] = "flushed",
		[PUBLISHER_REPLY] = "reply",
		[PUBLISHER_FAILED] = "failed",
		[PUBLISHER_DENIED] = "denied",
		[PUBLISHER_ACTIVE] = "active",
		[PUBLISHER_MESSAGE] = "message",
	};
	size_t n = 0;

	for (struct publisher_spy_item *i = s->first; i != NULL && n++ < 20;
	     i = i->next)
		print_message("publisher: %s %" PRIu64 " failure %d %s %.40s\n",
			      names[i->event.kind], i->event.id,
			      i->event.failure, i->event.subject.at,
			      i->event.data.at);
}

void publisher_spy_finish(struct publisher_spy *s)
{
	while (s->first != NULL) {
		struct publisher_spy_item *item = s->first;

		s->first = item->next;
		free(item);
	}
	*s = (struct publisher_spy){0};
}
