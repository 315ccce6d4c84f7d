/* GET /api/v1/kv: the buckets of which something may be read. */
#ifndef SLUICE_KV_BUCKETS_H
#define SLUICE_KV_BUCKETS_H

#include "auth/identity.h"
#include "auth/rights.h"
#include "http/http_error.h"
#include "server/endpoints.h"

struct conn;

/* 0: the request is answered later, or was, and *rights is taken over (NULL).
 * -ENOMEM, or -EINVAL with *why. */
int kv_buckets_start(struct conn *c, const struct exchange *x,
		     const struct identity *id, struct rights **rights,
		     struct http_error *why);

#endif
