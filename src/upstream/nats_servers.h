/* Which NATS server is next: those given and those that a server has told of.
 * The order of those given is random, so that many gateways spread. */
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
	char *tls_name; /* the certificate's, where it isn't the host; or NULL
			 */
	bool given;
};

struct nats_servers {
	struct nats_servers_item items[NATS_SERVERS_MAX];
	size_t n;
	size_t next;
	bool tls; /* one of the URLs given asks for it: it is for all */
};

/* nats://, tls:// or no scheme; none given means the local one. -EINVAL with
 * `err` (NATS_SERVERS_ERROR_MAX bytes), -ENOMEM. */
int nats_servers_init(struct nats_servers *s, const char *const *urls, size_t n,
		      char *err);
void nats_servers_finish(struct nats_servers *s);
/* A copy of the next in turn, to nats_servers_item_finish(). 0 or -ENOMEM. */
int nats_servers_next(struct nats_servers *s, struct nats_servers_item *ret);
void nats_servers_item_finish(struct nats_servers_item *it);
/* Replaces what had been discovered by what the server `from` tells, unless
 * that is nothing. URLs that can't be read are left out. */
void nats_servers_discovered(struct nats_servers *s,
			     const struct nats_servers_item *from,
			     const char *const *urls, size_t n);

#endif
