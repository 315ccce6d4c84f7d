#include "nats/js_ack.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "base/decimal.h"

struct subject_token {
	const char *text;
	size_t len;
};

/* Splits at dots. Keeps the first `max` tokens and counts all; 0 when one is
 * empty. */
static size_t split_tokens(struct subject_token *tokens, size_t max,
			   const char *text, size_t len)
{
	size_t n = 0;

	for (size_t at = 0; at <= len;) {
		const char *dot = memchr(text + at, '.', len - at);
		size_t end = dot == NULL ? len : (size_t)(dot - text);

		if (end == at)
			return 0;
		if (n < max)
			tokens[n] = (struct subject_token){text + at, end - at};
		n++;
		at = end + 1;
	}
	return n;
}

static bool is_subject_token(const struct subject_token *t, const char *word)
{
	return t->len == strlen(word) && memcmp(t->text, word, t->len) == 0;
}

int js_ack_parse(struct js_ack *ret, const char *reply, size_t len)
{
	struct subject_token t[11];
	size_t n = split_tokens(t, ARRAY_LEN(t), reply, len);
	const struct subject_token *from; /* the stream's name */
	struct js_ack ack;

	if (n == 9)
		from = &t[2];
	else if (n >= 11)
		from = &t[4];
	else
		return -EINVAL;
	if (!is_subject_token(&t[0], "$JS") || !is_subject_token(&t[1], "ACK"))
		return -EINVAL;
	ack.consumer = from[1].text;
	ack.consumer_len = from[1].len;
	if (decimal_parse(&ack.delivered, from[2].text, from[2].len) < 0 ||
	    decimal_parse(&ack.stream_seq, from[3].text, from[3].len) < 0 ||
	    decimal_parse(&ack.consumer_seq, from[4].text, from[4].len) < 0 ||
	    decimal_parse(&ack.time_ns, from[5].text, from[5].len) < 0 ||
	    decimal_parse(&ack.pending, from[6].text, from[6].len) < 0)
		return -EINVAL;
	*ret = ack;
	return 0;
}
