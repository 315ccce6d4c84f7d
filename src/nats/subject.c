#include "nats/subject.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"

static const char placeholder[] = "{id}";
enum { PLACEHOLDER_LEN = sizeof(placeholder) - 1 };

/* Printable ASCII without a special meaning in a subject. */
static bool is_plain_token(char c)
{
	return c >= 33 && c <= 126 && c != '.' && c != '*' && c != '>';
}

/* All tokens are non-empty and plain. */
static bool is_plain_subject(const char *text, size_t len)
{
	bool empty = true;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '.') {
			if (empty)
				return false;
			empty = true;
		} else if (is_plain_token(text[i])) {
			empty = false;
		} else {
			return false;
		}
	}
	return !empty;
}

bool subject_id_ok(const char *id, size_t len)
{
	if (len == 0 || len > SUBJECT_ID_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_plain_token(id[i]))
			return false;
	return true;
}

/* NULL, or what is wrong with the template; its {id} is at `at`. */
static const char *template_fault(const char *text, const char *at)
{
	size_t len = strlen(text);
	const char *after;

	if (strpbrk(text, "*>") != NULL)
		return "it may have no wildcard";
	if (at == NULL)
		return "it must contain {id} once";
	after = at + PLACEHOLDER_LEN;
	if (strstr(after, placeholder) != NULL)
		return "it may contain {id} only once";
	if ((at > text && at[-1] != '.') || (*after != '\0' && *after != '.'))
		return "{id} must be a whole token";
	if (memchr(text, '{', (size_t)(at - text)) != NULL ||
	    memchr(text, '}', (size_t)(at - text)) != NULL ||
	    strpbrk(after, "{}") != NULL)
		return "{id} is the only placeholder";
	if (!is_plain_subject(text, len))
		return "its tokens must be non-empty printable ASCII "
		       "without blanks";
	if (len - PLACEHOLDER_LEN + SUBJECT_ID_MAX >= SUBJECT_MAX)
		return "it is too long";
	return NULL;
}

int subject_template_parse(struct subject_template *ret, const char *text,
			   const char **why)
{
	const char *at = strstr(text, placeholder);
	const char *fault = template_fault(text, at);
	struct subject_template t = {0};

	if (fault != NULL) {
		*why = fault;
		return -EINVAL;
	}
	t.prefix_len = (size_t)(at - text);
	t.suffix_len = strlen(at + PLACEHOLDER_LEN);
	memcpy(t.prefix, text, t.prefix_len);
	memcpy(t.suffix, at + PLACEHOLDER_LEN, t.suffix_len);
	*ret = t;
	return 0;
}

size_t subject_render(const struct subject_template *t, const char *id,
		      size_t id_len, char *out)
{
	char *end = out;

	MUST(subject_id_ok(id, id_len));
	MUST(t->prefix_len + id_len + t->suffix_len < SUBJECT_MAX);
	memcpy(end, t->prefix, t->prefix_len);
	end += t->prefix_len;
	memcpy(end, id, id_len);
	end += id_len;
	memcpy(end, t->suffix, t->suffix_len);
	end += t->suffix_len;
	*end = '\0';
	return (size_t)(end - out);
}

bool subject_stream_name_ok(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > SUBJECT_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_plain_token(name[i]) || name[i] == '\\' ||
		    name[i] == '/')
			return false;
	return true;
}

bool subject_prefix_ok(const char *prefix)
{
	size_t len = strlen(prefix);

	return len <= SUBJECT_NAME_MAX && is_plain_subject(prefix, len);
}
