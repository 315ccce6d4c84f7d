#include "auth/identity.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/printable.h"

#define ALLOWED                                                             \
	"one NATS subject token of 1 to 128 printable ASCII bytes without " \
	"'.', '*', '>'"

_Static_assert(SUBJECT_ID_MAX == 128, "what ALLOWED says");

static int reject_missing_identity(const struct identity_request *req,
				   struct http_error *why)
{
	if (req->query_name == NULL)
		return http_error_set(
			why, 400, REJECT_BAD_IDENTITY,
			"header %s is missing, allowed is " ALLOWED,
			req->header_name);
	return http_error_set(why, 400, REJECT_BAD_IDENTITY,
			      "no header %s or query parameter %s, allowed "
			      "is " ALLOWED,
			      req->header_name, req->query_name);
}

static int reject_two_identities(const struct identity_request *req,
				 struct http_error *why)
{
	return http_error_set(
		why, 400, REJECT_BAD_IDENTITY,
		"header %s and query parameter %s are both given, "
		"allowed is one of them",
		req->header_name, req->query_name);
}

static int take_checked_identity(struct identity *ret, struct http_error *why,
				 const char *where, const char *name,
				 const char *id, size_t len)
{
	char shown[PRINTABLE_MAX];

	if (!subject_id_ok(id, len))
		return http_error_set(why, 400, REJECT_BAD_IDENTITY,
				      "%s %s \"%s\" is not " ALLOWED, where,
				      name,
				      http_error_quote(shown, sizeof(shown), id,
						       len));
	memcpy(ret->id, id, len);
	ret->id[len] = '\0';
	ret->len = len;
	return 0;
}

/* An empty value counts as given: a proxy that empties the header reports an
 * unknown client, and the query must not override that. */
int identity_take(struct identity *ret, struct http_error *why,
		  const struct identity_request *req)
{
	bool in_query = req->query_name != NULL && req->query != NULL;

	if (req->header != NULL && in_query)
		return reject_two_identities(req, why);
	if (req->header != NULL)
		return take_checked_identity(ret, why, "header",
					     req->header_name, req->header,
					     req->header_len);
	if (in_query)
		return take_checked_identity(ret, why, "query parameter",
					     req->query_name, req->query,
					     req->query_len);
	return reject_missing_identity(req, why);
}
