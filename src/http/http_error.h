/* Why a request is refused: one table for the enum and the label in metrics and
 * the log. The text for the client is made where the wrong value is known. */
#ifndef SLUICE_HTTP_ERROR_H
#define SLUICE_HTTP_ERROR_H

#include <stddef.h>

#include "base/reject_reason.h"

/* One line for the client without its '\n'. What it quotes of the request is
 * printable ASCII, the rest as \xNN. */
struct http_error {
	int status;
	enum reject_reason reason;
	const char *allow; /* 405: the Allow header; else NULL */
	char text[256];
};

/* Fills in all of `r`, with no Allow. A text that is too long is cut. Returns
 * -EINVAL always, for the caller to return in turn. */
int http_error_set(struct http_error *r, int status, enum reject_reason reason,
		   const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* The same of what might be a secret, or hold one: a target, a header's value.
 * "(hidden)" unless it is harmless: without userinfo, parameters, percent signs
 * and words as long as a token's. */
const char *http_error_quote(char *out, size_t size, const char *bytes,
			     size_t len);

#endif
