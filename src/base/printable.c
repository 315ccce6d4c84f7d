#include "base/printable.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

static size_t quoted_len(char c)
{
	return c >= 0x20 && c <= 0x7e ? 1 : 4;
}

const char *printable(char *out, size_t size, const char *bytes, size_t len)
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

const char *printable_text(char *out, size_t size, const char *text)
{
	return printable(out, size, text, strlen(text));
}
