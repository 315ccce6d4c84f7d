/* Tokens and files of keys. A token that is signed by the key is good, and
 * names its identity, or is refused for its claims; with any byte of it another
 * it is never good, nor by another key. No text quotes a token. A file of keys
 * never becomes a secret where it begins like a key.
 *
 * Input: a byte that says which letter to change and one for the other (of a
 * signed token), claims up to a NUL, a header up to a NUL, a file of keys up to
 * a NUL, and a token. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/jwt.h"
#include "base/check.h"
#include "fuzz.h"
#include "jwt_maker.h"

#define NOW_MS UINT64_C(1700000000000)

static char audience[] = "events";
static char *audiences[] = {audience};

static const struct jwt_rules any = {.claim = "sub",
				     .leeway_ms = 30000,
				     .rights = "aud"};
static const struct jwt_rules strict = {.claim = "sub",
					.audiences = audiences,
					.n_audiences = 1,
					.issuers = audiences,
					.n_issuers = 1};

static struct jwks *keys_of(enum jwks_kind kind, const char *bytes, size_t len)
{
	char err[JWKS_ERROR_MAX] = "";
	struct jwks *keys = NULL;
	int rc = jwks_new(&keys, kind, bytes, len, err);

	if (rc == 0) {
		MUST(jwks_count(keys) > 0);
		MUST(jwks_count(keys) <= JWKS_MAX);
		return keys;
	}
	fuzz_must_be_line(err, sizeof(err));
	fuzz_must_hide_secret(err);
	return NULL;
}

/* True: it is good. */
static bool verify(const struct jwks *keys, const struct jwt_rules *rules,
		   const char *token, size_t len)
{
	struct http_error why;
	struct jwt jwt;

	if (jwt_verify(&jwt, &why, keys, rules, token, len, NOW_MS) == 0) {
		MUST(subject_id_ok(jwt.id.id, jwt.id.len));
		MUST(!jwt.expires || jwt.end_ms + 30000 > NOW_MS);
		MUST(len <= JWT_MAX);
		jwt_finish(&jwt);
		return true;
	}
	MUST(why.status == 401 || why.status == 403);
	MUST((why.status == 403) == (why.reason == REJECT_BAD_IDENTITY_CLAIM));
	MUST(why.status == 403 || strpbrk(why.text, "\"\\") == NULL);
	fuzz_must_be_line(why.text, sizeof(why.text));
	fuzz_must_hide_secret(why.text);
	return false;
}

static void must_be_of_this_key(const char *token, size_t len,
				const struct jwks *ours,
				const struct jwks *other)
{
	bool good = verify(ours, &any, token, len);

	MUST(!verify(other, &any, token, len));
	/* With an audience only tokens for it are accepted, without one the
	 * others. */
	MUST(!good || !verify(ours, &strict, token, len));
}

/* Another letter anywhere: the header, the claims or the signature. */
static void must_notice(char *token, size_t len, size_t at, uint8_t by,
			const struct jwks *ours)
{
	char was;

	if (len == 0 || len > JWT_MAX)
		return;
	at %= len;
	was = token[at];
	if ((char)by == was)
		by++;
	token[at] = (char)by;
	MUST(!verify(ours, &any, token, len));
	token[at] = was;
	MUST(!verify(ours, &any, token, len - 1));
}

static void sign_and_verify(const char *header, const char *claims,
			    uint8_t which, uint8_t by, const struct jwks *ours,
			    const struct jwks *other)
{
	static char token[JWT_MAKER_MAX];
	size_t len;

	if (strlen(header) + strlen(claims) > JWT_MAKER_MAX / 2)
		return;
	len = jwt_maker_raw(token, sizeof(token), header, claims);
	must_be_of_this_key(token, len, ours, other);
	must_notice(token, len, (size_t)which * 7919, by, ours);
	len = jwt_maker(token, sizeof(token), claims);
	must_be_of_this_key(token, len, ours, other);
	must_notice(token, len, which, by, ours);
}

/* Does it look like keys? Then its bytes are no secret. */
static bool is_no_secret(const char *file)
{
	const char *begin = file + strspn(file, " \t\r\n");

	return *begin == '{' || *begin == '[' || *begin == '\0' ||
	       strncmp(begin, "ssh-", 4) == 0 ||
	       strstr(file, "-----BEGIN ") != NULL;
}

static void file_of_keys(const char *file, size_t len, char *token,
			 size_t token_len, uint8_t which, uint8_t by)
{
	static char forged[JWT_MAKER_MAX];
	struct jwks *keys = keys_of(JWKS_PUBLIC, file, len);
	size_t forged_len;

	if (keys == NULL)
		return;
	if (verify(keys, &any, token, token_len))
		must_notice(token, token_len, (size_t)which * 3, by, keys);
	forged_len = jwt_maker_by(forged, sizeof(forged), "{\"alg\":\"HS256\"}",
				  "{\"sub\":\"alice\"}", file, len);
	MUST(!is_no_secret(file) || !verify(keys, &any, forged, forged_len));
	jwks_free(keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char other_secret[] = FUZZ_SECRET FUZZ_SECRET "other";
	struct fuzz_input in = {data, size};
	uint8_t which = fuzz_take_byte(&in), by = fuzz_take_byte(&in);
	char *claims = fuzz_take_text(&in), *header = fuzz_take_text(&in);
	char *file = fuzz_take_text(&in), *token;
	struct jwks *ours = keys_of(JWKS_SECRET, JWT_MAKER_SECRET,
				    strlen(JWT_MAKER_SECRET));
	struct jwks *other =
		keys_of(JWKS_SECRET, other_secret, strlen(other_secret));
	size_t len = 0;

	token = fuzz_take_rest(&in, &len);
	sign_and_verify(header == NULL ? "" : header,
			claims == NULL ? "" : claims, which, by, ours, other);
	MUST(!verify(ours, &any, token, len));
	if (file != NULL)
		file_of_keys(file, strlen(file), token, len, which, by);
	jwks_free(ours);
	jwks_free(other);
	free(claims);
	free(header);
	free(file);
	free(token);
	return 0;
}
