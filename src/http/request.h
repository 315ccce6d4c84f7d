/* The head of one request, and the checks of it beyond its grammar (RFC
 * 9112). */
#ifndef SLUICE_REQUEST_H
#define SLUICE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/http_error.h"

struct http_header {
	const char *name;  /* as sent; case-insensitive */
	const char *value; /* without blanks around it */
	size_t name_len;
	size_t value_len;
};

/* How the end of a body is found (RFC 9112, section 6.3). */
enum request_framing {
	FRAMING_NONE, /* no body */
	FRAMING_LENGTH,
	FRAMING_CHUNKED,
};

/* Borrowed from the parser, and valid as long as it. All strings are
 * NUL-terminated and contain no NUL. A method other than GET and HEAD may
 * announce a body. `keep_alive` is then false, because that body is never read.
 * With `takes_body` the caller reads the bodies of POST and PUT
 * (request_body.h), or closes the connection. */
struct request {
	bool takes_body;    /* set before request_finish() */
	const char *method; /* "GET" */
	const char *target; /* origin form: "/path?query"; of an absolute-form
			       target without scheme and authority;
			       "*" with OPTIONS, "host:port" with CONNECT */
	size_t target_len;
	const char *host; /* of Host or of an absolute-form target */
	int minor;	  /* HTTP/1.minor: 0 or 1 */
	bool is_head;	  /* method HEAD */
	bool chunked;	  /* GET or HEAD with a chunked body, which must be
			     empty */
	bool keep_alive;  /* as the client requests (RFC 9112, 9.3) */
	/* With takes_body: the body of POST or PUT. */
	enum request_framing framing;
	uint64_t content_length; /* FRAMING_LENGTH: at least 1 */
	bool expects_continue;	 /* the client waits for 100 (Continue) */
	size_t n_headers;
	const struct http_header *headers;
};

/* Value of a header by its case-insensitive name; NULL: absent. '_' and '-'
 * differ. */
const char *request_find(const struct request *h, const char *name,
			 size_t *len);
/* Number of headers with that name. */
size_t request_count(const struct request *h, const char *name);

/* Checks a head with method, minor, headers and takes_body, and sets the other
 * fields.
 * `target`: as sent; may be changed. 0, or -EINVAL with *why: a bad target,
 * Host missing or doubled, bad framing, a body (413), a doubled header that may
 * occur once, Expect (417). */
int request_finish(struct request *h, char *target, const char *id_header,
		   struct http_error *why);

#endif
