/* The command line and the environment as sources of options, and the rules
 * between options. */
#include "config/option_sources.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/check.h"
#include "base/printable.h"
#include "nats/pattern_template.h"

enum { NAME_MAX_BYTES = 64, SHOWN_MAX = 96 };

static const struct options_row *find_env_row(const char *name)
{
	const struct options_row *row = options_find(name);

	MUST(row != NULL);
	return row;
}

/* ---- the command line ------------------------------------------------- */

/* The name in "--name" or "--name=value", cut to the longest name; false for
 * another argument. */
static bool flag_name_of(const char *arg, char *name)
{
	if (strncmp(arg, "--", 2) != 0 || arg[2] == '\0')
		return false;
	snprintf(name, NAME_MAX_BYTES, "%.*s", (int)strcspn(arg + 2, "="),
		 arg + 2);
	return true;
}

/* The only short forms. */
static const char *long_form(const char *arg)
{
	if (strcmp(arg, "-h") == 0)
		return "--help";
	return strcmp(arg, "-V") == 0 ? "--version" : arg;
}

static const struct options_row *find_flag_row(const char *arg)
{
	const struct options_row *row;
	char name[NAME_MAX_BYTES];

	if (!flag_name_of(arg, name))
		return NULL;
	row = options_find(name);
	return row == NULL || (row->flags & OPTIONS_HIDDEN) ? NULL : row;
}

static int reject_missing_value(char *err, const struct options_row *row)
{
	char takes[OPTION_VALUE_TAKES_MAX];

	option_value_takes(row, takes);
	snprintf(err, OPTIONS_ERROR_MAX, "--%s: needs a value; takes %s",
		 row->name, takes);
	return -EINVAL;
}

/* `last`: the option before it. Do not quote what follows a secret: it may be
 * the rest of it. */
static int reject_argument(char *err, const char *arg,
			   const struct options_row *last)
{
	char shown[SHOWN_MAX];

	printable_text(shown, sizeof(shown), arg);
	if (last != NULL && (last->flags & OPTIONS_SECRET))
		snprintf(err, OPTIONS_ERROR_MAX,
			 "unexpected argument after --%s; options begin with "
			 "two dashes",
			 last->name);
	else
		snprintf(err, OPTIONS_ERROR_MAX,
			 "unexpected argument \"%s\"; options begin with two "
			 "dashes, --help lists them",
			 shown);
	return -EINVAL;
}

int option_sources_parse_args(struct options *o, int argc, char *const argv[],
			      char *err)
{
	const struct options_row *last = NULL;

	for (int i = 1; i < argc; i++) {
		const char *arg = long_form(argv[i]);
		const struct options_row *row = find_flag_row(arg);
		const char *value = strchr(arg, '=');
		char name[NAME_MAX_BYTES];
		int rc;

		if (!flag_name_of(arg, name))
			return reject_argument(err, argv[i], last);
		if (value != NULL) {
			value++;
		} else if (row != NULL && row->type == OPTIONS_BOOL) {
			value = "1";
		} else if (row != NULL && row->alone != NULL) {
			value = row->alone;
		} else if (row != NULL) {
			/* The next option is not a value: the value is
			 * missing. */
			if (i + 1 == argc || find_flag_row(argv[i + 1]) != NULL)
				return reject_missing_value(err, row);
			value = argv[++i];
		}
		rc = options_set(o, OPTIONS_FLAG, name, value, err);
		if (rc < 0)
			return rc;
		last = row;
	}
	return 0;
}

/* ---- the environment -------------------------------------------------- */

/* The value of "NAME=value" when NAME is `name`. */
static const char *flag_value_of(const char *entry, const char *name)
{
	size_t len = strlen(name);

	return strncmp(entry, name, len) == 0 && entry[len] == '='
		       ? entry + len + 1
		       : NULL;
}

/* The option that an unknown SLUICE_... may mean; NULL: none is near. */
static const struct options_row *nearest_variable(const char *name)
{
	char option[NAME_MAX_BYTES];
	size_t len = 0;

	for (name += strlen("SLUICE_"); *name != '\0'; name++)
		if (len + 1 < sizeof(option))
			option[len++] = *name == '_' ? '-' : ascii_lower(*name);
	option[len] = '\0';
	return options_nearest(option);
}

