/* Values of a NATS CLI context: variables and ~ in paths, and the URIs of
 * jsm.go's credential resolvers. */
#ifndef SLUICE_VALUE_RESOLVER_H
#define SLUICE_VALUE_RESOLVER_H

#include <stddef.h>

struct value_resolver_env {
	const char *home;  /* NULL: unknown, as if empty */
	char *const *vars; /* as environ; NULL: none */
};

/* NULL: not set. `name` need not end at `len`. */
const char *value_resolver_variable(char *const vars[], const char *name,
				    size_t len);

/* Expands $VAR and ${VAR} (empty when not set), then a leading ~, as
 * expandHomedir() of jsm.go. The caller frees *ret. -ENOMEM, or -ENAMETOOLONG
 * above 4 KiB. */
int value_resolver_expand(const struct value_resolver_env *env,
			  const char *text, char **ret);

/* Reads the value of file://PATH, env://NAME or data:;base64,..., without line
 * ends at its end; the caller frees *ret. *ret is NULL for a value that is not
 * such a URI and stands for itself. A negative errno with *why (static, or
 * valid until the next strerror()), which never quotes the value: op:// and
 * nsc:// (they would run a program), missing, empty, or with a NUL. */
int value_resolver_follow(const struct value_resolver_env *env,
			  const char *value, char **ret, const char **why);

#endif
