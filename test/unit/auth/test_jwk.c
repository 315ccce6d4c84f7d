/* Single keys: which are valid, for which algorithms, and the vectors of the
 * RFCs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "auth/jwk.h"
#include "base/base64.h"
#include "base/check.h"

static void names_are_those_of_the_rfc(void **state)
{
	static const char *const wrong[] = {"none",   "None",  "",
					    "hs256",  "HS1",   "RS384",
					    "ES384",  "PS512", "ES256K",
					    "ed25519"};
	enum jwt_alg alg;

	(void)state;
	assert_int_equal(jwt_alg_parse("HS512", &alg), 0);
	assert_int_equal(alg, JWT_HS512);
	assert_int_equal(jwt_alg_parse("EdDSA", &alg), 0);
	assert_int_equal(alg, JWT_EdDSA);
	assert_int_equal(jwt_alg_parse("Ed25519", &alg), 0);
	assert_int_equal(alg, JWT_EdDSA);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(jwt_alg_parse(wrong[i], &alg), -EINVAL);
}

/* RFC 4231, 4.7 would want a longer key than its hash: what counts here is the
 * key's length alone. */
static void a_secret_is_for_hashes_that_are_not_longer(void **state)
{
	static const struct {
		size_t len;
		unsigned algs;
	} cases[] = {
		{32, JWT_ALG_BIT(JWT_HS256)},
		{47, JWT_ALG_BIT(JWT_HS256)},
		{48, JWT_ALG_BIT(JWT_HS256) | JWT_ALG_BIT(JWT_HS384)},
		{63, JWT_ALG_BIT(JWT_HS256) | JWT_ALG_BIT(JWT_HS384)},
		{64, JWT_ALG_BIT(JWT_HS256) | JWT_ALG_BIT(JWT_HS384) |
			     JWT_ALG_BIT(JWT_HS512)},
	};
	uint8_t secret[JWT_SECRET_MAX + 1] = {0};
	const char *why = NULL;
	struct jwk k;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(jwk_init_secret(&k, secret, cases[i].len,
						 &why),
				 0);
		assert_int_equal(k.algs, cases[i].algs);
		jwk_finish(&k);
	}
	assert_int_equal(jwk_init_secret(&k, secret, 31, &why), -EINVAL);
	assert_string_equal(why, "its secret has less than 32 bytes");
	assert_int_equal(jwk_init_secret(&k, secret, sizeof(secret), &why),
			 -EINVAL);
	assert_string_equal(why, "its secret has more than 4096 bytes");
}

/* RFC 4231, 4.4, whose key has 20 bytes, with zeros behind it: HMAC is the same
 * by its definition. */
