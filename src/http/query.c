#include "http/query.h"

#include <errno.h>
#include <string.h>

#include "base/ascii.h"
#include "base/printable.h"
#include "nats/subject.h"

bool query_text_fits(const struct query_text *t)
{
	return t->len < sizeof(t->bytes);
}

bool query_text_is(const struct query_text *t, const char *word)
{
	return t->len == strlen(word) && query_text_fits(t) &&
	       memcmp(t->bytes, word, t->len) == 0;
}

struct span query_text_kept(const struct query_text *t)
{
	return (struct span){t->bytes,
			     query_text_fits(t) ? t->len : sizeof(t->bytes)};
}

bool query_next(const char **at, struct query_pair *ret)
{
	size_t len = strcspn(*at, "&");
	const char *equals = memchr(*at, '=', len);

	if (**at == '\0')
		return false;
	ret->name = (struct span){*at, len};
	ret->value = (struct span){*at + len, 0};
	if (equals != NULL) {
		ret->name.len = (size_t)(equals - *at);
		ret->value.at = equals + 1;
		ret->value.len = len - ret->name.len - 1;
	}
	*at += len;
	if (**at == '&')
		(*at)++;
	return true;
}

/* ---- decoding ------------------------------------------------------------ */

/* 1 to 255; 0 for NUL, and -1 without two hexadecimal digits. */
static int decode_percent_byte(const char *hex, size_t len)
{
	int high = len < 2 ? -1 : ascii_hex_value(hex[0]);
	int low = len < 2 ? -1 : ascii_hex_value(hex[1]);

	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* `at` begins with the percent sign. */
static int reject_percent(struct span name, struct span at, bool nul,
			  struct http_error *why)
{
	char shown_name[PRINTABLE_MAX], shown[PRINTABLE_MAX];

	return http_error_set(
		why, 400, REJECT_BAD_QUERY,
		"query parameter \"%s\" has \"%s\", allowed is %s",
		http_error_quote(shown_name, sizeof(shown_name), name.at,
				 name.len),
		printable(shown, sizeof(shown), at.at, at.len < 3 ? at.len : 3),
		nul ? "%01 to %FF" : "% and two hex digits");
}

int query_decode(struct query_text *ret, struct span sent, struct span name,
		 struct http_error *why)
{
	ret->len = 0;
	while (sent.len > 0) {
		int byte = (unsigned char)*sent.at;
		size_t used = 1;

		if (byte == '%') {
			byte = decode_percent_byte(sent.at + 1, sent.len - 1);
			used = 3;
		}
		if (byte <= 0)
			return reject_percent(name, sent, byte == 0, why);
		if (query_text_fits(ret))
			ret->bytes[ret->len] = (char)byte;
		ret->len++;
		sent.at += used;
		sent.len -= used;
	}
	if (query_text_fits(ret))
		ret->bytes[ret->len] = '\0';
	return 0;
}

/* ---- values -------------------------------------------------------------- */

bool query_number(struct span s, uint64_t *ret)
{
	uint64_t n = 0;

	if (s.len == 0 || (s.len > 1 && s.at[0] == '0'))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!ascii_is_digit(s.at[i]) ||
		    __builtin_mul_overflow(n, (uint64_t)10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(s.at[i] - '0'), &n))
			return false;
	}
	*ret = n;
	return true;
}

int query_take_id(struct query_id *ret, struct http_error *why,
		  const char *name, const struct query_text *value)
{
	if (ret->given)
		return query_reject_duplicate(why, REJECT_BAD_IDENTITY, name);
	if (!query_text_fits(value))
		return http_error_set(
			why, 400, REJECT_BAD_IDENTITY,
			"query parameter %s has %zu bytes, allowed "
			"are 1 to %d",
			name, value->len, SUBJECT_ID_MAX);
	ret->given = true;
	ret->len = value->len;
	memcpy(ret->text, value->bytes, value->len + 1);
	return 0;
}

static int take_query_token(struct query_reader *r, struct span sent,
			    struct http_error *why)
{
	struct http_error quotes;
	struct query_text value;

	if (r->credentials.token.at != NULL)
		return query_reject_duplicate(why, REJECT_BAD_TOKEN,
					      r->token_name);
	if (query_decode(&value, sent, sent, &quotes) < 0)
		return http_error_set(
			why, 400, REJECT_BAD_QUERY,
			"query parameter %s has a %% that is not "
			"followed by two hex digits from 01 to FF",
			r->token_name);
	r->credentials.token = sent;
	return 0;
}

static bool is_parameter(const struct query_text *name, const char *wanted)
{
	return wanted != NULL && query_text_is(name, wanted);
}

int query_reader_next(struct query_reader *r, struct query_text *name,
		      struct query_text *value, struct http_error *why)
{
	struct query_pair pair;
	int rc;

	while (query_next(&r->at, &pair)) {
		if (query_decode(name, pair.name, pair.name, why) < 0)
			return -EINVAL;
		if (is_parameter(name, r->token_name)) {
			rc = take_query_token(r, pair.value, why);
		} else {
			if (query_decode(value, pair.value, pair.name, why) < 0)
				return -EINVAL;
			if (!is_parameter(name, r->id_name))
				return 1;
			rc = query_take_id(&r->credentials.id, why, r->id_name,
					   value);
		}
		if (rc < 0)
			return rc;
	}
	return 0;
}

int query_reject_duplicate(struct http_error *why, enum reject_reason reason,
			   const char *name)
{
	return http_error_set(
		why, 400, reason,
		"query parameter %s is given twice, allowed is once", name);
}

int query_reject_value(struct http_error *why, const char *name,
		       const struct query_text *value, const char *allowed)
{
	char shown[PRINTABLE_MAX];
	struct span s = query_text_kept(value);

	return http_error_set(
		why, 400, REJECT_BAD_QUERY, "%s \"%s\" is not %s", name,
		http_error_quote(shown, sizeof(shown), s.at, s.len), allowed);
}
