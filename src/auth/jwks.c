/* The beginning of a key file decides its format: PEM, then JSON; other bytes
 * are an error. A secret has a function of its own, because any bytes could be
 * one: an error page, or a public key in an unknown form. */
#include "auth/jwks.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/ascii.h"
#include "base/base64.h"
#include "base/check.h"
#include "base/json_depth.h"

enum {
	NUMBER_MAX = 2 * JWT_RSA_MAX_BITS / 8, /* bytes of a member */
	DER_MAX = 16 * 1024,
	KID_MAX = 256,
};

struct jwks {
	struct jwk keys[JWKS_MAX];
	size_t n;
	size_t ignored;
	size_t faulty;
	char fault[JWKS_ERROR_MAX]; /* of the first faulty key */
};

static int fail_key_set(char *err, const char *what)
{
	snprintf(err, JWKS_ERROR_MAX, "%s", what);
	return -EINVAL;
}

/* `rc`: result of the init of the key. */
static int fail_key_text(char *err, int rc, const char *why)
{
	return rc == -EINVAL ? fail_key_set(err, why) : rc;
}

/* ---- JWKS ---------------------------------------------------------------- */

/* One key of a set; `number` counts from 1, because a kid may be anything. */
struct jwks_entry {
	const json_t *object;
	size_t number;
	char *err;
};

static int fail_jwk_member(const struct jwks_entry *j, const char *what)
{
	snprintf(j->err, JWKS_ERROR_MAX, "key %zu of it: %s", j->number, what);
	return -EINVAL;
}

/* NULL when absent. *rc is -EINVAL when absent or not a string. */
static const char *string_member(const struct jwks_entry *j, const char *name)
{
	return json_string_value(json_object_get(j->object, name));
}

/* base64url. -EINVAL. */
static int take_member_bytes(const struct jwks_entry *j, const char *name,
			     uint8_t *out, size_t max, size_t *len)
{
	const char *text = string_member(j, name);
	char what[64];

	if (text != NULL &&
	    base64url_decode(text, strlen(text), out, max, len) == 0 &&
	    *len > 0)
		return 0;
	snprintf(what, sizeof(what), "its \"%s\" is not base64url", name);
	return fail_jwk_member(j, what);
}

static int init_oct_key(struct jwk *k, const struct jwks_entry *j,
			const char **why)
{
	uint8_t secret[JWT_SECRET_MAX];
	size_t len;
	int rc = take_member_bytes(j, "k", secret, sizeof(secret), &len);

	if (rc == 0)
		rc = jwk_init_secret(k, secret, len, why);
	explicit_bzero(secret, sizeof(secret));
	return rc;
}

static int init_key_pair(struct jwk *k, const struct jwks_entry *j,
			 const char *a, const char *b,
			 int (*init)(struct jwk *k, const uint8_t *a,
				     size_t a_len, const uint8_t *b,
				     size_t b_len, const char **why),
			 const char **why)
{
	uint8_t first[NUMBER_MAX], second[NUMBER_MAX];
	size_t first_len, second_len;
	int rc = take_member_bytes(j, a, first, sizeof(first), &first_len);

	if (rc == 0)
		rc = take_member_bytes(j, b, second, sizeof(second),
				       &second_len);
	return rc < 0 ? rc : init(k, first, first_len, second, second_len, why);
}

static int init_okp_key(struct jwk *k, const struct jwks_entry *j,
			const char **why)
{
	uint8_t x[NUMBER_MAX];
	size_t len;
	int rc = take_member_bytes(j, "x", x, sizeof(x), &len);

	return rc < 0 ? rc : jwk_init_ed25519(k, x, len, why);
}

static bool is_plain_text(const json_t *value, const char *text)
{
	return json_is_string(value) &&
	       strcmp(json_string_value(value), text) == 0;
}

/* 0, or 1 for an unknown kind, which is skipped (RFC 7517, section 5). */
static int init_jwk_kind(struct jwk *k, const struct jwks_entry *j,
			 const char **why)
{
	const json_t *kty = json_object_get(j->object, "kty");
	const json_t *crv = json_object_get(j->object, "crv");

	if (is_plain_text(kty, "oct"))
		return init_oct_key(k, j, why);
	if (is_plain_text(kty, "RSA"))
		return init_key_pair(k, j, "n", "e", jwk_init_rsa, why);
	if (is_plain_text(kty, "EC") && is_plain_text(crv, "P-256"))
		return init_key_pair(k, j, "x", "y", jwk_init_p256, why);
	if (is_plain_text(kty, "OKP") && is_plain_text(crv, "Ed25519"))
		return init_okp_key(k, j, why);
	return 1;
}

