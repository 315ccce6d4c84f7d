#include "gateway/gateway_config.h"

struct jwt_rules gateway_jwt_rules(const struct options *o)
{
	return (struct jwt_rules){
		.claim = o->jwt_claim,
		.audiences = o->jwt_audience.items,
		.n_audiences = o->jwt_audience.n,
		.issuers = o->jwt_issuer.items,
		.n_issuers = o->jwt_issuer.n,
		.leeway_ms = o->jwt_leeway_ms,
		.no_exp = o->jwt_allow_no_exp,
	};
}

struct rights_source gateway_rights(const struct options *o)
{
	return (struct rights_source){
		.subjects = &o->subject,
		.n_subjects = 1,
	};
}

struct live_page_config gateway_live_page_config(const struct options *o)
{
	return (struct live_page_config){
		.stream = o->stream,
		.subject = o->subject,
		.id_header = o->id_header,
		.auth = o->auth == AUTH_JWT ? "jwt" : "header",
		.ping_ms = o->ping_interval_ms,
		.retry_ms = o->retry_ms,
	};
}

int gateway_readable_new(struct readable **ret, const struct options *o)
{
	const struct readable_source src = {.subjects = &o->subject,
					    .n_subjects = 1};

	return readable_new(ret, &src);
}
