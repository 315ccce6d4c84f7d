#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "responses.h"

static const char three[] = "HTTP/1.1 202 Accepted\r\nServer: n\r\n"
			    "Content-Length: 5\r\n\r\na\r\n\r\n"
			    "HTTP/1.1 201 Created\r\n\r\n"
			    "HTTP/1.1 413 Large\r\ncontent-length: 12\r\n\r\n"
			    "HTTP/1.1 500";

static void counts_responses_split_anywhere(void **state)
{
	size_t len = strlen(three);

	(void)state;
	for (size_t cut = 0; cut <= len; cut++) {
		struct responses r = {0};

		assert_int_equal(responses_feed(&r, three, cut), 0);
		assert_int_equal(responses_feed(&r, three + cut, len - cut), 0);
		assert_int_equal(r.n, 3);
		assert_int_equal(r.n_bad, 1);
		assert_int_equal(r.last_status, 413);
		assert_int_equal(r.left, 0);
	}
}

static void rejects_what_it_cannot_count(void **state)
{
	static const char *const bad[] = {
		"220 ftp\r\n", "HTTP/2 200\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct responses r = {0};

		assert_int_equal(responses_feed(&r, bad[i], strlen(bad[i])),
				 -EPROTO);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_responses_split_anywhere),
		cmocka_unit_test(rejects_what_it_cannot_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
