#include "http/cache_control.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/ascii.h"

/* delta-seconds: greater ones count as 2^31 (RFC 9111, section 1.2.2). */
#define DELTA_MAX_S ((uint64_t)1 << 31)

/* Moves to the comma after a directive, or to the end. */
static void skip_directive(const char **p)
{
	bool quoted = false;

	while (**p != '\0' && (quoted || **p != ',')) {
		if (**p == '"')
			quoted = !quoted;
		else if (quoted && **p == '\\' && (*p)[1] != '\0')
			(*p)++;
		(*p)++;
	}
}

/* `text`: behind the name. 0 when it is not a number: the response is stale
 * (RFC 9111, section 4.2.1). */
static uint64_t parse_delta_seconds(const char *text)
{
	uint64_t s = 0;

	if (*text != '=')
		return 0;
	text += text[1] == '"' ? 2 : 1;
	for (; ascii_is_digit(*text); text++) {
		s = s * 10 + (uint64_t)(*text - '0');
		if (s > DELTA_MAX_S)
			return DELTA_MAX_S;
	}
	return s;
}

static uint64_t directive_lifetime_s(const char *at)
{
	size_t len = 0;

	while (ascii_is_token_char(at[len]))
		len++;
	if (ascii_is_word(at, len, "no-store"))
		return 0;
	/* With a list of headers it is about these alone. */
	if (ascii_is_word(at, len, "no-cache"))
		return at[len] == '=' ? UINT64_MAX : 0;
	return ascii_is_word(at, len, "max-age") ? parse_delta_seconds(at + len)
						 : UINT64_MAX;
}

uint64_t cache_control_lifetime_s(const char *value)
{
	uint64_t least = UINT64_MAX;

	while (*value != '\0') {
		uint64_t s;

		while (ascii_is_blank(*value) || *value == ',')
			value++;
		s = directive_lifetime_s(value);
		least = s < least ? s : least;
		skip_directive(&value);
	}
	return least;
}
