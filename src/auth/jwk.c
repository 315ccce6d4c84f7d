/* OpenSSL's EVP, with functions of 3.0. Its error texts are dropped: a token is
 * just not valid, and of a key the text here says what is wrong. */
#include "auth/jwk.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/check.h"

enum { P256_LEN = 32, ED25519_LEN = 32, ED25519_SIGNATURE = 64 };

#define BIT(name) JWT_ALG_BIT(JWT_##name)

int jwt_alg_parse(const char *name, enum jwt_alg *ret)
{
	static const char *const names[] = {
#define X(name) [JWT_##name] = #name,
		JWT_ALGS(X)
#undef X
	};

	/* RFC 9864 deprecates "EdDSA" in favour of the name of the curve. */
	if (strcmp(name, "Ed25519") == 0) {
		*ret = JWT_EdDSA;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(name, names[i]) != 0)
			continue;
		*ret = (enum jwt_alg)i;
		return 0;
	}
	return -EINVAL;
}

/* ---- secrets ------------------------------------------------------------- */

int jwk_init_secret(struct jwk *k, const void *bytes, size_t len,
		    const char **why)
{
	*k = (struct jwk){0};
	*why = len < JWT_SECRET_MIN   ? "its secret has less than 32 bytes"
	       : len > JWT_SECRET_MAX ? "its secret has more than 4096 bytes"
				      : NULL;
	if (*why != NULL)
		return -EINVAL;
	k->secret = malloc(len);
	if (k->secret == NULL)
		return -ENOMEM;
	memcpy(k->secret, bytes, len);
	k->secret_len = len;
	k->algs = BIT(HS256);
	if (len >= 48)
		k->algs |= BIT(HS384);
	if (len >= 64)
		k->algs |= BIT(HS512);
	return 0;
}

static bool verify_hmac(const struct jwk *k, const EVP_MD *md,
			const void *bytes, size_t len, const uint8_t *sig,
			size_t sig_len)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned mac_len = 0;
	bool same;

	if (HMAC(md, k->secret, (int)k->secret_len, bytes, len, mac,
		 &mac_len) == NULL)
		return false;
	same = sig_len == mac_len && CRYPTO_memcmp(mac, sig, mac_len) == 0;
	OPENSSL_cleanse(mac, sizeof(mac));
	return same;
}

/* ---- public keys --------------------------------------------------------- */

static int take_rsa_key(struct jwk *k, const char **why)
{
	int bits = EVP_PKEY_get_bits(k->pkey);

	if (bits < JWT_RSA_MIN_BITS)
		*why = "its RSA key has less than 2048 bits";
	else if (bits > JWT_RSA_MAX_BITS)
		*why = "its RSA key has more than 8192 bits";
	else
		k->algs = BIT(RS256) | BIT(PS256);
	return k->algs != 0 ? 0 : -EINVAL;
}

static int take_ec_key(struct jwk *k, const char **why)
{
	char group[32] = "";

	EVP_PKEY_get_group_name(k->pkey, group, sizeof(group), NULL);
	if (strcmp(group, "prime256v1") != 0 && strcmp(group, "P-256") != 0) {
		*why = "its EC key is not of the curve P-256";
		return -EINVAL;
	}
	k->algs = BIT(ES256);
	return 0;
}

static int take_key_kind(struct jwk *k, const char **why)
{
	if (EVP_PKEY_is_a(k->pkey, "RSA"))
		return take_rsa_key(k, why);
	if (EVP_PKEY_is_a(k->pkey, "EC"))
		return take_ec_key(k, why);
	if (EVP_PKEY_is_a(k->pkey, "ED25519")) {
		k->algs = BIT(EdDSA);
		return 0;
	}
	*why = "its key is none of RSA, EC P-256 and Ed25519";
	return -EINVAL;
}

/* Detects a bad public key (a point not on the curve, an even modulus) when it
 * is loaded, not by a token. */
static bool is_strong_rsa_key(EVP_PKEY *pkey)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	bool sound = ctx != NULL && EVP_PKEY_public_check(ctx) == 1;

	EVP_PKEY_CTX_free(ctx);
	return sound;
}

/* Owns `pkey`, which may be NULL, in any case. */
static int take_evp_key(struct jwk *k, EVP_PKEY *pkey, const char **why)
{
	int rc = -EINVAL;

	*k = (struct jwk){.pkey = pkey};
	*why = "its public key is broken";
	if (pkey != NULL)
		rc = take_key_kind(k, why);
	if (rc == 0 && !is_strong_rsa_key(pkey)) {
		*why = "its public key is broken";
		rc = -EINVAL;
	}
	ERR_clear_error();
	if (rc < 0)
		jwk_finish(k);
	else
		*why = NULL;
	return rc;
}

/* NULL on failure. */
static EVP_PKEY *key_from_params(const char *type, OSSL_PARAM_BLD *build)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY *ret = NULL;

	if (ctx == NULL || params == NULL || EVP_PKEY_fromdata_init(ctx) <= 0 ||
	    EVP_PKEY_fromdata(ctx, &ret, EVP_PKEY_PUBLIC_KEY, params) <= 0)
		ret = NULL;
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(ctx);
	return ret;
}