static const char *skip_digits(const char *at)
{
	return at + strspn(at, "0123456789");
}

/* After "_PORT": nothing, or "_N_TCP", "_N_TCP_ADDR", "_N_TCP_PORT",
 * "_N_TCP_PROTO"; the protocol may be UDP or SCTP. */
static bool is_port_tail(const char *tail)
{
	static const char *const protocols[] = {"_TCP", "_UDP", "_SCTP"};
	static const char *const ends[] = {"", "_ADDR", "_PORT", "_PROTO"};
	const char *number = tail + 1;

	if (*tail == '\0')
		return true;
	if (*tail != '_' || skip_digits(number) == number)
		return false;
	tail = skip_digits(number);
	for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
		size_t len = strlen(protocols[i]);

		if (strncmp(tail, protocols[i], len) != 0)
			continue;
		for (size_t e = 0; e < ARRAY_LEN(ends); e++)
			if (strcmp(tail + len, ends[e]) == 0)
				return true;
	}
	return false;
}

/* "_SERVICE_HOST" or "_SERVICE_PORT", maybe followed by the name of a port. */
static bool is_service_tail(const char *tail)
{
	static const char port[] = "_SERVICE_PORT";
	size_t len = strlen(port);

	return strcmp(tail, "_SERVICE_HOST") == 0 ||
	       (strncmp(tail, port, len) == 0 &&
		(tail[len] == '\0' || (tail[len] == '_' && tail[len + 1])));
}

/* Kubernetes sets these variables for each service; those of a service "sluice"
 * or "sluice-..." begin like SLUICE_*. A plain "_PORT" may be a misspelt option
 * unless its value is a URL. */
static bool is_of_kubernetes(const char *name, const char *value)
{
	size_t len = strlen(name);

	if (len > 5 && strcmp(name + len - 5, "_PORT") == 0 &&
	    strstr(value, "://") == NULL && nearest_variable(name) != NULL &&
	    strstr(name, "_SERVICE_PORT") == NULL)
		return false;
	for (const char *at = name; (at = strchr(at, '_')) != NULL; at++) {
		if (is_service_tail(at))
			return true;
		if (strncmp(at, "_PORT", 5) == 0 && is_port_tail(at + 5))
			return true;
	}
	return false;
}

static int reject_variable(char *err, const char *entry)
{
	int len = (int)strcspn(entry, "=");
	char name[NAME_MAX_BYTES], shown[SHOWN_MAX];
	const struct options_row *row;

	snprintf(name, sizeof(name), "%.*s", len, entry);
	printable_text(shown, sizeof(shown), name);
	row = nearest_variable(name);
	if (row != NULL) {
		options_name(row, OPTIONS_ENV, name);
		snprintf(err, OPTIONS_ERROR_MAX,
			 "unknown variable %s; did you mean %s?", shown, name);
	} else {
		snprintf(err, OPTIONS_ERROR_MAX,
			 "unknown variable %s; --help lists the options",
			 shown);
	}
	return -EINVAL;
}

static int parse_sluice(struct options *o, const char *entry, char *err)
{
	char name[256]; /* names of services and ports have 63 bytes */

	for (size_t i = 0; i < options_rows; i++) {
		const struct options_row *row = &options_table[i];
		const char *value;

		if (row->flags & OPTIONS_HIDDEN)
			continue;
		options_name(row, OPTIONS_ENV, name);
		value = flag_value_of(entry, name);
		if (value != NULL)
			return options_set(o, OPTIONS_ENV, row->name, value,
					   err);
	}
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(entry, "="), entry);
	return is_of_kubernetes(name, strchr(entry, '=') + 1)
		       ? 0
		       : reject_variable(err, entry);
}

static int parse_nats_env(struct options *o, const char *entry, char *err)
{
	for (size_t i = 0; i < options_rows; i++) {
		const struct options_row *row = &options_table[i];
		const char *value =
			row->nats_env == NULL
				? NULL
				: flag_value_of(entry, row->nats_env);

		if (value != NULL)
			return options_set(o, OPTIONS_NATS_ENV, row->name,
					   value, err);
	}
	/* Ignoring it would bypass the proxy. */
	if (flag_value_of(entry, "NATS_SOCKS_PROXY") != NULL) {
		snprintf(err, OPTIONS_ERROR_MAX,
			 "NATS_SOCKS_PROXY: SOCKS proxies are not supported; "
			 "takes no value");
		return -EINVAL;
	}
	return 0;
}

