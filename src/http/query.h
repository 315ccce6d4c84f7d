/* The query of a target: name=value pairs, percent-encoded.
 *
 * A pair is split as it was sent and decoded afterwards, so that an encoded '&'
 * or '=' is data. Names and values are decoded once; '+' stays '+'. Errors are
 * 400, and quote nothing that may be a secret. */
#ifndef SLUICE_QUERY_H
#define SLUICE_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "http/http_error.h"

enum { QUERY_TEXT_MAX = 512 };

struct query_pair {
	struct span name, value; /* as sent */
};

/* A decoded name or value. Of a longer one, which no parameter allows, all
 * bytes are checked and counted, and the first ones are kept. */
struct query_text {
	char bytes[QUERY_TEXT_MAX]; /* with a NUL where it fits */
	size_t len;		    /* of the whole text */
};

bool query_text_fits(const struct query_text *t);
bool query_text_is(const struct query_text *t, const char *word);
/* The bytes kept. */
struct span query_text_kept(const struct query_text *t);

/* The identity that a parameter carries. */
struct query_id {
	bool given;
	char text[QUERY_TEXT_MAX]; /* decoded */
	size_t len;
};

/* The next pair at *at, which moves behind it; false at the end. */
bool query_next(const char **at, struct query_pair *ret);
/* Decodes `sent`, a part of the parameter `name`. 0, or -EINVAL with *why for a
 * broken percent sign or a NUL. */
int query_decode(struct query_text *ret, struct span sent, struct span name,
		 struct http_error *why);
/* An unsigned decimal without leading zeros; false for anything else. */
bool query_number(struct span digits, uint64_t *ret);
/* Stores the value of the identity parameter. 0, or -EINVAL with *why when it
 * is given twice or too long. */
int query_take_id(struct query_id *ret, struct http_error *why,
		  const char *name, const struct query_text *value);

/* -EINVAL, with *why: the parameter is given twice. */
int query_reject_duplicate(struct http_error *why, enum reject_reason reason,
			   const char *name);
/* -EINVAL, with *why: the value is not what is allowed. */
int query_reject_value(struct http_error *why, const char *name,
		       const struct query_text *value, const char *allowed);

#endif
