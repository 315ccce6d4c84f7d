/* GET of a bucket: its keys, or its entries. GET of a key: its history. */
#ifndef SLUICE_KV_LIST_H
#define SLUICE_KV_LIST_H

#include "auth/identity.h"
#include "auth/rights.h"
#include "base/buf.h"
#include "base/span.h"
#include "http/http_error.h"
#include "http/kv_query.h"
#include "server/endpoints.h"

struct conn;

/* What of a bucket is read: patterns and denied ones of kv_rights_select(). */
struct kv_list_selection {
	struct rights_selection selection;
	struct buf text;
	struct rights *rights; /* owned: the denied patterns are in it */
};

void kv_list_selection_finish(struct kv_list_selection *s);

/* Checked: the names have no fault. Borrowed, for the call. */
struct kv_list_request {
	const struct identity *id;
	struct span bucket;
	struct span key;	      /* of a history; empty: of the bucket */
	const struct kv_query *query; /* form: JSON (keys) or LINES */
	/* Taken over, and zeroed. */
	struct kv_list_selection *selection;
};

/* 0: the request is answered later, or was. -ENOMEM, or -EINVAL with *why. */
int kv_list_start(struct conn *c, const struct exchange *x,
		  const struct kv_list_request *r, struct http_error *why);

#endif
