/* The options of a gateway. option_table.h has their rows; a new option is one
 * row there and one field of struct options.
 *
 * Each option has layers. The highest layer that sets it wins: command line,
 * SLUICE_*, variables of the `nats` command (NATS_URL, ...), fields of a NATS
 * CLI context, default. */
#ifndef SLUICE_OPTIONS_H
#define SLUICE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/log.h"
#include "config/option_table.h"
#include "config/option_value.h"

enum options_layer {
	OPTIONS_DEFAULT,
	OPTIONS_CONTEXT,  /* field of a NATS CLI context */
	OPTIONS_NATS_ENV, /* NATS_URL ... */
	OPTIONS_ENV,	  /* SLUICE_... */
	OPTIONS_FLAG,
};

enum options_auth { AUTH_HEADER, AUTH_JWT, AUTH_NONE };
enum options_switch { SWITCH_AUTO, SWITCH_ON, SWITCH_OFF };
enum options_ping_style { PING_MESSAGE, PING_COMMENT, PING_EVENT };
enum options_healthcheck {
	HEALTHCHECK_OFF,
	HEALTHCHECK_LIVE,
	HEALTHCHECK_READY
};

/* Values in force. Strings are owned; NULL where not set. */
struct options {
	struct options_strings listen;	     /* checked by hostport_fault() */
	struct options_strings admin_listen; /* empty: off */
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
	char *user_jwt;	 /* from a context or NATS_JWT */
	char *user_seed; /* from a context or NATS_SEED */
	char *tlsca;	 /* path */
	char *tlscert;	 /* path */
	char *tlskey;	 /* path */
	bool tlsfirst;
	char *inbox_prefix;
	char *js_domain;
	char *js_api_prefix;
	char *stream;
	struct options_strings subject;	  /* templates, none hidden */
	struct options_strings allow_sub; /* templates */
	char *id_header;
	char *id_query;
	char *event_header;
	struct options_strings cors_origin; /* cors_origin_fault() */
	bool ui;
	enum options_auth auth;
	char *jwt_key;	  /* path or https:// URL; PEM or JWKS */
	char *jwt_secret; /* path; the other one is NULL then */
	bool jwt_allow_no_exp;
	char *jwt_claim;
	struct options_strings jwt_audience;
	struct options_strings jwt_issuer;
	uint64_t jwt_leeway_ms;
	char *jwt_rights; /* claim, or "off" */
	char *jwt_cookie;
	char *jwt_query;
	uint64_t ping_interval_ms; /* 0: none */
	enum options_ping_style ping_style;
	uint64_t retry_ms;
	struct options_strings allow_pub; /* templates; hidden: $KV alone */
	uint64_t publish_timeout_ms;
	uint64_t max_body; /* bytes */
	uint64_t body_timeout_ms;
	uint64_t max_body_memory; /* bytes; at least max_body */
	uint64_t max_requests;
	uint64_t max_requests_per_id; /* 0: no limit */
	uint64_t buffer_size;	      /* bytes */
	uint64_t max_replays;
	uint64_t max_connections;		/* 0: by RLIMIT_NOFILE */
	uint64_t max_subscriptions_per_id;	/* 0: no limit */
	uint64_t max_subscriptions_per_address; /* 0: no limit */
	uint64_t max_subscription_age_ms;	/* 0: no limit */
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

	struct options_state *state; /* layer of each row; owned */
};

enum { OPTIONS_ERROR_MAX = 512 };

/* Sets all defaults. -ENOMEM or 0. */
int options_init(struct options *o);
void options_finish(struct options *o);
/* A deep copy into an uninitialised `dst`. -ENOMEM or 0. */
int options_copy(struct options *dst, const struct options *src);

/* Sets one option, named without dashes ("ping-interval"), at a layer. A value
 * of a lower layer than the present one is checked and ignored; one of the same
 * layer is added to a list and replaces anything else. -ENOMEM, or -EINVAL with
 * `err` (OPTIONS_ERROR_MAX bytes): the option as it is called at this layer,
 * the value unless it is secret, and what the option takes. */
int options_set(struct options *o, enum options_layer layer, const char *name,
		const char *value, char *err);

/* Source of the value of an option: "--creds", "SLUICE_CREDS", "NATS_CREDS",
 * "field \"creds\"", "default". */
enum { OPTIONS_ORIGIN_MAX = 64 };
void options_origin(const struct options *o, const char *name, char *out);

/* The option that an unknown name may mean: one that begins with it, or the
 * nearest by edit distance. NULL: none is near. */
const struct options_row *options_nearest(const char *name);
/* Name of the option at a layer, as in options_origin(). */
void options_name(const struct options_row *row, enum options_layer layer,
		  char *out);
/* Layer of the present value. */
enum options_layer options_layer_of(const struct options *o,
				    const struct options_row *row);
/* Whether tokens carry rights. */
bool options_token_rights(const struct options *o);
/* Whether some rule may allow a client to publish. */
bool options_writing(const struct options *o);
/* Whether some rule may name entries of key-value buckets. */
bool options_key_value(const struct options *o);
/* Resets to the default. -ENOMEM or 0. */
int options_reset(struct options *o, const struct options_row *row);

#endif
