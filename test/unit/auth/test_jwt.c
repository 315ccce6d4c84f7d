/* Tokens: form, header, signature, times, audience, issuer and the identity
 * claim. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth/jwt.h"
#include "base/check.h"
#include "base/json_depth.h"
#include "jwt_maker.h"
#include "jwt_vectors.h"

#define NOW_S UINT64_C(1700000000)

struct fixture {
	struct jwks *keys;
	struct jwt_rules rules;
	struct jwt jwt;
	struct http_error why;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char err[JWKS_ERROR_MAX];

	assert_non_null(f);
	assert_int_equal(jwks_new(&f->keys, JWKS_SECRET, JWT_MAKER_SECRET,
				  strlen(JWT_MAKER_SECRET), err),
			 0);
	f->rules = (struct jwt_rules){.claim = "sub",
				      .leeway_ms = 30000,
				      .no_exp = true};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	jwt_finish(&f->jwt);
	jwks_free(f->keys);
	free(f);
	return 0;
}

static int verify(struct fixture *f, const char *token, size_t len)
{
	jwt_finish(&f->jwt);
	return jwt_verify(&f->jwt, &f->why, f->keys, &f->rules, token, len,
			  NOW_S * 1000);
}

static void must_be(struct fixture *f, const char *token, size_t len,
		    int status, enum reject_reason reason, const char *text)
{
	if (verify(f, token, len) == 0)
		fail_msg("taken: %s", token);
	if (f->why.status != status || f->why.reason != reason ||
	    strstr(f->why.text, text) == NULL)
		fail_msg("%d %s: %s, of %.80s, not %d %s: %s", f->why.status,
			 reject_reason_label(f->why.reason), f->why.text, token,
			 status, reject_reason_label(reason), text);
}

static void accepts(struct fixture *f, const char *claims)
{
	char token[JWT_MAKER_MAX];
	size_t len = jwt_maker(token, sizeof(token), claims);

	if (verify(f, token, len) < 0)
		fail_msg("%s, of %s", f->why.text, claims);
}

static void rejects(struct fixture *f, const char *claims, int status,
		    enum reject_reason reason, const char *text)
{
	char token[JWT_MAKER_MAX];
	size_t len = jwt_maker(token, sizeof(token), claims);

	must_be(f, token, len, status, reason, text);
}

static void rejects_header(struct fixture *f, const char *header,
			   enum reject_reason reason, const char *text)
{
	char token[JWT_MAKER_MAX];
	size_t len = jwt_maker_raw(token, sizeof(token), header,
				   "{\"sub\":\"alice\"}");

	must_be(f, token, len, 401, reason, text);
}

/* ---- the form ------------------------------------------------------------ */

static void a_good_one_names_its_subject(void **state)
{
	struct fixture *f = *state;

	accepts(f, "{\"sub\": \"alice\", \"exp\": 1700000100}");
	assert_string_equal(f->jwt.id.id, "alice");
	assert_int_equal(f->jwt.id.len, 5);
	assert_true(f->jwt.expires);
	assert_int_equal(f->jwt.end_ms, 1700000100000);
	accepts(f, "{\"sub\": \"bob\"}");
	assert_string_equal(f->jwt.id.id, "bob");
	assert_false(f->jwt.expires);
}

/* jansson recurses: the stack of an embedder's thread may be small. */
static void a_nested_one_is_rejected(void **state)
{
	struct fixture *f = *state;
	char claims[2 * 2040 + 32], fits[2 * JSON_DEPTH_MAX + 32];

	snprintf(claims, sizeof(claims),
		 "{\"sub\": \"a\", \"x\": %02040d%02040d}", 0, 0);
	memset(strchr(claims, '0'), '[', 2040);
	memset(strchr(claims, '0'), ']', 2040);
	rejects(f, claims, 401, REJECT_BAD_TOKEN, "nested too deeply");
	rejects_header(f, claims, REJECT_BAD_TOKEN, "nested too deeply");
	snprintf(fits, sizeof(fits),
		 "{\"sub\": \"[{[{\\\"[\", \"x\": %0*d%0*d}",
		 JSON_DEPTH_MAX - 1, 0, JSON_DEPTH_MAX - 1, 0);
	memset(strchr(fits, '0'), '[', JSON_DEPTH_MAX - 1);
	memset(strchr(fits, '0'), ']', JSON_DEPTH_MAX - 1);
	accepts(f, fits);
}

