/* Reads JSON of untrusted origin without building a tree: the members of an
 * object, the items of an array, as parts of the text. Only for a text that
 * json_compact_len() accepts; then no function fails or recurses, and numbers
 * keep all of their digits. */
#ifndef SLUICE_JSON_WALK_H
#define SLUICE_JSON_WALK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

enum json_kind {
	JSON_KIND_OBJECT,
	JSON_KIND_ARRAY,
	JSON_KIND_STRING,
	JSON_KIND_NUMBER,
	JSON_KIND_WORD, /* true, false, null */
};

struct json_walk {
	const char *at;
	const char *end;
};

/* The value without blanks around it. */
struct span json_walk_value(struct span text);
/* Of a value without blanks around it. */
enum json_kind json_walk_kind(struct span value);

/* `value`: an object or an array. */
struct json_walk json_walk_begin(struct span value);
/* The next member: its name as json_walk_text() takes it, its value without
 * blanks around it. False after the last one. */
bool json_walk_member(struct json_walk *w, struct span *name,
		      struct span *value);
bool json_walk_item(struct json_walk *w, struct span *value);

/* The text of a string, which has its quotes, to `out`, which has room for
 * string.len bytes. Returns its length. It may have NULs. */
size_t json_walk_text(char *out, struct span string);

#endif
