/* Base64 and its URL form are decoded strictly: one text for one value. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/base64.h"
#include "base/check.h"

/* RFC 4648, 10, without padding; and what else might pass for the same. */
static void test_base64url_is_strict(void **state)
{
	static const char *const wrong[] = {"Zg==",  "Zg=",	 "Zh",
					    "Zm9=",  "Z",	 "Zm9vY",
					    "+_8",   "_/8",	 "Zm 9",
					    "Zm\n9", "Zm9v\xc1", " Zm9v",
					    "Zm9v\n"};
	uint8_t out[6];
	size_t n;

	(void)state;
	assert_int_equal(base64url_decode("", 0, out, sizeof(out), &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(base64url_decode("Zg", 2, out, sizeof(out), &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(base64url_decode("Zm9vYmFy", 8, out, sizeof(out), &n),
			 0);
	assert_int_equal(n, 6);
	assert_memory_equal(out, "foobar", 6);
	assert_int_equal(base64url_decode("-_8", 3, out, sizeof(out), &n), 0);
	assert_int_equal(out[0], 0xfb);
	assert_int_equal(base64url_decode("Zm9vYmFy", 8, out, 5, &n), -EINVAL);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(base64url_decode(wrong[i], strlen(wrong[i]),
						  out, sizeof(out), &n),
				 -EINVAL);
}

/* The vectors of RFC 4648, section 10. */
static const char *const vectors[][2] = {
	{"", ""},
	{"f", "Zg=="},
	{"fo", "Zm8="},
	{"foo", "Zm9v"},
	{"foob", "Zm9vYg=="},
	{"fooba", "Zm9vYmE="},
	{"foobar", "Zm9vYmFy"},
};

static void test_base64_vectors(void **state)
{
	uint8_t out[6];
	size_t n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		const char *plain = vectors[i][0], *text = vectors[i][1];

		assert_int_equal(base64_decode(text, strlen(text), out,
					       sizeof(out), &n),
				 0);
		assert_int_equal(n, strlen(plain));
		assert_memory_equal(out, plain, n);
	}
	assert_int_equal(base64_decode("Zg", 2, out, sizeof(out), &n), -EINVAL);
	assert_int_equal(base64_decode("Zh==", 4, out, sizeof(out), &n),
			 -EINVAL);
	assert_int_equal(base64_decode("-_8=", 4, out, sizeof(out), &n),
			 -EINVAL);
}

static void test_encode(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		const char *plain = vectors[i][0], *text = vectors[i][1];
		uint8_t out[16];
		uint8_t *end = base64_encode(out, (const uint8_t *)plain,
					     strlen(plain));

		assert_int_equal(end - out, strlen(text));
		assert_memory_equal(out, text, strlen(text));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64url_is_strict),
		cmocka_unit_test(test_base64_vectors),
		cmocka_unit_test(test_encode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
