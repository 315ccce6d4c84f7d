/* The order of checks: three parts, the header, the signature, the claims.
 * "crit" and "b64" require extensions that are not supported (RFC 7515, section
 * 4.1.11; RFC 7797); "none" is the algorithm of no key. Keys named by the
 * header itself (jwk, jku, x5c, x5u) are ignored. */
#include "auth/jwt.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/base64.h"
#include "base/json_depth.h"
#include "base/span.h"
#include "base/printable.h"
#include "nats/subject.h"

/* Later times are capped: about the year 285,000. */
#define TIME_MAX_S 9007199254740.0

struct parts {
	struct span header, claims, signature;
	struct span signed_bytes; /* header.claims */
};

static int reject_token(struct http_error *why, enum reject_reason reason,
			const char *text)
{
	return http_error_set(why, 401, reason, "%s", text);
}

static int reject_token_form(struct http_error *why, const char *text)
{
	return reject_token(why, REJECT_BAD_TOKEN, text);
}

/* ---- the form ------------------------------------------------------------ */

/* Up to the next dot, or to the end. */
static struct span take_token_part(const char **at, const char *end)
{
	const char *dot = memchr(*at, '.', (size_t)(end - *at));
	struct span ret = {*at, (size_t)((dot != NULL ? dot : end) - *at)};

	*at = dot != NULL ? dot + 1 : end;
	return ret;
}

static int split_token(struct parts *ret, const char *token, size_t len,
		       struct http_error *why)
{
	const char *at = token, *end = token + len;
	size_t dots = 0;

	if (len == 0)
		return reject_token_form(why, "the token is empty");
	if (len > JWT_MAX)
		return reject_token_form(why,
					 "the token has more than 8192 bytes");
	for (size_t i = 0; i < len; i++)
		dots += token[i] == '.';
	if (dots != 2)
		return reject_token_form(why,
					 "the token does not have the three "
					 "parts of a signed JWT");
	ret->header = take_token_part(&at, end);
	ret->claims = take_token_part(&at, end);
	ret->signature = take_token_part(&at, end);
	ret->signed_bytes.at = token;
	ret->signed_bytes.len = ret->header.len + 1 + ret->claims.len;
	return 0;
}

/* The object, for the caller to json_decref(); NULL with *why. */
static json_t *read_part_object(const struct span *p, struct http_error *why)
{
	char text[JWT_MAX];
	size_t len;
	json_t *ret;

	if (base64url_decode(p->at, p->len, text, sizeof(text), &len) < 0) {
		reject_token_form(why, "the token's parts are not base64url");
		return NULL;
	}
	if (json_depth(text, len) > JSON_DEPTH_MAX) {
		reject_token_form(why,
				  "the token's parts are nested too deeply");
		return NULL;
	}
	ret = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(ret))
		return ret;
	json_decref(ret);
	reject_token_form(why, "the token's parts are not JSON objects without "
			       "duplicate members");
	return NULL;
}

/* ---- the header and the signature ---------------------------------------- */

static int check_header(const json_t *header, struct http_error *why)
{
	const json_t *kid = json_object_get(header, "kid");

	if (json_object_get(header, "crit") != NULL ||
	    json_object_get(header, "b64") != NULL)
		return reject_token_form(why,
					 "the token has crit or b64, which are "
					 "not supported");
	if (!json_is_string(json_object_get(header, "alg")))
		return reject_token_form(why,
					 "the token names no algorithm (alg)");
	if (kid != NULL && !json_is_string(kid))
		return reject_token_form(why,
					 "the token's kid is not a string");
	return 0;
}

/* `rc`: result of jwks_verify(). */
static void reject_signature(int rc, struct http_error *why)
{
	switch (rc) {
	case -ENOKEY:
		reject_token(why, REJECT_BAD_SIGNATURE,
			     "the token's algorithm and kid fit no key");
		break;
	case -E2BIG:
		reject_token(why, REJECT_BAD_SIGNATURE,
			     "the token needs a kid, more than 4 keys fit it");
		break;
	default:
		reject_token(why, REJECT_BAD_SIGNATURE,
			     "no key verifies the token's signature");
		break;
	}
}

