/* Options in a test: set by a command line or an environment, and printed. */
#ifndef SLUICE_TEST_OPTIONS_RIG_H
#define SLUICE_TEST_OPTIONS_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "config/option_help.h"
#include "config/option_sources.h"
#include "config/options.h"

static inline int setup_options(void **state)
{
	struct options *o = malloc(sizeof(*o));

	*state = o;
	return o == NULL ? -1 : options_init(o);
}

static inline int teardown_options(void **state)
{
	options_finish(*state);
	free(*state);
	return 0;
}

#define test(f) \
	cmocka_unit_test_setup_teardown(f, setup_options, teardown_options)

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static inline int take_args(struct options *o, const char *const *words,
			    char *err)
{
	int n = 0;

	while (words[n] != NULL)
		n++;
	return option_sources_parse_args(o, n, (char *const *)words, err);
}

/* The command line behind the program's name. */
#define args(o, err, ...) take_args((o), WORDS("sluice", __VA_ARGS__), (err))
#define environment(o, err, ...) \
	option_sources_parse_env((o), (char *const *)WORDS(__VA_ARGS__), (err))

#define assert_contains(text, part)                                       \
	do {                                                              \
		if (strstr((text), (part)) == NULL)                       \
			fail_msg("\"%s\" is not in: %s", (part), (text)); \
	} while (0)

/* The caller frees. */
static inline char *printed(const struct options *o)
{
	struct buf b;

	buf_init(&b, 1 << 16);
	assert_int_equal(option_help_print_config(o, &b), 0);
	assert_int_equal(buf_putc(&b, '\0'), 0);
	return (char *)b.data;
}

#define assert_printed(o, line)                                        \
	do {                                                           \
		char *text_ = printed(o);                              \
		if (strstr(text_, "\n" line "\n") == NULL)             \
			fail_msg("\"%s\" is not in: %s", line, text_); \
		free(text_);                                           \
	} while (0)

#define assert_not_printed(o, part)                                  \
	do {                                                         \
		char *text_ = printed(o);                            \
		if (strstr(text_, (part)) != NULL)                   \
			fail_msg("\"%s\" is in: %s", (part), text_); \
		free(text_);                                         \
	} while (0)

#endif