static bool has_verify_op(const json_t *ops)
{
	const json_t *op;
	size_t i;

	json_array_foreach(ops, i,
			   op) if (is_plain_text(op, "verify")) return true;
	return false;
}

/* RFC 7517, sections 4.2 to 4.4. False: not for signatures, or an unknown
 * algorithm. *alg is JWT_ALG_COUNT for none. */
static bool is_signature_key(const struct jwks_entry *j, enum jwt_alg *alg)
{
	const json_t *use = json_object_get(j->object, "use");
	const json_t *ops = json_object_get(j->object, "key_ops");
	const json_t *name = json_object_get(j->object, "alg");

	*alg = JWT_ALG_COUNT;
	if ((use != NULL && !is_plain_text(use, "sig")) ||
	    (ops != NULL && !has_verify_op(ops)))
		return false;
	return name == NULL ||
	       (json_is_string(name) &&
		jwt_alg_parse(json_string_value(name), alg) == 0);
}

static int take_key_id(struct jwk *k, const struct jwks_entry *j)
{
	const json_t *kid = json_object_get(j->object, "kid");

	if (kid == NULL)
		return 0;
	if (!json_is_string(kid) || json_string_length(kid) > KID_MAX)
		return fail_jwk_member(
			j, "its \"kid\" is not a string of at most 256 "
			   "bytes");
	k->kid = strdup(json_string_value(kid));
	return k->kid == NULL ? -ENOMEM : 0;
}

/* 0, 1: skipped, or a negative errno. */
static int take_one_jwk(struct jwk *k, const struct jwks_entry *j)
{
	const char *why = NULL;
	enum jwt_alg alg;
	int rc;

	if (!json_is_object(j->object) ||
	    !json_is_string(json_object_get(j->object, "kty")))
		return fail_jwk_member(j, "it is not an object with a \"kty\"");
	if (!is_signature_key(j, &alg))
		return 1;
	rc = init_jwk_kind(k, j, &why);
	if (rc == -EINVAL && why != NULL)
		return fail_jwk_member(j, why);
	if (rc != 0)
		return rc;
	if (alg != JWT_ALG_COUNT && jwk_pin(k, alg) < 0)
		rc = fail_jwk_member(j, "its \"alg\" does not fit the key");
	if (rc == 0)
		rc = take_key_id(k, j);
	if (rc < 0)
		jwk_finish(k);
	return rc;
}

/* RFC 7517, section 5: ignore a key with values out of range, not the set. */
static void skip_faulty(struct jwks *s, const char *fault)
{
	if (s->faulty++ == 0)
		snprintf(s->fault, sizeof(s->fault), "%s", fault);
}

static int take_jwk_set(struct jwks *s, const json_t *array, char *err)
{
	const json_t *object;
	size_t i;

	json_array_foreach(array, i, object)
	{
		char fault[JWKS_ERROR_MAX];
		struct jwks_entry j = {object, i + 1, fault};
		struct jwk k = {0};
		int rc = take_one_jwk(&k, &j);

		if (rc == -EINVAL) {
			skip_faulty(s, fault);
			continue;
		}
		if (rc < 0)
			return rc;
		if (rc > 0) {
			s->ignored++;
			continue;
		}
		if (s->n == JWKS_MAX) {
			jwk_finish(&k);
			return fail_key_set(err, "it has more than 64 keys");
		}
		s->keys[s->n++] = k;
	}
	if (s->n == 0 && s->faulty > 0) {
		snprintf(err, JWKS_ERROR_MAX,
			 "its key set has no usable key (%.100s)", s->fault);
		return -EINVAL;
	}
	if (s->n == 0)
		return fail_key_set(err, "its key set has no usable key");
	return 0;
}

/* A set or a single key. */
static int take_jwk_object(struct jwks *s, const json_t *root, char *err)
{
	const json_t *array = json_object_get(root, "keys");
	struct jwks_entry j = {root, 1, err};
	int rc;

	if (array != NULL)
		return json_is_array(array)
			       ? take_jwk_set(s, array, err)
			       : fail_key_set(err,
					      "its \"keys\" is not an array");
	if (!json_is_object(root))
		return fail_key_set(err,
				    "it is JSON but not a key set (an object)");
	rc = take_one_jwk(&s->keys[0], &j);
	if (rc == 0)
		s->n = 1;
	return rc > 0 ? fail_key_set(err, "its key cannot be used") : rc;
}