static int check_signature(const struct jwks *keys, const json_t *header,
			   const struct parts *p, struct http_error *why)
{
	const char *alg = json_string_value(json_object_get(header, "alg"));
	const char *kid = json_string_value(json_object_get(header, "kid"));
	uint8_t sig[JWT_MAX];
	size_t len;
	int rc;

	if (base64url_decode(p->signature.at, p->signature.len, sig,
			     sizeof(sig), &len) < 0)
		return reject_token_form(why,
					 "the token's parts are not base64url");
	if (keys == NULL) {
		http_error_set(why, 503, REJECT_NO_KEYS,
			       "the keys that verify tokens are not loaded "
			       "yet, try again later");
		return -ENOKEY;
	}
	rc = jwks_verify(keys, alg, kid, p->signed_bytes.at,
			 p->signed_bytes.len, sig, len);
	if (rc == 0)
		return 0;
	reject_signature(rc, why);
	return kid != NULL && !jwks_has_kid(keys, kid) ? -ENOKEY : -EINVAL;
}

/* ---- the claims ---------------------------------------------------------- */

/* NumericDate (RFC 7519, section 2) in milliseconds; 0 before 1970. False: not
 * a number. */
static bool take_numeric_date(const json_t *value, uint64_t *ms)
{
	double s = json_number_value(value);

	if (!json_is_number(value) || !isfinite(s))
		return false;
	s = s < 0 ? 0 : s > TIME_MAX_S ? TIME_MAX_S : s;
	*ms = (uint64_t)(s * 1000);
	return true;
}

static int check_token_times(struct jwt *t, const struct jwt_rules *rules,
			     const json_t *claims, uint64_t now_ms,
			     struct http_error *why)
{
	const json_t *exp = json_object_get(claims, "exp");
	const json_t *nbf = json_object_get(claims, "nbf");
	uint64_t from_ms = 0;

	if (exp != NULL && !take_numeric_date(exp, &t->end_ms))
		return reject_token_form(why,
					 "the token's exp is not a number");
	if (nbf != NULL && !take_numeric_date(nbf, &from_ms))
		return reject_token_form(why,
					 "the token's nbf is not a number");
	t->expires = exp != NULL;
	if (exp == NULL && !rules->no_exp)
		return reject_token_form(why, "the token has no exp, which is "
					      "required here "
					      "(--jwt-allow-no-exp)");
	/* RFC 7519, 4.1.4: rejected on or after exp. */
	if (t->expires && t->end_ms + rules->leeway_ms <= now_ms)
		return reject_token(why, REJECT_TOKEN_EXPIRED,
				    "the token has expired (exp)");
	if (nbf != NULL && from_ms > now_ms + rules->leeway_ms)
		return reject_token(why, REJECT_TOKEN_NOT_YET_VALID,
				    "the token is not valid yet (nbf)");
	return 0;
}

static bool is_audience_of(const json_t *value, char *const *list, size_t n)
{
	const char *text = json_string_value(value);

	for (size_t i = 0; text != NULL && i < n; i++)
		if (strcmp(text, list[i]) == 0)
			return true;
	return false;
}

static bool audience_fits(const json_t *aud, const struct jwt_rules *rules)
{
	const json_t *one;
	size_t i;

	json_array_foreach(
		aud, i,
		one) if (is_audience_of(one, rules->audiences,
					rules->n_audiences)) return true;
	return is_audience_of(aud, rules->audiences, rules->n_audiences);
}

static int check_audience(const struct jwt_rules *rules, const json_t *claims,
			  struct http_error *why)
{
	const json_t *aud = json_object_get(claims, "aud");

