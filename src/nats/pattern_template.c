#include "nats/pattern_template.h"

#include <string.h>

#include "base/check.h"

static const char placeholder[] = "{id}";

static bool is_placeholder(struct span token)
{
	return token.len == strlen(placeholder) &&
	       memcmp(token.at, placeholder, token.len) == 0;
}

static bool has_brace(struct span token)
{
	return token.len > 0 && (memchr(token.at, '{', token.len) != NULL ||
				 memchr(token.at, '}', token.len) != NULL);
}

static const char *template_token_fault(struct span token)
{
	if (is_placeholder(token))
		return NULL;
	if (has_brace(token))
		return "{id} is the only placeholder, and must be a whole "
		       "token";
	return pattern_token_fault(token);
}

const char *pattern_template_fault(struct span text)
{
	struct span rest = text, token;
	size_t shortest = 0;

	if (text.len == 0)
		return "it is empty";
	while (pattern_next_token(&rest, &token)) {
		const char *fault = template_token_fault(token);

		if (fault != NULL)
			return fault;
		if (token.len == 1 && *token.at == '>' && rest.at != NULL)
			return "> must be the last token";
		shortest += is_placeholder(token) ? 1 : token.len;
		shortest += rest.at != NULL;
	}
	return shortest > PATTERN_MAX ? "it is longer than 255 bytes" : NULL;
}

bool pattern_template_has_id(struct span text)
{
	struct span token;

	while (pattern_next_token(&text, &token))
		if (is_placeholder(token))
			return true;
	return false;
}

const char *pattern_template_render(struct span text, struct span id, char *out,
				    size_t *len)
{
	struct span rest = text, token, pattern = {out, 0};

	while (pattern_next_token(&rest, &token)) {
		struct span put = is_placeholder(token) ? id : token;

		if (pattern.len + put.len + (rest.at != NULL) > PATTERN_MAX)
			return "it is longer than 255 bytes";
		memcpy(out + pattern.len, put.at, put.len);
		pattern.len += put.len;
		if (rest.at != NULL)
			out[pattern.len++] = '.';
	}
	if (pattern_is_hidden(pattern) && !pattern_is_hidden(text))
		return "its first token begins with $ or is _INBOX";
	MUST(pattern_fault(pattern) == NULL);
	*len = pattern.len;
	return NULL;
}
