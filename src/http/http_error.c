#include "http/http_error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

int refusal_set(struct refusal *r, int status, enum refusal_reason reason,
		const char *fmt, ...)
{
	va_list ap;

	r->status = status;
	r->reason = reason;
	r->allow = NULL;
	va_start(ap, fmt);
	vsnprintf(r->text, sizeof(r->text), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

const char *refusal_label(enum refusal_reason reason)
{
	static const char *const labels[] = {
#define X(name, label) [REFUSAL_##name] = label,
		REFUSALS(X)
#undef X
	};

	MUST(reason < REFUSAL_COUNT);
	return labels[reason];
}

static size_t quoted_len(char c)
{
	return c >= 0x20 && c <= 0x7e ? 1 : 4;
}

const char *refusal_quote(char *out, size_t size, const char *bytes, size_t len)
{
	static const char more[] = "...";
	size_t total = 0, used = 0;
	bool cut;

	MUST(size >= sizeof(more));
	for (size_t i = 0; i < len && total < size; i++)
		total += quoted_len(bytes[i]);
	cut = total >= size;
	if (cut)
		size -= sizeof(more) - 1;
	for (size_t i = 0; i < len; i++) {
		size_t n = quoted_len(bytes[i]);

		if (used + n >= size)
			break;
		if (n == 1)
			out[used] = bytes[i];
		else
			snprintf(out + used, n + 1, "\\x%02x",
				 (unsigned char)bytes[i]);
		used += n;
	}
	if (cut) {
		memcpy(out + used, more, sizeof(more) - 1);
		used += sizeof(more) - 1;
	}
	out[used] = '\0';
	return out;
}

/* Between two of these stands a word. */
static bool parts_words(char c)
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
		word = c != '\0' && parts_words(c) ? 0 : word + 1;
		if (word > WORD_MAX)
			return false;
	}
	return true;
}

const char *refusal_quote_harmless(char *out, size_t size, const char *bytes,
				   size_t len)
{
	static const char hidden[] = "(hidden)";

	return is_harmless(bytes, len)
		       ? refusal_quote(out, size, bytes, len)
		       : refusal_quote(out, size, hidden, strlen(hidden));
}
