/* Labels of close reasons: each a word of its own. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/close_reason.h"

/* They are used unescaped as labels of Prometheus and as values of logfmt. */
static void labels_are_words_each_of_its_own(void **state)
{
	(void)state;
	for (int i = 0; i < CLOSE_REASON_COUNT; i++) {
		const char *label = close_reason_label((enum close_reason)i);

		assert_true(strlen(label) > 0);
		for (const char *at = label; *at != '\0'; at++)
			assert_true(islower((unsigned char)*at) || *at == '_');
		for (int k = 0; k < i; k++)
			assert_string_not_equal(label,
						close_reason_label(
							(enum close_reason)k));
	}
	assert_string_equal(close_reason_label(CLOSE_CLIENT_CLOSED),
			    "client_closed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels_are_words_each_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
