/* Requests with a body: a whole response for each, on a connection of its own.
 */
#ifndef TEST_HTTP_WRITER_H
#define TEST_HTTP_WRITER_H

#include <stddef.h>

#include "e2e.h"

/* The response; static, until the next call. `headers`: each with its line end,
 * or NULL; Host and Content-Length are added. */
const struct sse_client *http_write(struct e2e *f, const char *method,
				    const char *target, const char *headers,
				    const void *body, size_t len);
/* POST /api/v1/events as alice, with this query ("?subject=x", "") and text.
 * Expects the status, and `part` in the body. */
void http_post(struct e2e *f, int status, const char *part, const char *query,
	       const char *headers, const char *text);
/* The last response has this; fails the test with what came. */
void http_expect(int status, const char *part);
/* A number of the last response's JSON ("seq"). */
unsigned long long http_number(const char *member);

#endif
