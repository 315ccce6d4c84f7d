/* The table of endpoints. A new path is a row here, and its handler. */
#ifndef SLUICE_ENDPOINTS_H
#define SLUICE_ENDPOINTS_H

#include <stdint.h>

#include "http/request.h"
#include "http/response.h"
#include "http/route.h"

/* X(path, methods, enum route_flags, handler), in the order in which a 404
 * lists the paths. */
#define ENDPOINTS(X)                                                          \
	X("/", "GET, HEAD", ROUTE_PUBLIC | ROUTE_WITH_PAGE, page_handler)     \
	X("/api/v1/events", "GET, HEAD", ROUTE_PUBLIC | ROUTE_CROSS_ORIGIN,   \
	  events_handler)                                                     \
	X("/api/v1/events", "POST",                                           \
	  ROUTE_PUBLIC | ROUTE_CROSS_ORIGIN | ROUTE_WITH_WRITING |            \
		  ROUTE_PROBLEMS,                                             \
	  publish_handler)                                                    \
	X("/api/v1/subjects/{subject}", "GET, HEAD",                          \
	  ROUTE_PUBLIC | ROUTE_CROSS_ORIGIN | ROUTE_WITH_WRITING |            \
		  ROUTE_PROBLEMS,                                             \
	  live_handler)                                                       \
	X("/api/v1/subjects/{subject}", "PUT, POST",                          \
	  ROUTE_PUBLIC | ROUTE_CROSS_ORIGIN | ROUTE_WITH_WRITING |            \
		  ROUTE_PROBLEMS,                                             \
	  subjects_handler)                                                   \
	X("/api/v1/kv", "GET, HEAD",                                          \
	  ROUTE_PUBLIC | ROUTE_CROSS_ORIGIN | ROUTE_WITH_KV | ROUTE_PROBLEMS, \
	  kv_buckets_handler)                                                 \
	X("/api/v1/kv/{bucket}", "GET, HEAD",                                 \
	  ROUTE_PUBLIC | ROUTE_CROSS_ORIGIN | ROUTE_WITH_KV | ROUTE_PROBLEMS, \
	  kv_bucket_handler)                                                  \
	X("/api/v1/kv/{bucket}/{key}", "GET, HEAD",                           \
	  ROUTE_PUBLIC | ROUTE_CROSS_ORIGIN | ROUTE_WITH_KV | ROUTE_PROBLEMS, \
	  kv_get_handler)                                                     \
	X("/api/v1/kv/{bucket}/{key}", "PUT, POST, DELETE",                   \
	  ROUTE_PUBLIC | ROUTE_CROSS_ORIGIN | ROUTE_WITH_KV |                 \
		  ROUTE_WITH_WRITING | ROUTE_PROBLEMS,                        \
	  kv_write_handler)                                                   \
	X("/metrics", "GET, HEAD", ROUTE_ADMIN, metrics_handler)              \
	X("/subscriptions", "GET, HEAD, DELETE", ROUTE_ADMIN,                 \
	  subscriptions_handler)                                              \
	X("/subscriptions/{number}", "GET, HEAD", ROUTE_ADMIN,                \
	  subscription_handler)                                               \
	X("/livez", "GET, HEAD", ROUTE_PUBLIC | ROUTE_ADMIN, livez_handler)   \
	X("/healthz", "GET, HEAD", ROUTE_PUBLIC | ROUTE_ADMIN, livez_handler) \
	X("/readyz", "GET, HEAD", ROUTE_PUBLIC | ROUTE_ADMIN, readyz_handler)

struct conn;

/* A request, and how to respond to it. All of it lives until the handler
 * returns. */
struct exchange {
	const struct request *request;
	const char *accept;  /* all Accept headers, joined by ','; or NULL */
	const char *query;   /* behind the '?'; "" for none */
	uint64_t number;     /* of "{number}" */
	struct span subject; /* of "{subject}", percent-encoded, as these: */
	struct span bucket;  /* of "{bucket}" */
	struct span key;     /* of "{key}" */
	const char *allow;   /* OPTIONS: all methods of the path */
	bool by_proxy;	     /* it comes from a trusted proxy */
	struct response_to to;
};

/* Each handler sends one response, or opens a subscription. The connection may
 * be closed when it returns. */
#define X(path, methods, flags, handler) \
	void handler(struct conn *c, const struct exchange *x);
ENDPOINTS(X)
#undef X

/* OPTIONS, of any path that allows it. */
void options_handler(struct conn *c, const struct exchange *x);

#endif
