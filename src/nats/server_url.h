/* URLs of NATS servers. */
#ifndef SLUICE_SERVER_URL_H
#define SLUICE_SERVER_URL_H

#include <stddef.h>

/* nats://, tls:// or no scheme, [USER[:PASSWORD]@], host, [:PORT], [/]. */
const char *server_url_fault(const char *url);

/* A URL without what stands before its last '@': "nats://(hidden)@host". Also
 * for text that is no good URL. At most size - 1 bytes of it. */
void server_url_hide_userinfo(const char *url, char *out, size_t size);

#endif
