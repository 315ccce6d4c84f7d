#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/jwks.h"
#include "base/file.h"
#include "base/printable.h"
#include "config/nats_context.h"
#include "config/option_sources.h"
#include "config/value_resolver.h"
#include "http/https_url.h"

enum { SHOWN_MAX = 256 };

/* An empty variable counts as not set. */
static const char *env_variable(char *const env[], const char *name)
{
	const char *value = value_resolver_variable(env, name, strlen(name));

	return value == NULL || *value == '\0' ? NULL : value;
}

/* `before`: where the value comes from. */
static int fail_config(char *err, int rc, const char *before, const char *what)
{
	if (snprintf(err, OPTIONS_ERROR_MAX, "%s%s", before, what) >=
	    OPTIONS_ERROR_MAX)
		strcpy(err + OPTIONS_ERROR_MAX - 4, "...");
	return rc;
}

/* Sets the fields of the context, at the lowest layer. */
static int apply_context(struct options *o, const struct nats_context *c,
			 char *err)
{
	char what[OPTIONS_ERROR_MAX], name[64], before[SHOWN_MAX], path[128];
	int rc = 0;

	if (o->context == NULL)
		rc = options_set(o, OPTIONS_CONTEXT, "context", c->name, what);
	for (size_t i = 0; rc == 0 && i < c->n_fields; i++)
		rc = options_set(o, OPTIONS_CONTEXT, c->fields[i].option,
				 c->fields[i].value, what);
	if (rc == 0)
		return 0;
	printable_text(name, sizeof(name), c->name);
	printable_text(path, sizeof(path), c->path);
	snprintf(before, sizeof(before), "context \"%s\" (%s), ", name, path);
	return fail_config(err, rc, before, what);
}

static int load_context(struct options *o, char *const env[], const char *home,
			char *err)
{
	const char *by_env = env_variable(env, "HOME");
	struct nats_context_env where = {
		.xdg_config_home = env_variable(env, "XDG_CONFIG_HOME"),
		.home = by_env != NULL ? by_env : home,
		.env = env,
	};
	char what[CONTEXT_ERROR_MAX], origin[OPTIONS_ORIGIN_MAX + 2];
	struct nats_context c = {0};
	int rc;

	if (where.home == NULL) {
		const struct passwd *pw = getpwuid(geteuid());

		where.home = pw == NULL ? NULL : pw->pw_dir;
	}
	rc = nats_context_load(&c, o->context, &where, what);
	if (rc < 0) {
		options_origin(o, "context", origin);
		strcat(origin, ": ");
		return fail_config(err, rc,
				   o->context == NULL ? "the selected "
						      : origin,
				   what);
	}
	if (c.name != NULL)
		rc = apply_context(o, &c, err);
	nats_context_finish(&c);
	return rc;
}

static int check_readable(const char *path)
{
	struct stat st;
	int rc, fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	rc = fstat(fd, &st) < 0 ? -errno : 0;
	if (rc == 0 && S_ISDIR(st.st_mode))
		rc = -EISDIR;
	close(fd);
	return rc;
}

/* Nothing is fetched here. */
static bool is_key_url(const struct options_row *row, const char *value)
{
	return (row->flags & OPTIONS_HTTPS) && https_url_is_url(value);
}

/* Check now: the first connect happens in the background. */
static int check_option_files(const struct options *o, char *err)
{
	char origin[OPTIONS_ORIGIN_MAX], takes[OPTION_VALUE_TAKES_MAX],
		path[160];
	int rc;

	for (size_t i = 0; i < options_rows; i++) {
		const struct options_row *row = &options_table[i];
		const char *value;

		if (!(row->flags & OPTIONS_FILE))
			continue;
		value = *(char *const *)((const char *)o + row->offset);
		if (value != NULL && is_key_url(row, value))
			continue;
		rc = value == NULL ? 0 : check_readable(value);
		if (rc == 0)
			continue;
		options_origin(o, row->name, origin);
		option_value_takes(row, takes);
		printable_text(path, sizeof(path), value);
		/* A data: URI by mistake may be a key. */
		if (strncmp(value, "data:", 5) == 0)
			strcpy(path, "data:(hidden)");
		snprintf(err, OPTIONS_ERROR_MAX,
			 "%s: wrong value \"%s\" (%s); takes %s", origin, path,
			 strerror(-rc), takes);
		return rc;
	}
	return 0;
}

/* Checks the content too, which otherwise only the start would do. */
static int check_keys(const struct options *o, const char *name,
		      const char *file, enum jwks_kind kind, char *err)
{
	char what[JWKS_ERROR_MAX], origin[OPTIONS_ORIGIN_MAX], path[160];
	struct jwks *keys = NULL;
	char *text;
	size_t len;
	int rc;

	if (file == NULL || is_key_url(options_find(name), file))
		return 0;
	rc = file_read(file, &text, &len);
	if (rc == 0) {
		rc = jwks_new(&keys, kind, text, len, what);
		explicit_bzero(text, len);
		free(text);
	}
	jwks_free(keys);
	if (rc == 0)
		return 0;
	options_origin(o, name, origin);
	printable_text(path, sizeof(path), file);
	snprintf(err, OPTIONS_ERROR_MAX, "%s: %s: %s", origin, path,
		 rc == -EINVAL ? what : strerror(-rc));
	return rc;
}

int config_load(struct options *o, char *const env[], const char *home,
		char *err)
{
	int rc = option_sources_parse_env(o, env, err);

	if (rc == 0)
		rc = load_context(o, env, home, err);
	if (rc == 0)
		rc = option_sources_finish(o, err);
	if (rc == 0)
		rc = check_option_files(o, err);
	if (rc == 0)
		rc = check_keys(o, "jwt-key", o->jwt_key, JWKS_PUBLIC, err);
	if (rc == 0)
		rc = check_keys(o, "jwt-secret", o->jwt_secret, JWKS_SECRET,
				err);
	return rc;
}
