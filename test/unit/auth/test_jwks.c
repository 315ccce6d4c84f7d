/* Key files and secrets: what is read, what is skipped, what is an error, and
 * that no error quotes them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth/jwks.h"
#include "base/base64.h"
#include "base/check.h"
#include "base/json_depth.h"
#include "jwt_maker.h"
#include "jwt_vectors.h"

/* ---- signatures ---------------------------------------------------------- */

/* The token's algorithm and kid, as its header has them without blanks. */
static bool member(const char *header, const char *name, char *out, size_t size)
{
	const char *at = strstr(header, name);

	if (at == NULL)
		return false;
	at = strchr(at + strlen(name), '"') + 1;
	snprintf(out, size, "%.*s", (int)strcspn(at, "\""), at);
	return true;
}

static int verify(const struct jwks *keys, const char *token)
{
	const char *dot = strchr(token, '.'), *last = strrchr(token, '.');
	char header[1024] = "", alg[32] = "", kid[64];
	uint8_t sig[1024];
	size_t len;
	bool has_kid;

	assert_int_equal(base64url_decode(token, (size_t)(dot - token), header,
					  sizeof(header) - 1, &len),
			 0);
	assert_int_equal(base64url_decode(last + 1, strlen(last + 1), sig,
					  sizeof(sig), &len),
			 0);
	assert_true(member(header, "\"alg\":", alg, sizeof(alg)));
	has_kid = member(header, "\"kid\":", kid, sizeof(kid));
	return jwks_verify(keys, alg, has_kid ? kid : NULL, token,
			   (size_t)(last - token), sig, len);
}

static struct jwks *keys_of_kind(enum jwks_kind kind, const char *bytes,
				 size_t len)
{
	char err[JWKS_ERROR_MAX] = "";
	struct jwks *keys = NULL;

	if (jwks_new(&keys, kind, bytes, len, err) < 0)
		fail_msg("%s", err);
	return keys;
}

static struct jwks *keys_of(const char *bytes, size_t len)
{
	return keys_of_kind(JWKS_PUBLIC, bytes, len);
}

static struct jwks *keys_of_vector(const struct jwt_vector *v)
{
	char err[JWKS_ERROR_MAX] = "";
	struct jwks *keys = NULL;

	if (jwt_vectors_keys(&keys, v, err) < 0)
		fail_msg("%s: %s", v->name, err);
	return keys;
}

/* A letter of the claims another: the signature is of other bytes. */
static void must_notice(const struct jwks *keys, const char *token)
{
	char *changed = strdup(token);
	char *at = strchr(changed, '.') + 3;

	*at = *at == 'A' ? 'B' : 'A';
	assert_int_equal(verify(keys, changed), -EBADMSG);
	free(changed);
}

/* Each verifies by its own key and by no other. */
static void the_rfcs_tokens_are_good(void **state)
{
	struct jwt_vectors v;

	(void)state;
	jwt_vectors_read(&v, "rfc.txt");
	assert_int_equal(v.n, 6);
	for (size_t i = 0; i < v.n; i++) {
		struct jwks *keys = keys_of_vector(&v.at[i]);

		for (size_t k = 0; k < v.n; k++)
			assert_int_equal(verify(keys, v.at[k].token) == 0,
					 i == k);
		must_notice(keys, v.at[i].token);
		jwks_free(keys);
	}
	jwt_vectors_free(&v);
}

static void another_implementations_tokens_are_good(void **state)
{
	struct jwt_vectors v;
	size_t good = 0;

	(void)state;
	jwt_vectors_read(&v, "vectors.txt");
	for (size_t i = 0; i < v.n; i++) {
		struct jwks *keys = keys_of_vector(&v.at[i]);

		good += verify(keys, v.at[i].token) == 0;
		must_notice(keys, v.at[i].token);
		jwks_free(keys);
	}
	assert_int_equal(good, v.n);
	assert_int_equal(v.n, 22);
	jwt_vectors_free(&v);
}

