/* The value of one option, by its row: parsed and checked, printed, described.
 */
#ifndef SLUICE_OPTION_VALUE_H
#define SLUICE_OPTION_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "config/option_table.h"

/* A list of strings, owned. Some are secrets: all are wiped before they are
 * freed. */
struct options_strings {
	char **items;
	size_t n;
};

void options_strings_finish(struct options_strings *s);
/* Owns `item` in any case. -ENOMEM or 0. */
int options_strings_add(struct options_strings *s, char *item);
/* Appends copies. -ENOMEM or 0. */
int options_strings_copy(struct options_strings *dst,
			 const struct options_strings *src);

/* A value that has passed the checks of its row. The type tells the field. */
struct option_value {
	uint64_t number; /* also a word's index, and a bool */
	char *text;	 /* owned */
	struct options_strings list;
};

/* `ret` starts zeroed; call option_value_finish() in any case. 0, -ENOMEM, or
 * -EINVAL, with *why where there is more to say than what the row takes. */
int option_value_parse(const struct options_row *row, const char *text,
		       struct option_value *ret, const char **why);
void option_value_finish(struct option_value *v);

/* Wipes and frees; NULL is fine. */
void option_value_free_text(char *text);

/* Prints the field of struct options that `row` describes, without the userinfo
 * of URLs; "(hidden)" for a secret text. -ENOBUFS, -ENOMEM or 0. */
int option_value_print(const struct options_row *row, const void *field,
		       bool secret, struct buf *out);

/* "a duration from 1s to 1h (such as ...)" */
enum { OPTION_VALUE_TAKES_MAX = 200 };
void option_value_takes(const struct options_row *row, char *out);

#endif