int option_sources_parse_env(struct options *o, char *const env[], char *err)
{
	int rc = 0;

	for (; rc == 0 && *env != NULL; env++) {
		const char *value = strchr(*env, '=');

		if (value == NULL || value[1] == '\0')
			continue;
		if (strncmp(*env, "SLUICE_TEST_", 12) == 0)
			continue;
		if (strncmp(*env, "SLUICE_", 7) == 0)
			rc = parse_sluice(o, *env, err);
		else if (strncmp(*env, "NATS_", 5) == 0)
			rc = parse_nats_env(o, *env, err);
	}
	return rc;
}

/* ---- between options -------------------------------------------------- */

static enum options_layer layer_of_row(const struct options *o,
				       const char *name)
{
	return options_layer_of(o, find_env_row(name));
}

static int reset_option_row(struct options *o, const char *name, char *err)
{
	int rc = options_reset(o, find_env_row(name));

	if (rc < 0)
		snprintf(err, OPTIONS_ERROR_MAX, "out of memory");
	return rc;
}

static int reject_both_options(const struct options *o, const char *a,
			       const char *b, char *err)
{
	char a_name[OPTIONS_ORIGIN_MAX], b_name[OPTIONS_ORIGIN_MAX];

	options_origin(o, a, a_name);
	options_origin(o, b, b_name);
	snprintf(err, OPTIONS_ERROR_MAX,
		 "%s: excludes %s; takes one of them, not both", a_name,
		 b_name);
	return -EINVAL;
}

/* Of options that exclude each other the one of the highest layer stays, and
 * those of NATS_* and of the context are reset. Two of one layer, or two of
 * --... and SLUICE_*, are an error. */
static int check_exclusive(struct options *o, const char *const names[],
			   char *err)
{
	const char *best = names[0];
	int rc = 0;

	for (const char *const *n = names; *n != NULL; n++)
		if (layer_of_row(o, *n) > layer_of_row(o, best))
			best = *n;
	for (const char *const *n = names; rc == 0 && *n != NULL; n++) {
		enum options_layer layer = layer_of_row(o, *n);

		if (layer == OPTIONS_DEFAULT || *n == best)
			continue;
		if (layer == layer_of_row(o, best) || layer >= OPTIONS_ENV)
			return reject_both_options(o, best, *n, err);
		rc = reset_option_row(o, *n, err);
	}
	return rc;
}

/* `second` requires `first`. A `second` of the context does not belong to a
 * `first` of another source: --user with the password of the context would mix
 * two users. A `second` of --... or SLUICE_* without `first` is an error. */
static int belongs_to_layer(struct options *o, const char *second,
			    const char *first, char *err)
{
	enum options_layer first_layer = layer_of_row(o, first);
	enum options_layer second_layer = layer_of_row(o, second);
	char name[OPTIONS_ORIGIN_MAX];

	if (second_layer == OPTIONS_DEFAULT)
		return 0;
	if (first_layer == OPTIONS_DEFAULT && second_layer >= OPTIONS_ENV) {
		options_origin(o, second, name);
		snprintf(err, OPTIONS_ERROR_MAX, "%s: needs --%s too", name,
			 first);
		return -EINVAL;
	}
	if (first_layer == OPTIONS_DEFAULT ||
	    (second_layer == OPTIONS_CONTEXT && first_layer > OPTIONS_CONTEXT))
		return reset_option_row(o, second, err);
	return 0;
}

static int finish_tls_options(struct options *o, char *err)
{
	char name[OPTIONS_ORIGIN_MAX];
	int rc = belongs_to_layer(o, "tlskey", "tlscert", err);

	if (rc < 0 || (o->tlscert == NULL) == (o->tlskey == NULL))
		return rc;
	options_origin(o, "tlscert", name);
	snprintf(err, OPTIONS_ERROR_MAX, "%s: needs --tlskey too", name);
	return -EINVAL;
}

