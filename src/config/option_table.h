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
	OPTIONS_SECRET = 1,  /* never shown */
	OPTIONS_ZERO = 2,    /* 0 is allowed besides min to max, for none */
	OPTIONS_OFF = 4,     /* the word "off" empties the list */
	OPTIONS_HIDDEN = 8,  /* only NATS_* and contexts set it */
	OPTIONS_ACTION = 16, /* a command, not a setting */
	OPTIONS_FILE = 32,   /* path of a readable file */
	OPTIONS_URL = 64,    /* may have a password before its '@' */
	OPTIONS_DOT = 128,   /* drops a trailing dot, as nats.go does */
	OPTIONS_HTTPS = 256, /* besides OPTIONS_FILE: or an https:// URL */
};

struct options_row {
	const char *name; /* without dashes */
	enum options_type type;
	unsigned flags;
	size_t offset; /* in struct options */
	const char *metavar;
	const char *group; /* heading before this row, or NULL */
	const char *value; /* default as text; NULL: none */
	const char *none;  /* shown for a missing default */
	const char *alone; /* value of the flag alone; NULL: needs one */
	const char *takes; /* NULL: derived from type and range */
	const char *help;
	uint64_t min, max;
	const char *const *words; /* ends with NULL */
	/* What is wrong with a value, or with an item of a list; NULL: good. */
	const char *(*fault)(const char *value);
	const char *nats_env;
	const char *field; /* field of a context */
};

extern const struct options_row options_table[];
extern const size_t options_rows;

/* NULL: no such option. */
const struct options_row *options_find(const char *name);

#endif