static void hmac_is_that_of_the_rfc(void **state)
{
	static const uint8_t mac[] = {
		0x77, 0x3e, 0xa9, 0x1e, 0x36, 0x80, 0x0e, 0x46,
		0x85, 0x4d, 0xb8, 0xeb, 0xd0, 0x91, 0x81, 0xa7,
		0x29, 0x59, 0x09, 0x8b, 0x3e, 0xf8, 0xc1, 0x22,
		0xd9, 0x63, 0x55, 0x14, 0xce, 0xd5, 0x65, 0xfe,
	};
	uint8_t secret[32] = {0}, data[50], wrong[sizeof(mac)];
	const char *why = NULL;
	struct jwk k;

	(void)state;
	memset(secret, 0xaa, 20);
	memset(data, 0xdd, sizeof(data));
	assert_int_equal(jwk_init_secret(&k, secret, sizeof(secret), &why), 0);
	assert_true(jwk_verify(&k, JWT_HS256, data, sizeof(data), mac,
			       sizeof(mac)));
	for (size_t len = 0; len < sizeof(mac); len++)
		assert_false(jwk_verify(&k, JWT_HS256, data, sizeof(data), mac,
					len));
	for (size_t bit = 0; bit < sizeof(mac) * 8; bit++) {
		memcpy(wrong, mac, sizeof(mac));
		wrong[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(jwk_verify(&k, JWT_HS256, data, sizeof(data),
					wrong, sizeof(wrong)));
	}
	/* Not one of its own, right or wrong. */
	k.algs = JWT_ALG_BIT(JWT_HS384);
	assert_false(jwk_verify(&k, JWT_HS256, data, sizeof(data), mac,
				sizeof(mac)));
	assert_false(jwk_verify(&k, JWT_HS512, data, sizeof(data), mac,
				sizeof(mac)));
	assert_false(jwk_verify(&k, JWT_RS256, data, sizeof(data), mac,
				sizeof(mac)));
	jwk_finish(&k);
}

static void a_key_is_pinned_to_what_fits_it(void **state)
{
	const uint8_t secret[64] = {1};
	const char *why = NULL;
	struct jwk k;

	(void)state;
	assert_int_equal(jwk_init_secret(&k, secret, sizeof(secret), &why), 0);
	assert_int_equal(jwk_pin(&k, JWT_ES256), -EINVAL);
	assert_int_equal(jwk_pin(&k, JWT_HS384), 0);
	assert_int_equal(k.algs, JWT_ALG_BIT(JWT_HS384));
	assert_int_equal(jwk_pin(&k, JWT_HS256), -EINVAL);
	jwk_finish(&k);
}

static void a_point_must_be_on_the_curve(void **state)
{
	/* RFC 7515, A.3 */
	static const uint8_t x[32] = {127, 205, 206, 39,  112, 246, 196, 93,
				      65,  131, 203, 238, 111, 219, 75,	 123,
				      88,  7,	51,  53,  123, 233, 239, 19,
				      186, 207, 110, 60,  123, 209, 84,	 69};
	static const uint8_t y[32] = {199, 241, 68,  205, 27,  189, 155, 126,
				      135, 44,	223, 237, 185, 238, 185, 244,
				      179, 105, 93,  110, 169, 11,  36,	 173,
				      138, 70,	35,  40,  133, 136, 229, 173};
	uint8_t wrong[33] = {0};
	const char *why = NULL;
	struct jwk k;

	(void)state;
	assert_int_equal(jwk_init_p256(&k, x, 32, y, 32, &why), 0);
	assert_int_equal(k.algs, JWT_ALG_BIT(JWT_ES256));
	jwk_finish(&k);
	memcpy(wrong, y, sizeof(y));
	wrong[31] ^= 1;
	assert_int_equal(jwk_init_p256(&k, x, 32, wrong, 32, &why), -EINVAL);
	assert_string_equal(why, "its public key is broken");
	assert_int_equal(jwk_init_p256(&k, x, 31, y, 32, &why), -EINVAL);
	assert_int_equal(jwk_init_p256(&k, x, 32, wrong, 33, &why), -EINVAL);
}

static void rsa_keys_have_a_size(void **state)
{
	static const uint8_t e[] = {1, 0, 1};
	/* RFC 7515, A.2 */
	static const char text[] =
		"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHm"
		"fHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_"
		"YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5"
		"z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uD"
		"Zlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9ia"
		"GNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
	uint8_t n[JWT_RSA_MAX_BITS / 8 + 1];
	size_t len;
	const char *why = NULL;
	struct jwk k;

	(void)state;
	memset(n, 0xff, sizeof(n));
	assert_int_equal(base64url_decode(text, strlen(text), n, sizeof(n),
					  &len),
			 0);
	assert_int_equal(len, 256);
	assert_int_equal(jwk_init_rsa(&k, n, 256, e, 3, &why), 0);
	assert_int_equal(k.algs,
			 JWT_ALG_BIT(JWT_RS256) | JWT_ALG_BIT(JWT_PS256));
	jwk_finish(&k);
	assert_int_equal(jwk_init_rsa(&k, n, 255, e, 3, &why), -EINVAL);
	assert_string_equal(why, "its RSA key has less than 2048 bits");
	assert_int_equal(jwk_init_rsa(&k, n, sizeof(n), e, 3, &why), -EINVAL);
	assert_string_equal(why, "its RSA key has more than 8192 bits");
	/* An even modulus, an exponent of 1. */
	n[255] ^= 1;
	assert_int_equal(jwk_init_rsa(&k, n, 256, e, 3, &why), -EINVAL);
	assert_string_equal(why, "its public key is broken");
	n[255] ^= 1;
	assert_int_equal(jwk_init_rsa(&k, n, 256, e, 1, &why), -EINVAL);
}

static void a_zeroed_key_is_finished(void **state)
{
	struct jwk k = {0};

	(void)state;
	jwk_finish(&k);
	jwk_finish(NULL);
	assert_int_equal(k.algs, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_those_of_the_rfc),
		cmocka_unit_test(a_secret_is_for_hashes_that_are_not_longer),
		cmocka_unit_test(hmac_is_that_of_the_rfc),
		cmocka_unit_test(a_key_is_pinned_to_what_fits_it),
		cmocka_unit_test(a_point_must_be_on_the_curve),
		cmocka_unit_test(rsa_keys_have_a_size),
		cmocka_unit_test(a_zeroed_key_is_finished),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
