/* The error response to a request: status, reason for metrics and log, and a
 * text for the client. */
#ifndef SLUICE_HTTP_ERROR_H
#define SLUICE_HTTP_ERROR_H

#include <stddef.h>

#include "base/reject_reason.h"

enum { HTTP_ERROR_ALLOW_MAX = 64 };

/* `text`: one line without its '\n'. Bytes of the request are quoted as
 * printable ASCII or \xNN. */
struct http_error {
	int status;
	enum reject_reason reason;
	char allow[HTTP_ERROR_ALLOW_MAX]; /* 405: value of Allow; or empty */
	char text[256];
};

/* Sets all fields, without Allow; cuts a long text. Always returns -EINVAL, for
 * the caller to return. */
int http_error_set(struct http_error *r, int status, enum reject_reason reason,
		   const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Quotes a target or the value of a header, which may contain a secret:
 * printable(), or "(hidden)" where there are userinfo, parameters, percent
 * signs, or words as long as those of a token. Returns `out`. */
const char *http_error_quote(char *out, size_t size, const char *bytes,
			     size_t len);

#endif
