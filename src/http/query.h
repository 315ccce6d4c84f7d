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

/* What a query carries of the client's identity, for any endpoint. */
struct query_credentials {
	struct query_id id;
	struct span token; /* as sent, inside of the query, with good percent
			      signs; at NULL for none */
};

/* Reads a query pair by pair. Pairs with credentials are kept and not
 * returned. The names are those of their parameters; NULL: not allowed. */
struct query_reader {
	const char *at; /* the rest, not yet read */
	const char *id_name;
	const char *token_name;
	struct query_credentials credentials;
};

/* The next pair, decoded. 1; 0 at the end; or -EINVAL with *why: a broken
 * percent sign or a NUL anywhere, a credential twice, an identity that is too
 * long. A token is a secret: no error quotes it. */
int query_reader_next(struct query_reader *r, struct query_text *name,
		      struct query_text *value, struct http_error *why);

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
