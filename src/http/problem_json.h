/* Bodies of errors as application/problem+json (RFC 9457):
 *
 *	{"type":"about:blank","title":"Precondition Failed","status":412,
 *	 "detail":"...","err_code":10071,"current":9,"outcome":"unknown"}
 *
 * (without the line break and the blank in the middle). The last three stand
 * where they are known. */
#ifndef SLUICE_PROBLEM_JSON_H
#define SLUICE_PROBLEM_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "http/http_error.h"
#include "nats/publish_error.h"

struct problem {
	const struct http_error *error; /* the text is the detail */
	int err_code;			/* of JetStream; 0: none */
	bool has_current;
	uint64_t current; /* last sequence of the stream or subject */
	bool is_unknown;  /* the message may be stored */
};

/* At most this many bytes: each byte of the text may become six. */
enum { PROBLEM_JSON_MAX = 2048 };

/* Appends the object and a line end. -ENOMEM, -ENOBUFS or 0. */
int problem_json_put(struct buf *out, const struct problem *p);
/* Appends the members from "status" on, without braces: of an object in a line
 * of a batch's results. */
int problem_json_members(struct buf *out, const struct problem *p);

/* The problem of a failed publish or request; `error` gets its status and its
 * text. */
struct problem problem_of_publish(struct http_error *error,
				  const struct publish_error *e);

#endif