/* A public key is never used as a secret. */
static void a_public_key_is_never_a_secret(void **state)
{
	struct jwt_vectors v;

	(void)state;
	jwt_vectors_read(&v, "vectors.txt");
	for (size_t i = 0; i < v.n; i++) {
		struct jwks *keys;
		uint8_t sig[32] = {0};

		if (strstr(v.at[i].name, "HS") != NULL)
			continue;
		keys = keys_of_vector(&v.at[i]);
		assert_int_equal(jwks_verify(keys, "HS256", NULL, "a.b", 3, sig,
					     sizeof(sig)),
				 -ENOKEY);
		assert_int_equal(jwks_verify(keys, "none", NULL, "a.b", 3, sig,
					     0),
				 -ENOKEY);
		jwks_free(keys);
	}
	jwt_vectors_free(&v);
}

static void a_kid_says_which(void **state)
{
	/* k: 32 zeros, and 32 times 1; HMAC of "a.b" by the second. */
	static const char set[] =
		"{\"keys\": ["
		"{\"kty\": \"oct\", \"kid\": \"zero\", \"k\": "
		"\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"},"
		"{\"kty\": \"oct\", \"kid\": \"one\", \"k\": "
		"\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\"}]}";
	static const uint8_t by_one[32] = {
		0xb0, 0x3c, 0xaa, 0xff, 0x94, 0xd3, 0x42, 0x20,
		0x93, 0xee, 0x05, 0xc8, 0xf6, 0xb8, 0x5c, 0xb5,
		0xca, 0xfa, 0xad, 0x41, 0x8e, 0x37, 0x0e, 0xc8,
		0x7a, 0xba, 0xe5, 0x9d, 0x08, 0xea, 0x20, 0xe4,
	};
	struct jwks *keys = keys_of(set, strlen(set));

	(void)state;
	assert_int_equal(jwks_count(keys), 2);
	assert_int_equal(jwks_verify(keys, "HS256", "one", "a.b", 3, by_one,
				     32),
			 0);
	assert_int_equal(jwks_verify(keys, "HS256", NULL, "a.b", 3, by_one, 32),
			 0);
	assert_int_equal(jwks_verify(keys, "HS256", "zero", "a.b", 3, by_one,
				     32),
			 -EBADMSG);
	assert_int_equal(jwks_verify(keys, "HS256", "two", "a.b", 3, by_one,
				     32),
			 -ENOKEY);
	jwks_free(keys);
}

#define ONE                          \
	"{\"kty\": \"oct\", \"k\": " \
	"\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\"}"

static void few_keys_are_tried(void **state)
{
	static const char four[] =
		"{\"keys\": [" ONE "," ONE "," ONE "," ONE "]}";
	static const char five[] =
		"{\"keys\": [" ONE "," ONE "," ONE "," ONE "," ONE "]}";
	uint8_t sig[32] = {0};
	struct jwks *keys = keys_of(four, strlen(four));

	(void)state;
	assert_int_equal(jwks_verify(keys, "HS256", NULL, "a.b", 3, sig, 32),
			 -EBADMSG);
	jwks_free(keys);
	keys = keys_of(five, strlen(five));
	assert_int_equal(jwks_verify(keys, "HS256", NULL, "a.b", 3, sig, 32),
			 -E2BIG);
	jwks_free(keys);
}

/* ---- forms --------------------------------------------------------------- */

static void must_fail_as(enum jwks_kind kind, const char *bytes, size_t len,
			 const char *why)
{
	char err[JWKS_ERROR_MAX] = "";
	struct jwks *keys = NULL;

	if (jwks_new(&keys, kind, bytes, len, err) == 0) {
		jwks_free(keys);
		fail_msg("taken: %.40s", bytes);
	}
	if (strstr(err, why) == NULL)
		fail_msg("\"%s\" for %.40s, not \"%s\"", err, bytes, why);
}

static void must_fail(const char *bytes, size_t len, const char *why)
{
	must_fail_as(JWKS_PUBLIC, bytes, len, why);
}

