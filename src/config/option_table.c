/* The options: pure data, in the order of --help. */
#include "config/options.h"

#include <string.h>

#include "base/address.h"
#include "base/hostport.h"
#include "config/option_checks.h"
#include "http/cors.h"
#include "http/https_url.h"
#include "nats/pattern.h"
#include "nats/pattern_template.h"
#include "nats/server_url.h"
#include "nats/subject.h"

#define AT(member) offsetof(struct options, member)
#define MINUTES(n) ((uint64_t)(n)*60000)
#define HOURS(n)   ((uint64_t)(n)*3600000)
#define KIB(n)	   ((uint64_t)(n) << 10)
#define MIB(n)	   ((uint64_t)(n) << 20)
#define GIB(n)	   ((uint64_t)(n) << 30)

/* Fits the address space by a wide margin. */
#if SIZE_MAX > UINT32_MAX
#define BUFFER_SIZE_MAX GIB(1024)
#else
#define BUFFER_SIZE_MAX GIB(1)
#endif

/* In the order of their enums. */
static const char *const auths[] = {"header", "jwt", "none", NULL};
static const char *const switches[] = {"auto", "on", "off", NULL};
static const char *const ping_styles[] = {"message", "comment", "event", NULL};
static const char *const healthchecks[] = {"off", "live", "ready", NULL};
static const char *const log_formats[] = {"text", "json", NULL};
static const char *const log_levels[] = {"error", "warn", "info", "debug",
					 NULL};

/* No detail beyond `takes`. */
static const char no_detail[] = "";

static const char *allow_sub_fault(const char *value)
{
	return pattern_template_fault(span_of(value));
}

static const char *subject_fault(const char *value)
{
	const char *fault = allow_sub_fault(value);

	if (fault == NULL && pattern_is_hidden(span_of(value)))
		fault = "its first token begins with $ or is _INBOX";
	return fault;
}

/* No client publishes to a hidden subject, except to those of key-value
 * buckets. */
static const char *allow_pub_fault(const char *value)
{
	const char *fault = allow_sub_fault(value);

	if (fault == NULL && pattern_is_hidden(span_of(value)) &&
	    strcmp(value, "$KV") != 0 && strncmp(value, "$KV.", 4) != 0)
		fault = "its first token begins with $, other than $KV, or is "
			"_INBOX";
	return fault;
}

static const char *stream_fault(const char *value)
{
	return subject_stream_name_ok(value) ? NULL : no_detail;
}

static const char *prefix_fault(const char *value)
{
	return subject_prefix_ok(value) ? NULL : no_detail;
}

static const char *domain_fault(const char *value)
{
	return subject_prefix_ok(value) && strchr(value, '.') == NULL
		       ? NULL
		       : no_detail;
}

static const char *claim_name_fault(const char *value)
{
	return strlen(value) <= 256 ? NULL : no_detail;
}

static const char *key_source_fault(const char *value)
{
	return https_url_is_url(value) ? https_url_fault(value) : NULL;
}

#define FILE_OF(what) "the path of a file with " what

