/* The NATS servers of a gateway, in turn: the configured ones, and those that a
 * server has announced. The order of the configured ones is random, so that
 * many gateways spread over them. Pure. */
#ifndef SLUICE_NATS_SERVERS_H
#define SLUICE_NATS_SERVERS_H

#include <stdbool.h>
#include <stddef.h>

enum { NATS_SERVERS_MAX = 64, NATS_SERVERS_ERROR_MAX = 512 };

/* Strings are owned by the list. */
struct nats_servers_item {
	char *url;  /* nats://HOST:PORT, without userinfo */
	char *host; /* IPv6 without its brackets */
	char *user; /* decoded; NULL for none */
	char *password;
	char *tls_name; /* name in its certificate; NULL: the host */
	bool configured;
};

struct nats_servers {
	struct nats_servers_item items[NATS_SERVERS_MAX];
	size_t n;
	size_t next;
	bool tls; /* for all, if one configured URL is tls:// */
};

/* Without URLs, the server on this machine. -EINVAL with
 * `err` (NATS_SERVERS_ERROR_MAX bytes), -ENOMEM. */
int nats_servers_init(struct nats_servers *s, const char *const *urls, size_t n,
		      char *err);
void nats_servers_finish(struct nats_servers *s);
/* A copy of the next one, to nats_servers_item_finish(). 0 or -ENOMEM. */
int nats_servers_next(struct nats_servers *s, struct nats_servers_item *ret);
void nats_servers_item_finish(struct nats_servers_item *it);
/* Replaces the discovered servers by those that the server `from` announced,
 * unless there are none. Invalid URLs are ignored. */
void nats_servers_discovered(struct nats_servers *s,
			     const struct nats_servers_item *from,
			     const char *const *urls, size_t n);

#endif
