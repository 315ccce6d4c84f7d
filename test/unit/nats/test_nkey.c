/* User seeds: found, checked, and the signature they give. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/check.h"
#include "nats/nkey.h"

/* The pair of the documentation of NATS. */
static const char seed[] =
	"SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
static const char public_key[] =
	"UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

static void a_seed_has_its_public_key(void **state)
{
	char out[NKEY_PUBLIC_MAX];
	struct nkey k;

	(void)state;
	assert_int_equal(nkey_find(&k, seed, strlen(seed)), 0);
	nkey_public(&k, out);
	assert_string_equal(out, public_key);
}

static void a_signature_is_of_this_key(void **state)
{
	uint8_t sig[NKEY_SIGNATURE_LEN];
	struct nkey k;

	(void)state;
	assert_int_equal(nkey_find(&k, seed, strlen(seed)), 0);
	nkey_sign(&k, "nonce", 5, sig);
	assert_int_equal(
		crypto_sign_verify_detached(sig, (const unsigned char *)"nonce",
					    5, k.public_key),
		0);
	nkey_wipe(&k);
	for (size_t i = 0; i < sizeof(k.secret_key); i++)
		assert_int_equal(k.secret_key[i], 0);
}

static void a_seed_is_found_in_a_file(void **state)
{
	static const char *const files[] = {
		"%s\n",
		"\n\n  %s",
		"-----BEGIN USER NKEY SEED-----\r\n%s\r\n------END\r\n",
		"SUAAA\n%s\n",
	};
	char text[256];
	struct nkey k;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		const char *after = strchr(files[i], '%') + 2;

		snprintf(text, sizeof(text), "%.*s%s%s",
			 (int)(after - 2 - files[i]), files[i], seed, after);
		assert_int_equal(nkey_find(&k, text, strlen(text)), 0);
	}
}

static void other_texts_are_rejected(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		/* a public key, an account's seed */
		"UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4",
		"SAACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY",
		/* one letter missing, too many, small */
		"SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3V",
		"SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VYA",
		"suacssl3uahudxkfsnvuzrf5uhpmwz6bfdtj7m6usdxiednppqyyycu3vy",
		/* not in the alphabet */
		"SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3V1",
	};
	struct nkey k;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(nkey_find(&k, bad[i], strlen(bad[i])),
				 -EINVAL);
}

/* Each letter is covered by the checksum. */
static void any_other_letter_is_noticed(void **state)
{
	char text[sizeof(seed)];
	struct nkey k;

	(void)state;
	/* Half of the last letter's bits are padding. */
	for (size_t i = 0; i + 2 < sizeof(seed); i++) {
		strcpy(text, seed);
		text[i] = text[i] == 'Q' ? 'R' : 'Q';
		assert_int_equal(nkey_find(&k, text, strlen(text)), -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_seed_has_its_public_key),
		cmocka_unit_test(a_signature_is_of_this_key),
		cmocka_unit_test(a_seed_is_found_in_a_file),
		cmocka_unit_test(other_texts_are_rejected),
		cmocka_unit_test(any_other_letter_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