int jwk_init_rsa(struct jwk *k, const uint8_t *n, size_t n_len,
		 const uint8_t *e, size_t e_len, const char **why)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BIGNUM *bn_n = NULL, *bn_e = NULL;
	EVP_PKEY *pkey = NULL;

	/* Far above a key with some leading zeros. */
	if (n_len <= JWT_RSA_MAX_BITS / 4 && e_len <= JWT_RSA_MAX_BITS / 4) {
		bn_n = BN_bin2bn(n, (int)n_len, NULL);
		bn_e = BN_bin2bn(e, (int)e_len, NULL);
	}
	if (build != NULL && bn_n != NULL && bn_e != NULL &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, bn_n) &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, bn_e))
		pkey = key_from_params("RSA", build);
	OSSL_PARAM_BLD_free(build);
	BN_free(bn_n);
	BN_free(bn_e);
	return take_evp_key(k, pkey, why);
}

int jwk_init_p256(struct jwk *k, const uint8_t *x, size_t x_len,
		  const uint8_t *y, size_t y_len, const char **why)
{
	uint8_t point[1 + 2 * P256_LEN] = {POINT_CONVERSION_UNCOMPRESSED};
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY *pkey = NULL;

	if (x_len == P256_LEN && y_len == P256_LEN && build != NULL) {
		memcpy(point + 1, x, P256_LEN);
		memcpy(point + 1 + P256_LEN, y, P256_LEN);
		if (OSSL_PARAM_BLD_push_utf8_string(build,
						    OSSL_PKEY_PARAM_GROUP_NAME,
						    "prime256v1", 0) &&
		    OSSL_PARAM_BLD_push_octet_string(build,
						     OSSL_PKEY_PARAM_PUB_KEY,
						     point, sizeof(point)))
			pkey = key_from_params("EC", build);
	}
	OSSL_PARAM_BLD_free(build);
	return take_evp_key(k, pkey, why);
}

int jwk_init_ed25519(struct jwk *k, const uint8_t *x, size_t x_len,
		     const char **why)
{
	EVP_PKEY *pkey = NULL;

	if (x_len == ED25519_LEN)
		pkey = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, x,
						      x_len);
	return take_evp_key(k, pkey, why);
}

/* ---- PEM and DER --------------------------------------------------------- */

static EVP_PKEY *key_of_certificate(const unsigned char **at, long len)
{
	X509 *x = d2i_X509(NULL, at, len);
	EVP_PKEY *ret = x == NULL ? NULL : X509_get_pubkey(x);

	X509_free(x);
	return ret;
}

/* NULL: not DER of this kind, or more bytes after it. */
static EVP_PKEY *key_of_der(const char *kind, const unsigned char *der,
			    long len)
{
	const unsigned char *at = der;
	EVP_PKEY *ret = NULL;

	if (strcmp(kind, PEM_STRING_PUBLIC) == 0)
		ret = d2i_PUBKEY(NULL, &at, len);
	else if (strcmp(kind, PEM_STRING_RSA_PUBLIC) == 0)
		ret = d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, len);
	else if (strcmp(kind, PEM_STRING_X509) == 0)
		ret = key_of_certificate(&at, len);
	if (ret != NULL && at != der + len) {
		EVP_PKEY_free(ret);
		ret = NULL;
	}
	return ret;
}

bool jwk_is_der(const void *bytes, size_t len)
{
	static const char *const kinds[] = {PEM_STRING_PUBLIC,
					    PEM_STRING_RSA_PUBLIC,
					    PEM_STRING_X509};
	const unsigned char *at = bytes;
	EVP_PKEY *pkey = NULL;
	bool found;

	/* Require a SEQUENCE: OpenSSL is slow with other bytes. */
	if (len == 0 || len > LONG_MAX || *at != 0x30)
		return false;
	for (size_t i = 0; pkey == NULL && i < ARRAY_LEN(kinds); i++)
		pkey = key_of_der(kinds[i], bytes, (long)len);
	if (pkey == NULL)
		pkey = d2i_AutoPrivateKey(NULL, &at, (long)len);
	found = pkey != NULL;
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return found;
}

/* The key, or NULL with *why. PEM_read_bio() neither decrypts nor prompts. */
static EVP_PKEY *key_of_pem(BIO *bio, const char **why)
{
	char *kind = NULL, *header = NULL;
	unsigned char *der = NULL;
	EVP_PKEY *ret = NULL;
	long len = 0;

	if (PEM_read_bio(bio, &kind, &header, &der, &len) != 1) {
		*why = "its PEM is broken";
		return NULL;
	}
	if (strstr(kind, "PRIVATE KEY") != NULL)
		*why = "it has a private key, a public one is required";
	else if (strcmp(kind, PEM_STRING_PUBLIC) != 0 &&
		 strcmp(kind, PEM_STRING_RSA_PUBLIC) != 0 &&
		 strcmp(kind, PEM_STRING_X509) != 0)
		*why = "its PEM is neither a public key nor a certificate";
	else
		ret = key_of_der(kind, der, len);
	OPENSSL_free(kind);
	OPENSSL_free(header);
	OPENSSL_clear_free(der, (size_t)len);
	return ret;
}