static void one_that_never_expires_is_rejected(void **state)
{
	struct fixture *f = *state;

	accepts(f, "{\"sub\": \"alice\"}");
	f->rules.no_exp = false;
	rejects(f, "{\"sub\": \"alice\"}", 401, REJECT_BAD_TOKEN,
		"the token has no exp");
	accepts(f, "{\"sub\": \"alice\", \"exp\": 1700000100}");
}

static void every_cut_is_rejected(void **state)
{
	struct fixture *f = *state;
	char token[JWT_MAKER_MAX];
	size_t len = jwt_maker(token, sizeof(token), "{\"sub\": \"alice\"}");

	assert_int_equal(verify(f, token, len), 0);
	for (size_t n = 0; n < len; n++) {
		assert_int_not_equal(verify(f, token, n), 0);
		assert_int_equal(f->why.status, 401);
	}
	/* Other letters of the alphabet. */
	for (size_t n = 0; n < len; n++) {
		char was = token[n];

		token[n] = was == 'A' ? 'B' : 'A';
		assert_int_not_equal(verify(f, token, len), 0);
		token[n] = '=';
		assert_int_not_equal(verify(f, token, len), 0);
		token[n] = was;
	}
}

static void other_forms_are_rejected(void **state)
{
	struct fixture *f = *state;
	static const char *const cases[] = {
		"a",	  "a.b",       "a.b.c.d",     "a.b.c.d.e", "..",
		"...",	  "....",      "e30.e30.",    ".e30.e30",  "e30..e30",
		"e30. .", "e30.e30.%", "W10.W10.W10",
	};
	static char big[JWT_MAX + 2];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		must_be(f, cases[i], strlen(cases[i]), 401, REJECT_BAD_TOKEN,
			"the token");
	must_be(f, "", 0, 401, REJECT_BAD_TOKEN, "empty");
	memset(big, 'A', sizeof(big));
	big[10] = big[20] = '.';
	must_be(f, big, JWT_MAX + 1, 401, REJECT_BAD_TOKEN, "8192");
	must_be(f, big, JWT_MAX, 401, REJECT_BAD_TOKEN, "not JSON objects");
}

static void the_greatest_token_is_taken(void **state)
{
	struct fixture *f = *state;
	static char claims[JWT_MAX], token[JWT_MAKER_MAX];
	size_t len = 0, pad = 6040;

	do {
		snprintf(claims, sizeof(claims),
			 "{\"sub\": \"alice\", \"x\": \"%0*d\"}", (int)++pad,
			 0);
		len = jwt_maker(token, sizeof(token), claims);
	} while (len < JWT_MAX - 1);
	assert_in_range(len, JWT_MAX - 1, JWT_MAX);
	assert_int_equal(verify(f, token, len), 0);
}

/* ---- the header ---------------------------------------------------------- */

