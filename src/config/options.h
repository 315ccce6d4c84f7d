/* The options: one table of name, type, default, range and help, from which
 * parsing, the environment, --help and --check-config are made. A new option is
 * one row of the table and one field of struct options.
 *
 * Each option has layers, and the highest that is given wins: command line,
 * SLUICE_*, the `nats` command's own variables (NATS_URL, ...), a NATS CLI
 * context's fields, default. */
#ifndef SLUICE_OPTIONS_H
#define SLUICE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/log.h"
#include "config/option_table.h"
#include "config/option_value.h"
#include "nats/subject.h"

enum options_layer {
	OPTIONS_DEFAULT,
	OPTIONS_CONTEXT,  /* a NATS CLI context's field */
	OPTIONS_NATS_ENV, /* NATS_URL ... */
	OPTIONS_ENV,	  /* SLUICE_... */
	OPTIONS_FLAG,
};

enum options_auth { AUTH_HEADER, AUTH_JWT };
enum options_switch { SWITCH_AUTO, SWITCH_ON, SWITCH_OFF };
enum options_ping_style { PING_MESSAGE, PING_COMMENT, PING_EVENT };
enum options_healthcheck {
	HEALTHCHECK_OFF,
	HEALTHCHECK_LIVE,
	HEALTHCHECK_READY
};

/* What holds. Strings are owned by the struct; NULL where not given. */
struct options {
	struct options_strings listen;	     /* checked form */
	struct options_strings admin_listen; /* empty for "off" */
	char *listen_mode;		     /* units_mode(); NULL: umask */
	struct options_strings admin_host;   /* names without ports */
	enum options_switch admin_subscriptions;
	bool reuse_port;
	bool proxy_protocol;
	struct options_strings trusted_proxy; /* address_range_parse() */
	struct options_strings server;	      /* URLs, comma lists split */
	char *context;
	char *user;
	char *password;
	char *token;
	char *creds;	 /* path */
	char *nkey;	 /* path of the seed */
	char *user_jwt;	 /* only from a context or NATS_JWT */
	char *user_seed; /* only from a context or NATS_SEED */
	char *tlsca;	 /* path */
	char *tlscert;	 /* path */
	char *tlskey;	 /* path */
	bool tlsfirst;
	char *inbox_prefix;
	char *js_domain;
	char *js_api_prefix;
	char *stream;
	char *subject;
	struct subject_template subject_template; /* of `subject` */
	char *id_header;
	char *id_query;
	struct options_strings cors_origin; /* cors_origin_fault() */
	bool ui;
	enum options_auth auth;
	char *jwt_key;	  /* path; PEM or JWKS */
	char *jwt_secret; /* path; the other one is NULL then */
	bool jwt_allow_no_exp;
	char *jwt_claim;
	struct options_strings jwt_audience;
	struct options_strings jwt_issuer;
	uint64_t jwt_leeway_ms;
	char *jwt_cookie;
	char *jwt_query;
	uint64_t ping_interval_ms; /* 0: none */
	enum options_ping_style ping_style;
	uint64_t retry_ms;
	uint64_t buffer_size; /* bytes */
	uint64_t max_replays;
	uint64_t max_connections;	   /* 0: what RLIMIT_NOFILE allows */
	uint64_t max_subscriptions_per_id; /* 0: any number */
	uint64_t max_subscriptions_per_address; /* 0: any number */
	uint64_t max_subscription_age_ms;	/* 0: any */
	uint64_t max_header_bytes;
	uint64_t header_timeout_ms;
	uint64_t idle_timeout_ms;
	uint64_t drain_delay_ms;
	uint64_t drain_timeout_ms;
	enum log_format log_format;
	enum log_level log_level;
	char *access_log; /* path, or "off" */
	bool check;
	enum options_healthcheck healthcheck;
	bool help;
	bool version;

	struct options_state *state; /* which layer gave what; owned */
};

enum { OPTIONS_ERROR_MAX = 512 };

/* All defaults. -ENOMEM or 0. */
int options_init(struct options *o);
void options_finish(struct options *o);
/* A deep copy into an uninitialised `dst`. -ENOMEM or 0. */
int options_copy(struct options *dst, const struct options *src);

/* Sets one option by its name without dashes ("ping-interval"), at a layer. A
 * lower layer than the present one is checked and then ignored; the same layer
 * adds to a list option and replaces any other. -EINVAL: `err`
 * (OPTIONS_ERROR_MAX bytes) names the option (as the user wrote it at this
 * layer: --ping-interval, SLUICE_PING_INTERVAL, ...), the value (unless secret)
 * and what it takes. */
int options_set(struct options *o, enum options_layer layer, const char *name,
		const char *value, char *err);

/* The command line. Flags also as --name=value; a bool may stand alone. */
int options_parse_args(struct options *o, int argc, char *const argv[],
		       char *err);
/* SLUICE_* and NATS_*; an empty variable counts as not set. An unknown
 * SLUICE_* variable is an error that names it (a misspelt one is found), except
 * SLUICE_TEST_*. `env` is environ's form. */
int options_parse_env(struct options *o, char *const env[], char *err);
/* What only holds between options: called last, after the context's fields. Of
 * credentials that exclude each other, those of a higher layer win over the
 * `nats` command's variables and the context; two of our own are refused. */
int options_finish_parsing(struct options *o, char *err);

/* Where the value of an option comes from, as the user knows it: "--creds",
 * "SLUICE_CREDS", "NATS_CREDS", "field \"creds\"", "default". */
enum { OPTIONS_ORIGIN_MAX = 64 };
void options_origin(const struct options *o, const char *name, char *out);

/* --help: usage, every option with its default and what it takes. -ENOBUFS,
 * -ENOMEM. */
int options_help(struct buf *out);
/* --check-config: "name = value  (where from)" a line, secrets as "(hidden)".
 * -ENOBUFS, -ENOMEM. */
int options_print(const struct options *o, struct buf *out);

/* For the log: the value of one that is not at its default, as --check-config
 * prints it (secrets hidden), and where it comes from (OPTIONS_ORIGIN_MAX
 * bytes). -ENOENT: it is, or is no setting; -ENOBUFS, -ENOMEM. */
int options_describe(const struct options *o, const struct options_row *row,
		     struct buf *value, char *from);

/* The option that the user may have meant: one that begins with `name`, or the
 * nearest by letters. NULL: none is near. */
const struct options_row *options_nearest(const char *name);
/* What the option is called at a layer, as in options_origin(). */
void options_name(const struct options_row *row, enum options_layer layer,
		  char *out);
/* By which layer the row is given. */
enum options_layer options_layer_of(const struct options *o,
				    const struct options_row *row);
/* Back to the default, as if no layer had given it. -ENOMEM or 0. */
int options_reset(struct options *o, const struct options_row *row);

#endif
