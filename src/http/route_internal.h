/* What the files of a route share: route.c, route_script.c (the parameters that
 * scripts want) and route_streams.c (those of the admin's list). Nobody else
 * includes it. */
#ifndef SLUICE_ROUTE_INTERNAL_H
#define SLUICE_ROUTE_INTERNAL_H

#include <string.h>

#include "http/route.h"

/* Bytes of a part of the request. */
struct span {
	const char *at;
	size_t len;
};

static inline struct span span_of(const char *text)
{
	return (struct span){text, strlen(text)};
}

/* A decoded name or value. What does not fit is checked and counted, and not
 * kept: nothing of ours is that long. */
struct text {
	char bytes[sizeof(((struct route *)0)->query_id)];
	size_t len; /* of all of it */
};

static inline bool text_fits(const struct text *t)
{
	return t->len < sizeof(t->bytes);
}

static inline bool text_is(const struct text *t, const char *word)
{
	return t->len == strlen(word) && text_fits(t) &&
	       memcmp(t->bytes, word, t->len) == 0;
}

static inline struct span text_kept(const struct text *t)
{
	return (struct span){t->bytes,
			     text_fits(t) ? t->len : sizeof(t->bytes)};
}

/* What is read of one request. */
struct reader {
	const struct route_request *req;
	struct http_error *why;
	struct route route;
	bool has_deliver;
	bool has_last_event_id; /* in the query, maybe empty */
	unsigned script;	/* which of route_script.c's: bits */
};

/* What `name` is given twice for. */
int route_refuse_twice(struct reader *r, enum reject_reason reason,
		       const char *name);
/* Its value is not what is allowed. */
int route_refuse_value(struct reader *r, const char *name,
		       const struct text *value, const char *allowed);
/* The value of id_query, or of "id" in the list. */
int route_take_id(struct reader *r, const struct text *value, const char *name);

/* route_script.c: takes the parameter if it is one of those. */
int route_take_script(struct reader *r, const struct text *name,
		      const struct text *value);

/* route_streams.c: one parameter of /streams. */
int route_take_filter(struct reader *r, const struct text *name,
		      const struct text *value);
/* ... and all of them together, by the method. */
int route_check_filter(struct reader *r);
/* "17" of "/subscriptions/17"; false when it is no number. */
bool route_take_number(struct span digits, uint64_t *ret);

#endif
