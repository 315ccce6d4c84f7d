#include "http/http_error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/printable.h"

int http_error_set(struct http_error *r, int status, enum reject_reason reason,
		   const char *fmt, ...)
{
	va_list ap;

	r->status = status;
	r->reason = reason;
	r->allow[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(r->text, sizeof(r->text), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* Separators of words. */
static bool is_word_separator(char c)
{
	return strchr(" /.:,*>[]|", c) != NULL;
}

static bool is_harmless(const char *bytes, size_t len)
{
	enum { WORD_MAX = 32 };
	size_t word = 0;

	for (size_t i = 0; i < len; i++) {
		char c = bytes[i];

		if (c != '\0' && strchr("@;=%?&#\"", c) != NULL)
			return false;
		word = c != '\0' && is_word_separator(c) ? 0 : word + 1;
		if (word > WORD_MAX)
			return false;
	}
	return true;
}

const char *http_error_quote(char *out, size_t size, const char *bytes,
			     size_t len)
{
	static const char hidden[] = "(hidden)";

	return is_harmless(bytes, len)
		       ? printable(out, size, bytes, len)
		       : printable(out, size, hidden, strlen(hidden));
}
