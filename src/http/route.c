#include "http/route.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/printable.h"

#define METHODS	     "GET, HEAD"
#define WITH_OPTIONS METHODS ", OPTIONS"
/* Allowed somewhere, or common enough to be told what is: the others are 501.
 */
#define KNOWN_METHODS "GET, HEAD, OPTIONS, POST, PUT, DELETE, CONNECT"
#define HEALTH_PATHS  "/livez, /healthz, /readyz"

static const struct place {
	const char *path;
	enum route_kind kind;
	bool on_public, on_admin;
	const char *methods;
} places[] = {
	{"/api/v1/events", ROUTE_EVENTS, true, false, METHODS},
	{"/livez", ROUTE_LIVEZ, true, true, METHODS},
	{"/healthz", ROUTE_LIVEZ, true, true, METHODS},
	{"/readyz", ROUTE_READYZ, true, true, METHODS},
	{"/", ROUTE_UI, true, false, METHODS}, /* with --ui */
	{"/metrics", ROUTE_METRICS, false, true, METHODS},
	{"/subscriptions", ROUTE_SUBSCRIPTIONS, false, true,
	 METHODS ", DELETE"},
	{"/subscriptions/", ROUTE_SUBSCRIPTION, false, true,
	 METHODS}, /* and a number */
};

static bool is_path_at(const struct route_request *req, const struct place *p,
		       struct span path, uint64_t *number)
{
	size_t len = strlen(p->path);

	if (!(req->admin ? p->on_admin : p->on_public) ||
	    (p->kind == ROUTE_UI && !req->ui) || path.len < len ||
	    memcmp(path.at, p->path, len) != 0)
		return false;
	path.at += len;
	path.len -= len;
	return p->kind == ROUTE_SUBSCRIPTION ? query_number(path, number)
					     : path.len == 0;
}

static const char *format_methods(const struct route_request *req,
				  const struct place *p)
{
	return p->kind == ROUTE_EVENTS && req->cors ? WITH_OPTIONS : p->methods;
}

static const char *format_known_paths(const struct route_request *req)
{
	if (req->admin)
		return "/metrics, /subscriptions, " HEALTH_PATHS;
	return req->ui ? "/, /api/v1/events, " HEALTH_PATHS
		       : "/api/v1/events, " HEALTH_PATHS;
}

static const struct place *find_endpoint(const struct route_request *req,
					 struct span path, uint64_t *number,
					 struct http_error *why)
{
	char shown[PRINTABLE_MAX];

	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (is_path_at(req, &places[i], path, number))
			return &places[i];
	http_error_set(why, 404, REJECT_NOT_FOUND,
		       "nothing is at \"%s\", paths here are %s",
		       http_error_quote(shown, sizeof(shown), path.at,
					path.len),
		       format_known_paths(req));
	return NULL;
}

/* Is it a word of the list "GET, HEAD"? */
static bool is_method_allowed(const char *method, const char *methods)
{
	size_t len = strlen(method);

	for (const char *at = methods; *at != '\0';) {
		size_t n = strcspn(at, ",");

		if (n == len && memcmp(at, method, n) == 0)
			return true;
		at += n + strspn(at + n, ", ");
	}
	return false;
}

static int check_method(const struct route_request *req, const char *methods,
			struct http_error *why)
{
	char shown[PRINTABLE_MAX];

	if (is_method_allowed(req->method, methods))
		return 0;
	if (!is_method_allowed(req->method, KNOWN_METHODS))
		return http_error_set(
			why, 501, REJECT_BAD_METHOD,
			"method \"%s\" is not known here, allowed "
			"are %s",
			http_error_quote(shown, sizeof(shown), req->method,
					 strlen(req->method)),
			methods);
	http_error_set(why, 405, REJECT_BAD_METHOD,
		       "method \"%s\" is not allowed, allowed are %s",
		       http_error_quote(shown, sizeof(shown), req->method,
					strlen(req->method)),
		       methods);
	why->allow = methods;
	return -EINVAL;
}

static int parse_events(struct route *r, struct http_error *why,
			const struct route_request *req, const char *query)
{
	const struct events_request asked = {
		.query = query,
		.accept = req->accept,
		.last_event_id = req->last_event_id,
		.id_name = req->id_query,
		.token_name = req->token_query,
	};

	return events_query_parse(&r->events, why, &asked);
}

int route_parse(struct route *ret, struct http_error *why,
		const struct route_request *req)
{
	struct route r = {0};
	const struct place *place;
	struct span path = {req->target, strcspn(req->target, "?")};
	const char *query = path.at + path.len;

	if (*query == '?')
		query++;
	/* The target of CONNECT is no path (RFC 9112, 3.2.3). */
	if (strcmp(req->method, "CONNECT") == 0)
		return check_method(req, METHODS, why);
	/* RFC 9110, 9.3.7: of the server as a whole. */
	if (strcmp(req->target, "*") == 0 &&
	    strcmp(req->method, "OPTIONS") == 0) {
		r.kind = ROUTE_OPTIONS;
		*ret = r;
		return 0;
	}
	place = find_endpoint(req, path, &r.number, why);
	if (place == NULL ||
	    check_method(req, format_methods(req, place), why) < 0)
		return -EINVAL;
	r.kind = place->kind;
	if (r.kind == ROUTE_EVENTS && strcmp(req->method, "OPTIONS") == 0)
		r.kind = ROUTE_OPTIONS;
	if (r.kind == ROUTE_EVENTS && parse_events(&r, why, req, query) < 0)
		return -EINVAL;
	if (r.kind == ROUTE_SUBSCRIPTIONS &&
	    subscriptions_query_parse(&r.subscriptions, why, req->method,
				      query) < 0)
		return -EINVAL;
	*ret = r;
	return 0;
}