	if (aud == NULL && rules->n_audiences == 0)
		return 0;
	if (aud == NULL)
		return reject_token(why, REJECT_TOKEN_AUDIENCE,
				    "the token has no audience (aud), which is "
				    "required here");
	if (rules->n_audiences == 0)
		return reject_token(
			why, REJECT_TOKEN_AUDIENCE,
			"the token has an audience (aud), but none is "
			"configured here (--jwt-audience)");
	if (!audience_fits(aud, rules))
		return reject_token(why, REJECT_TOKEN_AUDIENCE,
				    "the token is for another audience (aud)");
	return 0;
}

static int check_issuer(const struct jwt_rules *rules, const json_t *claims,
			struct http_error *why)
{
	if (rules->n_issuers == 0 ||
	    is_audience_of(json_object_get(claims, "iss"), rules->issuers,
			   rules->n_issuers))
		return 0;
	return reject_token(why, REJECT_TOKEN_ISSUER,
			    "the token is of another issuer (iss)");
}

/* What is wrong with the claim. Its value, maybe a name or address, is not
 * quoted. */
static const char *claim_fault(const json_t *value)
{
	if (value == NULL)
		return "missing, required is";
	if (json_is_number(value))
		return "a number, required is a string that is";
	if (!json_is_string(value))
		return "not a string, required is";
	return subject_id_ok(json_string_value(value),
			     json_string_length(value))
		       ? NULL
		       : "not";
}

static int take_claimed_identity(struct identity *ret, const char *claim,
				 const json_t *claims, struct http_error *why)
{
	const json_t *value = json_object_get(claims, claim);
	const char *fault = claim_fault(value);
	char shown[PRINTABLE_MAX];

	if (fault != NULL)
		return http_error_set(
			why, 403, REJECT_BAD_IDENTITY_CLAIM,
			"the token's claim \"%s\" is %s one NATS subject token "
			"of 1 to 128 printable ASCII bytes without '.', '*', "
			"'>'",
			printable(shown, sizeof(shown), claim, strlen(claim)),
			fault);
	ret->len = json_string_length(value);
	memcpy(ret->id, json_string_value(value), ret->len + 1);
	return 0;
}

/* A copy: what it means is decided in rights_claim.h. */
static int copy_rights_claim(struct jwt *t, const struct jwt_rules *rules,
			     const json_t *claims)
{
	const json_t *value = rules->rights == NULL
				      ? NULL
				      : json_object_get(claims, rules->rights);

	if (value == NULL)
		return 0;
	t->rights = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	return t->rights == NULL ? -ENOMEM : 0;
}

static int check_claims(struct jwt *t, const struct jwt_rules *rules,
			const json_t *claims, uint64_t now_ms,
			struct http_error *why)
{
	if (check_token_times(t, rules, claims, now_ms, why) < 0 ||
	    check_audience(rules, claims, why) < 0 ||
	    check_issuer(rules, claims, why) < 0 ||
	    take_claimed_identity(&t->id, rules->claim, claims, why) < 0)
		return -EINVAL;
	return copy_rights_claim(t, rules, claims);
}

int jwt_verify(struct jwt *ret, struct http_error *why, const struct jwks *keys,
	       const struct jwt_rules *rules, const char *token, size_t len,
	       uint64_t now_ms)
{
	struct jwt t = {0};
	json_t *header, *claims = NULL;
	struct parts p;
	int rc = split_token(&p, token, len, why);

	if (rc < 0)
		return rc;
	header = read_part_object(&p.header, why);
	rc = header == NULL ? -EINVAL : check_header(header, why);
	if (rc == 0)
		rc = check_signature(keys, header, &p, why);
	json_decref(header);
	if (rc == 0)
		claims = read_part_object(&p.claims, why);
	if (rc == 0 && claims == NULL)
		rc = -EINVAL;
	if (rc == 0)
		rc = check_claims(&t, rules, claims, now_ms, why);
	json_decref(claims);
	if (rc == 0)
		*ret = t;
	return rc;
}

void jwt_finish(struct jwt *t)
{
	free(t->rights);
	t->rights = NULL;
}
