/* Contracts that stay on in every build: what *our* code guarantees. A peer's
 * bytes never reach a MUST(); they are answered, not asserted. */
#ifndef SLUICE_CHECK_H
#define SLUICE_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define MUST(expr)                                                      \
	do {                                                            \
		if (!(expr)) {                                          \
			fprintf(stderr, "%s:%d: broken contract: %s\n", \
				__FILE__, __LINE__, #expr);             \
			abort();                                        \
		}                                                       \
	} while (0)

#define CONTAINER_OF(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
