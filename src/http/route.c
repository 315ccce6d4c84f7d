#include "http/route.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/printable.h"
#include "http/query.h"

/* Any other method is 501. */
#define KNOWN_METHODS "GET, HEAD, OPTIONS, POST, PUT, DELETE, CONNECT"

static const char number_parameter[] = "{number}";

/* ---- paths --------------------------------------------------------------- */

static bool is_served(const struct route *r, const struct route_request *req)
{
	unsigned listener = req->admin ? ROUTE_ADMIN : ROUTE_PUBLIC;

	return (r->flags & listener) != 0 &&
	       ((r->flags & ROUTE_WITH_PAGE) == 0 || req->page);
}

static bool matches_path(const struct route *r, struct span path,
			 uint64_t *number)
{
	const char *parameter = strstr(r->path, number_parameter);
	size_t len = parameter == NULL ? strlen(r->path)
				       : (size_t)(parameter - r->path);

	if (path.len < len || memcmp(path.at, r->path, len) != 0)
		return false;
	path.at += len;
	path.len -= len;
	return parameter == NULL ? path.len == 0 : query_number(path, number);
}

static int reject_path(struct http_error *why, const struct route *rows,
		       size_t n, const struct route_request *req,
		       struct span path)
{
	char shown[PRINTABLE_MAX], paths[sizeof(why->text)] = "";
	size_t len = 0;

	for (size_t i = 0; i < n && len < sizeof(paths); i++)
		if (is_served(&rows[i], req))
			len += (size_t)snprintf(paths + len,
						sizeof(paths) - len, "%s%s",
						len > 0 ? ", " : "",
						rows[i].path);
	return http_error_set(why, 404, REJECT_NOT_FOUND,
			      "nothing is at \"%s\", paths here are %s",
			      http_error_quote(shown, sizeof(shown), path.at,
					       path.len),
			      paths);
}

/* ---- methods ------------------------------------------------------------- */

/* `methods`: a list like "GET, HEAD". */
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

static int check_method(const char *method, const char *methods,
			struct http_error *why)
{
	char shown[PRINTABLE_MAX];

	if (is_method_allowed(method, methods))
		return 0;
	http_error_quote(shown, sizeof(shown), method, strlen(method));
	if (!is_method_allowed(method, KNOWN_METHODS))
		return http_error_set(
			why, 501, REJECT_BAD_METHOD,
			"method \"%s\" is not known here, allowed are %s",
			shown, methods);
	http_error_set(why, 405, REJECT_BAD_METHOD,
		       "method \"%s\" is not allowed, allowed are %s", shown,
		       methods);
	why->allow = methods;
	return -EINVAL;
}

/* ---- both ---------------------------------------------------------------- */

static int match_row(struct route_match *m, struct http_error *why,
		     const struct route *rows, size_t n,
		     const struct route_request *req, struct span path)
{
	while (m->row < n && !(is_served(&rows[m->row], req) &&
			       matches_path(&rows[m->row], path, &m->number)))
		m->row++;
	if (m->row == n)
		return reject_path(why, rows, n, req, path);
	if (req->cors && (rows[m->row].flags & ROUTE_CROSS_ORIGIN) != 0)
		return check_method(req->method, rows[m->row].with_options,
				    why);
	return check_method(req->method, rows[m->row].methods, why);
}

int route_find(struct route_match *ret, struct http_error *why,
	       const struct route *rows, size_t n,
	       const struct route_request *req)
{
	struct span path = {req->target, strcspn(req->target, "?")};
	struct route_match m = {
		.options = strcmp(req->method, "OPTIONS") == 0,
		.query = path.at + path.len,
	};
	/* RFC 9110, 9.3.7: the options of the server as a whole. */
	bool whole_server = m.options && strcmp(req->target, "*") == 0;

	if (*m.query == '?')
		m.query++;
	/* The target of CONNECT is no path (RFC 9112, 3.2.3). */
	if (strcmp(req->method, "CONNECT") == 0)
		return check_method(req->method, "GET, HEAD", why);
	if (!whole_server && match_row(&m, why, rows, n, req, path) < 0)
		return -EINVAL;
	*ret = m;
	return 0;
}
