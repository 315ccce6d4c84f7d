#include "slow_pattern.h"

#include <string.h>

#include "base/check.h"

enum { TOKENS_MAX = 256, TEXT_MAX = 512 };

/* Splits at each dot; changes the text. */
static size_t split(char *text, const char **tokens)
{
	size_t n = 0;

	for (char *dot; (dot = strchr(text, '.')) != NULL; text = dot + 1) {
		*dot = '\0';
		tokens[n++] = text;
	}
	tokens[n++] = text;
	return n;
}

bool slow_matches(const char *pattern, const char *subject)
{
	char p_text[TEXT_MAX], s_text[TEXT_MAX];
	const char *p[TOKENS_MAX], *s[TOKENS_MAX];
	size_t n_p, n_s;

	MUST(strlen(pattern) < TEXT_MAX / 2 && strlen(subject) < TEXT_MAX / 2);
	n_p = split(strcpy(p_text, pattern), p);
	n_s = split(strcpy(s_text, subject), s);
	for (size_t i = 0; i < n_p; i++) {
		if (i == n_s)
			return false;
		if (strcmp(p[i], ">") == 0)
			return true;
		if (strcmp(p[i], "*") != 0 && strcmp(p[i], s[i]) != 0)
			return false;
	}
	return n_p == n_s;
}

/* Text number `i` of those with `n` tokens of `from`, of `last` at the end. */
static void spell(char *out, size_t i, size_t n, const char *from,
		  const char *last)
{
	for (size_t t = 0; t < n; t++) {
		const char *letters = t + 1 < n ? from : last;

		*out++ = letters[i % strlen(letters)];
		i /= strlen(letters);
		*out++ = t + 1 < n ? '.' : '\0';
	}
}

/* Number `i` of the texts with 1 token, then 2, and so on. */
static void spell_any(char *out, size_t i, const char *from, const char *last)
{
	size_t n = 1, count = strlen(last);

	while (i >= count) {
		i -= count;
		count *= strlen(from);
		n++;
	}
	spell(out, i, n, from, last);
}

const char *slow_subject(size_t i)
{
	static char texts[SLOW_SUBJECTS][8];

	MUST(i < SLOW_SUBJECTS);
	if (texts[i][0] == '\0')
		spell_any(texts[i], i, "abz", "abz");
	return texts[i];
}

const char *slow_pattern(size_t i)
{
	static char texts[SLOW_PATTERNS][8];

	MUST(i < SLOW_PATTERNS);
	if (texts[i][0] == '\0')
		spell_any(texts[i], i, "ab*", "ab*>");
	return texts[i];
}

bool slow_inside(const char *a, const char *b)
{
	for (size_t i = 0; i < SLOW_SUBJECTS; i++)
		if (slow_matches(a, slow_subject(i)) &&
		    !slow_matches(b, slow_subject(i)))
			return false;
	return true;
}

bool slow_overlaps(const char *a, const char *b)
{
	for (size_t i = 0; i < SLOW_SUBJECTS; i++)
		if (slow_matches(a, slow_subject(i)) &&
		    slow_matches(b, slow_subject(i)))
			return true;
	return false;
}