static int take_json_keys(struct jwks *s, const char *text, size_t len,
			  char *err)
{
	json_error_t where;
	json_t *root;
	int rc;

	if (json_depth(text, len) > JSON_DEPTH_MAX)
		return fail_key_set(err, "its JSON is nested too deeply");
	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
	/* The error text of jansson may quote a secret. */
	if (root == NULL) {
		snprintf(err, JWKS_ERROR_MAX,
			 "it is not valid JSON, or has a member "
			 "twice (line %d, column %d)",
			 where.line, where.column);
		return -EINVAL;
	}
	rc = take_jwk_object(s, root, err);
	json_decref(root);
	return rc;
}

/* ---- other forms --------------------------------------------------------- */

static const char pem_begin[] = "-----BEGIN ";

static size_t count_pem_blocks(const char *text, size_t len)
{
	const char *at = text;
	size_t n = 0;

	while ((at = memmem(at, len - (size_t)(at - text), pem_begin,
			    strlen(pem_begin))) != NULL) {
		at += strlen(pem_begin);
		n++;
	}
	return n;
}

/* In a chain, certificates of authorities would be accepted as keys too. */
static int take_pem_key(struct jwks *s, const char *text, size_t len, char *err)
{
	const char *why = NULL;
	int rc;

	if (count_pem_blocks(text, len) > 1)
		return fail_key_set(
			err, "it has more than one key or certificate in "
			     "PEM; use JWKS for several");
	rc = jwk_init_pem(&s->keys[0], text, len, &why);
	if (rc == 0)
		s->n = 1;
	return fail_key_text(err, rc, why);
}

static bool begins_with(const char *text, size_t len, const char *with)
{
	return len >= strlen(with) && memcmp(text, with, strlen(with)) == 0;
}

static bool is_blank_text(char c)
{
	return ascii_is_blank(c) || c == '\r' || c == '\n';
}

/* The base64 of a PEM, without the lines around it. */
static bool is_base64_der(const char *text, size_t len)
{
	char *packed = malloc(len);
	uint8_t der[DER_MAX];
	size_t n = 0, der_len;
	bool ret;

	if (packed == NULL)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_blank_text(text[i]))
			packed[n++] = text[i];
	ret = base64_decode(packed, n, der, sizeof(der), &der_len) == 0 &&
	      jwk_is_der(der, der_len);
	explicit_bzero(packed, len);
	explicit_bzero(der, sizeof(der));
	free(packed);
	return ret;
}

static bool is_other_form(const char *text, size_t len)
{
	static const char *const openings[] = {
		"----", "ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-",
	};

	for (size_t i = 0; i < ARRAY_LEN(openings); i++)
		if (begins_with(text, len, openings[i]))
			return true;
	return jwk_is_der(text, len) || is_base64_der(text, len);
}

static int take_keys(struct jwks *s, const char *text, size_t len, char *err)
{
	size_t blanks = begins_with(text, len, "\xef\xbb\xbf") ? 3 : 0;

	if (len > 0 && count_pem_blocks(text, len) > 0)
		return take_pem_key(s, text, len, err);
	while (blanks < len && is_blank_text(text[blanks]))
		blanks++;
	if (blanks == len)
		return fail_key_set(err, "it is empty");
	if (text[blanks] == '{' || text[blanks] == '[')
		return take_json_keys(s, text + blanks, len - blanks, err);
	return fail_key_set(err,
			    is_other_form(text + blanks, len - blanks)
				    ? "it is a key in an unsupported form; "
				      "PEM and JWKS are supported"
				    : "it is neither PEM nor JWKS (a secret is "
				      "given by --jwt-secret)");
}

/* ---- secrets ------------------------------------------------------------- */

static bool is_printable(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return len > 0;
}

/* Drops the line end that an editor or `echo` appends. */
static size_t without_line_end(const char *text, size_t len)
{
	size_t short_len = len;

	if (short_len > 0 && text[short_len - 1] == '\n')
		short_len--;
	if (short_len < len && short_len > 0 && text[short_len - 1] == '\r')
		short_len--;
	return is_printable(text, short_len) ? short_len : len;
}

