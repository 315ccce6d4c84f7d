/* How deep somebody's JSON nests: jansson recurses, and a stack is finite. */
#ifndef SLUICE_JSON_DEPTH_H
#define SLUICE_JSON_DEPTH_H

#include <stddef.h>

enum { JSON_DEPTH_MAX = 32 };

/* How deep arrays and objects are nested in bytes that may be JSON: what a
 * parser that recurses would need. Of any other bytes the number says nothing.
 */
size_t json_depth(const char *text, size_t len);

#endif
