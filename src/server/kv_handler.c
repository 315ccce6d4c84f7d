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
#include "server/kv_change.h"
#include "server/kv_get.h"

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
		.token_name =
			cfg->tokens == NULL ? NULL : cfg->tokens->sources.query,
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
			       struct authentication *who)
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
	return caller_identify(c, x, &asked->query.credentials, who);
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
			   const struct authentication *who,
			   struct http_error *why)
{
	struct rights_source source = cfg->rights;

	source.id = (struct span){who->id.id, who->id.len};
	if (who->rights != NULL)
		source.claim = span_of(who->rights);
	return rights_new(ret, why, &source);
}

static int check_read_right(const struct conn_config *cfg,
			    const struct authentication *who,
			    struct span subject, struct http_error *why)
{
	struct rights *rights = NULL;
	int rc = new_read_rights(&rights, cfg, who, why);

	if (rc == 0)
		rc = kv_rights_check(rights_of_kv(rights), subject,
				     KV_ACCESS_READ, why);
	rights_free(rights);
	return rc;
}

/* ---- one key ------------------------------------------------------------- */

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

	switch (asked->query.form) {
	case KV_FORM_VALUE:
	case KV_FORM_JSON:
		return kv_get_start(c, x, &r, why);
	case KV_FORM_LINES:
	case KV_FORM_WATCH:
		break;
	}
	return http_error_set(why, 501, REJECT_NOT_ACCEPTABLE,
			      "watch: key-value entries cannot be followed "
			      "yet");
}

void kv_get_handler(struct conn *c, const struct exchange *x)
{
	char subject[KV_SUBJECT_MAX];
	struct authentication who;
	struct kv_asked asked;
	struct http_error why;
	size_t len;
	int rc;

	if (!identify_kv_client(c, x, KV_GET_KEY, &asked, &who))
		return;
	len = kv_subject(subject, query_text_kept(&asked.bucket),
			 query_text_kept(&asked.key));
	rc = check_read_right(&c->set->cfg, &who, (struct span){subject, len},
			      &why);
	if (rc == 0)
		rc = start_kv_get(c, x, &asked, &who.id, &why);
	finish_kv_request(c, x, rc, &why);
	authentication_finish(&who);
}

static int check_write_right(const struct conn_writing *cfg,
			     const struct authentication *who,
			     struct span subject, struct http_error *why)
{
	struct publish_rights *rights = NULL;
	int rc = caller_publish_rights(&rights, cfg, who, why);

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
	struct authentication who;
	struct kv_change_request r = {
		.action = action_of_method(x->request->method),
		.id = &who.id,
	};
	struct kv_asked asked;
	struct http_error why;
	size_t len;
	int rc;

	if (!identify_kv_client(c, x, r.action, &asked, &who))
		return;
	r.bucket = query_text_kept(&asked.bucket);
	r.key = query_text_kept(&asked.key);
	r.query = &asked.query;
	len = kv_subject(subject, r.bucket, r.key);
	rc = check_write_right(&c->set->cfg.writing, &who,
			       (struct span){subject, len}, &why);
	if (rc == 0)
		rc = kv_change_start(c, x, &r, &why);
	finish_kv_request(c, x, rc, &why);
	authentication_finish(&who);
}
