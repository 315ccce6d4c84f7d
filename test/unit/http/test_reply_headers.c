/* Which headers of a reply are headers of the response: hostile names and
 * values are left out, and the lines are bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "http/reply_headers.h"

static void must_put(const char *lines, const char *want)
{
	char block[512];
	struct buf out;
	int len = snprintf(block, sizeof(block), "NATS/1.0\r\n%s\r\n", lines);

	buf_init(&out, REPLY_HEADERS_MAX);
	assert_int_equal(reply_headers_put(&out,
					   (struct span){block, (size_t)len}),
			 0);
	assert_int_equal(buf_unread(&out), strlen(want));
	if (*want != '\0')
		assert_memory_equal(buf_data(&out), want, strlen(want));
	buf_finish(&out);
}

static void good_headers_are_put(void **state)
{
	(void)state;
	must_put("", "");
	must_put("Trace: a\r\n", "NatsH-Trace: a\r\n");
	must_put("trace:a b\tc \r\nB:\r\n",
		 "NatsH-trace: a b\tc\r\nNatsH-B: \r\n");
	must_put("A: 1\r\nA: 2\r\n", "NatsH-A: 1\r\nNatsH-A: 2\r\n");
	must_put("Content-Length: 0\r\nNats-Sequence: 7\r\n",
		 "NatsH-Content-Length: 0\r\nNatsH-Nats-Sequence: 7\r\n");
}

static void hostile_ones_are_left_out(void **state)
{
	static const char *const bad[] = {
		"A B: 1\r\n",
		"A\n: 1\r\n",
		"A: 1\nSet-Cookie: x\r\n",
		"A: 1\rB: 2\r\n",
		"A: \x01\r\n",
		"A: \x7f\r\n",
		"A: \xc3\xbc\r\n",
		"\xc3\xbc: 1\r\n",
		"A(): 1\r\n",
		": 1\r\n",
		"A: 1\r\n 2: x\r\n",
	};
	char lines[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		must_put(bad[i], "");
		snprintf(lines, sizeof(lines), "B: 1\r\n%sC: 2\r\n", bad[i]);
		must_put(lines, "NatsH-B: 1\r\nNatsH-C: 2\r\n");
	}
	must_put("\r\nA: 1\r\n", "");
}

static void lines_are_bounded(void **state)
{
	enum { SIZE = 60000 };
	char *block = malloc(SIZE + 64);
	size_t len;
	struct buf out;

	(void)state;
	MUST(block != NULL);
	len = (size_t)sprintf(block, "NATS/1.0\r\nA: ");
	memset(block + len, 'x', SIZE);
	len += SIZE;
	len += (size_t)sprintf(block + len, "\r\nB: 1\r\n\r\n");
	buf_init(&out, REPLY_HEADERS_MAX);
	assert_int_equal(reply_headers_put(&out, (struct span){block, len}), 0);
	assert_int_equal(buf_unread(&out), strlen("NatsH-B: 1\r\n"));
	buf_finish(&out);
	free(block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_headers_are_put),
		cmocka_unit_test(hostile_ones_are_left_out),
		cmocka_unit_test(lines_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
