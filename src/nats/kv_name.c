#include "nats/kv_name.h"

#include <string.h>

#include "base/ascii.h"
#include "base/check.h"

#define STREAM_PREFIX  "KV_"
#define SUBJECT_PREFIX "$KV."
#define DEFAULT_API    "$JS.API"

#define LEN(literal) (sizeof(literal) - 1)

/* ---- faults -------------------------------------------------------------- */

const char *kv_bucket_fault(struct span bucket)
{
	if (bucket.len == 0)
		return "it is empty";
	if (bucket.len > KV_BUCKET_MAX)
		return "it has more than 128 bytes";
	for (size_t i = 0; i < bucket.len; i++)
		if (!ascii_is_alnum(bucket.at[i]) && bucket.at[i] != '_' &&
		    bucket.at[i] != '-')
			return "it has a byte other than A-Z, a-z, 0-9, _ "
			       "and -";
	return NULL;
}

static bool is_key_char(char c)
{
	return ascii_is_alnum(c) || c == '-' || c == '_' || c == '=' ||
	       c == '/';
}

static const char *key_token_fault(struct span token)
{
	if (token.len == 0)
		return "it has an empty token";
	for (size_t i = 0; i < token.len; i++)
		if (!is_key_char(token.at[i]))
			return "it has a byte other than A-Z, a-z, 0-9, -, _, "
			       "=, / and .";
	return NULL;
}

static bool is_wildcard_token(struct span token)
{
	return token.len == 1 && (*token.at == '*' || *token.at == '>');
}

static const char *subject_len_fault(struct span bucket, struct span key)
{
	MUST(kv_bucket_fault(bucket) == NULL);
	if (key.len == 0)
		return "it is empty";
	if (LEN(SUBJECT_PREFIX) + bucket.len + 1 + key.len > PATTERN_MAX)
		return "it is too long: its subject has more than 255 bytes";
	return NULL;
}

const char *kv_key_fault(struct span bucket, struct span key)
{
	const char *fault = subject_len_fault(bucket, key);
	struct span token;

	while (fault == NULL && pattern_next_token(&key, &token))
		fault = is_wildcard_token(token) ? "it has a wildcard"
						 : key_token_fault(token);
	return fault;
}

const char *kv_filter_fault(struct span bucket, struct span filter)
{
	const char *fault = subject_len_fault(bucket, filter);
	struct span token;

	while (fault == NULL && pattern_next_token(&filter, &token)) {
		if (!is_wildcard_token(token))
			fault = key_token_fault(token);
		else if (*token.at == '>' && filter.at != NULL)
			fault = "> must be the last token";
	}
	return fault;
}

/* ---- names of NATS ------------------------------------------------------- */

static char *put_name_part(char *out, const char *bytes, size_t len)
{
	memcpy(out, bytes, len);
	return out + len;
}

static bool take_name_prefix(struct span *s, const char *prefix)
{
	size_t len = strlen(prefix);

	if (s->len < len || memcmp(s->at, prefix, len) != 0)
		return false;
	s->at += len;
	s->len -= len;
	return true;
}

size_t kv_stream(char *out, struct span bucket)
{
	char *end = put_name_part(out, STREAM_PREFIX, LEN(STREAM_PREFIX));

	MUST(kv_bucket_fault(bucket) == NULL);
	end = put_name_part(end, bucket.at, bucket.len);
	*end = '\0';
	return (size_t)(end - out);
}

bool kv_bucket_of_stream(struct span *ret, struct span stream)
{
	if (!take_name_prefix(&stream, STREAM_PREFIX) ||
	    kv_bucket_fault(stream) != NULL)
		return false;
	*ret = stream;
	return true;
}

size_t kv_subject(char *out, struct span bucket, struct span key)
{
	char *end = put_name_part(out, SUBJECT_PREFIX, LEN(SUBJECT_PREFIX));

	MUST(subject_len_fault(bucket, key) == NULL);
	end = put_name_part(end, bucket.at, bucket.len);
	*end++ = '.';
	end = put_name_part(end, key.at, key.len);
	*end = '\0';
	return (size_t)(end - out);
}

size_t kv_write_subject(char *out, const char *api_prefix, struct span bucket,
			struct span key)
{
	char *end = out;

	_Static_assert(SUBJECT_NAME_MAX + 1 + KV_SUBJECT_MAX <= SUBJECT_MAX,
		       "room for every prefix");
	MUST(subject_prefix_ok(api_prefix));
	if (strcmp(api_prefix, DEFAULT_API) != 0) {
		end = put_name_part(end, api_prefix, strlen(api_prefix));
		*end++ = '.';
	}
	return (size_t)(end - out) + kv_subject(end, bucket, key);
}

bool kv_name_of_subject(struct kv_name *ret, struct span subject)
{
	struct span rest = subject, bucket;

	if (!take_name_prefix(&rest, SUBJECT_PREFIX) ||
	    !pattern_next_token(&rest, &bucket) ||
	    kv_bucket_fault(bucket) != NULL || rest.at == NULL || rest.len == 0)
		return false;
	*ret = (struct kv_name){bucket, rest};
	return true;
}
