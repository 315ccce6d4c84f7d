/* What the gateway inserts into the page, and the responses with it. The page
 * itself is tested in browsers: test/clients. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sodium.h>

#include "http/live_page.h"
#include "http/live_page_source.h"

static char own[] = "events.{id}", news[] = "news.>";
static char *const templates[] = {own, news};
static const struct live_page_config plain = {.stream = "Events",
					      .subjects = templates,
					      .n_subjects = 2,
					      .id_header = "user_id",
					      .auth = "header",
					      .ping_ms = 30000,
					      .retry_ms = 3000};
static const struct response_to keep = {.minor = 1, .keep_alive = true};

/* The whole response as a string; the caller frees it. */
static char *answer(const struct live_page *ui, const struct response_to *to,
		    const char *if_none_match)
{
	struct buf out;
	char *text;

	buf_init(&out, 1 << 20);
	assert_int_equal(live_page_reply(ui, &out, to, if_none_match), 0);
	text = strndup((const char *)buf_data(&out), buf_unread(&out));
	if (text == NULL)
		abort();
	assert_int_equal(strlen(text), buf_unread(&out));
	buf_finish(&out);
	return text;
}

static char *page_of(const struct live_page_config *cfg)
{
	struct live_page ui;
	char *text;

	assert_int_equal(live_page_init(&ui, cfg), 0);
	text = answer(&ui, &keep, NULL);
	live_page_finish(&ui);
	return text;
}

static void must_hold(const char *text, const char *words)
{
	if (strstr(text, words) == NULL)
		fail_msg("\"%s\" is not there", words);
}

/* ---- the page ------------------------------------------------------------ */

static void test_says_what_the_gateway_is(void **state)
{
	char *text = page_of(&plain);

	(void)state;
	must_hold(text, "HTTP/1.1 200 OK\r\n");
	must_hold(text, "\r\nContent-Type: text/html; charset=utf-8\r\n");
	must_hold(text, "\r\nCache-Control: no-cache\r\n");
	must_hold(text, "\r\nReferrer-Policy: no-referrer\r\n");
	must_hold(text, "\r\nX-Content-Type-Options: nosniff\r\n");
	must_hold(text, "\r\n\r\n<!doctype html>\n<html lang=\"en\" ");
	must_hold(text, " data-stream=\"Events\" "
			"data-auth=\"header\" data-id-header=\"user_id\" "
			"data-ping=\"30000\" data-retry=\"3000\" "
			"data-writing=\"0\" "
			"data-subjects=\"events.{id} news.&gt;\">");
	free(text);
}

static void test_says_that_clients_may_publish(void **state)
{
	struct live_page_config cfg = plain;
	char *text;

	(void)state;
	cfg.writing = true;
	text = page_of(&cfg);
	must_hold(text, " data-writing=\"1\" ");
	free(text);
}

static void test_escapes_what_it_says(void **state)
{
	char hostile[] = "a.\"><script>alert(1)</script>&amp;.{id}";
	char *const list[] = {hostile};
	struct live_page_config cfg = plain;
	char *text;

	(void)state;
	cfg.subjects = list;
	cfg.n_subjects = 1;
	text = page_of(&cfg);
	must_hold(text, " data-subjects=\"a.&quot;&gt;&lt;script&gt;alert(1)"
			"&lt;/script&gt;&amp;amp;.{id}\">");
	assert_null(strstr(text, "<script>alert"));
	free(text);
}

/* ---- the policy ---------------------------------------------------------- */

/* 'sha256-...' of what is between the two marks in the page. */
static void must_be_allowed(const char *page, const char *directive,
			    const char *from, const char *to)
{
	const char *begin = strstr(page, from), *end;
	unsigned char hash[crypto_hash_sha256_BYTES];
	char want[128], base64[64];

	assert_non_null(begin);
	begin += strlen(from);
	end = strstr(begin, to);
	assert_non_null(end);
	assert_in_range(end - begin, 1000, 1000000);
	crypto_hash_sha256(hash, (const unsigned char *)begin,
			   (unsigned long long)(end - begin));
	sodium_bin2base64(base64, sizeof(base64), hash, sizeof(hash),
			  sodium_base64_VARIANT_ORIGINAL);
	snprintf(want, sizeof(want), "%s 'sha256-%s';", directive, base64);
	must_hold(live_page_source_policy, want);
}

