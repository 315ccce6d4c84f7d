#include "gateway/gateway_config.h"

#include <stdio.h>

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
		.rights = options_token_rights(o) ? o->jwt_rights : NULL,
	};
}

struct rights_source gateway_rights(const struct options *o,
				    const struct gateway_own *own)
{
	return (struct rights_source){
		.subjects = o->subject.items,
		.n_subjects = o->subject.n,
		.allow_sub = o->allow_sub.items,
		.n_allow_sub = o->allow_sub.n,
		.own = {own->inbox, own->api},
		.claim_name = o->jwt_rights,
	};
}

void gateway_api_prefix(char *out, const struct options *o)
{
	if (o->js_domain != NULL)
		snprintf(out, SUBJECT_MAX, "$JS.%s.API", o->js_domain);
	else
		snprintf(out, SUBJECT_MAX, "%s",
			 o->js_api_prefix != NULL ? o->js_api_prefix
						  : "$JS.API");
}

void gateway_own_subjects(struct gateway_own *ret, const struct options *o)
{
	char prefix[SUBJECT_MAX];

	gateway_api_prefix(prefix, o);
	snprintf(ret->api, sizeof(ret->api), "%s.>", prefix);
	snprintf(ret->inbox, sizeof(ret->inbox), "%s.>",
		 o->inbox_prefix != NULL ? o->inbox_prefix : "_INBOX");
}

struct conn_writing gateway_writing(const struct options *o,
				    struct messenger *messenger,
				    struct core_hub *core,
				    const char *api_prefix)
{
	return (struct conn_writing){
		.is_on = options_writing(o),
		.messenger = messenger,
		.core = core,
		.api_prefix = api_prefix,
		.stream = o->stream,
		.rights = {.allow_pub = o->allow_pub.items,
			   .n_allow_pub = o->allow_pub.n,
			   .claim_name = o->jwt_rights,
			   .inbox_prefix = o->inbox_prefix,
			   .api_prefix = api_prefix},
		.default_subject = o->subject.items[0],
		.publish_timeout_ms = o->publish_timeout_ms,
		.body_timeout_ms = o->body_timeout_ms,
		.max_body = (size_t)o->max_body,
		.max_body_memory = (size_t)o->max_body_memory,
		.max_requests = (size_t)o->max_requests,
		.max_requests_per_id = (size_t)o->max_requests_per_id,
	};
}

struct live_page_config gateway_live_page_config(const struct options *o)
{
	static const char *const auths[] = {[AUTH_HEADER] = "header",
					    [AUTH_JWT] = "jwt",
					    [AUTH_NONE] = "none"};

	return (struct live_page_config){
		.stream = o->stream,
		.subjects = o->subject.items,
		.n_subjects = o->subject.n,
		.id_header = o->id_header,
		.auth = auths[o->auth],
		.ping_ms = o->ping_interval_ms,
		.retry_ms = o->retry_ms,
		.writing = options_writing(o),
	};
}

bool gateway_own_subject(struct subject_template *ret, const struct options *o)
{
	const char *why;

	for (size_t i = 0; i < o->subject.n; i++)
		if (subject_template_parse(ret, o->subject.items[i], &why) == 0)
			return true;
	return false;
}

bool gateway_follows_own_subject(const struct options *o)
{
	struct subject_template own;

	/* An identity as the first token could be a hidden one. */
	return o->subject.n == 1 && o->allow_sub.n == 0 &&
	       gateway_own_subject(&own, o) && own.prefix_len > 0 &&
	       own.prefix_len + SUBJECT_ID_MAX + own.suffix_len <= PATTERN_MAX;
}

int gateway_readable_new(struct readable **ret, const struct options *o)
{
	const struct readable_source src = {
		.subjects = o->subject.items,
		.n_subjects = o->subject.n,
		.allow_sub = o->allow_sub.items,
		.n_allow_sub = o->allow_sub.n,
		.all = options_token_rights(o),
	};

	return readable_new(ret, &src);
}
