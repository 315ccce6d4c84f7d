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
	bool writing; /* pages may send the headers of messages, too */
};

/* What OPTIONS asks about. */
struct cors_preflight {
	const char *methods; /* of the path */
	const char *headers; /* Access-Control-Request-Headers, any bytes; NULL
				for none */
};

enum { CORS_LINES_MAX = 2048 };

/* NULL, or what is wrong with an origin (static). It is compared byte for byte
 * with what a browser sends, so it must have the same form:
 * scheme://host[:port] in lower case, without the default port. */
const char *cors_origin_fault(const char *text);

/* Whether an origin, any bytes, is a configured one; "*" names none. */
bool cors_allows(const struct cors *c, const char *origin);

/* Writes the header lines of a response, each with its CRLF, to `out`
 * (CORS_LINES_MAX bytes, NUL-terminated). `origin`: header of the request, any
 * bytes, NULL for none. Only an origin equal to a configured one is echoed.
 * `preflight`: of OPTIONS; else NULL. Of its headers those with a prefix of
 * messages (NatsH-) are echoed, up to 512 bytes, since their names are the
 * page's own. */
void cors_lines(const struct cors *c, const char *origin,
		const struct cors_preflight *preflight, char *out);

#endif