static void what_a_header_may_not_say(void **state)
{
	struct fixture *f = *state;

	rejects_header(f, "{\"alg\": \"none\"}", REJECT_BAD_SIGNATURE,
		       "fit no key");
	rejects_header(f, "{\"alg\": \"RS256\"}", REJECT_BAD_SIGNATURE,
		       "fit no key");
	rejects_header(f, "{\"alg\": \"HS512\"}", REJECT_BAD_SIGNATURE,
		       "fit no key");
	rejects_header(f, "{\"alg\": \"hs256\"}", REJECT_BAD_SIGNATURE,
		       "fit no key");
	rejects_header(f, "{}", REJECT_BAD_TOKEN, "no algorithm");
	rejects_header(f, "{\"alg\": 1}", REJECT_BAD_TOKEN, "no algorithm");
	rejects_header(f, "{\"alg\": [\"HS256\"]}", REJECT_BAD_TOKEN,
		       "no algorithm");
	rejects_header(f, "{\"alg\": \"HS256\", \"alg\": \"HS256\"}",
		       REJECT_BAD_TOKEN, "duplicate");
	rejects_header(f, "{\"alg\": \"HS256\", \"crit\": [\"exp\"]}",
		       REJECT_BAD_TOKEN, "crit");
	rejects_header(f, "{\"alg\": \"HS256\", \"b64\": true}",
		       REJECT_BAD_TOKEN, "b64");
	rejects_header(f, "{\"alg\": \"HS256\", \"kid\": 1}", REJECT_BAD_TOKEN,
		       "kid");
	rejects_header(f, "[\"HS256\"]", REJECT_BAD_TOKEN, "not JSON objects");
	rejects_header(f, "{\"alg\": \"HS256\"} ,", REJECT_BAD_TOKEN,
		       "not JSON objects");
	rejects_header(f, "", REJECT_BAD_TOKEN, "not JSON objects");
}

static void what_a_header_may_say(void **state)
{
	struct fixture *f = *state;
	static const char header[] =
		" {\"typ\": \"JWT\", \"alg\": \"HS256\", \"kid\": \"any\", "
		"\"jwk\": {}, \"jku\": \"https://example.com/\", \"x\": "
		"null}\n";
	char token[JWT_MAKER_MAX];
	size_t len = jwt_maker_raw(token, sizeof(token), header,
				   "{\"sub\": \"alice\"}");

	assert_int_equal(verify(f, token, len), 0);
}

/* ---- the claims ---------------------------------------------------------- */

