/* The names and parameters of a request for key-value entries: Accept, the
 * query and Last-Event-ID.
 *
 *	filter=a.>           of a bucket: the keys that match
 *	revision=17          of a key: this value
 *	read=leader          of a key: not from a replica
 *	include=last|history|new
 *	                     of entries and watches: what comes first
 *	deletes=0 values=0   of entries and watches: without
 *	ttl=1h               of a key that is created
 *	purge=1              of a key that is deleted: with its history
 *
 * Each at most once, and only where it has a meaning: a misplaced one is an
 * error, since it would change what is written or read. Others are ignored. */
#ifndef SLUICE_KV_QUERY_H
#define SLUICE_KV_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/query.h"
#include "http/resume.h"
#include "nats/kv_name.h"

enum kv_action {
	KV_LIST_BUCKETS, /* GET kv */
	KV_GET_BUCKET,	 /* GET kv/{b} */
	KV_GET_KEY,	 /* GET kv/{b}/{k} */
	KV_PUT_KEY,	 /* PUT */
	KV_CREATE_KEY,	 /* POST */
	KV_DELETE_KEY,	 /* DELETE */
};

/* The form of the response, by Accept; of other actions than the two GETs
 * always JSON. */
enum kv_form {
	KV_FORM_JSON,  /* the keys of a bucket; the entry of a key */
	KV_FORM_VALUE, /* of a key */
	KV_FORM_LINES, /* the entries of a bucket; the history of a key */
	KV_FORM_WATCH, /* events */
};

enum kv_include { KV_INCLUDE_LAST, KV_INCLUDE_HISTORY, KV_INCLUDE_NEW };

/* All borrowed, NUL-terminated. */
struct kv_request {
	enum kv_action action;
	struct span bucket;	   /* with KV_GET_BUCKET: without fault */
	const char *query;	   /* after the '?'; "" for none */
	const char *accept;	   /* header; NULL for none */
	const char *last_event_id; /* header; NULL for none */
	const char *id_name;	   /* as in struct query_reader */
	const char *token_name;
};

struct kv_query {
	enum kv_form form;
	struct query_credentials credentials; /* token: inside of the query */
	char filter[KV_SUBJECT_MAX];	      /* ">" without one */
	uint64_t revision;		      /* 0: the newest */
	bool from_leader;
	enum kv_include include;
	bool no_deletes;
	bool no_values;
	uint64_t ttl_ms; /* 0: none */
	bool purge;
	struct resume resume; /* of a watch */
};

/* 0, or -EINVAL with *why: 406 when Accept rules out all forms, 400 for a bad,
 * doubled or misplaced parameter. Last-Event-ID wins over lastEventId; both are
 * for watches, and are ignored elsewhere. */
int kv_query_parse(struct kv_query *ret, struct http_error *why,
		   const struct kv_request *req);

/* Names of the path, any bytes. 0, or -EINVAL with *why (400). */
int kv_query_check_bucket(struct http_error *why, struct span bucket);
int kv_query_check_key(struct http_error *why, struct span bucket,
		       struct span key);

#endif
