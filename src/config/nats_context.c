/* A context is a flat JSON object. Each field has one rule: how its value is
 * read, and which option it becomes. What jsm.go supports and this program does
 * not (running `nsc`, a SOCKS proxy) ends the load: ignoring it would connect
 * in another way than the user configured. */
#include "config/nats_context.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/ascii.h"
#include "base/check.h"
#include "base/file.h"
#include "base/json_depth.h"
#include "base/printable.h"
#include "config/value_resolver.h"

enum kind {
	PLAIN,	 /* a string, as it is */
	SECRET,	 /* a string, or the URI of one */
	FILE_AT, /* a path, expanded */
	CREDS,	 /* a path, expanded, or a URI */
	NKEY,	 /* a path, expanded, or a file URI */
	BOOL,
	UNSUPPORTED, /* not supported; `option` says why */
};

static const struct rule {
	const char *key;
	enum kind kind;
	const char *option;
} rules[] = {
	{"url", PLAIN, "server"},
	{"user", PLAIN, "user"},
	{"password", SECRET, "password"},
	{"token", SECRET, "token"},
	{"creds", CREDS, "creds"},
	{"nkey", NKEY, "nkey"},
	{"user_jwt", SECRET, "user-jwt"},
	{"user_seed", SECRET, "user-seed"},
	{"cert", FILE_AT, "tlscert"},
	{"key", FILE_AT, "tlskey"},
	{"ca", FILE_AT, "tlsca"},
	{"tls_first", BOOL, "tlsfirst"},
	{"inbox_prefix", PLAIN, "inbox-prefix"},
	{"jetstream_domain", PLAIN, "js-domain"},
	{"jetstream_api_prefix", PLAIN, "js-api-prefix"},
	{"nsc", UNSUPPORTED,
	 "credentials from nsc are not supported; export "
	 "them to a file and name it in creds"},
	{"socks_proxy", UNSUPPORTED, "SOCKS proxies are not supported"},
	{"windows_cert_store", UNSUPPORTED,
	 "certificate stores are not supported; use ca, cert and key"},
};

struct loading {
	struct nats_context *c;
	const struct nats_context_env *env;
	char *err;
};

/* Returns `rc`; err is "context "prod" (/path/prod.json): what is wrong". */
__attribute__((format(printf, 3, 4))) static int fail(struct loading *l, int rc,
						      const char *fmt, ...)
{
	char name[64], path[192], what[224];
	const char *known = l->c->path == NULL ? "no file" : l->c->path;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	printable_text(name, sizeof(name),
		       l->c->name == NULL ? "" : l->c->name);
	printable_text(path, sizeof(path), known);
	snprintf(l->err, CONTEXT_ERROR_MAX, "context \"%s\" (%s): %s", name,
		 path, what);
	return rc;
}

static int fail_no_memory(struct loading *l)
{
	return fail(l, -ENOMEM, "out of memory");
}

/* ---- values ----------------------------------------------------------- */

/* Owns `value` in any case. */
static int add_context_value(struct loading *l, const char *option, char *value)
{
	struct nats_context *c = l->c;

	MUST(c->n_fields < CONTEXT_MAX_FIELDS);
	if (value == NULL)
		return fail_no_memory(l);
	if (*value == '\0') {
		free(value);
		return 0;
	}
	c->fields[c->n_fields++] =
		(struct nats_context_field){.option = option, .value = value};
	return 0;
}

static bool has_url_scheme(const char *value, const char *scheme)
{
	return ascii_has_prefix(value, scheme);
}

static struct value_resolver_env resolver_env_of(const struct loading *l)
{
	return (struct value_resolver_env){.home = l->env->home,
					   .vars = l->env->env};
}