int jwk_init_pem(struct jwk *k, const void *bytes, size_t len, const char **why)
{
	BIO *bio = len > INT_MAX ? NULL : BIO_new_mem_buf(bytes, (int)len);
	const char *fault = NULL;
	EVP_PKEY *pkey;
	int rc;

	if (bio == NULL)
		return -ENOMEM;
	pkey = key_of_pem(bio, &fault);
	BIO_free(bio);
	rc = take_evp_key(k, pkey, why);
	if (fault != NULL)
		*why = fault;
	return rc;
}

/* ---- the rest of its life ------------------------------------------------ */

void jwk_finish(struct jwk *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_free(k->pkey);
	if (k->secret != NULL)
		OPENSSL_cleanse(k->secret, k->secret_len);
	free(k->secret);
	free(k->kid);
	*k = (struct jwk){0};
}

int jwk_pin(struct jwk *k, enum jwt_alg alg)
{
	if ((k->algs & JWT_ALG_BIT(alg)) == 0)
		return -EINVAL;
	k->algs = JWT_ALG_BIT(alg);
	return 0;
}

/* ---- signatures ---------------------------------------------------------- */

/* `md` is NULL where the algorithm implies it. */
static bool verify_digest(EVP_PKEY *pkey, const char *md, bool pss,
			  const void *bytes, size_t len, const uint8_t *sig,
			  size_t sig_len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *how = NULL;
	bool good;

	good = ctx != NULL && EVP_DigestVerifyInit_ex(ctx, &how, md, NULL, NULL,
						      pkey, NULL) == 1;
	/* RFC 7518, 3.5: MGF1 with the same hash, a salt of its length. */
	if (good && pss)
		good = EVP_PKEY_CTX_set_rsa_padding(how,
						    RSA_PKCS1_PSS_PADDING) ==
			       1 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(
			       how, RSA_PSS_SALTLEN_DIGEST) == 1;
	good = good && EVP_DigestVerify(ctx, sig, sig_len, bytes, len) == 1;
	EVP_MD_CTX_free(ctx);
	return good;
}

/* RFC 7518, section 3.4: r and s, 32 bytes each; OpenSSL needs DER. */
static bool verify_es256(EVP_PKEY *pkey, const void *bytes, size_t len,
			 const uint8_t *sig, size_t sig_len)
{
	ECDSA_SIG *pair = ECDSA_SIG_new();
	BIGNUM *r = NULL, *s = NULL;
	unsigned char *der = NULL;
	bool good = false;
	int der_len;

	if (pair != NULL && sig_len == 2 * P256_LEN) {
		r = BN_bin2bn(sig, P256_LEN, NULL);
		s = BN_bin2bn(sig + P256_LEN, P256_LEN, NULL);
	}
	if (r == NULL || s == NULL || ECDSA_SIG_set0(pair, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		ECDSA_SIG_free(pair);
		return false;
	}
	der_len = i2d_ECDSA_SIG(pair, &der);
	if (der_len > 0)
		good = verify_digest(pkey, "SHA256", false, bytes, len, der,
				     (size_t)der_len);
	OPENSSL_free(der);
	ECDSA_SIG_free(pair);
	return good;
}

static bool verify_signature(const struct jwk *k, enum jwt_alg alg,
			     const void *bytes, size_t len, const uint8_t *sig,
			     size_t sig_len)
{
	switch (alg) {
	case JWT_HS256:
		return verify_hmac(k, EVP_sha256(), bytes, len, sig, sig_len);
	case JWT_HS384:
		return verify_hmac(k, EVP_sha384(), bytes, len, sig, sig_len);
	case JWT_HS512:
		return verify_hmac(k, EVP_sha512(), bytes, len, sig, sig_len);
	case JWT_RS256:
	case JWT_PS256:
		return verify_digest(k->pkey, "SHA256", alg == JWT_PS256, bytes,
				     len, sig, sig_len);
	case JWT_ES256:
		return verify_es256(k->pkey, bytes, len, sig, sig_len);
	case JWT_EdDSA:
		return sig_len == ED25519_SIGNATURE &&
		       verify_digest(k->pkey, NULL, false, bytes, len, sig,
				     sig_len);
	case JWT_ALG_COUNT:
		break;
	}
	return false;
}

bool jwk_verify(const struct jwk *k, enum jwt_alg alg, const void *bytes,
		size_t len, const uint8_t *sig, size_t sig_len)
{
	bool good = (k->algs & JWT_ALG_BIT(alg)) != 0 &&
		    verify_signature(k, alg, bytes, len, sig, sig_len);

	/* Leave no errors behind for the next user of the queue. */
	ERR_clear_error();
	return good;
}
