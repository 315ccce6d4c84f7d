#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/check.h"
#include "base/hostport.h"
#include "base/printable.h"
#include "base/units.h"
#include "config/option_checks.h"
#include "nats/server_url.h"

/* What an out-parameter holds before a call that must not write it. */
enum { UNTOUCHED = 77 };

/* ---- numbers ---------------------------------------------------------- */

struct number {
	const char *text;
	uint64_t n;
};

static void take_numbers(int (*take)(const char *, uint64_t *),
			 const struct number *cases, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint64_t n = UNTOUCHED;

		if (take(cases[i].text, &n) != 0 || n != cases[i].n)
			fail_msg("\"%s\"", cases[i].text);
	}
}

static void refuse_numbers(int (*take)(const char *, uint64_t *),
			   const char *const *texts, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint64_t n = UNTOUCHED;

		if (take(texts[i], &n) != -EINVAL || n != UNTOUCHED)
			fail_msg("\"%s\"", texts[i]);
	}
}

static void durations(void **state)
{
	static const struct number good[] = {
		{"0", 0},
		{"0s", 0},
		{"0h", 0},
		{"1ms", 1},
		{"250ms", 250},
		{"30s", 30000},
		{"5m", 300000},
		{"1h", 3600000},
		{"90m", 5400000},
		{"007s", 7000},
		{"18446744073709551615ms", UINT64_MAX},
		{"18446744073709551s", 18446744073709551000u},
		{"307445734561825m", 18446744073709500000u},
		{"5124095576030h", 18446744073708000000u},
	};
	static const char *const bad[] = {
		/* no unit, none that is known, none that is whole */
		"30", "00", "1d", "1S", "1H", "1us", "1mss", "s", "ms",
		/* no number of ours */
		"", " ", "-1s", "+1s", "1.5s", "1e3s", "0x10s", "1,5s", "\xb2s",
		/* more than one, blanks */
		"1h30m", "1s ", " 1s", "1 s", "1s\n",
		/* what does not fit 64 bits, by its digits or by its unit */
		"18446744073709551616ms", "18446744073709551620ms",
		"99999999999999999999999ms", "18446744073709552s",
		"307445734561826m", "5124095576031h"};

	(void)state;
	take_numbers(units_duration, good, ARRAY_LEN(good));
	refuse_numbers(units_duration, bad, ARRAY_LEN(bad));
}

static void sizes(void **state)
{
	static const struct number good[] = {
		{"0", 0},
		{"0GiB", 0},
		{"1", 1},
		{"100000", 100000},
		{"64KiB", 65536},
		{"8MiB", 8 << 20},
		{"1GiB", 1 << 30},
		{"18446744073709551615", UINT64_MAX},
		{"18014398509481983KiB", UINT64_MAX - 1023},
		{"17592186044415MiB", UINT64_MAX - 1048575},
		{"17179869183GiB", UINT64_MAX - 1073741823},
	};
	static const char *const bad[] = {"",
					  "KiB",
					  "64KB",
					  "64K",
					  "64kib",
					  "64Kib",
					  "1TiB",
					  "1B",
					  "-1",
					  "+1",
					  "1.5MiB",
					  "1 KiB",
					  " 1",
					  "1 ",
					  "0x10",
					  "18446744073709551616",
					  "18014398509481984KiB",
					  "17592186044416MiB",
					  "17179869184GiB"};

	(void)state;
	take_numbers(units_size, good, ARRAY_LEN(good));
	refuse_numbers(units_size, bad, ARRAY_LEN(bad));
}

static void counts(void **state)
{
	static const struct number good[] = {
		{"0", 0},
		{"00012", 12},
		{"18446744073709551615", UINT64_MAX},
	};
	static const char *const bad[] = {"",	"-1",  "+1",
					  "1 ", " 1",  "1s",
					  "0x", "1.0", "18446744073709551616"};

	(void)state;
	take_numbers(units_count, good, ARRAY_LEN(good));
	refuse_numbers(units_count, bad, ARRAY_LEN(bad));
}

static void bools(void **state)
{
	static const char *const bad[] = {"",	 "2",  "true", "yes", "on",
					  "off", "01", "1 ",   "-1"};
	bool on = false;

	(void)state;
	assert_int_equal(units_bool("1", &on), 0);
	assert_true(on);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (units_bool(bad[i], &on) != -EINVAL || !on)
			fail_msg("\"%s\"", bad[i]);
	assert_int_equal(units_bool("0", &on), 0);
	assert_false(on);
}