static void claims_are_one_object(void **state)
{
	struct fixture *f = *state;
	static const char *const cases[] = {
		"",
		"[]",
		"\"alice\"",
		"{\"sub\": \"alice\"",
		"{\"sub\": \"alice\", \"sub\": \"bob\"}",
		"{\"sub\": \"alice\", \"x\": {\"y\": 1, \"y\": 2}}",
		"{\"sub\": \"al\\u0000ice\"}",
		"{\"sub\": \"alice\", \"exp\": 1e999}",
		"{\"sub\": \"alice\", \"exp\": 99999999999999999999}",
		"{\"sub\": \"alice\"}{}",
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		rejects(f, cases[i], 401, REJECT_BAD_TOKEN, "not JSON objects");
}

static void an_old_one_is_rejected(void **state)
{
	struct fixture *f = *state;

	accepts(f, "{\"sub\": \"a\", \"exp\": 1699999971}");
	rejects(f, "{\"sub\": \"a\", \"exp\": 1699999970}", 401,
		REJECT_TOKEN_EXPIRED, "expired");
	accepts(f, "{\"sub\": \"a\", \"exp\": 1699999970.25}");
	assert_int_equal(f->jwt.end_ms, 1699999970250);
	rejects(f, "{\"sub\": \"a\", \"exp\": 0}", 401, REJECT_TOKEN_EXPIRED,
		"expired");
	rejects(f, "{\"sub\": \"a\", \"exp\": -5}", 401, REJECT_TOKEN_EXPIRED,
		"expired");
	rejects(f, "{\"sub\": \"a\", \"exp\": \"1800000000\"}", 401,
		REJECT_BAD_TOKEN, "exp is not a number");
	rejects(f, "{\"sub\": \"a\", \"exp\": null}", 401, REJECT_BAD_TOKEN,
		"exp is not a number");
	f->rules.leeway_ms = 0;
	accepts(f, "{\"sub\": \"a\", \"exp\": 1700000001}");
	rejects(f, "{\"sub\": \"a\", \"exp\": 1700000000}", 401,
		REJECT_TOKEN_EXPIRED, "expired");
	accepts(f, "{\"sub\": \"a\", \"exp\": 9223372036854775807}");
	accepts(f, "{\"sub\": \"a\", \"exp\": 1e300}");
	assert_true(f->jwt.end_ms < UINT64_MAX / 1024);
}

static void a_young_one_is_rejected(void **state)
{
	struct fixture *f = *state;

	accepts(f, "{\"sub\": \"a\", \"nbf\": 1700000030}");
	rejects(f, "{\"sub\": \"a\", \"nbf\": 1700000031}", 401,
		REJECT_TOKEN_NOT_YET_VALID, "not valid yet");
	rejects(f, "{\"sub\": \"a\", \"nbf\": 1e300}", 401,
		REJECT_TOKEN_NOT_YET_VALID, "not valid yet");
	rejects(f, "{\"sub\": \"a\", \"nbf\": \"now\"}", 401, REJECT_BAD_TOKEN,
		"nbf is not a number");
	accepts(f, "{\"sub\": \"a\", \"nbf\": -1}");
}

static char events[] = "events", url[] = "https://events.example";
static char *ours[] = {events, url};

static void an_audience_must_be_ours(void **state)
{
	struct fixture *f = *state;

	/* RFC 7519, 4.1.3: a token with aud is for a configured audience
	 * only. */
	rejects(f, "{\"sub\": \"a\", \"aud\": \"events\"}", 401,
		REJECT_TOKEN_AUDIENCE, "none is configured here");
	f->rules.audiences = ours;
	f->rules.n_audiences = 2;
	accepts(f, "{\"sub\": \"a\", \"aud\": \"events\"}");
	accepts(f, "{\"sub\": \"a\", \"aud\": \"https://events.example\"}");
	accepts(f, "{\"sub\": \"a\", \"aud\": [\"x\", 1, \"events\"]}");
	rejects(f, "{\"sub\": \"a\"}", 401, REJECT_TOKEN_AUDIENCE,
		"has no audience");
	rejects(f, "{\"sub\": \"a\", \"aud\": \"event\"}", 401,
		REJECT_TOKEN_AUDIENCE, "another audience");
	rejects(f, "{\"sub\": \"a\", \"aud\": [\"event\", \"eventss\"]}", 401,
		REJECT_TOKEN_AUDIENCE, "another audience");
	rejects(f, "{\"sub\": \"a\", \"aud\": []}", 401, REJECT_TOKEN_AUDIENCE,
		"another audience");
	rejects(f, "{\"sub\": \"a\", \"aud\": {\"events\": 1}}", 401,
		REJECT_TOKEN_AUDIENCE, "another audience");
}

static void an_issuer_must_be_ours(void **state)
{
	struct fixture *f = *state;

	accepts(f, "{\"sub\": \"a\", \"iss\": \"anybody\"}");
	f->rules.issuers = ours;
	f->rules.n_issuers = 2;
	accepts(f, "{\"sub\": \"a\", \"iss\": \"events\"}");
	rejects(f, "{\"sub\": \"a\", \"iss\": \"anybody\"}", 401,
		REJECT_TOKEN_ISSUER, "another issuer");
	rejects(f, "{\"sub\": \"a\"}", 401, REJECT_TOKEN_ISSUER,
		"another issuer");
	rejects(f, "{\"sub\": \"a\", \"iss\": [\"events\"]}", 401,
		REJECT_TOKEN_ISSUER, "another issuer");
}

static void the_claim_must_be_an_identity(void **state)
{
	struct fixture *f = *state;
	static const char *const cases[] = {
		"{}",
		"{\"sub\": \"\"}",
		"{\"sub\": 17}",
		"{\"sub\": null}",
		"{\"sub\": [\"alice\"]}",
		"{\"sub\": \"*\"}",
		"{\"sub\": \">\"}",
		"{\"sub\": \"a.b\"}",
		"{\"sub\": \"a b\"}",
		"{\"sub\": \"a\\r\\nb\"}",
		"{\"sub\": \"\xc3\xa9\"}",
		"{\"user\": \"alice\"}",
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		rejects(f, cases[i], 403, REJECT_BAD_IDENTITY_CLAIM,
			"the token's claim \"sub\" is ");
	rejects(f, "{\"sub\": 17}", 403, REJECT_BAD_IDENTITY_CLAIM,
		"\"sub\" is a number, required is a string that is one NATS");
	f->rules.claim = "https://example.com/user";
	accepts(f, "{\"https://example.com/user\": \"u-17\", \"sub\": 1}");
	assert_string_equal(f->jwt.id.id, "u-17");
	rejects(f, "{\"sub\": \"alice\"}", 403, REJECT_BAD_IDENTITY_CLAIM,
		"\"https://example.com/user\" is missing");
}

static void has_rights(struct fixture *f, const char *claims, const char *json)
{
	accepts(f, claims);
	if (json == NULL)
		assert_null(f->jwt.rights);
	else
		assert_string_equal(f->jwt.rights, json);
}

/* As it is: whether it can be used is decided elsewhere. */
static void the_claim_with_the_rights_is_copied(void **state)
{
	struct fixture *f = *state;

	has_rights(f, "{\"sub\": \"a\", \"nats\": {}}", NULL);
	f->rules.rights = "nats";
	has_rights(f, "{\"sub\": \"a\"}", NULL);
	has_rights(f, "{\"sub\": \"a\", \"nats\": null}", "null");
	has_rights(f, "{\"sub\": \"a\", \"nats\": \"\\u00e4\"}", "\"ä\"");
	has_rights(f, "{\"sub\": \"a\", \"nats\": {\"sub\": {\"deny\": [1]}}}",
		   "{\"sub\":{\"deny\":[1]}}");
	rejects(f, "{\"nats\": {}}", 403, REJECT_BAD_IDENTITY_CLAIM, "missing");
}

/* An unsigned token gets no error about its claims. */
static void claims_are_read_after_the_signature(void **state)
{
	struct fixture *f = *state;
	char token[JWT_MAKER_MAX];
	size_t len = jwt_maker(token, sizeof(token), "{\"exp\": 1}");

	token[len - 2] = token[len - 2] == 'A' ? 'B' : 'A';
	must_be(f, token, len, 401, REJECT_BAD_SIGNATURE, "no key verifies");
}

static void another_implementations_tokens_are_good(void **state)
{
	struct fixture *f = *state;
	struct jwt_vectors v;

	jwt_vectors_read(&v, "vectors.txt");
	for (size_t i = 0; i < v.n; i++) {
		char err[JWKS_ERROR_MAX];

		jwks_free(f->keys);
		assert_int_equal(jwt_vectors_keys(&f->keys, &v.at[i], err), 0);
		if (verify(f, v.at[i].token, strlen(v.at[i].token)) < 0)
			fail_msg("%s: %s", v.at[i].name, f->why.text);
		assert_string_equal(f->jwt.id.id, "alice");
		assert_int_equal(f->jwt.end_ms, UINT64_C(4102444800000));
	}
	jwt_vectors_free(&v);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_good_one_names_its_subject),
		TEST(a_nested_one_is_rejected),
		TEST(one_that_never_expires_is_rejected),
		TEST(every_cut_is_rejected),
		TEST(other_forms_are_rejected),
		TEST(the_greatest_token_is_taken),
		TEST(what_a_header_may_not_say),
		TEST(what_a_header_may_say),
		TEST(claims_are_one_object),
		TEST(an_old_one_is_rejected),
		TEST(a_young_one_is_rejected),
		TEST(an_audience_must_be_ours),
		TEST(an_issuer_must_be_ours),
		TEST(the_claim_must_be_an_identity),
		TEST(the_claim_with_the_rights_is_copied),
		TEST(claims_are_read_after_the_signature),
		TEST(another_implementations_tokens_are_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
