/* URLs of NATS servers. */
#ifndef SLUICE_SERVER_URL_H
#define SLUICE_SERVER_URL_H

#include <stdbool.h>
#include <stddef.h>

/* The parts of a URL; the texts are owned. */
struct server_url {
	char *url;	/* nats://HOST:PORT, without userinfo */
	char *host;	/* IPv6 without its brackets */
	char *user;	/* decoded; NULL for none */
	char *password; /* decoded; NULL for none */
	bool tls;	/* the scheme is tls:// */
};

/* What is wrong with a URL, or NULL. A good one has nats://, tls:// or no
 * scheme, [USER[:PASSWORD]@], a host, [:PORT], [/]. */
const char *server_url_fault(const char *url);

/* 0, -ENOMEM, or -EINVAL: server_url_fault(), or a wrong escape before the '@'.
 */
int server_url_parse(struct server_url *ret, const char *url);
/* Wipes the credentials. */
void server_url_finish(struct server_url *u);

/* Writes at most size - 1 bytes of a URL, good or bad, with everything before
 * its last '@' hidden: "nats://(hidden)@host". */
void server_url_hide_userinfo(const char *url, char *out, size_t size);

#endif
