/* Nesting of untrusted JSON: jansson recurses, and the stack is finite. */
#ifndef SLUICE_JSON_DEPTH_H
#define SLUICE_JSON_DEPTH_H

#include <stddef.h>

enum { JSON_DEPTH_MAX = 32 };

/* Depth of nested arrays and objects. Of bytes that are not JSON the number
 * means nothing. */
size_t json_depth(const char *text, size_t len);

#endif
