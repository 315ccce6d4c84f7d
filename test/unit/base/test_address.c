/* Addresses and ranges: every form that is read, and what equals what. */
#include "base/address.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct address of(const char *text)
{
	struct address a;

	assert_int_equal(address_parse(&a, text, strlen(text)), 0);
	return a;
}

static void texts(void **state)
{
	static const char *const same[][2] = {
		{"192.0.2.1", "192.0.2.1"},
		{"0.0.0.0", "0.0.0.0"},
		{"::ffff:192.0.2.1", "192.0.2.1"},
		{"::FFFF:c000:201", "192.0.2.1"},
		{"2001:DB8:0:0::1", "2001:db8::1"},
		{"::1", "::1"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
		 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	};
	static const char *const bad[] = {
		"",
		"1.2.3",
		"1.2.3.4.5",
		"1.2.3.256",
		"01.2.3.4",
		" 1.2.3.4",
		"1.2.3.4 ",
		"[::1]",
		"::1%lo",
		"::g",
		"1.2.3.4:80",
		"localhost",
		"1:2:3:4:5:6:7:8:9",
		"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255.",
	};
	char text[ADDRESS_TEXT_MAX];
	struct address a;

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		a = of(same[i][0]);
		address_text(&a, text);
		assert_string_equal(text, same[i][1]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(address_parse(&a, bad[i], strlen(bad[i])),
				 -EINVAL);
	/* The length counts, not a NUL. */
	assert_int_equal(address_parse(&a, "1.2.3.45", 7), 0);
	address_text(&a, text);
	assert_string_equal(text, "1.2.3.4");
	assert_int_equal(address_parse(&a, "1.2.3.4\0x", 9), -EINVAL);
}

static void none(void **state)
{
	struct address a = {0}, any = of("0.0.0.0"), any6 = of("::");
	char text[ADDRESS_TEXT_MAX];

	(void)state;
	address_text(&a, text);
	assert_string_equal(text, "unix");
	assert_false(address_known(&a));
	assert_true(address_known(&any));
	assert_false(address_equal(&a, &any));
	assert_true(address_known(&any6));
	assert_false(address_equal(&a, &any6));
	any6 = address_party(&any6);
	assert_true(address_known(&any6));
}

static void parties(void **state)
{
	struct address a = of("2001:db8:1:2:3:4:5:6"), b = of("2001:db8:1:2::");
	struct address c = of("2001:db8:1:3::"), d = of("192.0.2.1");
	struct address e = of("192.0.2.2");
	struct address pa = address_party(&a), pb = address_party(&b);
	struct address pc = address_party(&c), pd = address_party(&d);
	struct address pe = address_party(&e);

	(void)state;
	assert_true(address_equal(&pa, &pb));
	assert_false(address_equal(&pa, &pc));
	assert_true(address_equal(&pd, &d));
	assert_false(address_equal(&pd, &pe));
}

static void ranges(void **state)
{
	static const struct {
		const char *range, *address;
		bool in;
	} cases[] = {
		{"10.0.0.0/8", "10.255.0.1", true},
		{"10.0.0.0/8", "11.0.0.0", false},
		{"10.9.9.9/8", "10.1.0.1", true},
		{"192.0.2.128/25", "192.0.2.128", true},
		{"192.0.2.128/25", "192.0.2.127", false},
		{"192.0.2.4/30", "192.0.2.7", true},
		{"192.0.2.4/30", "192.0.2.8", false},
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"192.0.2.1/32", "192.0.2.0", false},
		{"0.0.0.0/0", "1.2.3.4", true},
		{"0.0.0.0/0", "2001:db8::1", false},
		{"0.0.0.0/0", "::1", false},
		{"::/0", "2001:db8::1", true},
		{"::/0", "1.2.3.4", true},
		{"::/0", "::", true},
		{"::", "::", true},
		{"2001:db8::/33", "2001:db8:7fff::1", true},
		{"2001:db8::/33", "2001:db8:8000::1", false},
		{"::1", "::1", true},
		{"::1/128", "::2", false},
		{"::ffff:10.0.0.0/104", "10.1.2.3", true},
	};
	const struct address unix_peer = {0};
	struct address_range r[2];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct address a = of(cases[i].address);

		assert_null(address_range_parse(&r[0], cases[i].range));
		assert_int_equal(address_in(&a, r, 1), cases[i].in);
		/* A peer without address is in no range of addresses. */
		assert_false(address_in(&unix_peer, r, 1));
		assert_false(address_in(&a, r, 0));
		assert_null(address_range_parse(&r[1], "unix:"));
		assert_int_equal(address_in(&a, r, 2), cases[i].in);
		assert_true(address_in(&unix_peer, r, 2));
	}
}

static void wrong_ranges(void **state)
{
	static const char *const bad[] = {
		"",	      "/8",	      "10.0.0.0/",   "10.0.0.0/33",
		"::/129",     "10.0.0.0/8/8", "10.0.0.0/+8", "10.0.0.0/8 ",
		"10.0.0.0/x", "10/8",	      "unix",	     "unix:/run/x",
		"localhost",  "10.0.0.0/0008"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(address_range_fault(bad[i]));
	assert_null(address_range_fault("10.0.0.0/8"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),	cmocka_unit_test(none),
		cmocka_unit_test(parties),	cmocka_unit_test(ranges),
		cmocka_unit_test(wrong_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
