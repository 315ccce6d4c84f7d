/* The identity of a header or a parameter: one token of a subject, or an
 * error. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "auth/identity.h"

#define LEN(list) (sizeof(list) / sizeof((list)[0]))

/* 64 bytes, the longest name. */
#define LONG_NAME \
	"a23456789012345678901234567890123456789012345678901234567890123Z"

/* As if the query carried no identity when query_name is NULL. */
static struct identity_request request(const char *header, size_t header_len,
				       const char *query_name,
				       const char *query, size_t query_len)
{
	return (struct identity_request){
		.header_name = "user_id",
		.header = header,
		.header_len = header_len,
		.query_name = query_name,
		.query = query,
		.query_len = query_len,
	};
}

static void expect_id(struct identity_request req, const char *want, size_t len)
{
	struct http_error why = {0};
	struct identity id;

	memset(&id, 0x5a, sizeof(id));
	if (identity_take(&id, &why, &req) != 0)
		fail_msg("%s", why.text);
	assert_int_equal(id.len, len);
	assert_memory_equal(id.id, want, len);
	assert_int_equal(id.id[len], '\0');
}

/* `words` end with NULL. */
static void expect_rejected(struct identity_request req,
			    const char *const *words)
{
	struct identity id, before;
	struct http_error why;

	memset(&id, 0x5a, sizeof(id));
	memset(&why, 0x5a, sizeof(why));
	before = id;
	assert_int_equal(identity_take(&id, &why, &req), -EINVAL);
	assert_int_equal(why.status, 400);
	assert_int_equal(why.reason, REJECT_BAD_IDENTITY);
	assert_string_equal(why.allow, "");
	assert_memory_equal(&id, &before, sizeof(id));
	for (; *words != NULL; words++)
		if (strstr(why.text, *words) == NULL)
			fail_msg("\"%s\" is not in: %s", *words, why.text);
	for (const char *at = why.text; *at != '\0'; at++)
		assert_in_range(*at, 0x20, 0x7e);
}

#define EXPECT_REJECTED(req, ...) \
	expect_rejected((req), (const char *const[]){__VA_ARGS__, NULL})

static void test_good_ones(void **state)
{
	static const char *const list[] = {
		"a",	"alice",	"0",	"!",	      "~",     "a-b_c",
		"$SYS", "a/b?c=d&e%20", "{id}", "\"quoted\"", "a,b;c",
	};

	(void)state;
	for (size_t i = 0; i < LEN(list); i++) {
		const char *id = list[i];
		size_t len = strlen(id);

		expect_id(request(id, len, NULL, NULL, 0), id, len);
		expect_id(request(id, len, "id", NULL, 0), id, len);
		expect_id(request(NULL, 0, "id", id, len), id, len);
	}
}

static void test_the_length_counts_not_the_nul(void **state)
{
	(void)state;
	expect_id(request("alice, bob", 5, NULL, NULL, 0), "alice", 5);
	expect_id(request(NULL, 0, "id", "alice.bob", 5), "alice", 5);
}

/* Each byte, in each place of a short identity. */
static void test_every_byte(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		bool good =
			c >= 33 && c <= 126 && c != '.' && c != '*' && c != '>';

		for (size_t at = 0; at < 3; at++) {
			char id[4] = "abc";

			id[at] = (char)c;
			if (good) {
				expect_id(request(id, 3, NULL, NULL, 0), id, 3);
				expect_id(request(NULL, 0, "id", id, 3), id, 3);
				continue;
			}
			EXPECT_REJECTED(request(id, 3, NULL, NULL, 0),
					"user_id", "128");
			EXPECT_REJECTED(request(NULL, 0, "id", id, 3),
					"query parameter id", "128");
		}
	}
}

static void test_lengths(void **state)
{
	char id[200];

	(void)state;
	memset(id, 'x', sizeof(id));
	for (size_t len = 1; len <= 128; len++) {
		expect_id(request(id, len, NULL, NULL, 0), id, len);
		expect_id(request(NULL, 0, "id", id, len), id, len);
	}
	for (size_t len = 129; len <= sizeof(id); len++) {
		EXPECT_REJECTED(request(id, len, NULL, NULL, 0), "user_id",
				"1 to 128", "(hidden)");
		EXPECT_REJECTED(request(NULL, 0, "id", id, len), "id",
				"1 to 128", "(hidden)");
	}
}

static void test_empty_ones(void **state)
{
	(void)state;
	EXPECT_REJECTED(request("", 0, NULL, NULL, 0), "header user_id \"\"",
			"one NATS subject token");
	EXPECT_REJECTED(request(NULL, 0, "id", "", 0),
			"query parameter id \"\"", "one NATS subject token");
}

static void test_none(void **state)
{
	(void)state;
	EXPECT_REJECTED(request(NULL, 0, NULL, NULL, 0),
			"header user_id is missing", "one NATS subject token");
	EXPECT_REJECTED(request(NULL, 0, "id", NULL, 0), "no header user_id",
			"query parameter id", "one NATS subject token");
	/* without a name for it the query does not count */
	EXPECT_REJECTED(request(NULL, 0, NULL, "alice", 5),
			"header user_id is missing");
	expect_id(request("bob", 3, NULL, "alice", 5), "bob", 3);
}

static void test_both(void **state)
{
	static const struct {
		const char *header, *query;
	} list[] = {{"alice", "alice"}, {"alice", "bob"}, {"", "alice"},
		    {"alice", ""},	{"", ""},	  {"*", "alice"}};

	(void)state;
	for (size_t i = 0; i < LEN(list); i++)
		EXPECT_REJECTED(request(list[i].header, strlen(list[i].header),
					"id", list[i].query,
					strlen(list[i].query)),
				"user_id", "parameter id", "both", "one of");
}

static void test_texts_quote_and_fit(void **state)
{
	struct identity_request req =
		request("a\r\nPUB x\xff", 9, NULL, NULL, 0);
	char long_id[300];

	(void)state;
	EXPECT_REJECTED(req, "\"a\\x0d\\x0aPUB x\\xff\"",
			"printable ASCII bytes without '.', '*', '>'");
	/* not cut, even with the longest id */
	memset(long_id, '.', sizeof(long_id));
	req = request(long_id, sizeof(long_id), LONG_NAME, NULL, 0);
	req.header_name = LONG_NAME;
	EXPECT_REJECTED(req, LONG_NAME, "...\"", "without '.', '*', '>'");
	req = request(NULL, 0, LONG_NAME, long_id, sizeof(long_id));
	EXPECT_REJECTED(req, LONG_NAME, "...\"", "without '.', '*', '>'");
	req = request(NULL, 0, LONG_NAME, NULL, 0);
	req.header_name = LONG_NAME;
	EXPECT_REJECTED(req, LONG_NAME, "without '.', '*', '>'");
	req = request("a", 1, LONG_NAME, "a", 1);
	req.header_name = LONG_NAME;
	EXPECT_REJECTED(req, LONG_NAME, "one of them");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_ones),
		cmocka_unit_test(test_the_length_counts_not_the_nul),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_empty_ones),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_both),
		cmocka_unit_test(test_texts_quote_and_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
