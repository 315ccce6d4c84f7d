#include "config/value_resolver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/values.h"

enum {
	FILE_MAX_BYTES = 1 << 20,
	PATH_MAX_BYTES = 4096,
	READ_AT_LEAST = 512,
};

/* ---- files ------------------------------------------------------------ */

static int read_all(int fd, struct buf *b)
{
	for (;;) {
		int rc = buf_reserve(b, READ_AT_LEAST);
		ssize_t n;

		if (rc < 0)
			return rc;
		n = read(fd, buf_tail(b), buf_room(b));
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			buf_added(b, (size_t)n);
	}
}

int reference_read_file(const char *path, char **ret, size_t *len)
{
	/* O_NONBLOCK: a FIFO without a writer is not waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct buf b;
	int rc;

	if (fd < 0)
		return -errno;
	/* Behind the longest file is room to find its end, and for the NUL;
	 * with one byte more it is too little. */
	buf_init(&b, FILE_MAX_BYTES + READ_AT_LEAST);
	rc = read_all(fd, &b);
	close(fd);
	if (rc == 0)
		rc = buf_putc(&b, '\0');
	if (rc < 0) {
		buf_finish(&b);
		return rc == -ENOBUFS ? -EFBIG : rc;
	}
	MUST(b.start == 0);
	*len = buf_unread(&b) - 1;
	*ret = (char *)b.data;
	return 0;
}

/* ---- variables -------------------------------------------------------- */

const char *reference_variable(char *const vars[], const char *name, size_t len)
{
	for (; vars != NULL && *vars != NULL; vars++)
		if (strncmp(*vars, name, len) == 0 && (*vars)[len] == '=')
			return *vars + len + 1;
	return NULL;
}

static bool is_name_byte(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z') || c == '_';
}

/* The variable's name in "$NAME" or "${NAME}" at p; how many bytes it takes
 * with its signs, 0 for a dollar that is just one. */
static size_t variable_at(const char *p, const char **name, size_t *len)
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
			*text == '$' ? variable_at(text, &name, &len) : 0;

		if (taken == 0) {
			rc = buf_putc(b, *text++);
			continue;
		}
		value = reference_variable(vars, name, len);
		rc = value == NULL ? 0 : buf_puts(b, value);
		text += taken;
	}
	return rc < 0 ? rc : buf_putc(b, '\0');
}

int reference_expand(const struct reference_env *env, const char *text,
		     char **ret)
{
	const char *home = env->home == NULL ? "" : env->home;
	char *expanded;
	struct buf b;
	int rc;

	buf_init(&b, PATH_MAX_BYTES);
	rc = put_expanded(&b, env->vars, text);
	if (rc == 0) {
		const char *path = (const char *)buf_head(&b);
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

static bool has_scheme(const char *value, const char *scheme)
{
	return strncasecmp(value, scheme, strlen(scheme)) == 0;
}

/* data:[TYPE];base64,DATA (RFC 2397), with a NUL behind it. */
static int read_data(const char *uri, char **ret, size_t *len, const char **why)
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
	if (values_base64(comma + 1, strlen(comma + 1), *ret, max - 1, len) ==
	    0)
		return 0;
	*why = "its data: URI is no base64";
	return -EINVAL;
}

static int read_variable(char *const vars[], const char *uri, char **ret,
			 size_t *len, const char **why)
{
	const char *name = uri + strlen("env://");
	const char *value = reference_variable(vars, name, strlen(name));

	if (value == NULL) {
		*why = "the variable that its env:// URI names is not set";
		return -EINVAL;
	}
	*ret = strdup(value);
	*len = strlen(value);
	return *ret == NULL ? -ENOMEM : 0;
}

static int read_path(const struct reference_env *env, const char *uri,
		     char **ret, size_t *len, const char **why)
{
	char *path = NULL;
	int rc = reference_expand(env, uri + strlen("file://"), &path);

	if (rc == 0)
		rc = reference_read_file(path, ret, len);
	free(path);
	*why = strerror(-rc);
	return rc;
}

static const char *trim(char *text, size_t len)
{
	if (strlen(text) != len)
		return "what its URI leads to holds a NUL";
	while (len > 0 && strchr("\r\n", text[len - 1]) != NULL)
		text[--len] = '\0';
	return len == 0 ? "what its URI leads to is empty" : NULL;
}

int reference_follow(const struct reference_env *env, const char *value,
		     char **ret, const char **why)
{
	char *text = NULL;
	size_t len = 0;
	int rc;

	*ret = NULL;
	if (has_scheme(value, "op://") || has_scheme(value, "nsc://")) {
		*why = "op:// and nsc:// are not supported, only file://, "
		       "env:// and data:";
		return -EINVAL;
	}
	if (has_scheme(value, "data:"))
		rc = read_data(value, &text, &len, why);
	else if (has_scheme(value, "env://"))
		rc = read_variable(env->vars, value, &text, &len, why);
	else if (has_scheme(value, "file://"))
		rc = read_path(env, value, &text, &len, why);
	else
		return 0;
	if (rc == 0) {
		*why = trim(text, len);
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
