#include "auth/publish_rights.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "auth/rights_patterns.h"
#include "base/check.h"
#include "nats/pattern_template.h"

struct publish_rights {
	struct rights_patterns *patterns;
	const char *inbox_prefix;
	const char *api_prefix;
};

int publish_rights_new(struct publish_rights **ret, struct http_error *why,
		       const struct publish_rights_source *src)
{
	const struct rights_templates templates = {"--allow-pub",
						   src->allow_pub,
						   src->n_allow_pub};
	struct publish_rights *r = malloc(sizeof(*r));
	struct rights_claim claim;
	int rc;

	if (r == NULL)
		return -ENOMEM;
	rc = rights_claim_init(&claim, why, src->claim, src->claim_name);
	if (rc == 0) {
		rc = rights_patterns_new(&r->patterns, why, &templates, 1,
					 src->id, &claim.pub);
		rights_claim_finish(&claim);
	}
	if (rc < 0) {
		free(r);
		return rc;
	}
	r->inbox_prefix = src->inbox_prefix;
	r->api_prefix = src->api_prefix;
	*ret = r;
	return 0;
}

void publish_rights_free(struct publish_rights *r)
{
	if (r == NULL)
		return;
	free(r->patterns);
	free(r);
}

const struct rights_patterns *publish_rights_of_kv(
	const struct publish_rights *r)
{
	return r->patterns;
}

static int reject_subject_form(struct http_error *why, struct span subject,
			       const char *fault)
{
	char shown[RIGHTS_SHOWN_MAX];

	return http_error_set(why, 400, REJECT_BAD_SUBJECT,
			      "subject \"%s\" cannot be published to: %s",
			      http_error_quote(shown, sizeof(shown), subject.at,
					       subject.len),
			      fault);
}

/* A reply of JetStream could be forged, or its API be called, where a prefix
 * is not hidden by itself. */
static bool has_own_prefix(struct span subject, const char *prefix)
{
	size_t len = prefix == NULL ? 0 : strlen(prefix);

	return len > 0 && subject.len >= len &&
	       memcmp(subject.at, prefix, len) == 0 &&
	       (subject.len == len || subject.at[len] == '.');
}

/* The server drops messages with such a subject, or such a reply subject, or
 * takes them for replies to another client: its own replies, of services and of
 * gateways between clusters. */
static bool is_reserved_by_server(struct span subject)
{
	static const char *const prefixes[] = {"_R_", "_GR_"};

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (has_own_prefix(subject, prefixes[i]))
			return true;
	return false;
}

int publish_rights_check(const struct publish_rights *r, struct span subject,
			 struct http_error *why)
{
	const char *fault = pattern_fault(subject);
	const struct span *denied;

	if (fault != NULL)
		return reject_subject_form(why, subject, fault);
	if (!pattern_is_literal(subject))
		return reject_subject_form(why, subject, "it has a wildcard");
	if (pattern_is_hidden(subject))
		return rights_reject(why, "publishing to ", subject,
				     "its first token begins with $ or is "
				     "_INBOX");
	if (has_own_prefix(subject, r->inbox_prefix) ||
	    has_own_prefix(subject, r->api_prefix))
		return rights_reject(why, "publishing to ", subject,
				     "it is a subject of the gateway itself");
	if (is_reserved_by_server(subject))
		return rights_reject(why, "publishing to ", subject,
				     "its first token is one of the NATS "
				     "server's own, _R_ or _GR_");
	denied = rights_find_denied(r->patterns, subject);
	if (denied != NULL)
		return rights_reject_denied(why, "publishing to ", subject,
					    *denied);
	if (rights_find_allowed(r->patterns, subject) == NULL)
		return rights_reject(why, "publishing to ", subject,
				     "it is not inside a pattern that this "
				     "identity may publish to");
	return 0;
}

int publish_subject_default(struct span *ret, char *out, struct http_error *why,
			    const char *template, struct span id)
{
	size_t len = 0;

	if (pattern_template_render(span_of(template), id, out, &len) != NULL ||
	    !pattern_is_literal((struct span){out, len}))
		return http_error_set(why, 400, REJECT_BAD_SUBJECT,
				      "the subject to publish to is missing, "
				      "name it with subject=");
	*ret = (struct span){out, len};
	return 0;
}
