/* Cross-origin requests (Fetch, 3.2): which pages of other origins may read an
 * answer. The origins are the options', each checked by cors_origin_fault(). */
#ifndef SLUICE_CORS_H
#define SLUICE_CORS_H

#include <stdbool.h>
#include <stddef.h>

struct cors {
	char *const *origins; /* borrowed; may hold "*" */
	size_t n;	      /* 0: none may */
	const char *id_header;
};

enum { CORS_LINES_MAX = 1024 };

/* NULL when good, else what is wrong (static text). An origin is compared byte
 * for byte with what a browser sends, so it must be written as one writes it:
 * scheme://host[:port] in lower case, without the scheme's own port. */
const char *cors_origin_fault(const char *text);

/* The header lines that an answer has for it, each with its CRLF, to `out`
 * (CORS_LINES_MAX bytes, NUL-terminated). `origin` is the request's header, any
 * bytes, NULL for none: only what is equal to a configured one is echoed.
 * `preflight`: the answer to OPTIONS. */
void cors_lines(const struct cors *c, const char *origin, bool preflight,
		char *out);

#endif
