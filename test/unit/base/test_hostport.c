/* HOST:PORT and unix:PATH: each fault, and the parts of good ones. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/hostport.h"
#include "fault_cases.h"

static void test_faults(void **state)
{
	char host_most[300], host_over[300], path_most[128], path_over[128];
	const struct fault_case cases[] = {
		{"0.0.0.0:8080", NULL},
		{"localhost:0", NULL},
		{"a-b_c.example:65535", NULL},
		{"[::1]:80", NULL},
		{"[::]:0", NULL},
		{"[::ffff:1.2.3.4]:80", NULL},
		{"[fe80::1%eth0]:80", NULL},
		{"unix:/run/a.sock", NULL},
		{"unix:relative path", NULL},
		{stretch_text(host_most, "", 255, ":1"), NULL},
		{stretch_text(path_most, "unix:", 107, ""), NULL},
		{"", "it has no host"},
		{":80", "it has no host"},
		{"[]:80", "no IPv6 address"},
		{"8080", "it has no port"},
		{"a", "it has no port"},
		{"a/b:80", "it has no port"},
		{"[::1]", "it has no port"},
		{"[::1]80", "it has no port"},
		{"a:", "its port must be a number from 0 to 65535"},
		{"a:65536", "its port must be a number from 0 to 65535"},
		{"a:-1", "its port must be a number from 0 to 65535"},
		{"a:http", "its port must be a number from 0 to 65535"},
		{"a:80 ", "its port must be a number from 0 to 65535"},
		{"a:80/", "its port must be a number from 0 to 65535"},
		{"::1:80", "it has no host"},
		{"[::1:80", "its bracket is not closed"},
		{"[1.2.3.4]:80", "no IPv6 address"},
		{"[::g]:80", "no IPv6 address"},
		{"[::1%]:80", "no IPv6 address"},
		{"[::1%e th]:80", "its host is neither"},
		{"a b:80", "its host is neither"},
		{"*:80", "its host is neither"},
		{"a\n:80", "its host is neither"},
		{"\xc3\xa4:80", "its host is neither"},
		{"http://a:80", "its port must be"},
		{stretch_text(host_over, "", 256, ":1"),
		 "its host is too long"},
		{"unix:", "it has no path"},
		{stretch_text(path_over, "unix:", 108, ""),
		 "its path has more than 107 bytes"},
	};

	(void)state;
	expect_faults(hostport_fault, cases, ARRAY_LEN(cases));
}

static void test_split(void **state)
{
	static const char *const cases[][3] = {
		{"0.0.0.0:8080", "0.0.0.0", "8080"},
		{"[::1]:0", "::1", "0"},
		{"[a]:1", "a", "1"},
	};
	char host[8];
	const char *port;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(hostport_split(cases[i][0], host, sizeof(host),
						&port),
				 0);
		assert_string_equal(host, cases[i][1]);
		assert_string_equal(port, cases[i][2]);
	}
	assert_int_equal(hostport_split("12345678:1", host, 8, &port), -EINVAL);
	assert_int_equal(hostport_split(":1", host, 8, &port), -EINVAL);
	assert_int_equal(hostport_split("a", host, 8, &port), -EINVAL);
}

static void test_hosts(void **state)
{
	(void)state;
	assert_null(hostport_host_fault("gw.example"));
	assert_non_null(hostport_host_fault("gw.example:8081"));
	assert_non_null(hostport_host_fault(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