static int follow_reference(struct loading *l, const char *key,
			    const char *value, char **ret)
{
	struct value_resolver_env env = resolver_env_of(l);
	const char *why = NULL;
	int rc = value_resolver_follow(&env, value, ret, &why);

	if (rc == -ENOMEM)
		return fail_no_memory(l);
	return rc == 0 ? 0 : fail(l, rc, "field \"%s\": %s", key, why);
}

static int add_secret_value(struct loading *l, const struct rule *r,
			    const char *value)
{
	char *text = NULL;
	int rc = follow_reference(l, r->key, value, &text);

	if (rc < 0)
		return rc;
	return add_context_value(l, r->option,
				 text == NULL ? strdup(value) : text);
}

static int add_path_value(struct loading *l, const struct rule *r,
			  const char *value)
{
	struct value_resolver_env env = resolver_env_of(l);
	char *path;
	int rc;

	if (has_url_scheme(value, "file://"))
		value += strlen("file://");
	rc = value_resolver_expand(&env, value, &path);
	if (rc == -ENOMEM)
		return fail_no_memory(l);
	if (rc < 0)
		return fail(l, rc, "field \"%s\": %s", r->key, strerror(-rc));
	if (*path == '\0') {
		free(path);
		return fail(l, -EINVAL,
			    "field \"%s\": its path is empty after "
			    "its variables are expanded",
			    r->key);
	}
	return add_context_value(l, r->option, path);
}

/* The line after "-----BEGIN ..." that begins with `prefix`; NULL: none. The
 * caller frees it. */
static char *take_decorated_line(const char *text, const char *prefix, int *rc)
{
	bool begun = false;

	for (size_t len; *text != '\0'; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		if (begun && strncmp(text, prefix, strlen(prefix)) == 0) {
			char *line = strndup(text, strcspn(text, " \t\r\n"));

			*rc = line == NULL ? -ENOMEM : 0;
			return line;
		}
		begun = strncmp(text, "-----BEGIN ", 11) == 0;
	}
	*rc = -EINVAL;
	return NULL;
}

/* JWT and seed of credentials that are not in a file. */
static int add_creds_text(struct loading *l, const char *text)
{
	int rc;
	char *line = take_decorated_line(text, "ey", &rc);

	if (rc == 0)
		rc = add_context_value(l, "user-jwt", line);
	if (rc == 0) {
		line = take_decorated_line(text, "SU", &rc);
		if (rc == 0)
			rc = add_context_value(l, "user-seed", line);
	}
	if (rc == -EINVAL)
		return fail(l, rc,
			    "field \"creds\": its URI does not lead to a "
			    "credentials file with a JWT and a seed");
	return rc == -ENOMEM ? fail_no_memory(l) : rc;
}

static int add_creds_value(struct loading *l, const struct rule *r,
			   const char *value)
{
	char *text = NULL;
	int rc;

	if (has_url_scheme(value, "file://"))
		return add_path_value(l, r, value);
	rc = follow_reference(l, r->key, value, &text);
	if (rc == 0 && text == NULL)
		return add_path_value(l, r, value);
	if (rc == 0)
		rc = add_creds_text(l, text);
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
	return rc;
}

static int add_nkey_value(struct loading *l, const struct rule *r,
			  const char *value)
{
	if (has_url_scheme(value, "env://") || has_url_scheme(value, "data:") ||
	    has_url_scheme(value, "op://") || has_url_scheme(value, "nsc://"))
		return fail(l, -EINVAL,
			    "field \"nkey\": only a file is supported, not "
			    "another URI");
	return add_path_value(l, r, value);
}

/* ---- the object ------------------------------------------------------- */

/* As encoding/json of Go: case-insensitive, the last one wins. */
static const json_t *field_value_of(json_t *object, const char *key)
{
	const json_t *ret = NULL;
	void *i = json_object_iter(object);

	for (; i != NULL; i = json_object_iter_next(object, i))
		if (ascii_is_word(json_object_iter_key(i),
				  strlen(json_object_iter_key(i)), key))
			ret = json_object_iter_value(i);
	return ret;
}

