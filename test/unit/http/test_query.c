/* Pairs are split as sent and decoded once; every byte of a name or value is
 * checked, also beyond what is kept. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "http/query.h"

static const struct span of_name = {"name", 4};

static void expect_span(struct span got, const char *want)
{
	assert_int_equal(got.len, strlen(want));
	assert_memory_equal(got.at, want, got.len);
}

static void test_pairs(void **state)
{
	static const char *const want[][2] = {
		{"a", "b"}, {"", ""},	 {"c", ""},	 {"d", ""},
		{"", "e"},  {"f", "=g"}, {"h%26", "?;"}, {"i", ""},
	};
	const char *at = "a=b&&c&d=&=e&f==g&h%26=?;&i&";
	struct query_pair pair;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		assert_true(query_next(&at, &pair));
		expect_span(pair.name, want[i][0]);
		expect_span(pair.value, want[i][1]);
	}
	assert_false(query_next(&at, &pair));
	assert_int_equal(*at, '\0');
	assert_false(query_next(&at, &pair));
}

static void test_every_percent_form(void **state)
{
	const char *digits = "0123456789abcdefABCDEF";

	(void)state;
	for (int a = 1; a < 0x100; a++) {
		for (int b = 1; b < 0x100; b++) {
			char hex[3] = {(char)a, (char)b, '\0'};
			char sent[6] = {'<', '%', (char)a, (char)b, '>', '\0'};
			bool good = strchr(digits, a) != NULL &&
				    strchr(digits, b) != NULL &&
				    strtol(hex, NULL, 16) > 0;
			struct http_error why = {0};
			struct query_text text;
			int rc = query_decode(&text, span_of(sent), of_name,
					      &why);

			assert_int_equal(rc, good ? 0 : -EINVAL);
			if (!good) {
				assert_int_equal(why.status, 400);
				assert_int_equal(why.reason, REJECT_BAD_QUERY);
				assert_non_null(strstr(why.text, "\"name\""));
				continue;
			}
			assert_int_equal(text.len, 3);
			assert_int_equal((unsigned char)text.bytes[1],
					 strtol(hex, NULL, 16));
			assert_int_equal(text.bytes[0], '<');
			assert_int_equal(text.bytes[2], '>');
			assert_int_equal(text.bytes[3], '\0');
		}
	}
}

static void test_cut_percent_forms(void **state)
{
	static const char *const list[] = {"%", "%4", "ab%", "ab%4"};
	struct query_text text;
	struct http_error why;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(list); i++)
		assert_int_equal(query_decode(&text, span_of(list[i]), of_name,
					      &why),
				 -EINVAL);
	assert_int_equal(query_decode(&text, (struct span){"%41", 2}, of_name,
				      &why),
			 -EINVAL);
	/* '+' is not a blank; nothing is decoded twice. */
	assert_int_equal(query_decode(&text, span_of("a+b%2541"), of_name,
				      &why),
			 0);
	assert_true(query_text_is(&text, "a+b%41"));
	assert_false(query_text_is(&text, "a+b%4"));
	assert_false(query_text_is(&text, "a+b%412"));
}

static void test_long_texts(void **state)
{
	char sent[2 * QUERY_TEXT_MAX];
	struct query_text text;
	struct http_error why;

	(void)state;
	memset(sent, 'x', sizeof(sent));
	assert_int_equal(query_decode(&text,
				      (struct span){sent, QUERY_TEXT_MAX - 1},
				      of_name, &why),
			 0);
	assert_true(query_text_fits(&text));
	assert_int_equal(strlen(text.bytes), QUERY_TEXT_MAX - 1);
	assert_int_equal(query_decode(&text,
				      (struct span){sent, QUERY_TEXT_MAX},
				      of_name, &why),
			 0);
	assert_false(query_text_fits(&text));
	assert_int_equal(text.len, QUERY_TEXT_MAX);
	assert_int_equal(query_text_kept(&text).len, QUERY_TEXT_MAX);
	sent[sizeof(sent) - 1] = '%';
	assert_int_equal(query_decode(&text, (struct span){sent, sizeof(sent)},
				      of_name, &why),
			 -EINVAL);
}

static void test_numbers(void **state)
{
	static const char *const bad[] = {
		"",
		"01",
		"00",
		"-1",
		"+1",
		" 1",
		"1 ",
		"1x",
		"0x10",
		"/",
		"18446744073709551616",
	};
	uint64_t n = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (query_number(span_of(bad[i]), &n))
			fail_msg("\"%s\" is a number", bad[i]);
	assert_true(n == 7);
	assert_true(query_number(span_of("0"), &n) && n == 0);
	assert_true(query_number(span_of("18446744073709551615"), &n));
	assert_true(n == UINT64_MAX);
}

static void test_ids(void **state)
{
	struct query_text text = {.bytes = "alice", .len = 5};
	struct query_id id = {0};
	struct http_error why;

	(void)state;
	assert_int_equal(query_take_id(&id, &why, "id", &text), 0);
	assert_true(id.given);
	assert_string_equal(id.text, "alice");
	assert_int_equal(query_take_id(&id, &why, "id", &text), -EINVAL);
	assert_int_equal(why.reason, REJECT_BAD_IDENTITY);
	assert_non_null(strstr(why.text, "twice"));
	id.given = false;
	text.len = QUERY_TEXT_MAX;
	assert_int_equal(query_take_id(&id, &why, "id", &text), -EINVAL);
	assert_non_null(strstr(why.text, "id has 512 bytes"));
	assert_false(id.given);
}

/* Credentials are kept, other pairs are returned. */
static void test_reader(void **state)
{
	struct query_reader r = {.at = "a=1&t=x%2Ey&id=%61lice&b",
				 .id_name = "id",
				 .token_name = "t"};
	struct query_text name, value;
	struct http_error why;

	(void)state;
	assert_int_equal(query_reader_next(&r, &name, &value, &why), 1);
	assert_string_equal(name.bytes, "a");
	assert_string_equal(value.bytes, "1");
	assert_int_equal(query_reader_next(&r, &name, &value, &why), 1);
	assert_string_equal(name.bytes, "b");
	assert_int_equal(value.len, 0);
	assert_int_equal(query_reader_next(&r, &name, &value, &why), 0);
	assert_string_equal(r.credentials.id.text, "alice");
	assert_int_equal(r.credentials.token.len, 5);
	r = (struct query_reader){.at = "t=x&id=alice"};
	assert_int_equal(query_reader_next(&r, &name, &value, &why), 1);
	assert_string_equal(name.bytes, "t");
	assert_int_equal(query_reader_next(&r, &name, &value, &why), 1);
	assert_int_equal(query_reader_next(&r, &name, &value, &why), 0);
	assert_null(r.credentials.token.at);
	assert_false(r.credentials.id.given);
}

static void test_reader_rejects(void **state)
{
	static const char *const bad[] = {"t=a&t=b", "id=a&id=b", "t=%zz",
					  "id=%zz",  "x=%00",	  "%=1"};
	struct query_text name, value;
	struct http_error why;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct query_reader r = {.at = bad[i],
					 .id_name = "id",
					 .token_name = "t"};

		assert_int_equal(query_reader_next(&r, &name, &value, &why),
				 -EINVAL);
		assert_int_equal(why.status, 400);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_every_percent_form),
		cmocka_unit_test(test_cut_percent_forms),
		cmocka_unit_test(test_long_texts),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_reader),
		cmocka_unit_test(test_reader_rejects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
