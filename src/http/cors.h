/* Cross-origin requests (Fetch, section 3.2): which other origins may read
 * responses. */
#ifndef SLUICE_CORS_H
#define SLUICE_CORS_H

#include <stdbool.h>
#include <stddef.h>

struct cors {
	char *const *origins; /* borrowed; may contain "*" */
	size_t n;	      /* 0: no other origin */
	const char *id_header;
};

enum { CORS_LINES_MAX = 1024 };

/* NULL, or what is wrong with an origin (static). It is compared byte for byte
 * with what a browser sends, so it must have the same form:
 * scheme://host[:port] in lower case, without the default port. */
const char *cors_origin_fault(const char *text);

/* Writes the header lines of a response, each with its CRLF, to `out`
 * (CORS_LINES_MAX bytes, NUL-terminated). `origin`: header of the request, any
 * bytes, NULL for none. Only an origin equal to a configured one is echoed.
 * `preflight`: in response to OPTIONS. */
void cors_lines(const struct cors *c, const char *origin, bool preflight,
		char *out);

#endif
