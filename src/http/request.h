/* The head of one request, and what must hold in it beyond the grammar of its
 * lines (RFC 9112). */
#ifndef SLUICE_REQUEST_H
#define SLUICE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "http/http_error.h"

struct http_header {
	const char *name;  /* as sent; compare without case */
	const char *value; /* blanks around it are gone */
	size_t name_len;
	size_t value_len;
};

/* Everything points into the parser and lives as long as it. All strings are
 * NUL-terminated and hold no NUL. A method other than GET and HEAD may announce
 * a body; then `keep_alive` is false, because that body is never read. */
struct request {
	const char *method; /* "GET" */
	const char *target; /* origin form: "/path?query"; of an absolute-form
			       target the scheme and authority are cut off;
			       "*" with OPTIONS, "host:port" with CONNECT */
	size_t target_len;
	const char *host; /* of Host, or of an absolute-form target */
	int minor;	  /* HTTP/1.minor: 0 or 1 */
	bool is_head;	  /* method HEAD */
	bool chunked;	  /* GET or HEAD with a chunked body, which must be
			     empty */
	bool keep_alive;  /* what the client asks for, RFC 9112 9.3 */
	size_t n_headers;
	const struct http_header *headers;
};

/* The value of a header by name (no case); NULL when absent. Names with '_' and
 * '-' are different names. */
const char *request_find(const struct request *h, const char *name,
			 size_t *len);
/* How often it is there. */
size_t request_count(const struct request *h, const char *name);

/* Takes a head whose method, minor and headers are filled in, and `target` as
 * it was sent, which it may change. Fills in all else; 0, or -EINVAL with *why:
 * a target that is not ours, Host missing or doubled, bad framing, a body that
 * does not belong (413), a header that may come only once, Expect (417). */
int request_finish(struct request *h, char *target, const char *id_header,
		   struct http_error *why);

#endif