const struct options_row options_table[] = {
	{.name = "listen",
	 .type = OPTIONS_LIST,
	 .offset = AT(listen),
	 .metavar = "ADDR",
	 .group = "Listening",
	 .value = "127.0.0.1:8080",
	 .takes = "HOST:PORT, [V6]:PORT or unix:PATH",
	 .help = "address for clients; repeatable",
	 .fault = hostport_fault},
	{.name = "listen-mode",
	 .type = OPTIONS_STRING,
	 .offset = AT(listen_mode),
	 .metavar = "MODE",
	 .none = "what the umask leaves",
	 .takes = "an octal number such as 660",
	 .help = "permissions of the Unix sockets of --listen; clients need\n"
		 "write permission",
	 .fault = option_checks_mode_fault},
	{.name = "admin-listen",
	 .type = OPTIONS_LIST,
	 .flags = OPTIONS_OFF,
	 .offset = AT(admin_listen),
	 .metavar = "ADDR",
	 .value = "127.0.0.1:8081",
	 .takes = "HOST:PORT, [V6]:PORT, unix:PATH, or off",
	 .help = "address for /metrics, health and the list of subscriptions;\n"
		 "repeatable; off for none",
	 .fault = hostport_fault},
	{.name = "admin-host",
	 .type = OPTIONS_LIST,
	 .offset = AT(admin_host),
	 .metavar = "NAME",
	 .takes = "a host's name without a port",
	 .help = "Host that --admin-listen serves, besides localhost and IP\n"
		 "addresses; repeatable",
	 .fault = hostport_host_fault},
	{.name = "admin-subscriptions",
	 .type = OPTIONS_WORD,
	 .offset = AT(admin_subscriptions),
	 .metavar = "WHEN",
	 .value = "auto",
	 .help = "list of subscriptions on --admin-listen; auto: only where\n"
		 "all its addresses are loopback addresses or Unix sockets",
	 .words = switches},
	{.name = "reuse-port",
	 .type = OPTIONS_BOOL,
	 .offset = AT(reuse_port),
	 .value = "0",
	 .help = "share the ports of --listen with other processes\n"
		 "(SO_REUSEPORT)"},
	{.name = "proxy-protocol",
	 .type = OPTIONS_BOOL,
	 .offset = AT(proxy_protocol),
	 .value = "0",
	 .help = "require the PROXY protocol, version 1 or 2, at the start of\n"
		 "connections to --listen"},
	{.name = "trusted-proxy",
	 .type = OPTIONS_LIST,
	 .offset = AT(trusted_proxy),
	 .metavar = "CIDR",
	 .takes = "an address, a range such as 10.0.0.0/8 or fd00::/8, or "
		  "unix: for Unix sockets",
	 .help = "proxy with trusted X-Forwarded-For and Forwarded headers;\n"
		 "repeatable",
	 .fault = address_range_fault},

	{.name = "server",
	 .type = OPTIONS_LIST,
	 .flags = OPTIONS_URL,
	 .offset = AT(server),
	 .metavar = "URL[,URL]",
	 .group = "NATS (as in the nats command)",
	 .value = "nats://127.0.0.1:4222",
	 .takes = "nats://HOST:PORT, tls://HOST:PORT or HOST:PORT",
	 .help = "NATS servers; repeatable",
	 .fault = server_url_fault,
	 .nats_env = "NATS_URL",
	 .field = "url"},
	{.name = "context",
	 .type = OPTIONS_STRING,
	 .offset = AT(context),
	 .metavar = "NAME",
	 .none = "the selected one, if any",
	 .takes = "the name of a NATS CLI context or the path of its .json",
	 .help = "NATS CLI context",
	 .nats_env = "NATS_CONTEXT"},
	{.name = "user",
	 .type = OPTIONS_STRING,
	 .offset = AT(user),
	 .metavar = "USER",
	 .takes = "a user's name, or a token when there is no password",
	 .help = "user; without a password it is sent as a token",
	 .nats_env = "NATS_USER",
	 .field = "user"},
	{.name = "password",
	 .type = OPTIONS_STRING,
	 .flags = OPTIONS_SECRET,
	 .offset = AT(password),
	 .metavar = "PASSWORD",
	 .takes = "the user's password",
	 .help = "password of --user",
	 .nats_env = "NATS_PASSWORD",
	 .field = "password"},
	{.name = "token",
	 .type = OPTIONS_STRING,
	 .flags = OPTIONS_SECRET,
	 .offset = AT(token),
	 .metavar = "TOKEN",
	 .takes = "a token",
	 .help = "token",
	 .nats_env = "NATS_TOKEN",
	 .field = "token"},
	{.name = "creds",
	 .type = OPTIONS_STRING,
	 .flags = OPTIONS_FILE,
	 .offset = AT(creds),
	 .metavar = "FILE",
	 .takes = FILE_OF("a user's JWT and seed"),
	 .help = "user credentials",
	 .nats_env = "NATS_CREDS",
	 .field = "creds"},
	{.name = "nkey",
	 .type = OPTIONS_STRING,
	 .flags = OPTIONS_FILE,
	 .offset = AT(nkey),
	 .metavar = "FILE",
	 .takes = FILE_OF("a user's nkey seed"),
	 .help = "nkey seed of the user",
	 .nats_env = "NATS_NKEY",
	 .field = "nkey"},
	{.name = "user-jwt",
	 .type = OPTIONS_STRING,
	 .flags = OPTIONS_SECRET | OPTIONS_HIDDEN,
	 .offset = AT(user_jwt),
	 .takes = "a user's JWT",
	 .nats_env = "NATS_JWT",
	 .field = "user_jwt"},
	{.name = "user-seed",
	 .type = OPTIONS_STRING,
	 .flags = OPTIONS_SECRET | OPTIONS_HIDDEN,
	 .offset = AT(user_seed),
	 .takes = "the seed of a user's JWT",
	 .nats_env = "NATS_SEED",
	 .field = "user_seed"},
	{.name = "tlsca",
	 .type = OPTIONS_STRING,
	 .flags = OPTIONS_FILE,
	 .offset = AT(tlsca),
	 .metavar = "FILE",
	 .takes = FILE_OF("certificates (PEM)"),
	 .help = "trusted certificate authorities",
	 .nats_env = "NATS_CA",
	 .field = "ca"},
	{.name = "tlscert",
	 .type = OPTIONS_STRING,
	 .flags = OPTIONS_FILE,
	 .offset = AT(tlscert),
	 .metavar = "FILE",
	 .takes = FILE_OF("a certificate (PEM)"),
	 .help = "client certificate; needs --tlskey",
	 .nats_env = "NATS_CERT",
	 .field = "cert"},
	{.name = "tlskey",
	 .type = OPTIONS_STRING,
	 .flags = OPTIONS_FILE,
	 .offset = AT(tlskey),
	 .metavar = "FILE",
	 .takes = FILE_OF("a private key (PEM)"),
	 .help = "private key of the client certificate",
	 .nats_env = "NATS_KEY",
	 .field = "key"},
	{.name = "tlsfirst",
	 .type = OPTIONS_BOOL,
	 .offset = AT(tlsfirst),
	 .value = "0",
	 .help = "TLS handshake before the INFO of the server",
	 .field = "tls_first"},
	{.name = "inbox-prefix",
	 .type = OPTIONS_STRING,
	 .offset = AT(inbox_prefix),
	 .metavar = "PREFIX",
	 .none = "_INBOX",
	 .takes = "a subject of at most 255 bytes without wildcards",
	 .help = "prefix of reply subjects",
	 .fault = prefix_fault,
	 .field = "inbox_prefix"},
	{.name = "js-domain",
	 .type = OPTIONS_STRING,
	 .offset = AT(js_domain),
	 .metavar = "DOMAIN",
	 .takes = "one token of a subject, without wildcards",
	 .help = "JetStream domain",
	 .fault = domain_fault,
	 .field = "jetstream_domain"},
	{.name = "js-api-prefix",
	 .type = OPTIONS_STRING,
	 .flags = OPTIONS_DOT,
	 .offset = AT(js_api_prefix),
	 .metavar = "PREFIX",
	 .none = "$JS.API",
	 .takes = "a subject of at most 255 bytes without wildcards",
	 .help = "prefix of the JetStream API; excludes --js-domain",
	 .fault = prefix_fault,
	 .field = "jetstream_api_prefix"},

	{.name = "stream",
	 .type = OPTIONS_STRING,
	 .offset = AT(stream),
	 .metavar = "NAME",
	 .group = "Events",
	 .value = "Events",
	 .takes = "a stream's name: 1 to 255 printable ASCII bytes without "
		  "blanks and . * > / \\",
	 .help = "JetStream stream; may be created later",
	 .fault = stream_fault},
	{.name = "subject",
	 .type = OPTIONS_LIST,
	 .offset = AT(subject),
	 .metavar = "TEMPLATE",
	 .value = "events.{id}",
	 .takes = "a NATS pattern in which tokens may be {id}, such as "
		  "events.{id} or news.>",
	 .help = "subjects that a client may read, and follows by default;\n"
		 "{id} is its identity; repeatable",
	 .fault = subject_fault},
	{.name = "allow-sub",
	 .type = OPTIONS_LIST,
	 .offset = AT(allow_sub),
	 .metavar = "TEMPLATE",
	 .takes = "a NATS pattern in which tokens may be {id}, such as "
		  "rooms.*.{id}",
	 .help = "more subjects that a client may read, when it asks for "
		 "them;\n"
		 "repeatable",
	 .fault = allow_sub_fault},
	{.name = "id-header",
	 .type = OPTIONS_STRING,
	 .offset = AT(id_header),
	 .metavar = "NAME",
	 .value = "user_id",
	 .takes = "a header's name (RFC 9110 token) of at most 64 bytes",
	 .help = "header that carries the identity",
	 .fault = option_checks_header_fault},
	{.name = "id-query",
	 .type = OPTIONS_STRING,
	 .offset = AT(id_query),
	 .metavar = "NAME",
	 .takes = "a query parameter's name: 1 to 64 letters, digits and "
		  "-._~",
	 .help = "query parameter that may carry the identity instead of the\n"
		 "header; for demos and trusted networks",
	 .fault = option_checks_query_fault},
	{.name = "event-header",
	 .type = OPTIONS_STRING,
	 .offset = AT(event_header),
	 .metavar = "NAME",
	 .takes = "a header's name (RFC 9110 token) of at most 64 bytes",
	 .help = "message header that names the event (its event: field)",
	 .fault = option_checks_event_header_fault},
	{.name = "cors-origin",
	 .type = OPTIONS_LIST,
	 .offset = AT(cors_origin),
	 .metavar = "ORIGIN",
	 .takes = "scheme://HOST[:PORT] as a browser writes it, or *",
	 .help = "origin with access from its pages (CORS); * for any, "
		 "without\n"
		 "credentials; repeatable",
	 .fault = cors_origin_fault},
	{.name = "ui",
	 .type = OPTIONS_BOOL,
	 .offset = AT(ui),
	 .value = "0",
	 .help = "page at / that shows an identity's events live"},
	{.name = "ping-interval",
	 .type = OPTIONS_DURATION,
	 .flags = OPTIONS_ZERO,
	 .offset = AT(ping_interval_ms),
	 .metavar = "DURATION",
	 .value = "30s",
	 .help = "time between pings of a subscription",
	 .min = 10,
	 .max = HOURS(24)},
	{.name = "ping-style",
	 .type = OPTIONS_WORD,
	 .offset = AT(ping_style),
	 .metavar = "STYLE",
	 .value = "message",
	 .help = "form of pings: messages, comments, or events named system",
	 .words = ping_styles},
	{.name = "retry",
	 .type = OPTIONS_DURATION,
	 .offset = AT(retry_ms),
	 .metavar = "DURATION",
	 .value = "3s",
	 .help = "reconnection time sent to clients",
	 .min = 1,
	 .max = HOURS(1)},

	{.name = "auth",
	 .type = OPTIONS_WORD,
	 .offset = AT(auth),
	 .metavar = "header|jwt|none",
	 .group = "Authentication",
	 .value = "header",
	 .help = "how clients are identified: a trusted header, a signed\n"
		 "token, or not at all",
	 .words = auths},
	{.name = "jwt-key",
	 .type = OPTIONS_STRING,
	 .flags = OPTIONS_FILE | OPTIONS_HTTPS,
	 .offset = AT(jwt_key),
	 .metavar = "FILE|URL",
	 .takes = FILE_OF(
		 "a public key or certificate (PEM), or a JWKS") ", "
								 "or an "
								 "https:// URL "
								 "of one",
	 .help = "keys that verify tokens; a file is read again when it\n"
		 "changes, an https:// URL before the keys get old and for an\n"
		 "unknown kid; both at SIGHUP",
	 .fault = key_source_fault},
	{.name = "jwt-secret",
	 .type = OPTIONS_STRING,
	 .flags = OPTIONS_FILE,
	 .offset = AT(jwt_secret),
	 .metavar = "FILE",
	 .takes = FILE_OF("a secret of 32 to 4096 bytes"),
	 .help = "secret that verifies tokens (HS256, HS384, HS512), instead\n"
		 "of --jwt-key; read again in the same way"},
	{.name = "jwt-claim",
	 .type = OPTIONS_STRING,
	 .offset = AT(jwt_claim),
	 .metavar = "NAME",
	 .value = "sub",
	 .takes = "a claim's name of at most 256 bytes",
	 .help = "claim that holds the identity",
	 .fault = claim_name_fault},
	{.name = "jwt-audience",
	 .type = OPTIONS_LIST,
	 .offset = AT(jwt_audience),
	 .metavar = "NAME",
	 .takes = "a value of a token's aud",
	 .help = "required audience (aud); repeatable, one of them suffices;\n"
		 "without it, tokens with an aud are rejected"},
	{.name = "jwt-issuer",
	 .type = OPTIONS_LIST,
	 .offset = AT(jwt_issuer),
	 .metavar = "NAME",
	 .none = "any",
	 .takes = "a value of a token's iss",
	 .help = "required issuer (iss); repeatable, one of them suffices"},
	{.name = "jwt-allow-no-exp",
	 .type = OPTIONS_BOOL,
	 .offset = AT(jwt_allow_no_exp),
	 .value = "0",
	 .help = "accept tokens without exp, which never expire"},
	{.name = "jwt-leeway",
	 .type = OPTIONS_DURATION,
	 .flags = OPTIONS_ZERO,
	 .offset = AT(jwt_leeway_ms),
	 .metavar = "DURATION",
	 .value = "30s",
	 .help = "tolerated difference of clocks for exp and nbf",
	 .min = 1,
	 .max = HOURS(1)},
	{.name = "jwt-rights",
	 .type = OPTIONS_STRING,
	 .offset = AT(jwt_rights),
	 .metavar = "NAME|off",
	 .value = "nats",
	 .takes = "a claim's name of at most 256 bytes, or off",
	 .help = "claim with more rights, and with denied subjects; off: no\n"
		 "token carries rights",
	 .fault = claim_name_fault},
	{.name = "jwt-cookie",
	 .type = OPTIONS_STRING,
	 .offset = AT(jwt_cookie),
	 .metavar = "NAME",
	 .takes = "a cookie's name (RFC 6265) of at most 64 bytes",
	 .help = "cookie that may carry the token, where neither header nor\n"
		 "query has one",
	 .fault = option_checks_cookie_fault},
	{.name = "jwt-query",
	 .type = OPTIONS_STRING,
	 .offset = AT(jwt_query),
	 .metavar = "NAME",
	 .takes = "a query parameter's name: 1 to 64 letters, digits and "
		  "-._~",
	 .help = "query parameter that may carry the token instead of the\n"
		 "header (URLs appear in logs)",
	 .fault = option_checks_query_fault},

	{.name = "allow-pub",
	 .type = OPTIONS_LIST,
	 .offset = AT(allow_pub),
	 .metavar = "TEMPLATE",
	 .group = "Writing",
	 .takes = "a NATS pattern in which tokens may be {id}, such as "
		  "orders.{id}.>",
	 .help = "subjects that a client may publish to; repeatable",
	 .fault = allow_pub_fault},
	{.name = "publish-timeout",
	 .type = OPTIONS_DURATION,
	 .offset = AT(publish_timeout_ms),
	 .metavar = "DURATION",
	 .value = "5s",
	 .help = "time for the stream's acknowledgement of a message",
	 .min = 10,
	 .max = MINUTES(5)},
	{.name = "max-body",
	 .type = OPTIONS_SIZE,
	 .offset = AT(max_body),
	 .metavar = "SIZE",
	 .value = "1MiB",
	 .help = "size of a request body; the server's max_payload limits\n"
		 "messages, too",
	 .min = 1,
	 .max = MIB(64)},
	{.name = "body-timeout",
	 .type = OPTIONS_DURATION,
	 .offset = AT(body_timeout_ms),
	 .metavar = "DURATION",
	 .value = "10s",
	 .help = "time for a request body to arrive",
	 .min = 10,
	 .max = HOURS(1)},
	{.name = "max-body-memory",
	 .type = OPTIONS_SIZE,
	 .offset = AT(max_body_memory),
	 .metavar = "SIZE",
	 .value = "64MiB",
	 .help = "memory for all request bodies together; at least\n"
		 "--max-body",
	 .min = KIB(64),
	 .max = BUFFER_SIZE_MAX},
	{.name = "max-requests",
	 .type = OPTIONS_COUNT,
	 .offset = AT(max_requests),
	 .metavar = "N",
	 .value = "1024",
	 .help = "concurrent requests that write",
	 .min = 1,
	 .max = 65535},
	{.name = "max-requests-per-id",
	 .type = OPTIONS_COUNT,
	 .flags = OPTIONS_ZERO,
	 .offset = AT(max_requests_per_id),
	 .metavar = "N",
	 .value = "64",
	 .takes = "a number from 1 to 65535, or 0 for no limit",
	 .help = "those of one identity; without identities, of one client\n"
		 "address",
	 .min = 1,
	 .max = 65535},

	{.name = "buffer-size",
	 .type = OPTIONS_SIZE,
	 .offset = AT(buffer_size),
	 .metavar = "SIZE",
	 .group = "Limits",
	 .value = "64MiB",
	 .help = "memory for recent messages, from which clients start and\n"
		 "resume without JetStream",
	 .min = KIB(64),
	 .max = BUFFER_SIZE_MAX},
	{.name = "max-replays",
	 .type = OPTIONS_COUNT,
	 .offset = AT(max_replays),
	 .metavar = "N",
	 .value = "256",
	 .help = "concurrent replays; further ones wait",
	 .min = 1,
	 .max = 65535},
	{.name = "max-connections",
	 .type = OPTIONS_COUNT,
	 .offset = AT(max_connections),
	 .metavar = "N",
	 .none = "what RLIMIT_NOFILE allows, less a reserve",
	 .help = "subscriptions on --listen; 128 more connections are\n"
		 "accepted for other requests",
	 .min = 1,
	 .max = 10000000},
	{.name = "max-subscriptions-per-id",
	 .type = OPTIONS_COUNT,
	 .flags = OPTIONS_ZERO,
	 .offset = AT(max_subscriptions_per_id),
	 .metavar = "N",
	 .value = "0",
	 .takes = "a number from 1 to 10000000, or 0 for no limit",
	 .help = "concurrent subscriptions of one identity",
	 .min = 1,
	 .max = 10000000},
	{.name = "max-subscriptions-per-address",
	 .type = OPTIONS_COUNT,
	 .flags = OPTIONS_ZERO,
	 .offset = AT(max_subscriptions_per_address),
	 .metavar = "N",
	 .value = "0",
	 .takes = "a number from 1 to 10000000, or 0 for no limit",
	 .help = "concurrent subscriptions of one client address; of IPv6\n"
		 "the first 64 bits count",
	 .min = 1,
	 .max = 10000000},
	{.name = "max-subscription-age",
	 .type = OPTIONS_DURATION,
	 .flags = OPTIONS_ZERO,
	 .offset = AT(max_subscription_age_ms),
	 .metavar = "DURATION",
	 .value = "0",
	 .help = "age at which subscriptions end, at random from 80 to\n"
		 "100 % of it, so that clients spread over the gateways",
	 .min = 100,
	 .max = HOURS(24 * 365)},
	{.name = "max-header-bytes",
	 .type = OPTIONS_SIZE,
	 .offset = AT(max_header_bytes),
	 .metavar = "SIZE",
	 .value = "16KiB",
	 .help = "size of a request head",
	 .min = 256,
	 .max = MIB(1)},
	{.name = "header-timeout",
	 .type = OPTIONS_DURATION,
	 .offset = AT(header_timeout_ms),
	 .metavar = "DURATION",
	 .value = "10s",
	 .help = "time for a request head to arrive, from its first byte or\n"
		 "the accept",
	 .min = 10,
	 .max = HOURS(1)},
	{.name = "idle-timeout",
	 .type = OPTIONS_DURATION,
	 .offset = AT(idle_timeout_ms),
	 .metavar = "DURATION",
	 .value = "75s",
	 .help = "time that a kept-alive connection may be idle",
	 .min = 10,
	 .max = HOURS(24)},

	{.name = "drain-delay",
	 .type = OPTIONS_DURATION,
	 .flags = OPTIONS_ZERO,
	 .offset = AT(drain_delay_ms),
	 .metavar = "DURATION",
	 .group = "Shutdown",
	 .value = "5s",
	 .help = "time after SIGTERM or SIGINT in which /readyz is 503 and "
		 "the\n"
		 "listeners stay open",
	 .min = 1,
	 .max = HOURS(1)},
	{.name = "drain-timeout",
	 .type = OPTIONS_DURATION,
	 .flags = OPTIONS_ZERO,
	 .offset = AT(drain_timeout_ms),
	 .metavar = "DURATION",
	 .value = "20s",
	 .help = "time after --drain-delay over which subscriptions end; a\n"
		 "second signal stops at once",
	 .min = 1,
	 .max = HOURS(24)},

	{.name = "log-format",
	 .type = OPTIONS_WORD,
	 .offset = AT(log_format),
	 .metavar = "FORMAT",
	 .group = "Program",
	 .value = "text",
	 .help = "format of the log on standard error: logfmt or JSON",
	 .words = log_formats},
	{.name = "log-level",
	 .type = OPTIONS_WORD,
	 .offset = AT(log_level),
	 .metavar = "LEVEL",
	 .value = "info",
	 .help = "least important level that is logged",
	 .words = log_levels},
	{.name = "access-log",
	 .type = OPTIONS_STRING,
	 .offset = AT(access_log),
	 .metavar = "FILE",
	 .none = "standard error, with the other lines",
	 .takes = "off, or the path of a file",
	 .help = "file for the lines of subscriptions; appended to, reopened\n"
		 "at SIGHUP; off for none"},
	{.name = "check-config",
	 .type = OPTIONS_BOOL,
	 .flags = OPTIONS_ACTION,
	 .offset = AT(check),
	 .value = "0",
	 .help = "check the options, print the effective ones and their\n"
		 "origin, exit"},
	{.name = "healthcheck",
	 .type = OPTIONS_WORD,
	 .flags = OPTIONS_ACTION,
	 .offset = AT(healthcheck),
	 .metavar = "WHAT",
	 .value = "off",
	 .alone = "live",
	 .help = "ask the gateway with these options whether it is live\n"
		 "(/livez; the default) or ready (/readyz), print one line,\n"
		 "exit with status 0 if it is, otherwise 1",
	 .words = healthchecks},
	{.name = "version",
	 .type = OPTIONS_BOOL,
	 .flags = OPTIONS_ACTION,
	 .offset = AT(version),
	 .value = "0",
	 .help = "print the version, exit"},
	{.name = "help",
	 .type = OPTIONS_BOOL,
	 .flags = OPTIONS_ACTION,
	 .offset = AT(help),
	 .value = "0",
	 .help = "print this text, exit"},
};

const size_t options_rows = sizeof(options_table) / sizeof(options_table[0]);

const struct options_row *options_find(const char *name)
{
	for (size_t i = 0; i < options_rows; i++)
		if (strcmp(options_table[i].name, name) == 0)
			return &options_table[i];
	return NULL;
}
