/* The receiving side of a connection: the header of the PROXY protocol, request
 * heads, bytes after a request. */
#ifndef SLUICE_CONN_READ_H
#define SLUICE_CONN_READ_H

struct conn;

/* poller_cbs.on_events */
void conn_read_on_events(void *conn, unsigned events);
/* Serves the request of a WAITING connection again. */
void conn_read_serve_again(struct conn *c);
/* conn_set.serve_pipelined */
void conn_read_serve_pipelined(struct conn *c);
/* A request head was not complete in time. */
void conn_read_on_timeout(struct conn *c);

#endif
