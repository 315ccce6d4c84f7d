/* Character classes and case of ASCII. <ctype.h> and strcasecmp() depend on the
 * locale of the program that embeds the gateway. */
#ifndef SLUICE_ASCII_H
#define SLUICE_ASCII_H

#include <stdbool.h>
#include <stddef.h>

static inline bool ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool ascii_is_alnum(char c)
{
	return ascii_is_digit(c) || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z');
}

/* Space and horizontal tab: OWS of RFC 9110, section 5.6.3. */
static inline bool ascii_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* tchar of RFC 9110, section 5.6.2. */
static inline bool ascii_is_token_char(char c)
{
	switch (c) {
	case '!':
	case '#':
	case '$':
	case '%':
	case '&':
	case '\'':
	case '*':
	case '+':
	case '-':
	case '.':
	case '^':
	case '_':
	case '`':
	case '|':
	case '~':
		return true;
	default:
		return ascii_is_alnum(c);
	}
}

static inline char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Value of a hexadecimal digit, or -1. */
static inline int ascii_hex_value(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* True when the `len` bytes are `word`, in any case. */
static inline bool ascii_is_word(const char *bytes, size_t len,
				 const char *word)
{
	for (; len > 0 && *word != '\0'; len--, bytes++, word++)
		if (ascii_lower(*bytes) != ascii_lower(*word))
			return false;
	return len == 0 && *word == '\0';
}

/* True when `text` begins with `prefix`, in any case. */
static inline bool ascii_has_prefix(const char *text, const char *prefix)
{
	size_t i = 0;

	while (prefix[i] != '\0' &&
	       ascii_lower(text[i]) == ascii_lower(prefix[i]))
		i++;
	return prefix[i] == '\0';
}

#endif