static void test_policy_names_script_and_style(void **state)
{
	char *text = page_of(&plain);
	char line[1024];

	(void)state;
	snprintf(line, sizeof(line), "\r\nContent-Security-Policy: %s\r\n",
		 live_page_source_policy);
	must_hold(text, line);
	must_hold(live_page_source_policy, "default-src 'none';");
	must_hold(live_page_source_policy, "connect-src 'self';");
	must_hold(live_page_source_policy, "base-uri 'none';");
	must_hold(live_page_source_policy, "form-action 'none';");
	must_hold(live_page_source_policy, "frame-ancestors 'none';");
	assert_null(strstr(live_page_source_policy, "unsafe"));
	must_be_allowed(text, "style-src", "<style>", "</style>");
	must_be_allowed(text, "script-src", "<script type=\"module\">",
			"</script>");
	free(text);
}

/* ---- heads --------------------------------------------------------------- */

static void test_head_has_the_length_and_no_body(void **state)
{
	const struct response_to head = {.minor = 1, .is_head = true};
	struct live_page ui;
	char line[64], *text;

	(void)state;
	assert_int_equal(live_page_init(&ui, &plain), 0);
	text = answer(&ui, &head, NULL);
	snprintf(line, sizeof(line), "\r\nContent-Length: %zu\r\n",
		 buf_unread(&ui.page));
	must_hold(text, line);
	must_hold(text, "\r\nConnection: close\r\n");
	assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
	free(text);
	live_page_finish(&ui);
}

static void test_says_that_it_is_unchanged(void **state)
{
	struct live_page ui;
	char list[64], line[64], *text;

	(void)state;
	assert_int_equal(live_page_init(&ui, &plain), 0);
	snprintf(line, sizeof(line), "\r\nETag: %s\r\n", ui.etag);
	text = answer(&ui, &keep, NULL);
	must_hold(text, line);
	free(text);
	snprintf(list, sizeof(list), "\"other\", W/%s", ui.etag);
	const char *const same[] = {ui.etag, list, "*"};

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		text = answer(&ui, &keep, same[i]);
		must_hold(text, "HTTP/1.1 304 Not Modified\r\n");
		must_hold(text, line);
		must_hold(text, "\r\nContent-Security-Policy: default-src");
		assert_null(strstr(text, "Content-Length"));
		assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
		free(text);
	}
	text = answer(&ui, &keep, "\"other\"");
	must_hold(text, "HTTP/1.1 200 OK\r\n");
	free(text);
	live_page_finish(&ui);
}

static void test_another_page_has_another_etag(void **state)
{
	struct live_page_config cfg = plain;
	struct live_page a, b;

	(void)state;
	cfg.n_subjects = 1;
	assert_int_equal(live_page_init(&a, &plain), 0);
	assert_int_equal(live_page_init(&b, &cfg), 0);
	assert_string_not_equal(a.etag, b.etag);
	live_page_finish(&a);
	assert_int_equal(live_page_init(&a, &cfg), 0);
	assert_string_equal(a.etag, b.etag);
	live_page_finish(&a);
	live_page_finish(&b);
}

static void test_all_or_nothing(void **state)
{
	struct buf out;
	struct live_page ui;

	(void)state;
	assert_int_equal(live_page_init(&ui, &plain), 0);
	buf_init(&out, 4096);
	assert_int_equal(buf_puts(&out, "before"), 0);
	assert_int_equal(live_page_reply(&ui, &out, &keep, NULL), -ENOBUFS);
	assert_int_equal(buf_unread(&out), 6);
	buf_finish(&out);
	live_page_finish(&ui);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_says_what_the_gateway_is),
		cmocka_unit_test(test_says_that_clients_may_publish),
		cmocka_unit_test(test_escapes_what_it_says),
		cmocka_unit_test(test_policy_names_script_and_style),
		cmocka_unit_test(test_head_has_the_length_and_no_body),
		cmocka_unit_test(test_says_that_it_is_unchanged),
		cmocka_unit_test(test_another_page_has_another_etag),
		cmocka_unit_test(test_all_or_nothing),
	};

	return sodium_init() < 0 ||
	       cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
