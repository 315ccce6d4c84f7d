/* PUT and POST /api/v1/subjects/{subject}: identity and rights, before anything
 * of the payload is read. */
#include <errno.h>
#include <string.h>

#include "auth/publish_rights.h"
#include "http/accept.h"
#include "http/subjects_query.h"
#include "server/caller.h"
#include "server/conn_internal.h"
#include "server/conn_respond.h"
#include "server/core_message.h"
#include "server/endpoints.h"

/* ---- the request --------------------------------------------------------- */

/* Several replies come as they are, so their type is one of streams. */
static int choose_response(enum core_response *ret, const struct exchange *x,
			   const struct subjects_query *q,
			   struct http_error *why)
{
	*ret = CORE_REPLY;
	if (!q->is_many)
		return 0;
	*ret = CORE_LINES;
	if (accept_prefers_ndjson(x->accept))
		return 0;
	*ret = CORE_EVENTS;
	if (accept_allows(x->accept, "text", "event-stream"))
		return 0;
	return http_error_set(
		why, 406, REJECT_NOT_ACCEPTABLE,
		"several replies come as text/event-stream or "
		"application/x-ndjson, and Accept allows neither");
}

static int describe_request(struct core_message_request *ret,
			    const struct exchange *x,
			    const struct subjects_query *q,
			    struct http_error *why)
{
	ret->json = q->json;
	ret->options = (struct flight_options){
		.timeout_ms = q->timeout_ms,
		.stall_ms = q->stall_ms,
		.replies = q->replies,
	};
	if (strcmp(x->request->method, "POST") == 0)
		return choose_response(&ret->response, x, q, why);
	ret->response = CORE_NOTHING;
	if (q->has_reply)
		ret->reply = query_text_kept(&q->reply);
	return 0;
}

/* ---- rights -------------------------------------------------------------- */

/* Longer subjects are cut, and too long for a subject all the same. */
static int check_core_rights(const struct conn_writing *cfg,
			     const struct authentication *caller,
			     const struct core_message_request *r,
			     bool has_reply, struct http_error *why)
{
	struct publish_rights *rights = NULL;
	int rc = caller_publish_rights(&rights, cfg, caller, why);

	if (rc == 0)
		rc = publish_rights_check(rights, r->subject, why);
	if (rc == 0 && has_reply)
		rc = publish_rights_check(rights, r->reply, why);
	publish_rights_free(rights);
	return rc;
}

static void serve_core_message(struct conn *c, const struct exchange *x,
			       const struct subjects_query *q,
			       const struct authentication *caller)
{
	struct core_message_request r = {0};
	struct query_text subject;
	struct http_error why;
	int rc = subjects_query_path(&subject, x->subject, &why);

	r.subject = query_text_kept(&subject);
	if (rc == 0)
		rc = describe_request(&r, x, q, &why);
	if (rc == 0)
		rc = check_core_rights(&c->set->cfg.writing, caller, &r,
				       r.response == CORE_NOTHING &&
					       q->has_reply,
				       &why);
	if (rc == 0)
		rc = core_message_start(c, x, &caller->id, &r, &why);
	if (rc == -ENOMEM)
		caller_reject_for_memory(c, x);
	else if (rc < 0)
		conn_reject(c, &x->to, &why);
}

void subjects_handler(struct conn *c, const struct exchange *x)
{
	const struct conn_config *cfg = &c->set->cfg;
	struct authentication caller;
	struct subjects_query q;
	struct http_error why;

	if (subjects_query_parse(&q, &why, x->query, cfg->id_query,
				 caller_token_parameter(cfg)) < 0) {
		conn_reject(c, &x->to, &why);
		return;
	}
	if (c->set->draining) {
		caller_reject_draining(c, x);
		return;
	}
	if (!caller_identify(c, x, &q.credentials, &caller))
		return;
	serve_core_message(c, x, &q, &caller);
	authentication_finish(&caller);
}
