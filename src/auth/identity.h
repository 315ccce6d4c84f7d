/* The identity of a request, from a header or a query parameter, as exactly one
 * token of a NATS subject. */
#ifndef SLUICE_IDENTITY_H
#define SLUICE_IDENTITY_H

#include <stddef.h>

#include "http/http_error.h"
#include "nats/subject.h"

struct identity {
	char id[SUBJECT_ID_MAX + 1];
	size_t len;
};

struct identity_request {
	const char *header_name; /* for the text of errors */
	const char *header;	 /* value; NULL when absent */
	size_t header_len;
	const char *query_name; /* NULL when not allowed */
	const char *query;	/* decoded value; NULL when absent */
	size_t query_len;
};

/* 0, or -EINVAL with *why: none, both given (even if equal), or not one token
 * of 1 to 128 bytes 33..126 without '.', '*', '>'. */
int identity_take(struct identity *ret, struct http_error *why,
		  const struct identity_request *req);

#endif
