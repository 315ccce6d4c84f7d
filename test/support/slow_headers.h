/* The headers of a message as members of JSON: slow and obvious, to compare
 * with message_headers_json(). */
#ifndef TEST_SLOW_HEADERS_H
#define TEST_SLOW_HEADERS_H

#include <stddef.h>

#include "bytes.h"

void slow_headers(struct bytes *to, const char *block, size_t len);

#endif
