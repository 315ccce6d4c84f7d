/* The sending side of a socket. A connection holds bytes only while its socket
 * is full. */
#ifndef SLUICE_CONN_WRITE_H
#define SLUICE_CONN_WRITE_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

struct conn;
struct conn_unsent;

/* How many bytes the socket took, 0 when it is full; a negative errno: the
 * connection is lost. */
ssize_t conn_write_now(const struct conn *c, const struct iovec *iov, size_t n);
/* Sends, and keeps what the socket does not take. Negative: lost. */
int conn_write(struct conn *c, const void *bytes, size_t len);
/* Sends what was kept: c->unsent is NULL when all is out. Negative: lost. */
int conn_write_unsent(struct conn *c);
/* Appends bytes to *to. -ENOMEM or 0. */
int conn_write_keep(struct conn_unsent **to, const void *bytes, size_t len);

#endif
