/* Requests for key-value entries: identity and rights, before NATS sees
 * anything of them. */
#include <errno.h>
#include <string.h>

#include "auth/kv_rights.h"
#include "auth/publish_rights.h"
#include "auth/rights.h"
#include "http/kv_query.h"
#include "http/query.h"
#include "server/caller.h"
#include "server/conn_internal.h"
#include "server/conn_respond.h"
#include "server/endpoints.h"
#include "server/kv_buckets.h"
#include "server/kv_change.h"
#include "server/kv_get.h"
#include "server/kv_list.h"

/* The request, as all handlers here read it. */
struct kv_asked {
	struct query_text bucket;
	struct query_text key;
	struct kv_query query;
};

/* ---- the request --------------------------------------------------------- */

static int decode_kv_name(struct query_text *ret, struct span sent,
			  struct http_error *why)
{
	if (query_decode(ret, sent, sent, why) == 0)
		return 0;
	return http_error_set(why, 400, REJECT_BAD_SUBJECT,
			      "a name in the path has a %% that is not "
			      "followed by two hex digits from 01 to FF");
}

/* Longer names are cut, and too long all the same. */
static int read_kv_names(struct kv_asked *ret, const struct exchange *x,
			 struct http_error *why)
{
	int rc = 0;

	ret->bucket.len = ret->key.len = 0;
	if (x->bucket.len > 0) {
		rc = decode_kv_name(&ret->bucket, x->bucket, why);
		if (rc == 0)
			rc = kv_query_check_bucket(why, query_text_kept(
								&ret->bucket));
	}
	if (rc == 0 && x->key.len > 0) {
		rc = decode_kv_name(&ret->key, x->key, why);
		if (rc == 0)
			rc = kv_query_check_key(why,
						query_text_kept(&ret->bucket),
						query_text_kept(&ret->key));
	}
	return rc;
}

static int read_kv_request(struct kv_asked *ret, const struct conn_config *cfg,
			   const struct exchange *x, enum kv_action action,
			   struct http_error *why)
{
	struct kv_request r = {
		.action = action,
		.query = x->query,
		.accept = x->accept,
		.last_event_id =
			request_find(x->request, "Last-Event-ID", NULL),
		.id_name = cfg->id_query,
		.token_name = caller_token_parameter(cfg),
	};

	if (read_kv_names(ret, x, why) < 0)
		return -EINVAL;
	r.bucket = query_text_kept(&ret->bucket);
	return kv_query_parse(&ret->query, why, &r);
}

/* The client, after a good request. False: the request has its response, or
 * waits. */
static bool identify_kv_client(struct conn *c, const struct exchange *x,
			       enum kv_action action, struct kv_asked *asked,
			       struct authentication *caller)
{
	struct http_error why;

	if (read_kv_request(asked, &c->set->cfg, x, action, &why) < 0) {
		conn_reject(c, &x->to, &why);
		return false;
	}
	if (c->set->draining) {
		caller_reject_draining(c, x);
		return false;
	}
	return caller_identify(c, x, &asked->query.credentials, caller);
}

static void finish_kv_request(struct conn *c, const struct exchange *x, int rc,
			      const struct http_error *why)
{
	if (rc == -ENOMEM)
		caller_reject_for_memory(c, x);
	else if (rc < 0)
		conn_reject(c, &x->to, why);
}

/* ---- rights -------------------------------------------------------------- */

static int new_read_rights(struct rights **ret, const struct conn_config *cfg,
			   const struct authentication *caller,
			   struct http_error *why)
{
	struct rights_source source = cfg->rights;

	source.id = (struct span){caller->id.id, caller->id.len};
	if (caller->rights != NULL)
		source.claim = span_of(caller->rights);
	return rights_new(ret, why, &source);
}

static int reject_watch(struct http_error *why)
{
	return http_error_set(why, 501, REJECT_NOT_ACCEPTABLE,
			      "watch: key-value entries cannot be followed "
			      "yet");
}

/* ---- one key ------------------------------------------------------------- */

/* Takes the rights. */
static int start_kv_list(struct conn *c, const struct exchange *x,
			 const struct kv_asked *asked,
			 const struct identity *id, struct span pattern,
			 struct rights **rights, struct http_error *why)
{
	struct kv_list_selection selection = {.rights = *rights};
	const struct kv_list_request r = {
		.id = id,
		.bucket = query_text_kept(&asked->bucket),
		.key = query_text_kept(&asked->key),
		.query = &asked->query,
		.selection = &selection,
	};
	int rc;

	buf_init(&selection.text, RIGHTS_LIST_MAX * PATTERN_MAX);
	rc = kv_rights_select(&selection.selection, &selection.text, why,
			      rights_of_kv(*rights), pattern);
	*rights = NULL;
	if (rc == 0)
		rc = kv_list_start(c, x, &r, why);
	kv_list_selection_finish(&selection);
	return rc;
}

static int start_kv_get(struct conn *c, const struct exchange *x,
			const struct kv_asked *asked, const struct identity *id,
			struct http_error *why)
{
	const struct kv_get_request r = {
		.id = id,
		.bucket = query_text_kept(&asked->bucket),
		.key = query_text_kept(&asked->key),
		.query = &asked->query,
	};

