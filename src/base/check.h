/* Invariants, checked in every build. MUST() states what this program
 * guarantees. Bytes of a peer never reach it: they get a response, not an
 * abort. */
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

/* For what most calls do not need: its stack frame costs them nothing. */
#define OUT_OF_LINE __attribute__((noinline))

#endif