static int reject_option(const struct options *o, const char *name,
			 const char *what, char *err)
{
	char origin[OPTIONS_ORIGIN_MAX];

	options_origin(o, name, origin);
	snprintf(err, OPTIONS_ERROR_MAX, "%s: %s", origin, what);
	return -EINVAL;
}

static bool has_id_template(const struct options_strings *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (pattern_template_has_id(span_of(list->items[i])))
			return true;
	return false;
}

/* Without identities. */
static int finish_auth_none(const struct options *o, char *err)
{
	static const char has_id[] = "{id} needs an identity, which --auth "
				     "none does not have";

	if (layer_of_row(o, "subject") == OPTIONS_DEFAULT)
		return reject_option(o, "auth",
				     "none needs --subject too, without {id}",
				     err);
	if (has_id_template(&o->subject))
		return reject_option(o, "subject", has_id, err);
	if (has_id_template(&o->allow_sub))
		return reject_option(o, "allow-sub", has_id, err);
	if (has_id_template(&o->allow_pub))
		return reject_option(o, "allow-pub", has_id, err);
	if (o->max_subscriptions_per_id > 0)
		return reject_option(o, "max-subscriptions-per-id",
				     "needs --auth header or jwt: with none "
				     "clients have no identity",
				     err);
	return 0;
}

/* Options of tokens with --auth header are an error: otherwise a gateway that
 * is meant to verify tokens would trust the header of any client. */
static int finish_auth_options(struct options *o, char *err)
{
	static const char *const jwt[] = {"jwt-key",	"jwt-secret",
					  "jwt-claim",	"jwt-audience",
					  "jwt-issuer", "jwt-allow-no-exp",
					  "jwt-leeway", "jwt-rights",
					  "jwt-cookie", "jwt-query",
					  NULL};
	static const char *const keys[] = {"jwt-key", "jwt-secret", NULL};
	int rc = check_exclusive(o, keys, err);

	if (rc < 0)
		return rc;
	if (o->auth == AUTH_JWT && o->jwt_key == NULL && o->jwt_secret == NULL)
		return reject_option(o, "auth",
				     "jwt needs --jwt-key or --jwt-secret too",
				     err);
	if (o->auth != AUTH_HEADER && o->id_query != NULL)
		return reject_option(o, "id-query",
				     o->auth == AUTH_JWT
					     ? "is for --auth header; with jwt "
					       "the token carries the identity"
					     : "is for --auth header; with "
					       "none no identity is taken",
				     err);
	for (const char *const *n = jwt; o->auth != AUTH_JWT && *n != NULL; n++)
		if (layer_of_row(o, *n) != OPTIONS_DEFAULT)
			return reject_option(o, *n, "needs --auth jwt too",
					     err);
	return o->auth == AUTH_NONE ? finish_auth_none(o, err) : 0;
}

/* Of two limits that contradict each other the error names a given one. */
static int check_body_limits(const struct options *o, char *err)
{
	if (o->max_body <= o->max_body_memory)
		return 0;
	if (layer_of_row(o, "max-body-memory") == OPTIONS_DEFAULT)
		return reject_option(o, "max-body",
				     "is above --max-body-memory", err);
	return reject_option(o, "max-body-memory", "is below --max-body", err);
}

int option_sources_finish(struct options *o, char *err)
{
	static const char *const credentials[] = {"user", "creds", "nkey",
						  "user-jwt", NULL};
	static const char *const tokens[] = {"user", "token", NULL};
	static const char *const api[] = {"js-domain", "js-api-prefix", NULL};
	int rc = check_exclusive(o, credentials, err);

	if (rc == 0)
		rc = belongs_to_layer(o, "password", "user", err);
	if (rc == 0)
		rc = belongs_to_layer(o, "user-seed", "user-jwt", err);
	/* nats-server takes a user without password as a token. */
	if (rc == 0 && o->password == NULL)
		rc = check_exclusive(o, tokens, err);
	if (rc == 0)
		rc = check_exclusive(o, api, err);
	if (rc == 0)
		rc = finish_tls_options(o, err);
	if (rc == 0)
		rc = check_body_limits(o, err);
	return rc < 0 ? rc : finish_auth_options(o, err);
}