	return kv_get_start(c, x, &r, why);
}

static int serve_kv_key(struct conn *c, const struct exchange *x,
			const struct kv_asked *asked,
			const struct authentication *caller,
			struct http_error *why)
{
	char text[KV_SUBJECT_MAX];
	struct span subject = {text,
			       kv_subject(text, query_text_kept(&asked->bucket),
					  query_text_kept(&asked->key))};
	struct rights *rights = NULL;
	int rc = new_read_rights(&rights, &c->set->cfg, caller, why);

	if (rc == 0)
		rc = kv_rights_check(rights_of_kv(rights), subject,
				     KV_ACCESS_READ, why);
	if (rc < 0) {
		rights_free(rights);
		return rc;
	}
	switch (asked->query.form) {
	case KV_FORM_VALUE:
	case KV_FORM_JSON:
		rc = start_kv_get(c, x, asked, &caller->id, why);
		break;
	case KV_FORM_LINES:
		rc = start_kv_list(c, x, asked, &caller->id, subject, &rights,
				   why);
		break;
	case KV_FORM_WATCH:
		rc = reject_watch(why);
		break;
	}
	rights_free(rights);
	return rc;
}

void kv_get_handler(struct conn *c, const struct exchange *x)
{
	struct authentication caller;
	struct kv_asked asked;
	struct http_error why;

	if (!identify_kv_client(c, x, KV_GET_KEY, &asked, &caller))
		return;
	finish_kv_request(c, x, serve_kv_key(c, x, &asked, &caller, &why),
			  &why);
	authentication_finish(&caller);
}

/* ---- a bucket ------------------------------------------------------------ */

static int serve_kv_bucket(struct conn *c, const struct exchange *x,
			   const struct kv_asked *asked,
			   const struct authentication *caller,
			   struct http_error *why)
{
	char text[KV_SUBJECT_MAX];
	struct span pattern = {text,
			       kv_subject(text, query_text_kept(&asked->bucket),
					  span_of(asked->query.filter))};
	struct rights *rights = NULL;
	int rc;

	if (asked->query.form == KV_FORM_WATCH)
		return reject_watch(why);
	rc = new_read_rights(&rights, &c->set->cfg, caller, why);
	if (rc == 0)
		rc = start_kv_list(c, x, asked, &caller->id, pattern, &rights,
				   why);
	rights_free(rights);
	return rc;
}

void kv_bucket_handler(struct conn *c, const struct exchange *x)
{
	struct authentication caller;
	struct kv_asked asked;
	struct http_error why;

	if (!identify_kv_client(c, x, KV_GET_BUCKET, &asked, &caller))
		return;
	finish_kv_request(c, x, serve_kv_bucket(c, x, &asked, &caller, &why),
			  &why);
	authentication_finish(&caller);
}

void kv_buckets_handler(struct conn *c, const struct exchange *x)
{
	struct rights *rights = NULL;
	struct authentication caller;
	struct kv_asked asked;
	struct http_error why;
	int rc;

	if (!identify_kv_client(c, x, KV_LIST_BUCKETS, &asked, &caller))
		return;
	rc = new_read_rights(&rights, &c->set->cfg, &caller, &why);
	if (rc == 0)
		rc = kv_buckets_start(c, x, &caller.id, &rights, &why);
	rights_free(rights);
	finish_kv_request(c, x, rc, &why);
	authentication_finish(&caller);
}

/* ---- writes -------------------------------------------------------------- */

static int check_write_right(const struct conn_writing *cfg,
			     const struct authentication *caller,
			     struct span subject, struct http_error *why)
{
	struct publish_rights *rights = NULL;
	int rc = caller_publish_rights(&rights, cfg, caller, why);

	if (rc == 0)
		rc = kv_rights_check(publish_rights_of_kv(rights), subject,
				     KV_ACCESS_WRITE, why);
	publish_rights_free(rights);
	return rc;
}

static enum kv_action action_of_method(const char *method)
{
	if (strcmp(method, "PUT") == 0)
		return KV_PUT_KEY;
	return strcmp(method, "POST") == 0 ? KV_CREATE_KEY : KV_DELETE_KEY;
}

void kv_write_handler(struct conn *c, const struct exchange *x)
{
	char subject[KV_SUBJECT_MAX];
	struct authentication caller;
	struct kv_change_request r = {
		.action = action_of_method(x->request->method),
		.id = &caller.id,
	};
	struct kv_asked asked;
	struct http_error why;
	size_t len;
	int rc;

	if (!identify_kv_client(c, x, r.action, &asked, &caller))
		return;
	r.bucket = query_text_kept(&asked.bucket);
	r.key = query_text_kept(&asked.key);
	r.query = &asked.query;
	len = kv_subject(subject, r.bucket, r.key);
	rc = check_write_right(&c->set->cfg.writing, &caller,
			       (struct span){subject, len}, &why);
	if (rc == 0)
		rc = kv_change_start(c, x, &r, &why);
	finish_kv_request(c, x, rc, &why);
	authentication_finish(&caller);
}
