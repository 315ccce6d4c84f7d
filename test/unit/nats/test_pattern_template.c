#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "nats/pattern_template.h"

static void templates_make_patterns(void **state)
{
	static const struct {
		const char *text, *pattern;
		bool has_id;
	} cases[] = {
		{"events.{id}", "events.42", true},
		{"{id}", "42", true},
		{"{id}.{id}.*", "42.42.*", true},
		{"rooms.*.{id}.>", "rooms.*.42.>", true},
		{"news.>", "news.>", false},
		{">", ">", false},
		{"$KV.prefs.{id}.>", "$KV.prefs.42.>", true},
		{"a", "a", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct span text = span_of(cases[i].text);
		char out[PATTERN_MAX];
		size_t len = 0;

		assert_null(pattern_template_fault(text));
		assert_int_equal(pattern_template_has_id(text),
				 cases[i].has_id);
		assert_null(pattern_template_render(text, span_of("42"), out,
						    &len));
		assert_int_equal(len, strlen(cases[i].pattern));
		assert_memory_equal(out, cases[i].pattern, len);
	}
}

static void faults_have_a_reason(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"", "it is empty"},
		{"a..{id}", "it has an empty token"},
		{"{id}.", "it has an empty token"},
		{"events.x{id}", "{id} is the only placeholder"},
		{"events.{id}x", "{id} is the only placeholder"},
		{"{id}{id}", "{id} is the only placeholder"},
		{"{ID}", "{id} is the only placeholder"},
		{"{kind}.{id}", "{id} is the only placeholder"},
		{"a}.b", "{id} is the only placeholder"},
		{"{id}.>.a", "> must be the last token"},
		{"{id}.a*", "* and > must be whole tokens"},
		{"a b.{id}", "it has a byte"},
		{"\xc3\xa4.{id}", "it has a byte"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *fault =
			pattern_template_fault(span_of(cases[i].text));

		if (fault == NULL ||
		    strncmp(fault, cases[i].why, strlen(cases[i].why)) != 0)
			fail_msg("\"%s\": %s", cases[i].text,
				 fault == NULL ? "none" : fault);
	}
}

/* A template is too long when it is so for the shortest identity. */
static void length_is_that_of_the_pattern(void **state)
{
	char text[PATTERN_MAX + 8], out[PATTERN_MAX];
	struct span template = {text, PATTERN_MAX - 1 + 4};
	size_t len = 0;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text + PATTERN_MAX - 2, ".{id}", 5);
	assert_null(pattern_template_fault(template));
	assert_null(pattern_template_render(template, span_of("i"), out, &len));
	assert_int_equal(len, PATTERN_MAX);
	assert_string_equal(pattern_template_render(template, span_of("42"),
						    out, &len),
			    "it is longer than 255 bytes");
	assert_int_equal(len, PATTERN_MAX);
	memcpy(text + PATTERN_MAX - 2, "a.{id}", 6);
	template.len++;
	assert_non_null(pattern_template_fault(template));
}

/* Otherwise the identity `$KV` could read all buckets by "{id}.>". */
static void an_identity_never_makes_a_hidden_pattern(void **state)
{
	static const char *const ids[] = {"$KV", "$", "_INBOX"};
	char out[PATTERN_MAX];
	size_t len;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		assert_non_null(pattern_template_render(span_of("{id}.>"),
							span_of(ids[i]), out,
							&len));
		assert_null(pattern_template_render(span_of("a.{id}"),
						    span_of(ids[i]), out,
						    &len));
	}
	assert_null(pattern_template_render(span_of("{id}.>"),
					    span_of("_INBOX_gw"), out, &len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(templates_make_patterns),
		cmocka_unit_test(faults_have_a_reason),
		cmocka_unit_test(length_is_that_of_the_pattern),
		cmocka_unit_test(an_identity_never_makes_a_hidden_pattern),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