static int add_bool_value(struct loading *l, const struct rule *r,
			  const json_t *v)
{
	if (!json_is_boolean(v))
		return fail(l, -EINVAL, "field \"%s\" must be true or false",
			    r->key);
	return json_is_true(v) ? add_context_value(l, r->option, strdup("1"))
			       : 0;
}

static int add_context_field(struct loading *l, const struct rule *r,
			     const json_t *v)
{
	const char *text;

	if (v == NULL || json_is_null(v))
		return 0;
	if (r->kind == BOOL)
		return add_bool_value(l, r, v);
	text = json_string_value(v);
	if (text == NULL)
		return fail(l, -EINVAL, "field \"%s\" must be a string",
			    r->key);
	if (*text == '\0')
		return 0;
	switch (r->kind) {
	case SECRET:
		return add_secret_value(l, r, text);
	case FILE_AT:
		return add_path_value(l, r, text);
	case CREDS:
		return add_creds_value(l, r, text);
	case NKEY:
		return add_nkey_value(l, r, text);
	case UNSUPPORTED:
		return fail(l, -EINVAL, "field \"%s\": %s", r->key, r->option);
	default:
		return add_context_value(l, r->option, strdup(text));
	}
}

static unsigned count_auth_fields(const struct nats_context *c,
				  const char *option)
{
	unsigned n = 0;

	for (size_t i = 0; i < c->n_fields; i++)
		n += strcmp(c->fields[i].option, option) == 0;
	return n;
}

/* jsm.go does not save a context with more than one of these. JWT and seed may
 * also come from creds. */
static int check_credentials(struct loading *l)
{
	static const char *const kinds[] = {"user", "creds", "nkey",
					    "user-jwt"};
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		n += count_auth_fields(l->c, kinds[i]);
	if (n < 2 && count_auth_fields(l->c, "user-seed") < 2)
		return 0;
	return fail(l, -EINVAL,
		    "only one of user, creds, nkey and user_jwt may be given");
}

static int take_context_object(struct loading *l, json_t *object)
{
	int rc = 0;

	if (!json_is_object(object))
		return fail(l, -EINVAL, "it is not a JSON object");
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(rules); i++)
		rc = add_context_field(l, &rules[i],
				       field_value_of(object, rules[i].key));
	return rc < 0 ? rc : check_credentials(l);
}

static int take_context_file(struct loading *l)
{
	json_error_t where;
	json_t *object;
	char *text;
	size_t len;
	bool deep;
	int rc = file_read(l->c->path, &text, &len);

	if (rc == -ENOENT || rc == -ENOTDIR)
		return fail(l, -ENOENT, "it does not exist");
	if (rc < 0)
		return fail(l, rc, "%s", strerror(-rc));
	deep = json_depth(text, len) > JSON_DEPTH_MAX;
	object = deep ? NULL : json_loadb(text, len, 0, &where);
	explicit_bzero(text, len);
	free(text);
	if (deep)
		return fail(l, -EINVAL, "its JSON is nested too deeply");
	/* The error text of jansson may quote a secret. */
	if (object == NULL)
		return fail(l, -EINVAL, "it is not JSON (line %d, column %d)",
			    where.line, where.column);
	rc = take_context_object(l, object);
	json_decref(object);
	return rc;
}

/* ---- which one -------------------------------------------------------- */

/* "<config home>/nats/<rest>"; NULL: no memory, or (*known false) no home. */
static char *nats_config_path(const struct nats_context_env *env,
			      const char *rest, const char *suffix, bool *known)
{
	const char *xdg = env->xdg_config_home;
	const char *home = env->home;
	bool by_xdg = xdg != NULL && *xdg != '\0';
	char *ret;

	*known = by_xdg || (home != NULL && *home != '\0');
	if (!*known || asprintf(&ret, "%s%s/nats/%s%s", by_xdg ? xdg : home,
				by_xdg ? "" : "/.config", rest, suffix) < 0)
		return NULL;
	return ret;
}

