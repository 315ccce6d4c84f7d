/* PUT, POST and DELETE of a key. */
#ifndef SLUICE_KV_CHANGE_H
#define SLUICE_KV_CHANGE_H

#include "auth/identity.h"
#include "base/span.h"
#include "http/http_error.h"
#include "http/kv_query.h"
#include "server/endpoints.h"

struct conn;

/* Checked: the names have no fault, and the client may write the key. Borrowed,
 * for the call. */
struct kv_change_request {
	enum kv_action action; /* PUT, create or delete */
	const struct identity *id;
	struct span bucket;
	struct span key;
	const struct kv_query *query;
};

/* 0: the request is answered later, or was. -ENOMEM, or -EINVAL with *why. */
int kv_change_start(struct conn *c, const struct exchange *x,
		    const struct kv_change_request *r, struct http_error *why);

#endif
