/* The server's texts about permissions, whole, cut and forged. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "upstream/nats_denied.h"

#define PUBLISH	  "Permissions Violation for Publish to "
#define SUBSCRIBE "Permissions Violation for Subscription to "

static const struct span none = {"", 0};

static void assert_denied(const char *text, enum nats_denied_kind kind,
			  const char *subject, const char *queue)
{
	struct nats_denied d;

	assert_int_equal(nats_denied_parse(&d, text), 0);
	assert_int_equal(d.kind, kind);
	assert_string_equal(d.subject, subject);
	assert_string_equal(d.queue, queue);
	assert_false(d.is_cut);
	assert_true(nats_denied_is(&d, span_of(subject), span_of(queue)));
	assert_false(nats_denied_is(&d, span_of("a.bc"), span_of(queue)));
	assert_false(nats_denied_is(&d, span_of(subject), span_of("other")));
}

static void texts_of_servers(void **state)
{
	(void)state;
	assert_denied(PUBLISH "\"a.b\"", NATS_DENIED_PUBLISH, "a.b", "");
	assert_denied(PUBLISH "\"a.\\\"\\\\'b\"", NATS_DENIED_PUBLISH,
		      "a.\"\\'b", "");
	assert_denied(SUBSCRIBE "\"a.>\"", NATS_DENIED_SUBSCRIPTION, "a.>", "");
	assert_denied(SUBSCRIBE "\"a.*\" using queue \"q\"",
		      NATS_DENIED_SUBSCRIPTION, "a.*", "q");
	assert_denied(SUBSCRIBE "\"a\" (sid \"7\")", NATS_DENIED_SUBSCRIPTION,
		      "a", "");
	assert_denied(SUBSCRIBE "\"a\" using queue \"q\" (sid \"7\")",
		      NATS_DENIED_SUBSCRIPTION, "a", "q");
}

static void other_texts(void **state)
{
	static const char *const texts[] = {
		"",
		"Slow Consumer, messages dropped",
		"Permissions Violation",
		"permissions violation for Publish to \"a\"",
		" " PUBLISH "\"a\"",
		PUBLISH "a",
		PUBLISH "\"\"",
		PUBLISH "\"a",
		PUBLISH "\"a\\\"",
		PUBLISH "\"a\\",
		PUBLISH "\"a\\x00\"",
		PUBLISH "\"a\\u00e9\"",
		PUBLISH "\"a b\"",
		PUBLISH "\"a\nb\"",
		PUBLISH "\"\xc3\xa9\"",
		PUBLISH "\"a\" ",
		PUBLISH "\"a\" using queue \"q\"",
		"Permissions Violation for Publish with Reply of \"a\"",
		SUBSCRIBE "\"a\", too many tokens",
		SUBSCRIBE "\"a\" using queue \"\"",
		SUBSCRIBE "\"a\" using queue \"q",
		SUBSCRIBE "\"a\" using queue",
		SUBSCRIBE "\"a\" (sid \"7\"",
		SUBSCRIBE "\"a\" (sid \"7\") ",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct nats_denied d;

		if (nats_denied_parse(&d, texts[i]) != -EINVAL)
			fail_msg("parsed: %s", texts[i]);
	}
}

/* nats.c keeps 255 bytes: at each cut the text must still find its own
 * subscription, and none that begins differently. */
static void assert_found_at_each_cut(const char *subject, const char *queue)
{
	char text[1024], cut[256];
	struct nats_denied d;
	int len = snprintf(text, sizeof(text), SUBSCRIBE "\"%s\"%s%s%s",
			   subject, *queue == '\0' ? "" : " using queue \"",
			   queue, *queue == '\0' ? "" : "\"");

	for (int n = 250; n < 256 && n < len; n++) {
		memcpy(cut, text, (size_t)n);
		cut[n] = '\0';
		assert_int_equal(nats_denied_parse(&d, cut), 0);
		assert_true(d.is_cut);
		assert_true(
			nats_denied_is(&d, span_of(subject), span_of(queue)));
		assert_false(nats_denied_is(&d, span_of("a"), none));
		assert_false(nats_denied_is(&d, span_of(text), span_of(queue)));
	}
}

static void long_texts_are_cut(void **state)
{
	char name[400];

	(void)state;
	/* Cuts within the subject, at each place behind it, in the queue. */
	for (size_t len = 180; len < sizeof(name) - 1; len++) {
		memset(name, 'a', len);
		name[len] = '\0';
		if (strlen(SUBSCRIBE) + len + 2 > 256)
			assert_found_at_each_cut(name, "");
		assert_found_at_each_cut(name, "a-queue-with-a-name-of-some-"
					       "length-for-the-cut");
	}
}

/* Every cut of a short text is another text. */
static void short_texts_are_never_cut(void **state)
{
	static const char text[] = SUBSCRIBE "\"ab\" using queue \"qu\"";
	char cut[sizeof(text)];
	struct nats_denied d;

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		memcpy(cut, text, n);
		cut[n] = '\0';
		assert_int_equal(nats_denied_parse(&d, cut),
				 n == strlen(SUBSCRIBE "\"ab\"") ? 0 : -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_of_servers),
		cmocka_unit_test(other_texts),
		cmocka_unit_test(long_texts_are_cut),
		cmocka_unit_test(short_texts_are_never_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