static void broken_sets_are_rejected(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"", "empty"},
		{" \n\t\n", "empty"},
		{"{", "is not valid JSON"},
		{"{\"keys\": []} more", "is not valid JSON"},
		{"{\"keys\": [], \"keys\": []}", "has a member twice"},
		{"[]", "not a key set"},
		{"{}", "not an object with a \"kty\""},
		{"{\"keys\": {}}", "\"keys\" is not an array"},
		{"{\"keys\": []}", "no usable key"},
		{"{\"keys\": [1]}", "key 1 of it: it is not an object"},
		{"{\"keys\": [{\"kty\": \"XYZ\"}]}", "no usable key"},
		{"{\"kty\": \"oct\"}", "its \"k\" is not base64url"},
		{"{\"kty\": \"oct\", \"k\": 7}", "its \"k\" is not base64url"},
		{"{\"kty\": \"oct\", \"k\": \"AQ==\"}",
		 "its \"k\" is not base64url"},
		{"{\"kty\": \"oct\", \"k\": \"AQE\"}", "less than 32 bytes"},
		{"{\"kty\": \"oct\", \"alg\": \"HS512\", \"k\": "
		 "\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\"}",
		 "\"alg\" does not fit"},
		{"{\"kty\": \"oct\", \"alg\": \"RS256\", \"k\": "
		 "\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\"}",
		 "\"alg\" does not fit"},
		{"{\"kty\": \"oct\", \"kid\": 1, \"k\": "
		 "\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\"}",
		 "\"kid\" is not a string"},
		{"{\"kty\": \"RSA\", \"n\": \"AQAB\", \"e\": \"AQAB\"}",
		 "key 1 of it: its "},
		{"{\"kty\": \"EC\", \"crv\": \"P-256\", \"x\": \"AQAB\", "
		 "\"y\": "
		 "\"AQAB\"}",
		 "its public key is broken"},
		{"{\"kty\": \"OKP\", \"crv\": \"Ed25519\", \"x\": \"AQAB\"}",
		 "its public key is broken"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		must_fail(cases[i].text, strlen(cases[i].text), cases[i].why);
}

/* RFC 7517, section 5: a faulty key does not invalidate the others. */
static void faulty_keys_are_skipped(void **state)
{
	static const char set[] =
		"{\"keys\": [{\"kty\": \"RSA\", \"n\": \"AQAB\"}," ONE
		", {}, 7, "
		"{\"kty\": \"oct\", \"k\": \"AQE\"},"
		"{\"kty\": \"EC\", \"crv\": \"P-256\", \"x\": \"AQAB\", \"y\": "
		"\"AQAB\"}]}";
	struct jwks *keys = keys_of(set, strlen(set));
	const char *why;

	(void)state;
	assert_int_equal(jwks_count(keys), 1);
	assert_int_equal(jwks_ignored(keys), 0);
	assert_int_equal(jwks_faulty(keys, &why), 5);
	assert_string_equal(why, "key 1 of it: its \"e\" is not base64url");
	jwks_free(keys);
}

/* RFC 9864: the name of the curve instead of "EdDSA". */
static void ed25519_is_an_algorithm(void **state)
{
	static const char *const algs[] = {"EdDSA", "Ed25519"};
	char set[256];
	uint8_t sig[64] = {0};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct jwks *keys;

		snprintf(set, sizeof(set),
			 "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"%s\","
			 "\"x\":\"11qYAYKxCrfVS_"
			 "7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
			 algs[i % 2]);
		keys = keys_of(set, strlen(set));
		assert_int_equal(jwks_verify(keys, algs[i / 2], NULL, "a.b", 3,
					     sig, sizeof(sig)),
				 -EBADMSG);
		jwks_free(keys);
	}
}

