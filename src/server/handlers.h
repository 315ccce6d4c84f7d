/* The handlers of requests: each sends one response, or opens a subscription.
 * The connection may be closed when a handler returns. */
#ifndef SLUICE_HANDLERS_H
#define SLUICE_HANDLERS_H

#include "http/request.h"
#include "http/response.h"
#include "http/route.h"

struct conn;

/* A request, and how to respond to it. All of it lives until the handler
 * returns. */
struct exchange {
	const struct request *request;
	const struct route *route;
	const char *accept; /* all Accept headers, joined by ','; or NULL */
	struct response_to to;
};

void livez_handler(struct conn *c, const struct exchange *x);
void readyz_handler(struct conn *c, const struct exchange *x);
void metrics_handler(struct conn *c, const struct exchange *x);
void page_handler(struct conn *c, const struct exchange *x);
void options_handler(struct conn *c, const struct exchange *x);
void events_handler(struct conn *c, const struct exchange *x);
/* /subscriptions: the list, and DELETE */
void subscriptions_handler(struct conn *c, const struct exchange *x);
/* /subscriptions/NUMBER */
void subscription_handler(struct conn *c, const struct exchange *x);

#endif
