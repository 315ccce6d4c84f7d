#include "config/option_checks.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "base/ascii.h"
#include "base/check.h"
#include "base/units.h"

enum { NAME_MAX_BYTES = 64 };

const char *option_checks_mode_fault(const char *text)
{
	int mode;

	return units_mode(text, &mode) == 0 ? NULL
					    : "it is not an octal number of 3 "
					      "digits";
}

static bool is_in_word_list(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ascii_is_word(name, strlen(name), list[i]))
			return true;
	return false;
}

/* RFC 9110, section 5.6.2. */
static const char *token_fault(const char *name, const char *what)
{
	size_t len = strlen(name);

	if (len == 0 || len > NAME_MAX_BYTES)
		return "it must have 1 to 64 bytes";
	for (size_t i = 0; i < len; i++)
		if (!ascii_is_token_char(name[i]))
			return what;
	return NULL;
}

const char *option_checks_cookie_fault(const char *name)
{
	return token_fault(name,
			   "it has a character that no cookie name may have");
}

const char *option_checks_event_header_fault(const char *name)
{
	return token_fault(name,
			   "it has a character that no header name may have");
}

const char *option_checks_header_fault(const char *name)
{
	/* Headers that the gateway reads, or that frame the message. */
	static const char *const taken[] = {
		"accept",	  "authorization", "connection",
		"content-length", "expect",	   "host",
		"last-event-id",  "origin",	   "transfer-encoding",
		"upgrade",
	};
	const char *fault =
		token_fault(name,
			    "it has a character that no header name may have");

	if (fault != NULL)
		return fault;
	if (is_in_word_list(name, taken, ARRAY_LEN(taken)))
		return "that header is reserved";
	return NULL;
}

const char *option_checks_query_fault(const char *name)
{
	static const char *const taken[] = {"deliver", "lastEventId", "limit",
					    "timeout", "format",      "json",
					    "system",  "subject"};
	size_t len = strlen(name);

	if (len == 0 || len > NAME_MAX_BYTES)
		return "it must have 1 to 64 bytes";
	for (size_t i = 0; i < len; i++)
		if (!ascii_is_alnum(name[i]) && strchr("-._~", name[i]) == NULL)
			return "it has other characters than letters, digits "
			       "and -._~";
	if (is_in_word_list(name, taken, ARRAY_LEN(taken)))
		return "that parameter is reserved";
	return NULL;
}

unsigned option_checks_distance(const char *a, const char *b)
{
	unsigned row[NAME_MAX_BYTES + 1];
	size_t a_len = strlen(a), b_len = strlen(b);

	if (a_len > NAME_MAX_BYTES || b_len > NAME_MAX_BYTES)
		return UINT_MAX;
	for (unsigned k = 0; k <= b_len; k++)
		row[k] = k;
	/* row[k]: distance of a[0..i) and b[0..k) */
	for (unsigned i = 1; i <= a_len; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned k = 1; k <= b_len; k++) {
			unsigned best = diagonal + (a[i - 1] != b[k - 1]);

			diagonal = row[k];
			if (best > row[k] + 1)
				best = row[k] + 1;
			if (best > row[k - 1] + 1)
				best = row[k - 1] + 1;
			row[k] = best;
		}
	}
	return row[b_len];
}
