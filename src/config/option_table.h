/* The rows of the options: name, type, default, range and help of each.
 * Parsing, the environment, --help, --check-config, the man page and
 * completions are made from them. A new option is one row here and one field of
 * struct options. */
#ifndef SLUICE_OPTION_TABLE_H
#define SLUICE_OPTION_TABLE_H

#include <stddef.h>
#include <stdint.h>

enum options_type {
	OPTIONS_STRING,	  /* char * */
	OPTIONS_DURATION, /* uint64_t, milliseconds */
	OPTIONS_SIZE,	  /* uint64_t, bytes */
	OPTIONS_COUNT,	  /* uint64_t */
	OPTIONS_BOOL,	  /* bool */
	OPTIONS_WORD,	  /* an enum: the index in `words` */
	OPTIONS_LIST,	  /* struct options_strings */
};

enum {
	OPTIONS_SECRET = 1,  /* the value is never shown */
	OPTIONS_ZERO = 2,    /* 0 is good besides min to max: "for none" */
	OPTIONS_OFF = 4,     /* a list that the word "off" makes empty */
	OPTIONS_HIDDEN = 8,  /* neither a flag nor SLUICE_*: from NATS alone */
	OPTIONS_ACTION = 16, /* tells what to do, is no setting */
	OPTIONS_FILE = 32,   /* path of a file that must be readable */
	OPTIONS_URL = 64,    /* may hold a password before its '@' */
	OPTIONS_DOT = 128,   /* a dot at the end is dropped, as in nats.go */
};

struct options_row {
	const char *name; /* without dashes */
	enum options_type type;
	unsigned flags;
	size_t offset; /* in struct options */
	const char *metavar;
	const char *group; /* heading that begins with this row, or NULL */
	const char *value; /* default in its text form; NULL: none */
	const char *none;  /* shown in place of a missing default */
	const char
		*alone; /* value of the flag without one; NULL: it needs one */
	const char *takes; /* NULL: made of type and range */
	const char *help;
	uint64_t min, max;
	const char *const *words; /* ends with NULL */
	/* NULL when the value (of a list: the item) is good, else why not. */
	const char *(*fault)(const char *value);
	const char *nats_env;
	const char *field; /* of a context */
};

extern const struct options_row options_table[];
extern const size_t options_rows;

/* NULL: none has that name. */
const struct options_row *options_find(const char *name);

#endif
