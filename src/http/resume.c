#include "http/resume.h"

#include <string.h>

#include "base/ascii.h"
#include "base/printable.h"

bool resume_is_parameter(const struct query_text *name)
{
	static const char letters[] = "lasteventid";
	size_t n = 0;

	if (!query_text_fits(name))
		return false;
	for (size_t i = 0; i < name->len; i++) {
		char c = name->bytes[i];

		if (c == '-' || c == '_')
			continue;
		if (n == sizeof(letters) - 1 || ascii_lower(c) != letters[n])
			return false;
		n++;
	}
	return n == sizeof(letters) - 1;
}

int resume_take(struct resume *ret, struct http_error *why, const char *name,
		struct span value)
{
	char shown[PRINTABLE_MAX];
	struct sse_event_id id;

	if (value.len == 0)
		return 0;
	if (sse_event_id_parse(&id, value.at, value.len) < 0)
		return http_error_set(
			why, 400, REJECT_BAD_CURSOR,
			"%s \"%s\" is not an event id: allowed are 1 to "
			"20 digits below 2^64, then nothing, or - "
			"and six of 0-9a-f",
			name,
			http_error_quote(shown, sizeof(shown), value.at,
					 value.len));
	ret->is_given = true;
	ret->seq = id.seq;
	ret->has_tag = id.has_tag;
	memcpy(ret->text, value.at, value.len);
	ret->text[value.len] = '\0';
	return 0;
}
