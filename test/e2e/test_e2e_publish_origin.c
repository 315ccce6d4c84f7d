/* Pages of other sites: a browser sends the cookie with their requests, so a
 * request that writes with a token from a cookie needs an Origin that may. */
#include "e2e.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_writer.h"
#include "openssl_tokens.h"
#include "temp_folder.h"

enum { HEADERS_MAX = OPENSSL_TOKEN_MAX + 1024 };

static struct temp_folder folder;
static char token[OPENSSL_TOKEN_MAX];

static int setup(void **state)
{
	if (e2e_setup(state) != 0 || temp_folder_make(&folder) != 0)
		return -1;
	openssl_tokens_make_key(&folder, "ES256");
	openssl_tokens_sign(&folder, token, "ES256", NULL,
			    "\"sub\": \"alice\", \"exp\": \"+3600\", \"nats\": "
			    "{\"pub\": {\"allow\": [\"events.alice\"]}}");
	return 0;
}

static int teardown(void **state)
{
	temp_folder_remove(&folder);
	return e2e_teardown(state);
}

#define ORIGIN_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static void start(struct e2e *f, const char *option, const char *value)
{
	e2e_gateway(f, "--auth", "jwt", "--jwt-key",
		    temp_folder_path(&folder, "ES256.pub"), "--jwt-cookie",
		    "token", option, value, NULL);
}

static long long n_stored(struct e2e *f)
{
	return e2e_stream_number(f, "state.messages");
}

/* By each way to write. */
static void expect_write(struct e2e *f, bool may, const char *lines)
{
	static const struct {
		const char *method, *target;
		int status;
	} ways[] = {
		{"POST", "/api/v1/events", 201},
		{"PUT", "/api/v1/subjects/events.alice", 204},
		{"POST", "/api/v1/subjects/events.alice", 200},
	};
	long long before = n_stored(f);
	char headers[HEADERS_MAX];

	snprintf(headers, sizeof(headers), "Cookie: a=b; token=%s\r\n%s", token,
		 lines);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		http_write(f, ways[i].method, ways[i].target, headers, "x", 1);
		http_expect(may ? ways[i].status : 403,
			    may ? "" : "needs an Origin");
	}
	assert_int_equal(n_stored(f), before + (may ? 3 : 0));
}

static void only_own_pages_write(void **state)
{
	static const char *const foreign[] = {
		"",
		"Origin: http://evil.example\r\n",
		"Origin: null\r\n",
		"Origin:\r\n",
		"Origin: h\r\n",
		"Origin: https://h\r\n",
		"Origin: http://h:8080\r\n",
		"Origin: http://h.evil.example\r\n",
		"Origin: http://evil.example/h\r\n",
		"Origin: http://h@evil.example\r\n",
		"Origin: http://evil.example http://h\r\n",
		"Origin: http://h, http://evil.example\r\n",
		"Origin: file://\r\n",
		"Referer: http://h/page\r\n",
		"Sec-Fetch-Site: same-origin\r\n",
		"Sec-Fetch-Site: none\r\n",
		"Origin: http://evil.example\r\nSec-Fetch-Site: "
		"same-origin\r\n",
		"Origin: http://evil.example\r\nX-Forwarded-Host: "
		"evil.example\r\n",
		"Origin: http://evil.example\r\nForwarded: "
		"host=evil.example\r\n",
		"Origin: http://evil.example\r\nReferer: http://h/\r\n",
		"Origin: http://evil.example\r\n"
		"Content-Type: text/plain\r\n",
		"Content-Type: application/x-www-form-urlencoded\r\n",
	};
	struct e2e *f = *state;

	start(f, "--cors-origin", "https://app.example");
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		expect_write(f, false, foreign[i]);
	expect_write(f, true, "Origin: http://h\r\n");
	expect_write(f, true, "Origin: http://h:80\r\n");
	expect_write(f, true, "Origin: HTTP://H\r\n");
	expect_write(f, true,
		     "Origin: https://app.example\r\n"
		     "Sec-Fetch-Site: cross-site\r\n");
	expect_write(f, false, "Origin: https://app.example.evil\r\n");
}

/* A second Origin, or a second cookie, is no way around it. */
static void doubled_headers(void **state)
{
	struct e2e *f = *state;
	char headers[HEADERS_MAX];

	start(f, "--ping-interval", "15s");
	snprintf(headers, sizeof(headers),
		 "Cookie: token=%s\r\nOrigin: http://h\r\n"
		 "Origin: http://evil.example\r\n",
		 token);
	http_write(f, "POST", "/api/v1/events", headers, "x", 1);
	http_expect(400, "");
	assert_int_equal(n_stored(f), 0);
}

/* "*" allows no page to send the cookie. */
static void any_origin_is_no_own_origin(void **state)
{
	struct e2e *f = *state;

	start(f, "--cors-origin", "*");
	expect_write(f, false, "");
	expect_write(f, false, "Origin: null\r\n");
	expect_write(f, true, "Origin: http://h\r\n");
}

/* No browser sends a header by itself. */
static void tokens_in_headers_need_no_origin(void **state)
{
	struct e2e *f = *state;
	char headers[HEADERS_MAX];

	start(f, "--ping-interval", "15s");
	snprintf(headers, sizeof(headers),
		 "Authorization: Bearer %s\r\nOrigin: http://evil.example\r\n",
		 token);
	http_write(f, "POST", "/api/v1/events", headers, "x", 1);
	http_expect(201, "\"seq\":1,");
}

static void a_trusted_proxy_names_the_origin(void **state)
{
	struct e2e *f = *state;

	start(f, "--trusted-proxy", "127.0.0.1/32");
	expect_write(f, true,
		     "Origin: https://www.example\r\n"
		     "X-Forwarded-Proto: https\r\n"
		     "X-Forwarded-Host: www.example\r\n");
	expect_write(f, true,
		     "Origin: https://h\r\nX-Forwarded-Proto: https\r\n");
	expect_write(f, false,
		     "Origin: http://www.example\r\n"
		     "X-Forwarded-Proto: https\r\n"
		     "X-Forwarded-Host: www.example\r\n");
	expect_write(f, false,
		     "Origin: http://evil.example\r\n"
		     "X-Forwarded-Host: www.example\r\n"
		     "Forwarded: host=evil.example\r\n");
	expect_write(f, false, "X-Forwarded-Host: www.example\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ORIGIN_TEST(only_own_pages_write),
		ORIGIN_TEST(doubled_headers),
		ORIGIN_TEST(any_origin_is_no_own_origin),
		ORIGIN_TEST(tokens_in_headers_need_no_origin),
		ORIGIN_TEST(a_trusted_proxy_names_the_origin),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
