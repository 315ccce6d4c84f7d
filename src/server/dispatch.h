/* From a request to its handler. */
#ifndef SLUICE_DISPATCH_H
#define SLUICE_DISPATCH_H

struct conn;
struct request;

/* conn_config.handler */
void dispatch_request(struct conn *c, const struct request *h);

#endif