static void deep_sets_are_rejected(void **state)
{
	char text[JSON_DEPTH_MAX * 2 + 64] = "{\"keys\": ";
	size_t len = strlen(text);

	(void)state;
	memset(text + len, '[', JSON_DEPTH_MAX);
	memset(text + len + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	strcat(text, "}");
	must_fail(text, strlen(text), "nested too deeply");
}

/* RFC 7517, 5 */
static void keys_for_something_else_are_skipped(void **state)
{
	static const char set[] =
		"{\"keys\": [" ONE ","
		"{\"kty\": \"RSA\", \"use\": \"enc\", \"n\": \"!\"},"
		"{\"kty\": \"RSA\", \"alg\": \"RSA-OAEP\"},"
		"{\"kty\": \"RSA\", \"alg\": \"RS512\"},"
		"{\"kty\": \"EC\", \"crv\": \"P-384\"},"
		"{\"kty\": \"OKP\", \"crv\": \"X25519\"},"
		"{\"kty\": \"RSA\", \"key_ops\": [\"encrypt\"]},"
		"{\"kty\": \"XYZ\"}]}";
	struct jwks *keys = keys_of(set, strlen(set));

	(void)state;
	assert_int_equal(jwks_count(keys), 1);
	assert_int_equal(jwks_ignored(keys), 7);
	jwks_free(keys);
}

static void a_set_has_an_end(void **state)
{
	char set[JWKS_MAX * 128] = "{\"keys\": [";
	struct jwks *keys;

	(void)state;
	for (int i = 0; i < JWKS_MAX; i++)
		strcat(strcat(set, i > 0 ? "," : ""), ONE);
	strcat(set, "]}");
	keys = keys_of(set, strlen(set));
	assert_int_equal(jwks_count(keys), JWKS_MAX);
	jwks_free(keys);
	strcpy(strstr(set, "]}"), "," ONE "]}");
	must_fail(set, strlen(set), "more than 64 keys");
}

static const char pem[] =
	"-----BEGIN PUBLIC KEY-----\n"
	"MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
	"-----END PUBLIC KEY-----\n";
/* The published key of RFC 8037, A.1. */
static const char private_pem[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	"-----END PRIVATE KEY-----\n";

static void pem_is_one_public_key(void **state)
{
	char text[1024];
	struct jwks *keys = keys_of(pem, strlen(pem));

	(void)state;
	assert_int_equal(jwks_count(keys), 1);
	jwks_free(keys);
	/* Text that openssl and others write before it. */
	snprintf(text, sizeof(text), "Public-Key: (253 bit)\n\n%s", pem);
	keys = keys_of(text, strlen(text));
	jwks_free(keys);
	snprintf(text, sizeof(text), "%s%s", pem, pem);
	must_fail(text, strlen(text), "more than one key");
	must_fail(private_pem, strlen(private_pem), "a private key");
	for (size_t len = strlen("-----BEGIN "); len < strlen(pem) - 1; len++)
		must_fail(pem, len, "");
	snprintf(text, sizeof(text), "%s", pem);
	text[40] = '!';
	must_fail(text, strlen(text), "its PEM is broken");
	snprintf(text, sizeof(text), "%s", pem);
	memcpy(strstr(text, "PUBLIC"), "SECRET", 6);
	memcpy(strstr(text, "PUBLIC"), "SECRET", 6);
	must_fail(text, strlen(text), "neither a public key nor");
}

/* Files that take the place of a key file by mistake. */
static const char page[] =
	"<html>\r\n<head><title>503 Service Temporarily Unavailable</title>"
	"</head>\r\n<body>\r\n<center><h1>503 Service Temporarily Unavailable"
	"</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n"
	"</html>\r\n";
static const char s3_error[] =
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied"
	"</Code><Message>Access Denied</Message></Error>";
static const char raw_key[] = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

/* As shells of Windows write it, with a byte-order mark. */
static size_t to_utf16(char *out, const char *text)
{
	size_t n = 2;

	memcpy(out, "\xff\xfe", 2);
	for (; *text != '\0'; text++) {
		out[n++] = *text;
		out[n++] = '\0';
	}
	return n;
}

static void what_is_no_key_is_rejected(void **state)
{
	static const char set[] = "{\"keys\": [" ONE "]}";
	static const char secret[] = JWT_MAKER_SECRET;
	static const char neither[] = "neither PEM nor JWKS";
	char wide[1024];

	(void)state;
	must_fail(page, strlen(page), neither);
	must_fail(s3_error, strlen(s3_error), neither);
	must_fail(wide, to_utf16(wide, set), neither);
	must_fail(wide, to_utf16(wide, pem), neither);
	must_fail(raw_key, strlen(raw_key), neither);
	must_fail(secret, strlen(secret), neither);
}

/* The same in place of a secret, except the raw key, which looks like one. */
static void what_is_public_is_no_secret(void **state)
{
	static const char set[] = "{\"keys\": [" ONE "]}";
	enum jwks_kind kind = JWKS_SECRET;
	char wide[1024];

	(void)state;
	must_fail_as(kind, page, strlen(page), "markup");
	must_fail_as(kind, s3_error, strlen(s3_error), "markup");
	must_fail_as(kind, set, strlen(set), "it is JSON, not a secret");
	must_fail_as(kind, pem, strlen(pem), "it is a key, not a secret");
	must_fail_as(kind, private_pem, strlen(private_pem), "it is a key");
	must_fail_as(kind, wide, to_utf16(wide, set), "UTF-16");
	must_fail_as(kind, wide, to_utf16(wide, pem), "UTF-16");
	must_fail_as(kind, "", 0, "empty");
	must_fail_as(kind, " \n", 2, "empty");
}

/* Unsupported forms of public keys. */
static void other_forms_are_named(void **state)
{
	static const char *const texts[] = {
		"MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
		"\n MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQH\n"
		"Og7hcvPapiMlrwIaaPcHURo=\n",
		"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO"
		"4XLz2qYjJa8CGmj3B1Ea me@here",
		"---- BEGIN SSH2 PUBLIC KEY ----\nAAAAC3NzaC1lZDI1NTE5AAAAINda",
	};
	uint8_t der[64];
	size_t len;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		must_fail(texts[i], strlen(texts[i]),
			  "a key in an unsupported form");
		must_fail_as(JWKS_SECRET, texts[i], strlen(texts[i]),
			     "a key, not a secret");
	}
	assert_int_equal(base64_decode(texts[0], strlen(texts[0]), der,
				       sizeof(der), &len),
			 0);
	must_fail((char *)der, len, "a key in an unsupported form");
	must_fail_as(JWKS_SECRET, (char *)der, len, "a key, not a secret");
}

/* ---- secrets ------------------------------------------------------------- */

static bool is_secret(const char *file, size_t len)
{
	struct jwks *keys = keys_of_kind(JWKS_SECRET, file, len);
	char token[1024];
	bool ret;

	jwt_maker_raw(token, sizeof(token), "{\"alg\":\"HS256\"}", "{}");
	ret = verify(keys, token) == 0;
	jwks_free(keys);
	return ret;
}

#define SECRET JWT_MAKER_SECRET

static void a_secret_is_its_bytes(void **state)
{
	(void)state;
	assert_true(is_secret(SECRET, strlen(SECRET)));
	assert_true(is_secret(SECRET "\n", strlen(SECRET) + 1));
	assert_true(is_secret(SECRET "\r\n", strlen(SECRET) + 2));
	assert_false(is_secret(SECRET "\n\n", strlen(SECRET) + 2));
	assert_false(is_secret(SECRET " ", strlen(SECRET) + 1));
	assert_false(is_secret(" " SECRET, strlen(SECRET) + 1));
	/* Nothing is cut from a secret that is not text. */
	assert_false(is_secret(SECRET "\0\n", strlen(SECRET) + 2));
	must_fail_as(JWKS_SECRET, "short\n", 6, "less than 32 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rfcs_tokens_are_good),
		cmocka_unit_test(another_implementations_tokens_are_good),
		cmocka_unit_test(a_public_key_is_never_a_secret),
		cmocka_unit_test(a_kid_says_which),
		cmocka_unit_test(few_keys_are_tried),
		cmocka_unit_test(broken_sets_are_rejected),
		cmocka_unit_test(faulty_keys_are_skipped),
		cmocka_unit_test(ed25519_is_an_algorithm),
		cmocka_unit_test(deep_sets_are_rejected),
		cmocka_unit_test(what_is_no_key_is_rejected),
		cmocka_unit_test(what_is_public_is_no_secret),
		cmocka_unit_test(keys_for_something_else_are_skipped),
		cmocka_unit_test(a_set_has_an_end),
		cmocka_unit_test(pem_is_one_public_key),
		cmocka_unit_test(other_forms_are_named),
		cmocka_unit_test(a_secret_is_its_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
