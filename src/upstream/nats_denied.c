#include "upstream/nats_denied.h"

#include <errno.h>
#include <string.h>

/* nats.c keeps 255 bytes, less quotes and blanks around them. */
enum { CUT_TEXT_MIN = 250 };

/* Moves *at behind the word. */
static bool skip_word(const char **at, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(*at, word, len) != 0)
		return false;
	*at += len;
	return true;
}

/* Names are printable ASCII here, so a quote and a backslash are the only bytes
 * that Go escapes. Returns 1 at the closing quote, 0 at the end of the text. */
static int take_quoted(char *to, const char **at)
{
	size_t len = 0;

	for (;; (*at)++) {
		char c = **at;

		if (c == '"' || c == '\0')
			break;
		if (c == '\\') {
			c = *++*at;
			if (c == '\0')
				break;
			if (c != '"' && c != '\\')
				return -EINVAL;
		}
		if (c <= ' ' || c > '~' || len == NATS_DENIED_NAME_MAX - 1)
			return -EINVAL;
		to[len++] = c;
	}
	to[len] = '\0';
	if (**at == '\0')
		return 0;
	(*at)++;
	return len > 0 ? 1 : -EINVAL;
}

/* What may follow a subscription's subject. As take_quoted(). */
static int take_queue(struct nats_denied *ret, const char *at)
{
	static const char using[] = " using queue \"";
	char sid[NATS_DENIED_NAME_MAX];
	int rc = 1;

	if (skip_word(&at, using))
		rc = take_quoted(ret->queue, &at);
	if (rc == 1 && skip_word(&at, " (sid \"")) {
		rc = take_quoted(sid, &at);
		if (rc == 1 && !skip_word(&at, ")"))
			rc = 0;
	}
	if (rc == 1 && *at != '\0')
		return strncmp(at, using, strlen(at)) == 0 ? 0 : -EINVAL;
	return rc;
}

static int take_names(struct nats_denied *ret, const char *at)
{
	int rc = take_quoted(ret->subject, &at);

	if (rc != 1)
		return rc;
	if (ret->kind == NATS_DENIED_SUBSCRIPTION)
		return take_queue(ret, at);
	return *at == '\0' ? 1 : -EINVAL;
}

int nats_denied_parse(struct nats_denied *ret, const char *text)
{
	const char *at = text;
	int rc;

	*ret = (struct nats_denied){.kind = NATS_DENIED_PUBLISH};
	if (!skip_word(&at, "Permissions Violation for "))
		return -EINVAL;
	if (skip_word(&at, "Subscription to \""))
		ret->kind = NATS_DENIED_SUBSCRIPTION;
	else if (!skip_word(&at, "Publish to \""))
		return -EINVAL;
	rc = take_names(ret, at);
	if (rc < 0 || (rc == 0 && strlen(text) < CUT_TEXT_MIN))
		return -EINVAL;
	/* A queue may have stood behind the quote. */
	ret->is_cut = rc == 0 ||
		      (ret->kind == NATS_DENIED_SUBSCRIPTION &&
		       ret->queue[0] == '\0' && strlen(text) >= CUT_TEXT_MIN);
	return 0;
}

static bool is_name(const char *name, bool is_cut, struct span text)
{
	size_t len = strlen(name);

	if (is_cut ? text.len < len : text.len != len)
		return false;
	return memcmp(name, text.at, len) == 0;
}

bool nats_denied_is(const struct nats_denied *d, struct span subject,
		    struct span queue)
{
	bool in_queue = d->queue[0] != '\0';

	return is_name(d->subject, d->is_cut && !in_queue, subject) &&
	       (is_name(d->queue, d->is_cut, queue) ||
		(d->is_cut && !in_queue));
}
