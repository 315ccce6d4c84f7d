#include "nats/pattern.h"

#include <stdlib.h>
#include <string.h>

/* After the last token `at` is NULL: an empty rest is an empty token. */
bool pattern_next_token(struct span *rest, struct span *ret)
{
	const char *dot;

	if (rest->at == NULL)
		return false;
	dot = memchr(rest->at, '.', rest->len);
	*ret = *rest;
	if (dot == NULL) {
		*rest = (struct span){NULL, 0};
		return true;
	}
	ret->len = (size_t)(dot - rest->at);
	rest->at = dot + 1;
	rest->len -= ret->len + 1;
	return true;
}

static bool is_wildcard(struct span token, char wildcard)
{
	return token.len == 1 && *token.at == wildcard;
}

static bool is_same_token(struct span a, struct span b)
{
	return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

/* ---- the form ------------------------------------------------------------ */

const char *pattern_token_fault(struct span token)
{
	if (token.len == 0)
		return "it has an empty token";
	for (size_t i = 0; i < token.len; i++) {
		char c = token.at[i];

		if (c < 33 || c > 126)
			return "it has a byte that is not printable ASCII, or "
			       "a blank";
		if ((c == '*' || c == '>') && token.len > 1)
			return "* and > must be whole tokens";
	}
	return NULL;
}

const char *pattern_fault(struct span text)
{
	struct span rest = text, token;

	if (text.len == 0)
		return "it is empty";
	if (text.len > PATTERN_MAX)
		return "it has more than 255 bytes";
	while (pattern_next_token(&rest, &token)) {
		const char *fault = pattern_token_fault(token);

		if (fault != NULL)
			return fault;
		if (is_wildcard(token, '>') && rest.at != NULL)
			return "> must be the last token";
	}
	return NULL;
}

bool pattern_is_literal(struct span pattern)
{
	struct span token;

	while (pattern_next_token(&pattern, &token))
		if (is_wildcard(token, '*') || is_wildcard(token, '>'))
			return false;
	return true;
}

bool pattern_is_hidden(struct span pattern)
{
	struct span token;

	if (pattern.len > 0 && *pattern.at != '$' && *pattern.at != '_')
		return false;
	return pattern_next_token(&pattern, &token) && token.len > 0 &&
	       (*token.at == '$' || is_same_token(token, span_of("_INBOX")));
}

/* ---- comparisons --------------------------------------------------------- */

bool pattern_inside(struct span a, struct span b)
{
	struct span x, y;

	for (;;) {
		bool has_x = pattern_next_token(&a, &x);
		bool has_y = pattern_next_token(&b, &y);

		if (!has_x || !has_y)
			return has_x == has_y;
		if (is_wildcard(y, '>'))
			return true;
		if (is_wildcard(x, '>'))
			return false;
		if (!is_wildcard(y, '*') && !is_same_token(x, y))
			return false;
	}
}

/* In one pass, for messages. */
bool pattern_matches(struct span pattern, struct span subject)
{
	const char *p = pattern.at, *p_end = p + pattern.len;
	const char *s = subject.at, *s_end = s + subject.len;

	for (;;) { /* a token of each */
		bool one = p < p_end && (p + 1 == p_end || p[1] == '.');

		if (one && *p == '>')
			return true;
		if (one && *p == '*') {
			p++;
			while (s < s_end && *s != '.')
				s++;
		} else {
			while (p < p_end && *p != '.' && s < s_end && *s == *p)
				p++, s++;
		}
		if (p == p_end || s == s_end)
			return p == p_end && s == s_end;
		if (*p++ != '.' || *s++ != '.')
			return false;
	}
}

bool pattern_overlaps(struct span a, struct span b)
{
	struct span x, y;

	for (;;) {
		bool has_x = pattern_next_token(&a, &x);
		bool has_y = pattern_next_token(&b, &y);

		if (!has_x || !has_y)
			return has_x == has_y;
		if (is_wildcard(x, '>') || is_wildcard(y, '>'))
			return true;
		if (!is_wildcard(x, '*') && !is_wildcard(y, '*') &&
		    !is_same_token(x, y))
			return false;
	}
}

static size_t put_pattern_part(char *out, size_t len, struct span part)
{
	if (len > 0)
		out[len++] = '.';
	memcpy(out + len, part.at, part.len);
	return len + part.len;
}

/* The token with what follows it. */
static struct span join_rest(struct span token, struct span rest)
{
	if (rest.at != NULL)
		token.len += 1 + rest.len;
	return token;
}

size_t pattern_intersect(char *out, struct span a, struct span b)
{
	struct span x = {0}, y = {0};
	size_t len = 0;

	for (;;) {
		bool has_x = pattern_next_token(&a, &x);
		bool has_y = pattern_next_token(&b, &y);

		if (!has_x || !has_y)
			return has_x == has_y ? len : 0;
		if (is_wildcard(x, '>'))
			return put_pattern_part(out, len, join_rest(y, b));
		if (is_wildcard(y, '>'))
			return put_pattern_part(out, len, join_rest(x, a));
		if (!is_wildcard(x, '*') && !is_wildcard(y, '*') &&
		    !is_same_token(x, y))
			return 0;
		len = put_pattern_part(out, len, is_wildcard(x, '*') ? y : x);
	}
}

/* ---- lists --------------------------------------------------------------- */

static int compare_patterns(const void *a, const void *b)
{
	const struct span *x = a, *y = b;
	size_t len = x->len < y->len ? x->len : y->len;
	int order = memcmp(x->at, y->at, len);

	return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

static bool is_inside_any(struct span pattern, const struct span *list,
			  size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (pattern_inside(pattern, list[i]))
			return true;
	return false;
}

/* A dropped pattern is inside one that is kept, or that comes later. So it is
 * enough to compare with these. Of equal patterns the last one stays. */
size_t pattern_normalise(struct span *list, size_t n)
{
	size_t kept = 0;

	if (n > 1)
		qsort(list, n, sizeof(*list), compare_patterns);
	for (size_t i = 0; i < n; i++)
		if (!is_inside_any(list[i], list, kept) &&
		    !is_inside_any(list[i], list + i + 1, n - i - 1))
			list[kept++] = list[i];
	return kept;
}