/* The shortest form, which is read as the same number. */
static void texts_of_numbers_can_be_read_again(void **state)
{
	static const struct number durations_of[] = {
		{"0", 0},
		{"1ms", 1},
		{"999ms", 999},
		{"1s", 1000},
		{"1500ms", 1500},
		{"59s", 59000},
		{"1m", 60000},
		{"90s", 90000},
		{"90m", 5400000},
		{"24h", 86400000},
		{"18446744073709551615ms", UINT64_MAX},
	};
	static const struct number sizes_of[] = {
		{"0", 0},
		{"1", 1},
		{"1023", 1023},
		{"1KiB", 1024},
		{"1025", 1025},
		{"1536KiB", 1572864},
		{"64MiB", 64 << 20},
		{"1024GiB", (uint64_t)1 << 40},
		{"18446744073709551615", UINT64_MAX},
	};
	char text[UNITS_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(durations_of); i++) {
		units_duration_text(durations_of[i].n, text);
		assert_string_equal(text, durations_of[i].text);
	}
	take_numbers(units_duration, durations_of, ARRAY_LEN(durations_of));
	for (size_t i = 0; i < ARRAY_LEN(sizes_of); i++) {
		units_size_text(sizes_of[i].n, text);
		assert_string_equal(text, sizes_of[i].text);
	}
	take_numbers(units_size, sizes_of, ARRAY_LEN(sizes_of));
}

/* ---- faults ----------------------------------------------------------- */

/* `why` is how the fault begins; NULL: none. */
struct fault {
	const char *text, *why;
};

static void find_faults(const char *(*fault_of)(const char *),
			const struct fault *cases, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const char *why = fault_of(cases[i].text);

		if (cases[i].why == NULL
			    ? why != NULL
			    : why == NULL || strncmp(why, cases[i].why,
						     strlen(cases[i].why)))
			fail_msg("\"%s\": %s", cases[i].text,
				 why == NULL ? "no fault" : why);
	}
}

/* `before`, n times 'a', `behind`. */
static const char *stretch(char *out, const char *before, size_t n,
			   const char *behind)
{
	size_t len = strlen(before);

	memcpy(out, before, len);
	memset(out + len, 'a', n);
	strcpy(out + len + n, behind);
	return out;
}

static void addresses(void **state)
{
	char host_most[300], host_over[300], path_most[128], path_over[128];
	const struct fault cases[] = {
		{"0.0.0.0:8080", NULL},
		{"localhost:0", NULL},
		{"a-b_c.example:65535", NULL},
		{"[::1]:80", NULL},
		{"[::]:0", NULL},
		{"[::ffff:1.2.3.4]:80", NULL},
		{"[fe80::1%eth0]:80", NULL},
		{"unix:/run/a.sock", NULL},
		{"unix:relative path", NULL},
		{stretch(host_most, "", 255, ":1"), NULL},
		{stretch(path_most, "unix:", 107, ""), NULL},
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
		{stretch(host_over, "", 256, ":1"), "its host is too long"},
		{"unix:", "it has no path"},
		{stretch(path_over, "unix:", 108, ""),
		 "its path has more than 107 bytes"},
	};

	(void)state;
	find_faults(hostport_fault, cases, ARRAY_LEN(cases));
}

