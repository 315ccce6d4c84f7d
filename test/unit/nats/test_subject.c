/* Identities, templates, names of streams and prefixes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "nats/subject.h"

static void an_identity_is_one_token(void **state)
{
	char longest[SUBJECT_ID_MAX + 2];

	(void)state;
	memset(longest, 'a', sizeof(longest));
	assert_true(subject_id_ok("42", 2));
	assert_true(subject_id_ok("user@example", 12));
	assert_true(subject_id_ok("!~$%/\\", 6));
	assert_true(subject_id_ok(longest, SUBJECT_ID_MAX));
	assert_false(subject_id_ok(longest, SUBJECT_ID_MAX + 1));
	assert_false(subject_id_ok("", 0));
	for (int c = 0; c < 256; c++) {
		char id[3] = {'a', (char)c, 'b'};
		bool ok =
			c >= 33 && c <= 126 && c != '.' && c != '*' && c != '>';

		assert_int_equal(subject_id_ok(id, 3), ok);
		assert_int_equal(subject_id_ok(id + 1, 1), ok);
	}
}

static void template_makes_subjects(void **state)
{
	static const struct {
		const char *text, *subject;
	} cases[] = {
		{"events.{id}", "events.42"},
		{"{id}", "42"},
		{"{id}.inbox", "42.inbox"},
		{"a.b.{id}.c.d", "a.b.42.c.d"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct subject_template t;
		const char *why = NULL;
		char out[SUBJECT_MAX];

		assert_int_equal(subject_template_parse(&t, cases[i].text,
							&why),
				 0);
		assert_null(why);
		assert_int_equal(subject_render(&t, "42", 2, out),
				 strlen(cases[i].subject));
		assert_string_equal(out, cases[i].subject);
	}
}

static void template_faults_have_a_reason(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"", "it must contain {id} once"},
		{"events", "it must contain {id} once"},
		{"events.{ID}", "it must contain {id} once"},
		{"{id}.{id}", "it may contain {id} only once"},
		{"events.x{id}", "{id} must be a whole token"},
		{"events.{id}x", "{id} must be a whole token"},
		{"{id}{id}", "it may contain {id} only once"},
		{"events.{id}.*", "it may have no wildcard"},
		{"events.{id}.>", "it may have no wildcard"},
		{"{kind}.{id}", "{id} is the only placeholder"},
		{"{id}.{kind}", "{id} is the only placeholder"},
		{".{id}", "its tokens must be"},
		{"{id}.", "its tokens must be"},
		{"a..{id}", "its tokens must be"},
		{"a b.{id}", "its tokens must be"},
		{"a\r\nb.{id}", "its tokens must be"},
		{"\xc3\xa4.{id}", "its tokens must be"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct subject_template t = {.prefix_len = 77};
		const char *why = NULL;

		assert_int_equal(subject_template_parse(&t, cases[i].text,
							&why),
				 -EINVAL);
		assert_non_null(why);
		if (strncmp(why, cases[i].why, strlen(cases[i].why)) != 0)
			fail_msg("\"%s\": %s", cases[i].text, why);
		assert_int_equal(t.prefix_len, 77);
	}
}

/* The longest template still has room for the longest identity. */
static void template_length_leaves_room_for_the_identity(void **state)
{
	size_t most = SUBJECT_MAX - 1 - SUBJECT_ID_MAX;
	char id[SUBJECT_ID_MAX], text[SUBJECT_MAX + 8], out[SUBJECT_MAX];
	struct subject_template t;
	const char *why = NULL;

	(void)state;
	memset(id, 'i', sizeof(id));
	memset(text, 'a', sizeof(text));
	strcpy(text + most - 1, ".{id}");
	assert_int_equal(subject_template_parse(&t, text, &why), 0);
	assert_int_equal(subject_render(&t, id, sizeof(id), out),
			 SUBJECT_MAX - 1);
	assert_int_equal(strlen(out), SUBJECT_MAX - 1);
	memset(text, 'a', sizeof(text));
	strcpy(text + most, ".{id}");
	assert_int_equal(subject_template_parse(&t, text, &why), -EINVAL);
	assert_string_equal(why, "it is too long");
}

static void stream_names(void **state)
{
	char name[SUBJECT_NAME_MAX + 2];

	(void)state;
	memset(name, 'S', sizeof(name));
	name[SUBJECT_NAME_MAX + 1] = '\0';
	assert_false(subject_stream_name_ok(name));
	name[SUBJECT_NAME_MAX] = '\0';
	assert_true(subject_stream_name_ok(name));
	assert_true(subject_stream_name_ok("Events"));
	assert_true(subject_stream_name_ok("KV_a-b_$"));
	assert_false(subject_stream_name_ok(""));
	for (const char *c = " .*>\\/\t\r\n\x7f\xc3"; *c != '\0'; c++) {
		char bad[4] = {'a', *c, 'b', '\0'};

		assert_false(subject_stream_name_ok(bad));
	}
}

static void prefixes(void **state)
{
	char longest[SUBJECT_NAME_MAX + 2] = "";

	(void)state;
	memset(longest, 'p', SUBJECT_NAME_MAX);
	assert_true(subject_prefix_ok(longest));
	longest[SUBJECT_NAME_MAX] = 'p';
	assert_false(subject_prefix_ok(longest));
	assert_true(subject_prefix_ok("$JS.hub.API"));
	assert_true(subject_prefix_ok("_INBOX_gw"));
	assert_false(subject_prefix_ok(""));
	assert_false(subject_prefix_ok("."));
	assert_false(subject_prefix_ok("a."));
	assert_false(subject_prefix_ok(".a"));
	assert_false(subject_prefix_ok("a..b"));
	assert_false(subject_prefix_ok("a.*"));
	assert_false(subject_prefix_ok("a.>"));
	assert_false(subject_prefix_ok("a b"));
	assert_false(subject_prefix_ok("a\nb"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_identity_is_one_token),
		cmocka_unit_test(template_makes_subjects),
		cmocka_unit_test(template_faults_have_a_reason),
		cmocka_unit_test(template_length_leaves_room_for_the_identity),
		cmocka_unit_test(stream_names),
		cmocka_unit_test(prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
