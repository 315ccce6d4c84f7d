/* The PROXY header in the forms of HAProxy's doc/proxy-protocol.txt, sections
 * 2.1 and 2.2: fed in every cut, and everything else is rejected. */
#include "http/proxy_protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

struct sample {
	const char *bytes;
	size_t len;
	const char *address; /* NULL: the address of the socket */
};

#define SAMPLE(text, who)                       \
	{                                       \
		(text), sizeof(text) - 1, (who) \
	}
#define V2(text, who) SAMPLE(SIGNATURE text, who)

#define FOUR  "\xc0\0\x02\x01\xc6\x33\x64\x01\x13\x88\0\x50"
#define EIGHT "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
#define SIX   EIGHT EIGHT "\x13\x88\0\x50"
#define TLVS         \
	"\x04\0\x03" \
	"abc"        \
	"\xee\0\x01!"

static const struct sample good[] = {
	SAMPLE("PROXY TCP4 192.0.2.1 198.51.100.1 5000 80\r\n", "192.0.2.1"),
	SAMPLE("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
	       "255.255.255.255"),
	SAMPLE("PROXY TCP4 192.0.2.1 198.51.100.1 0 0\r\n", "192.0.2.1"),
	SAMPLE("PROXY TCP6 2001:db8::1 ::1 5000 80\r\n", "2001:db8::1"),
	SAMPLE("PROXY TCP6 ::ffff:192.0.2.1 ::1 5000 80\r\n", "192.0.2.1"),
	SAMPLE("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
	       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
	SAMPLE("PROXY UNKNOWN\r\n", NULL),
	SAMPLE("PROXY UNKNOWN whatever it is 1 2\r\n", NULL),
	/* The longest line: 107 bytes with its end. */
	SAMPLE("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
	       NULL),

	V2("\x21\x11\0\x0c" FOUR, "192.0.2.1"),
	V2("\x21\x11\0\x16" FOUR TLVS, "192.0.2.1"),
	V2("\x21\x21\0\x24" SIX, "2001:db8::1"),
	V2("\x21\x21\0\x2e" SIX TLVS, "2001:db8::1"),
	/* A health check of the proxy itself. */
	V2("\x20\0\0\0", NULL),
	V2("\x20\x11\0\x0c" FOUR, NULL),
	V2("\x20\x11\0\x03xyz", NULL),
	V2("\x20\xff\0\x03xyz", NULL),
	/* Unspecified, datagrams, Unix sockets. */
	V2("\x21\0\0\0", NULL),
	V2("\x21\0\0\x0a" TLVS, NULL),
	V2("\x21\x12\0\x0c" FOUR, NULL),
	V2("\x21\x22\0\x24" SIX, NULL),
	V2("\x21\x31\0\x0a" TLVS, NULL),
};

static const struct sample bad[] = {
	SAMPLE("G", ""),
	SAMPLE("GET / HTTP/1.1\r\n", ""),
	SAMPLE("\x16\x03\x01", ""),
	SAMPLE("PRI", ""),
	SAMPLE("PROXY\r", ""),
	SAMPLE("proxy TCP4", ""),
	SAMPLE("PROXY  TCP4 192.0.2.1 198.51.100.1 5000 80\r\n", ""),
	SAMPLE("PROXY TCP4  192.0.2.1 198.51.100.1 5000 80\r\n", ""),
	SAMPLE("PROXY TCP4 192.0.2.1 198.51.100.1 5000 80 \r\n", ""),
	SAMPLE("PROXY TCP4 192.0.2.1 198.51.100.1 5000 80\n", ""),
	SAMPLE("PROXY TCP4 192.0.2.1 198.51.100.1 5000 80\rX", ""),
	SAMPLE("PROXY TCP4 192.0.2.1 198.51.100.1 5000 80\r\r", ""),
	SAMPLE("PROXY TCP4 192.0.2.1 198.51.100.1 5000\r\n", ""),
	SAMPLE("PROXY TCP4 192.0.2.1 198.51.100.1 5000 80 1\r\n", ""),
	SAMPLE("PROXY TCP4 192.0.2.1 198.51.100.1 5000 65536\r\n", ""),
	SAMPLE("PROXY TCP4 192.0.2.1 198.51.100.1 05000 80\r\n", ""),
	SAMPLE("PROXY TCP4 192.0.2.1 198.51.100.1 -1 80\r\n", ""),
	SAMPLE("PROXY TCP4 192.0.2.1 198.51.100.1 5000 \r\n", ""),
	SAMPLE("PROXY TCP4 192.0.2.256 198.51.100.1 5000 80\r\n", ""),
	SAMPLE("PROXY TCP4 192.0.2.1\0 198.51.100.1 5000 80\r\n", ""),
	SAMPLE("PROXY TCP4 2001:db8::1 ::1 5000 80\r\n", ""),
	SAMPLE("PROXY TCP6 192.0.2.1 198.51.100.1 5000 80\r\n", ""),
	SAMPLE("PROXY TCP6 2001:db8::1 198.51.100.1 5000 80\r\n", ""),
	SAMPLE("PROXY TCP6 [2001:db8::1] ::1 5000 80\r\n", ""),
	SAMPLE("PROXY TCP6 ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n",
	       ""),
	SAMPLE("PROXY TCP5 192.0.2.1 198.51.100.1 5000 80\r\n", ""),
	SAMPLE("PROXY UDP4 192.0.2.1 198.51.100.1 5000 80\r\n", ""),
	SAMPLE("PROXY \r\n", ""),
	SAMPLE("PROXY TCP4\r\n", ""),
	SAMPLE("PROXY UNKNOWNS\r\n", ""),
	/* 107 bytes, and no end. */
	SAMPLE("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 655350\r",
	       ""),

	SAMPLE("\r\n\r\n\0\r\nQUIT\r", ""),
	SAMPLE("\r\nGET", ""),
	V2("\x11\x11\0\x0c", ""), /* another version */
	V2("\x22\x11\0\x0c", ""), /* another command */
	V2("\x21\x41\0\x0c", ""), /* another family */
	V2("\x21\x13\0\x0c", ""), /* another protocol */
	V2("\x21\x11\0\x0b", ""), /* too short for its addresses */
	V2("\x21\x21\0\x23", ""),
};

/* Fed in pieces of `piece` bytes, followed by a request. */
static void feed(const struct sample *s, size_t piece, bool must_be_good)
{
	static const char behind[] = "GET / HTTP/1.1\r\n";
	struct proxy_protocol p = {0};
	enum proxy_verdict v = PROXY_MORE;
	size_t total = s->len + sizeof(behind) - 1, at = 0, used = 0;
	char *all = malloc(total), text[ADDRESS_TEXT_MAX];

	assert_non_null(all);
	memcpy(all, s->bytes, s->len);
	memcpy(all + s->len, behind, sizeof(behind) - 1);
	while (v == PROXY_MORE && at < total) {
		size_t n = piece < total - at ? piece : total - at;

		v = proxy_protocol_feed(&p, all + at, n, &used);
		assert_true(used == n || v != PROXY_MORE);
		at += used;
	}
	assert_int_equal(v, must_be_good ? PROXY_READY : PROXY_REJECT);
	/* The verdict is final. */
	assert_int_equal(proxy_protocol_feed(&p, all, total, &used), v);
	assert_int_equal(used, 0);
	free(all);
	if (!must_be_good) {
		assert_true(at <= s->len);
		return;
	}
	assert_int_equal(at, s->len);
	assert_int_equal(p.has_address, s->address != NULL);
	if (s->address == NULL)
		return;
	address_text(&p.address, text);
	assert_string_equal(text, s->address);
}

static void all_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		for (size_t piece = 1; piece <= good[i].len + 3; piece++)
			feed(&good[i], piece, true);
	}
}

static void all_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		for (size_t piece = 1; piece <= bad[i].len + 3; piece++)
			feed(&bad[i], piece, false);
}

/* Everything that the length covers is skipped and not kept: 216 bytes of two
 * paths, and 65535. */
static void long_ones(void **state)
{
	static const size_t lens[] = {216, 217, 1000, 65535};
	enum { MOST = 65535 };
	static char bytes[16 + MOST + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct sample s = {bytes, 16 + lens[i], NULL};

		memset(bytes, 'x', sizeof(bytes));
		memcpy(bytes, SIGNATURE "\x21\x31", 14);
		bytes[14] = (char)(lens[i] >> 8);
		bytes[15] = (char)lens[i];
		feed(&s, 1, true);
		feed(&s, 1000, true);
		feed(&s, sizeof(bytes), true);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_good),
		cmocka_unit_test(all_bad),
		cmocka_unit_test(long_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
