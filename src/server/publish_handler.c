/* POST /api/v1/events: identity and rights, before anything of it is read. */
#include <errno.h>

#include "auth/publish_rights.h"
#include "base/ascii.h"
#include "http/publish_query.h"
#include "server/batch.h"
#include "server/caller.h"
#include "server/conn_internal.h"
#include "server/conn_respond.h"
#include "server/endpoints.h"
#include "server/publication.h"

/* The subject of the request, or the default one, in `room` (PATTERN_MAX
 * bytes). */
static int find_subject(struct span *ret, char *room,
			const struct conn_writing *cfg,
			const struct publish_query *q,
			const struct authentication *caller,
			struct http_error *why)
{
	struct span id = {caller->id.id, caller->id.len};

	if (!q->has_subject)
		return publish_subject_default(ret, room, why,
					       cfg->default_subject, id);
	/* Longer ones are cut, and too long for a subject all the same. */
	*ret = query_text_kept(&q->subject);
	return 0;
}

static int check_publish_right(const struct conn_writing *cfg,
			       const struct authentication *caller,
			       struct span subject, struct http_error *why)
{
	struct publish_rights *rights = NULL;
	int rc = caller_publish_rights(&rights, cfg, caller, why);

	if (rc == 0)
		rc = publish_rights_check(rights, subject, why);
	publish_rights_free(rights);
	return rc;
}

/* Parameters of the media type do not matter. */
static bool is_batch(const struct request *req)
{
	size_t len, end = 0;
	const char *type = request_find(req, "Content-Type", &len);

	if (type == NULL)
		return false;
	while (end < len && type[end] != ';' && !ascii_is_blank(type[end]))
		end++;
	return ascii_is_word(type, end, "application/x-ndjson");
}

static int start_publication(struct conn *c, const struct exchange *x,
			     const struct publish_query *q,
			     const struct authentication *caller,
			     struct http_error *why)
{
	const struct conn_writing *cfg = &c->set->cfg.writing;
	char room[PATTERN_MAX];
	struct span subject;
	int rc;

	if (q->atomic)
		return http_error_set(why, 400, REJECT_BAD_QUERY,
				      "atomic is for batches, with "
				      "Content-Type: application/x-ndjson");
	rc = find_subject(&subject, room, cfg, q, caller, why);
	if (rc == 0)
		rc = check_publish_right(cfg, caller, subject, why);
	return rc < 0 ? rc : publication_start(c, x, &caller->id, subject, why);
}

static void serve_publish(struct conn *c, const struct exchange *x,
			  const struct publish_query *q,
			  const struct authentication *caller)
{
	struct http_error why;
	int rc = is_batch(x->request)
			 ? batch_start(c, x, q, caller, &why)
			 : start_publication(c, x, q, caller, &why);

	if (rc == -ENOMEM)
		caller_reject_for_memory(c, x);
	else if (rc < 0)
		conn_reject(c, &x->to, &why);
}

void publish_handler(struct conn *c, const struct exchange *x)
{
	const struct conn_config *cfg = &c->set->cfg;
	struct authentication caller;
	struct publish_query q;
	struct http_error why;

	if (publish_query_parse(&q, &why, x->query, cfg->id_query,
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
	serve_publish(c, x, &q, &caller);
	authentication_finish(&caller);
}
