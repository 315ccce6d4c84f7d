/* GET of a key: its value, or its entry as JSON. */
#ifndef SLUICE_KV_GET_H
#define SLUICE_KV_GET_H

#include "auth/identity.h"
#include "base/span.h"
#include "http/http_error.h"
#include "http/kv_query.h"
#include "server/endpoints.h"

struct conn;

/* Checked: the names have no fault, and the client may read the key. Borrowed,
 * for the call. */
struct kv_get_request {
	const struct identity *id;
	struct span bucket;
	struct span key;
	const struct kv_query *query; /* form: VALUE or JSON */
};

/* 0: the request is answered later, or was. -ENOMEM, or -EINVAL with *why. */
int kv_get_start(struct conn *c, const struct exchange *x,
		 const struct kv_get_request *r, struct http_error *why);

#endif
