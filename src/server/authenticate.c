#include "server/authenticate.h"

#include <errno.h>
#include <stdlib.h>

#include "server/conn_config.h"

static int authenticate_token(const struct conn_config *cfg,
			      const struct request *h,
			      const struct query_credentials *q,
			      struct authentication *ret,
			      struct http_error *why)
{
	const struct conn_tokens *t = cfg->tokens;
	uint64_t wall_ms = cfg->wall_ms();
	struct bearer_token found;
	struct jwt jwt;
	int rc = bearer_token_find(&found, why, &t->sources, h, q->token.at,
				   q->token.len);

	if (rc == 0)
		rc = jwt_verify(&jwt, why, t->keys, &t->rules, found.at,
				found.len, wall_ms);
	if (rc < 0)
		return rc;
	ret->id = jwt.id;
	ret->rights = jwt.rights;
	ret->by_cookie = found.by_cookie;
	if (!jwt.expires)
		return 0;
	/* An expired token was accepted for the leeway's sake. */
	if (jwt.end_ms <= wall_ms)
		jwt.end_ms += t->rules.leeway_ms;
	ret->end_ms = jwt.end_ms;
	return 0;
}

int authenticate(const struct conn_config *cfg, const struct request *h,
		 const struct query_credentials *q, struct authentication *ret,
		 struct http_error *why)
{
	struct identity_request req = {
		.header_name = cfg->id_header,
		.query_name = cfg->id_query,
		.query = q->id.given ? q->id.text : NULL,
		.query_len = q->id.len,
	};

	ret->end_ms = UINT64_MAX;
	ret->rights = NULL;
	ret->by_cookie = false;
	if (cfg->no_identity) {
		ret->id.len = 0;
		return 0;
	}
	if (cfg->tokens != NULL)
		return authenticate_token(cfg, h, q, ret, why);
	req.header = request_find(h, cfg->id_header, &req.header_len);
	return identity_take(&ret->id, why, &req);
}

void authentication_finish(struct authentication *a)
{
	free(a->rights);
	a->rights = NULL;
}
