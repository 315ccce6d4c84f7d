/* Options of the bench programs: "--name VALUE", by a table. */
#ifndef BENCH_ARGS_H
#define BENCH_ARGS_H

enum { ARGS_LIST_MAX = 8 };

enum arg_kind {
	ARG_NUMBER,  /* uint64_t */
	ARG_SECONDS, /* "1.5" to uint64_t, in nanoseconds */
	ARG_TEXT,    /* const char * */
	ARG_LIST,    /* struct args_list; repeatable */
	ARG_FLAG,    /* bool; takes no value */
};

struct args_list {
	const char *texts[ARGS_LIST_MAX];
	unsigned n;
};

/* The table ends with a name of NULL. */
struct arg {
	const char *name;
	enum arg_kind kind;
	void *to;
	const char *help;
};

/* Texts are borrowed from argv. An invalid argument ends the program with
 * status 2, --help with 0. */
void args_parse(const struct arg *table, int argc, char **argv);

/* Raises the soft limit of descriptors to the hard limit. */
void args_raise_descriptors(void);

#endif
