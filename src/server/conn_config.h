/* Settings of a gateway's connections, and the parts that they use. */
#ifndef SLUICE_CONN_CONFIG_H
#define SLUICE_CONN_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/bearer_token.h"
#include "auth/jwt.h"
#include "auth/publish_rights.h"
#include "auth/rights.h"
#include "base/address.h"
#include "base/log.h"
#include "base/metrics.h"
#include "delivery/hub.h"
#include "http/cors.h"
#include "http/live_page.h"

struct uv_loop_s;
struct conn;
struct core_hub;
struct messenger;
struct request;

enum { CONN_WAIT_MS = 3000 }; /* of a request, for keys */

/* What --auth jwt needs. The keys may change between two iterations of the
 * loop. */
struct conn_tokens {
	const struct jwks *keys; /* NULL: not loaded yet */
	/* A token may need newer keys. True: they may be there within
	 * CONN_WAIT_MS; then the request waits, and is served again after
	 * conn_set_keys_changed(). `again`: it has waited already. NULL: keys
	 * change by themselves. */
	bool (*want_keys)(void *arg, bool again);
	void *arg;
	struct jwt_rules rules;
	struct token_sources sources;
};

/* Writing: publishes, requests, core subscriptions. */
struct conn_writing {
	bool is_on; /* some rule may allow it: endpoints exist, bodies are read
		     */
	struct messenger *messenger;
	struct core_hub *core; /* made with live_sink(); NULL: none */
	const char *stream;
	const char *api_prefix; /* "$JS.API" */
	/* --allow-pub, and the name of the claim; the rest is of the
	 * request. */
	struct publish_rights_source rights;
	/* Template of the subject that a request without one publishes to:
	 * the first --subject. */
	const char *default_subject;
	uint64_t publish_timeout_ms;
	uint64_t body_timeout_ms;
	size_t max_body;
	size_t max_body_memory; /* of all bodies */
	size_t max_requests;	/* in flight */
	size_t max_requests_per_id;
};

struct conn_config {
	struct uv_loop_s *loop;
	/* Responds to a request, or opens a subscription: dispatch_request() */
	void (*handler)(struct conn *c, const struct request *h);
	uint64_t (*wall_ms)(void); /* since 1970 */
	struct hub *hub;	   /* made with conn_sink() */
	struct metrics *metrics;
	const struct log *log;	  /* may be NULL */
	const struct log *access; /* lines of subscriptions; NULL: none */
	bool no_identity;	  /* --auth none: these are not used */
	const char *id_header;
	const char *id_query;		  /* NULL: none */
	const struct conn_tokens *tokens; /* NULL: the two above identify */
	/* The templates, and the name of the claim; the rest is of the
	 * request. */
	struct rights_source rights;
	/* A request that names no subject and has no claim follows its
	 * identity's own subject: see gateway_follows_own_subject(). */
	bool follows_own_subject;
	struct conn_writing writing;
	/* Key-value: some rule may name entries. Its requests use the messenger
	 * and the limits of `writing`, whether that is on or not. */
	bool kv_is_on;
	struct cors cors;		   /* of public requests */
	const struct live_page *live_page; /* NULL: none */
	/* Public connections begin with a header of the PROXY protocol. */
	bool proxy_protocol;
	/* Proxies whose headers may name the client. */
	const struct address_range *trusted;
	size_t n_trusted;
	char *const *admin_hosts; /* names of the admin listeners */
	size_t n_admin_hosts;
	bool admin_subscriptions; /* serve /subscriptions */
	uint64_t retry_ms;
	uint64_t header_timeout_ms;
	uint64_t idle_timeout_ms;
	uint64_t ping_ms; /* of the hub; 0: no pings, no peer checks */
	size_t max_header_bytes;
	size_t max_connections; /* subscriptions; some more for short
				   responses */
	size_t max_per_id;	/* subscriptions; 0: any number */
	size_t max_per_address; /* subscriptions; 0: any number */
	uint64_t max_age_ms;	/* of a subscription; 0: any */
	/* Before the metrics are rendered: sets the gauges of other parts.
	 * NULL: none. */
	void (*on_metrics)(void *arg);
	/* The last connection is closed, after conn_set_close(). */
	void (*on_closed)(void *arg);
	void *arg;
};

#endif
