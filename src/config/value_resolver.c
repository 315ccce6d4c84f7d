#include "config/value_resolver.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/base64.h"
#include "base/buf.h"
#include "base/file.h"

enum { PATH_MAX_BYTES = 4096 };

/* ---- variables -------------------------------------------------------- */

const char *value_resolver_variable(char *const vars[], const char *name,
				    size_t len)
{
	for (; vars != NULL && *vars != NULL; vars++)
		if (strncmp(*vars, name, len) == 0 && (*vars)[len] == '=')
			return *vars + len + 1;
	return NULL;
}

static bool is_name_byte(char c)
{
	return ascii_is_alnum(c) || c == '_';
}

/* The name in "$NAME" or "${NAME}" at p. Returns the length with the signs; 0
 * for a plain dollar sign. */
static size_t variable_name_at(const char *p, const char **name, size_t *len)
{
	bool braces = p[1] == '{';

	*name = p + 1 + braces;
	for (*len = 0; is_name_byte((*name)[*len]);)
		++*len;
	if (*len == 0 || (braces && (*name)[*len] != '}'))
		return 0;
	return *len + 1 + (braces ? 2 : 0);
}

static int put_expanded(struct buf *b, char *const vars[], const char *text)
{
	int rc = 0;

	while (rc == 0 && *text != '\0') {
		const char *name, *value;
		size_t len;
		size_t taken =
			*text == '$' ? variable_name_at(text, &name, &len) : 0;

		if (taken == 0) {
			rc = buf_putc(b, *text++);
			continue;
		}
		value = value_resolver_variable(vars, name, len);
		rc = value == NULL ? 0 : buf_puts(b, value);
		text += taken;
	}
	return rc < 0 ? rc : buf_putc(b, '\0');
}

int value_resolver_expand(const struct value_resolver_env *env,
			  const char *text, char **ret)
{
	const char *home = env->home == NULL ? "" : env->home;
	char *expanded;
	struct buf b;
	int rc;

	buf_init(&b, PATH_MAX_BYTES);
	rc = put_expanded(&b, env->vars, text);
	if (rc == 0) {
		const char *path = (const char *)buf_data(&b);
		bool tilde = *path == '~';

		home = tilde ? home : "";
		if (strlen(home) + strlen(path + tilde) >= PATH_MAX_BYTES)
			rc = -ENOBUFS;
		else if (asprintf(&expanded, "%s%s", home, path + tilde) < 0)
			rc = -ENOMEM;
		else
			*ret = expanded;
	}
	buf_finish(&b);
	return rc == -ENOBUFS ? -ENAMETOOLONG : rc;
}

/* ---- URIs ------------------------------------------------------------- */

static bool has_reference_scheme(const char *value, const char *scheme)
{
	return ascii_has_prefix(value, scheme);
}

/* data:[TYPE];base64,DATA (RFC 2397), decoded, with a NUL appended. */
static int read_data_uri(const char *uri, char **ret, size_t *len,
			 const char **why)
{
	const char *comma = strchr(uri, ',');
	size_t max;

	if (comma == NULL || comma - uri < 7 ||
	    strncmp(comma - 7, ";base64", 7) != 0) {
		*why = "a data: URI must be of the form data:;base64,...";
		return -EINVAL;
	}
	max = strlen(comma + 1) / 4 * 3 + 4;
	*ret = calloc(1, max);
	if (*ret == NULL)
		return -ENOMEM;
	if (base64_decode(comma + 1, strlen(comma + 1), *ret, max - 1, len) ==
	    0)
		return 0;
	*why = "its data: URI is not base64";
	return -EINVAL;
}

static int read_variable(char *const vars[], const char *uri, char **ret,
			 size_t *len, const char **why)
{
	const char *name = uri + strlen("env://");
	const char *value = value_resolver_variable(vars, name, strlen(name));

	if (value == NULL) {
		*why = "the variable that its env:// URI names is not set";
		return -EINVAL;
	}
	*ret = strdup(value);
	*len = strlen(value);
	return *ret == NULL ? -ENOMEM : 0;
}

static int read_path_uri(const struct value_resolver_env *env, const char *uri,
			 char **ret, size_t *len, const char **why)
{
	char *path = NULL;
	int rc = value_resolver_expand(env, uri + strlen("file://"), &path);

	if (rc == 0)
		rc = file_read(path, ret, len);
	free(path);
	*why = strerror(-rc);
	return rc;
}

static const char *trim_line_end(char *text, size_t len)
{
	if (strlen(text) != len)
		return "the value of its URI has a NUL";
	while (len > 0 && strchr("\r\n", text[len - 1]) != NULL)
		text[--len] = '\0';
	return len == 0 ? "the value of its URI is empty" : NULL;
}

int value_resolver_follow(const struct value_resolver_env *env,
			  const char *value, char **ret, const char **why)
{
	char *text = NULL;
	size_t len = 0;
	int rc;

	*ret = NULL;
	if (has_reference_scheme(value, "op://") ||
	    has_reference_scheme(value, "nsc://")) {
		*why = "op:// and nsc:// are not supported, only file://, "
		       "env:// and data:";
		return -EINVAL;
	}
	if (has_reference_scheme(value, "data:"))
		rc = read_data_uri(value, &text, &len, why);
	else if (has_reference_scheme(value, "env://"))
		rc = read_variable(env->vars, value, &text, &len, why);
	else if (has_reference_scheme(value, "file://"))
		rc = read_path_uri(env, value, &text, &len, why);
	else
		return 0;
	if (rc == 0) {
		*why = trim_line_end(text, len);
		rc = *why == NULL ? 0 : -EINVAL;
	}
	if (rc == 0) {
		*ret = text;
		return 0;
	}
	if (text != NULL)
		explicit_bzero(text, len);
	free(text);
	return rc;
}
