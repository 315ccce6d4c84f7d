#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "target.h"

static void makes_the_request(void **state)
{
	struct args_list headers = {{"user_id: {id}", "Accept: x"}, 2};
	struct target t;
	char out[512];
	int len;

	(void)state;
	assert_int_equal(target_init(&t, "GET",
				     "http://127.0.0.1:8080/a/{id}?b",
				     &headers),
			 0);
	assert_int_equal(ntohs(t.at.sin_port), 8080);
	assert_int_equal(ntohl(t.at.sin_addr.s_addr), 0x7f000001);
	len = target_request(&t, 42, "", out, sizeof(out));
	assert_string_equal(out, "GET /a/u42?b HTTP/1.1\r\n"
				 "Host: 127.0.0.1:8080\r\nuser_id: u42\r\n"
				 "Accept: x\r\n\r\n");
	assert_int_equal(len, strlen(out));
	len = target_request(&t, 7, "4711-aa", out, sizeof(out));
	assert_non_null(strstr(out, "user_id: u7\r\n"));
	assert_non_null(strstr(out, "\r\nLast-Event-ID: 4711-aa\r\n\r\n"));
	assert_int_equal(len, strlen(out));
}

static void does_not_write_beyond_the_end(void **state)
{
	struct args_list none = {0};
	struct target t;
	char out[64];
	int whole;

	(void)state;
	assert_int_equal(target_init(&t, "GET", "http://127.0.0.1:1/{id}",
				     &none),
			 0);
	whole = target_request(&t, 1, "", out, sizeof(out));
	assert_true(whole > 0);
	for (size_t size = 1; size <= (size_t)whole; size++)
		assert_int_equal(target_request(&t, 1, "", out, size),
				 -ENOBUFS);
	assert_int_equal(target_request(&t, 1, "", out, (size_t)whole + 1),
			 whole);
}

static void rejects_other_urls(void **state)
{
	static const char *const bad[] = {"",
					  "https://127.0.0.1:1/",
					  "http://127.0.0.1:1",
					  "http://127.0.0.1/",
					  "http://localhost:1/",
					  "http://127.0.0.1:0/",
					  "http://127.0.0.1:x/",
					  "http://127.0.0.1:65536/"};
	struct args_list none = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct target t;

		assert_int_equal(target_init(&t, "GET", bad[i], &none),
				 -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_the_request),
		cmocka_unit_test(does_not_write_beyond_the_end),
		cmocka_unit_test(rejects_other_urls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