/* The trimmed text of context.txt. An unreadable file counts as none, as for
 * the `nats` command: a service often may not read a home directory. */
static int find_selected(struct loading *l, char **ret)
{
	static const char blanks[] = " \t\r\n\v\f";
	char *text, *begin;
	size_t len;
	bool known;
	char *path = nats_config_path(l->env, "context.txt", "", &known);
	int rc;

	*ret = NULL;
	if (path == NULL)
		return known ? fail_no_memory(l) : 0;
	rc = file_read(path, &text, &len);
	free(path);
	if (rc < 0)
		return rc == -ENOMEM ? fail_no_memory(l) : 0;
	begin = text + strspn(text, blanks);
	len = strlen(begin);
	while (len > 0 && strchr(blanks, begin[len - 1]) != NULL)
		len--;
	if (len > 0) {
		*ret = strndup(begin, len);
		rc = *ret == NULL ? fail_no_memory(l) : 0;
	}
	free(text);
	return rc;
}

static bool is_context_name(const char *name)
{
	return *name != '\0' && strstr(name, "..") == NULL &&
	       strpbrk(name, "/\\") == NULL;
}

static bool ends_in_json(const char *name)
{
	size_t len = strlen(name);

	return len > 5 && strcmp(name + len - 5, ".json") == 0;
}

/* `path` names the context too. */
static int set_path_of_file(struct loading *l, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash == NULL ? path : slash + 1;

	l->c->path = strdup(path);
	l->c->name = strndup(base, strlen(base) - strlen(".json"));
	return l->c->path == NULL || l->c->name == NULL ? fail_no_memory(l) : 0;
}

static bool is_context_path(const char *name)
{
	return ends_in_json(name) &&
	       (strchr(name, '/') != NULL || access(name, F_OK) == 0);
}

static int set_path_of_name(struct loading *l, const char *name)
{
	bool known;
	char *rest;

	l->c->name = strdup(name);
	if (l->c->name == NULL)
		return fail_no_memory(l);
	if (!is_context_name(name))
		return fail(l, -EINVAL,
			    "a context name must not contain \"..\", \"/\" or "
			    "\"\\\"; the path of a file ends in .json");
	if (asprintf(&rest, "context/%s", name) < 0)
		return fail_no_memory(l);
	l->c->path = nats_config_path(l->env, rest, ".json", &known);
	free(rest);
	if (l->c->path != NULL)
		return 0;
	return known ? fail_no_memory(l)
		     : fail(l, -ENOENT,
			    "neither XDG_CONFIG_HOME nor HOME is set");
}

int nats_context_load(struct nats_context *ret, const char *name,
		      const struct nats_context_env *env, char *err)
{
	struct nats_context c = {0};
	struct loading l = {.c = &c, .env = env, .err = err};
	char *selected = NULL;
	int rc = 0;

	if (name == NULL || *name == '\0') {
		rc = find_selected(&l, &selected);
		name = selected;
	}
	if (rc == 0 && name != NULL) {
		/* A selected context is always a name. */
		rc = selected == NULL && is_context_path(name)
			     ? set_path_of_file(&l, name)
			     : set_path_of_name(&l, name);
		if (rc == 0)
			rc = take_context_file(&l);
	}
	free(selected);
	if (rc < 0)
		nats_context_finish(&c);
	else
		*ret = c;
	return rc;
}

void nats_context_finish(struct nats_context *c)
{
	if (c == NULL)
		return;
	/* Some may be passwords or seeds. */
	for (size_t i = 0; i < c->n_fields; i++) {
		explicit_bzero(c->fields[i].value, strlen(c->fields[i].value));
		free(c->fields[i].value);
	}
	free(c->name);
	free(c->path);
	*c = (struct nats_context){0};
}
