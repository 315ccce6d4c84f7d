/* What the values of a NATS CLI context lead to: variables and a home in paths,
 * and the URIs that jsm.go's credential resolvers know. */
#ifndef SLUICE_VALUE_RESOLVER_H
#define SLUICE_VALUE_RESOLVER_H

#include <stddef.h>

struct value_resolver_env {
	const char *home;  /* NULL: not known, taken as empty */
	char *const *vars; /* environ's form; NULL: none */
};

/* NULL: not set. `name` need not end at `len`. */
const char *value_resolver_variable(char *const vars[], const char *name,
				    size_t len);

/* $VAR and ${VAR} (one that is not set is empty), then a leading ~, as
 * jsm.go's expandHomedir() does. The caller frees *ret. -ENOMEM;
 * -ENAMETOOLONG for more than a path of 4 KiB with its NUL. */
int value_resolver_expand(const struct value_resolver_env *env,
			  const char *text, char **ret);

/* Where file://PATH, env://NAME or data:;base64,... leads, without line ends
 * behind it; the caller frees *ret. *ret is NULL for a value that is no such
 * URI and stands for itself. A negative errno with *why (static, or good until
 * the next strerror()), never the value: op:// and nsc:// (they need a program
 * to be run), not there, empty, with a NUL inside. */
int value_resolver_follow(const struct value_resolver_env *env,
			  const char *value, char **ret, const char **why);

#endif
