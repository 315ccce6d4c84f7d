/* One value by its row: each type is parsed, printed and described, and a value
 * that is not good leaves nothing to free. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "config/option_value.h"

static const char *fault_of_x(const char *text)
{
	return strchr(text, 'x') == NULL ? NULL : "it has an x";
}

static const char *const words[] = {"red", "green", "blue", NULL};

static const struct options_row word_row = {.name = "w",
					    .type = OPTIONS_WORD,
					    .words = words},
				size_row = {.name = "s",
					    .type = OPTIONS_SIZE,
					    .min = 1024,
					    .max = 1 << 20},
				time_row = {.name = "t",
					    .type = OPTIONS_DURATION,
					    .flags = OPTIONS_ZERO,
					    .min = 10,
					    .max = 60000},
				bool_row = {.name = "b", .type = OPTIONS_BOOL},
				text_row = {.name = "x",
					    .type = OPTIONS_STRING,
					    .flags = OPTIONS_DOT,
					    .fault = fault_of_x},
				list_row = {.name = "l",
					    .type = OPTIONS_LIST,
					    .flags = OPTIONS_OFF,
					    .fault = fault_of_x},
				url_row = {.name = "u",
					   .type = OPTIONS_STRING,
					   .flags = OPTIONS_URL};

static void test_numbers(void **state)
{
	static const struct {
		const struct options_row *row;
		const char *text;
		uint64_t n; /* UINT64_MAX: not good */
	} cases[] = {
		{&word_row, "red", 0},
		{&word_row, "blue", 2},
		{&word_row, "Red", UINT64_MAX},
		{&word_row, "", UINT64_MAX},
		{&size_row, "1KiB", 1024},
		{&size_row, "1023", UINT64_MAX},
		{&size_row, "1MiB", 1 << 20},
		{&size_row, "0", UINT64_MAX},
		{&size_row, "2MiB", UINT64_MAX},
		{&time_row, "0", 0},
		{&time_row, "1m", 60000},
		{&time_row, "9ms", UINT64_MAX},
		{&bool_row, "1", 1},
		{&bool_row, "0", 0},
		{&bool_row, "on", UINT64_MAX},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct option_value v = {0};
		const char *why = NULL;
		int rc = option_value_parse(cases[i].row, cases[i].text, &v,
					    &why);

		assert_int_equal(rc, cases[i].n == UINT64_MAX ? -EINVAL : 0);
		if (rc == 0)
			assert_true(v.number == cases[i].n);
		option_value_finish(&v);
	}
}

static void test_texts(void **state)
{
	struct option_value v = {0};
	const char *why = NULL;

	(void)state;
	assert_int_equal(option_value_parse(&text_row, "a.b.", &v, &why), 0);
	assert_string_equal(v.text, "a.b");
	option_value_finish(&v);
	assert_null(v.text);
	assert_int_equal(option_value_parse(&text_row, "axb", &v, &why),
			 -EINVAL);
	assert_string_equal(why, "it has an x");
	assert_int_equal(option_value_parse(&text_row, "", &v, &why), -EINVAL);
	assert_string_equal(why, "it is empty");
	assert_null(v.text);
}

static void test_lists(void **state)
{
	struct option_value v = {0};
	struct options_strings copy = {0};
	const char *why = NULL;

	(void)state;
	assert_int_equal(option_value_parse(&list_row, " a,,\tb ", &v, &why),
			 0);
	assert_int_equal(v.list.n, 2);
	assert_string_equal(v.list.items[1], "b");
	assert_int_equal(options_strings_copy(&copy, &v.list), 0);
	option_value_finish(&v);
	assert_int_equal(copy.n, 2);
	assert_string_equal(copy.items[0], "a");
	options_strings_finish(&copy);
	assert_int_equal(option_value_parse(&list_row, "off", &v, &why), 0);
	assert_int_equal(v.list.n, 0);
	assert_int_equal(option_value_parse(&list_row, " , ", &v, &why),
			 -EINVAL);
	assert_int_equal(option_value_parse(&list_row, "a,x", &v, &why),
			 -EINVAL);
	assert_string_equal(why, "it has an x");
	option_value_finish(&v);
}

static void expect_printed(const struct options_row *row, const void *field,
			   bool secret, const char *want)
{
	struct buf out;

	buf_init(&out, 1024);
	assert_int_equal(option_value_print(row, field, secret, &out), 0);
	assert_int_equal(buf_unread(&out), strlen(want));
	assert_memory_equal(out.data, want, strlen(want));
	buf_finish(&out);
}

static void test_printed(void **state)
{
	char a[] = "a", b[] = "b\n", address[] = "nats://u:hunter2@a";
	char *items[] = {a, b}, *url = address;
	struct options_strings list = {items, 2}, none = {NULL, 0};
	uint64_t size = 65536, ms = 1500;
	unsigned word = 1;
	bool on = true;

	(void)state;
	expect_printed(&word_row, &word, false, "green");
	expect_printed(&bool_row, &on, false, "1");
	expect_printed(&size_row, &size, false, "64KiB");
	expect_printed(&time_row, &ms, false, "1500ms");
	expect_printed(&list_row, &list, false, "a,b\\x0a");
	expect_printed(&list_row, &none, false, "off");
	expect_printed(&url_row, &url, false, "nats://(hidden)@a");
	expect_printed(&text_row, &url, true, "(hidden)");
}

static void expect_takes(const struct options_row *row, const char *want)
{
	char takes[OPTION_VALUE_TAKES_MAX];

	option_value_takes(row, takes);
	if (strncmp(takes, want, strlen(want)) != 0)
		fail_msg("%s: \"%s\"", row->name, takes);
}

static void test_takes(void **state)
{
	(void)state;
	expect_takes(&word_row, "red, green or blue");
	expect_takes(&bool_row, "1 or 0");
	expect_takes(&size_row, "a size from 1KiB to 1MiB (such as");
	expect_takes(&time_row, "a duration from 10ms to 1m, or 0 for none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers), cmocka_unit_test(test_texts),
		cmocka_unit_test(test_lists),	cmocka_unit_test(test_printed),
		cmocka_unit_test(test_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