static void addresses_are_split(void **state)
{
	static const char *const cases[][3] = {
		{"0.0.0.0:8080", "0.0.0.0", "8080"},
		{"[::1]:0", "::1", "0"},
		{"[a]:1", "a", "1"},
	};
	char host[8];
	const char *port;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
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

static void servers(void **state)
{
	char host_over[300];
	const struct fault cases[] = {
		{"nats://127.0.0.1:4222", NULL},
		{"tls://nats.example", NULL},
		{"NATS://a", NULL},
		{"Tls://a", NULL},
		{"a", NULL},
		{"a:4222", NULL},
		{"a:1", NULL},
		{"a:65535/", NULL},
		{"nats://a/", NULL},
		{"nats://[::1]:4222", NULL},
		{"[fe80::1%eth0]", NULL},
		{"nats://user:pass@a:4222", NULL},
		{"token@a", NULL},
		{"nats://user:p@ss@a", NULL},
		{"nats://user:a/b?c#d@a:1", NULL},
		{"ws://a", "NATS over WebSocket is not supported"},
		{"WSS://a:443", "NATS over WebSocket is not supported"},
		{"http://a", "its scheme is neither nats:// nor tls://"},
		{"wsx://a", "its scheme is neither nats:// nor tls://"},
		{"natss://a", "its scheme is neither nats:// nor tls://"},
		{"://a", "its scheme is neither nats:// nor tls://"},
		{"user:x://y@a", "its scheme is neither nats:// nor tls://"},
		{"", "it has no host"},
		{"nats://", "it has no host"},
		{"nats://user@", "it has no host"},
		{"nats://:4222", "it has no host"},
		{"nats://a b", "it holds what is not printable"},
		{"nats://u:p\r\nPUB x@a", "it holds what is not printable"},
		{"nats://\xc3\xa4", "it holds what is not printable"},
		{"a\x7f", "it holds what is not printable"},
		{"nats://a*b", "its host is neither"},
		{"nats://a,b", "its host is neither"},
		{"nats://[::1", "its bracket is not closed"},
		{"nats://[1]", "no IPv6 address"},
		{"nats://[::1]x", "nothing but a port may follow"},
		{"nats://a/path", "nothing but a port may follow"},
		{"nats://a:1/path", "nothing but a port may follow"},
		{"a:", "its port must be a number from 1 to 65535"},
		{"a:/", "its port must be a number from 1 to 65535"},
		{"a:0", "its port must be a number from 1 to 65535"},
		{"a:65536", "its port must be a number from 1 to 65535"},
		{"a:42220000", "its port must be a number from 1 to 65535"},
		{"a:1:2", "its port must be a number from 1 to 65535"},
		{"a:4222?x", "its port must be a number from 1 to 65535"},
		{stretch(host_over, "nats://", 256, ""),
		 "its host is too long"},
	};

	(void)state;
	find_faults(server_url_fault, cases, ARRAY_LEN(cases));
}

static void modes(void **state)
{
	static const char *const bad[] = {"",	  "6",	  "60",	   "8",
					  "668",  "1777", "0x1ff", "00660",
					  "-660", " 660", "660 ",  "rw-"};
	int mode = -1;

	(void)state;
	assert_int_equal(units_mode("660", &mode), 0);
	assert_int_equal(mode, 0660);
	assert_int_equal(units_mode("0777", &mode), 0);
	assert_int_equal(mode, 0777);
	assert_int_equal(units_mode("000", &mode), 0);
	assert_int_equal(mode, 0);
	assert_null(option_checks_mode_fault("600"));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_non_null(option_checks_mode_fault(bad[i]));
	assert_null(hostport_host_fault("gw.example"));
	assert_non_null(hostport_host_fault("gw.example:8081"));
	assert_non_null(hostport_host_fault(""));
}

static void header_names(void **state)
{
	static const char token[] = "!#$%&'*+-.^_`|~0123456789"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz";
	char most[80], over[80];
	const struct fault cases[] = {
		{"user_id", NULL},
		{"X-User-Id", NULL},
		{"a", NULL},
		{"hosts", NULL},
		{"accept-language", NULL},
		{stretch(most, "", 64, ""), NULL},
		{stretch(over, "", 65, ""), "it must have 1 to 64 bytes"},
		{"", "it must have 1 to 64 bytes"},
		{"Accept", "that header has a meaning of its own"},
		{"authorization", "that header has a meaning of its own"},
		{"Origin", "that header has a meaning of its own"},
		{"Connection", "that header has a meaning of its own"},
		{"CONTENT-LENGTH", "that header has a meaning of its own"},
		{"expect", "that header has a meaning of its own"},
		{"Host", "that header has a meaning of its own"},
		{"Last-Event-ID", "that header has a meaning of its own"},
		{"transfer-Encoding", "that header has a meaning of its own"},
		{"Upgrade", "that header has a meaning of its own"},
	};

	(void)state;
	find_faults(option_checks_header_fault, cases, ARRAY_LEN(cases));
	for (int c = 1; c < 256; c++) {
		char name[] = {'x', (char)c, 'y', '\0'};
		const struct fault one = {
			name, strchr(token, c) != NULL
				      ? NULL
				      : "it holds what no header's name may"};

		find_faults(option_checks_header_fault, &one, 1);
	}
}

static void query_names(void **state)
{
	static const char plain[] = "-._~0123456789"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz";
	char most[80], over[80];
	const struct fault cases[] = {
		{"user", NULL},
		{"u", NULL},
		{"delivery", NULL},
		{stretch(most, "", 64, ""), NULL},
		{stretch(over, "", 65, ""), "it must have 1 to 64 bytes"},
		{"", "it must have 1 to 64 bytes"},
		{"deliver", "that parameter has a meaning of its own"},
		{"lastEventId", "that parameter has a meaning of its own"},
		{"LASTEVENTID", "that parameter has a meaning of its own"},
	};

	(void)state;
	find_faults(option_checks_query_fault, cases, ARRAY_LEN(cases));
	for (int c = 1; c < 256; c++) {
		char name[] = {'x', (char)c, 'y', '\0'};
		const struct fault one = {
			name, strchr(plain, c) != NULL
				      ? NULL
				      : "it holds other than letters"};

		find_faults(option_checks_query_fault, &one, 1);
	}
}

/* ---- for people to read ----------------------------------------------- */

static void cookie_names(void **state)
{
	(void)state;
	assert_null(option_checks_cookie_fault("__Host-token"));
	assert_null(option_checks_cookie_fault("host")); /* no header's */
	assert_non_null(option_checks_cookie_fault(""));
	assert_non_null(option_checks_cookie_fault("a=b"));
	assert_non_null(option_checks_cookie_fault("a;b"));
	assert_non_null(option_checks_cookie_fault("a b"));
}

/* RFC 4648, 10, without padding; and what else might pass for the same. */
static void base64url_is_strict(void **state)
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

static void userinfo_is_hidden(void **state)
{
	static const struct {
		const char *url, *shown;
	} cases[] = {
		{"nats://a:4222", "nats://a:4222"},
		{"a", "a"},
		{"", ""},
		{"nats://u:hunter2@a:1", "nats://(hidden)@a:1"},
		{"TLS://hunter2@a", "TLS://(hidden)@a"},
		{"u:hunter2@a", "(hidden)@a"},
		{"nats://u:hunt@er2@a", "nats://(hidden)@a"},
		{"nats://a,nats://u:hunter2@b", "nats://(hidden)@b"},
		{"nats://u:hunt://er2@a", "nats://(hidden)@a"},
		/* no URL at all, but a password all the same */
		{"u:hunt://er2@a", "(hidden)@a"},
		{"hunter2@a://b", "(hidden)@a://b"},
		{"://hunter2@a", "(hidden)@a"},
		{" u:hunt\ner2@", "(hidden)@"},
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		server_url_hide_userinfo(cases[i].url, out, sizeof(out));
		assert_string_equal(out, cases[i].shown);
	}
	/* Cut, and still hidden. */
	server_url_hide_userinfo("nats://u:hunter2@abcdef", out, 20);
	assert_string_equal(out, "nats://(hidden)@abc");
	server_url_hide_userinfo("nats://u:hunter2@abcdef", out, 10);
	assert_string_equal(out, "nats://(h");
}

static void shown_text_stays_on_its_line(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		const char *shown;
	} cases[] = {
		{"", 8, ""},
		{"plain ~!", 32, "plain ~!"},
		{"a\r\nb\t\x1b[0m", 32, "a\\x0d\\x0ab\\x09\\x1b[0m"},
		{"\x7f\x80\xff", 32, "\\x7f\\x80\\xff"},
		{"back\\slash \"", 32, "back\\slash \""},
		/* the last size that fits, and one less */
		{"1234567", 8, "1234567"},
		{"12345678", 8, "1234..."},
		{"123\n", 8, "123\\x0a"},
		{"1234\n", 8, "1234..."},
		{"\n\n", 9, "\\x0a\\x0a"},
		{"\n\n", 8, "\\x0a..."},
		{"\n\n\n", 12, "\\x0a\\x0a..."},
		{"12\n34", 8, "12..."},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char out[40];

		memset(out, '#', sizeof(out));
		printable_text(out, cases[i].size, cases[i].text);
		assert_string_equal(out, cases[i].shown);
		assert_int_equal(out[cases[i].size], '#');
	}
}

