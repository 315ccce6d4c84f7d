/* Cases for functions that name what is wrong with a text, or return NULL. */
#ifndef SLUICE_TEST_FAULT_CASES_H
#define SLUICE_TEST_FAULT_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

struct fault_case {
	const char *text;
	const char *why; /* beginning of the fault; NULL: none */
};

static inline void expect_faults(const char *(*fault_of)(const char *),
				 const struct fault_case *cases, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const char *why = fault_of(cases[i].text);

		if (cases[i].why == NULL
			    ? why != NULL
			    : why == NULL || strncmp(why, cases[i].why,
						     strlen(cases[i].why)))
			fail_msg("\"%s\": %s", cases[i].text,
				 why == NULL ? "no fault" : why);
	}
}

/* `before`, n times 'a', `behind`. */
static inline const char *stretch_text(char *out, const char *before, size_t n,
				       const char *behind)
{
	size_t len = strlen(before);

	memcpy(out, before, len);
	memset(out + len, 'a', n);
	strcpy(out + len + n, behind);
	return out;
}

#endif