/* Text of Windows, where half of the bytes are 0; never a random secret. */
static bool is_utf16(const char *text, size_t len)
{
	size_t zeros[2] = {0, 0};

	for (size_t i = 0; i < len; i++)
		zeros[i % 2] += text[i] == '\0';
	return zeros[0] * 3 > len || zeros[1] * 3 > len;
}

/* XML or HTML, such as an error page. */
static bool is_markup(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' && !is_blank_text(text[i]))
			return false;
	return len > 0 && text[0] == '<' && memchr(text, '>', len) != NULL;
}

/* Detects public bytes that get into such a file by mistake; NULL: none. The
 * list is not complete, and need not be: the option says that the file is a
 * secret. */
static const char *find_public_form(const char *text, size_t len)
{
	size_t blanks = begins_with(text, len, "\xef\xbb\xbf") ? 3 : 0;
	json_t *root = NULL;

	while (blanks < len && is_blank_text(text[blanks]))
		blanks++;
	if (blanks == len)
		return "it is empty";
	text += blanks;
	len -= blanks;
	if (count_pem_blocks(text, len) > 0 || is_other_form(text, len))
		return "it is a key, not a secret (keys are given by "
		       "--jwt-key)";
	if (is_utf16(text, len))
		return "it is text in UTF-16, not a secret";
	if (is_markup(text, len))
		return "it is markup (an error page?), not a secret";
	if ((text[0] == '{' || text[0] == '[') &&
	    json_depth(text, len) <= JSON_DEPTH_MAX)
		root = json_loadb(text, len, 0, NULL);
	json_decref(root);
	return root != NULL ? "it is JSON, not a secret (a JWKS is given by "
			      "--jwt-key)"
			    : NULL;
}

static int take_secret_key(struct jwks *s, const char *text, size_t len,
			   char *err)
{
	const char *why = find_public_form(text, len);
	int rc;

	if (why != NULL)
		return fail_key_set(err, why);
	rc = jwk_init_secret(&s->keys[0], text, without_line_end(text, len),
			     &why);
	if (rc == 0)
		s->n = 1;
	return fail_key_text(err, rc, why);
}

/* ---- a set --------------------------------------------------------------- */

int jwks_new(struct jwks **ret, enum jwks_kind kind, const void *bytes,
	     size_t len, char *err)
{
	struct jwks *s = calloc(1, sizeof(*s));
	int rc;

	if (s == NULL)
		return -ENOMEM;
	rc = kind == JWKS_SECRET ? take_secret_key(s, bytes, len, err)
				 : take_keys(s, bytes, len, err);
	if (rc < 0)
		jwks_free(s);
	else
		*ret = s;
	return rc;
}

void jwks_free(struct jwks *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->n; i++)
		jwk_finish(&s->keys[i]);
	free(s);
}

size_t jwks_count(const struct jwks *s)
{
	return s->n;
}

bool jwks_has_kid(const struct jwks *s, const char *kid)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->keys[i].kid != NULL && strcmp(s->keys[i].kid, kid) == 0)
			return true;
	return false;
}

size_t jwks_ignored(const struct jwks *s)
{
	return s->ignored;
}

size_t jwks_faulty(const struct jwks *s, const char **why)
{
	*why = s->fault;
	return s->faulty;
}

static bool is_candidate(const struct jwk *k, enum jwt_alg alg, const char *kid)
{
	return (k->algs & JWT_ALG_BIT(alg)) != 0 &&
	       (kid == NULL || k->kid == NULL || strcmp(kid, k->kid) == 0);
}

int jwks_verify(const struct jwks *s, const char *alg, const char *kid,
		const void *bytes, size_t len, const uint8_t *sig,
		size_t sig_len)
{
	const struct jwk *candidates[JWKS_TRIES];
	enum jwt_alg which;
	size_t n = 0;

	if (jwt_alg_parse(alg, &which) < 0)
		return -ENOKEY;
	for (size_t i = 0; i < s->n; i++) {
		if (!is_candidate(&s->keys[i], which, kid))
			continue;
		if (n == JWKS_TRIES)
			return -E2BIG;
		candidates[n++] = &s->keys[i];
	}
	for (size_t i = 0; i < n; i++)
		if (jwk_verify(candidates[i], which, bytes, len, sig, sig_len))
			return 0;
	return n == 0 ? -ENOKEY : -EBADMSG;
}