static void distances(void **state)
{
	static const struct {
		const char *a, *b;
		unsigned n;
	} cases[] = {
		{"", "", 0},
		{"abc", "", 3},
		{"stream", "stream", 0},
		{"steam", "stream", 1},
		{"streaam", "stream", 1},
		{"strean", "stream", 1},
		{"id_header", "id-header", 1},
		{"ab", "ba", 2},
		{"kitten", "sitting", 3},
		{"flaw", "lawn", 2},
		{"Stream", "stream", 1},
		{"abc", "xyz", 3},
	};
	char most[80], over[80];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(option_checks_distance(cases[i].a, cases[i].b),
				 cases[i].n);
		assert_int_equal(option_checks_distance(cases[i].b, cases[i].a),
				 cases[i].n);
	}
	stretch(most, "", 64, "");
	stretch(over, "", 65, "");
	assert_int_equal(option_checks_distance(most, most), 0);
	assert_int_equal(option_checks_distance(most, ""), 64);
	assert_int_equal(option_checks_distance("", most), 64);
	assert_int_equal(option_checks_distance(over, ""), UINT_MAX);
	assert_int_equal(option_checks_distance("", over), UINT_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations),
		cmocka_unit_test(sizes),
		cmocka_unit_test(counts),
		cmocka_unit_test(bools),
		cmocka_unit_test(texts_of_numbers_can_be_read_again),
		cmocka_unit_test(addresses),
		cmocka_unit_test(addresses_are_split),
		cmocka_unit_test(servers),
		cmocka_unit_test(modes),
		cmocka_unit_test(header_names),
		cmocka_unit_test(query_names),
		cmocka_unit_test(cookie_names),
		cmocka_unit_test(base64url_is_strict),
		cmocka_unit_test(userinfo_is_hidden),
		cmocka_unit_test(shown_text_stays_on_its_line),
		cmocka_unit_test(distances),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
