#include "http/route.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/printable.h"
#include "http/query.h"

/* Any other method is 501. */
#define KNOWN_METHODS "GET, HEAD, OPTIONS, POST, PUT, DELETE, CONNECT"

/* ---- paths --------------------------------------------------------------- */

static bool is_served(const struct route *r, const struct route_request *req)
{
	unsigned listener = req->admin ? ROUTE_ADMIN : ROUTE_PUBLIC;

	return (r->flags & listener) != 0 &&
	       ((r->flags & ROUTE_WITH_PAGE) == 0 || req->page) &&
	       ((r->flags & ROUTE_WITH_WRITING) == 0 || req->writing) &&
	       ((r->flags & ROUTE_WITH_KV) == 0 || req->kv);
}

static bool is_path_parameter(struct span name, const char *parameter)
{
	return name.len == strlen(parameter) &&
	       memcmp(name.at, parameter, name.len) == 0;
}

/* Takes the value of a parameter of the path, "{name}...", from *rest. */
static bool take_path_parameter(struct span *rest, const char *parameter,
				struct route_match *m)
{
	size_t n = strcspn(parameter, "}") + 1;
	struct span name = {parameter, n}, value = *rest;
	const char *slash = memchr(rest->at, '/', rest->len);
	bool is_number = is_path_parameter(name, "{number}");

	if (is_path_parameter(name, "{key}"))
		m->key = value;
	else if (slash != NULL)
		value.len = (size_t)(slash - value.at);
	if (is_path_parameter(name, "{subject}"))
		m->subject = value;
	else if (is_path_parameter(name, "{bucket}"))
		m->bucket = value;
	rest->at += value.len;
	rest->len -= value.len;
	return value.len > 0 && (!is_number || query_number(value, &m->number));
}

static bool matches_path(const struct route *r, struct span path,
			 struct route_match *m)
{
	for (const char *at = r->path;; at += strcspn(at, "}") + 1) {
		size_t len = strcspn(at, "{");

		if (path.len < len || memcmp(path.at, at, len) != 0)
			return false;
		path.at += len;
		path.len -= len;
		at += len;
		if (*at == '\0')
			return path.len == 0;
		if (!take_path_parameter(&path, at, m))
			return false;
	}
}

static bool repeats_path(const struct route *rows, size_t i)
{
	return i > 0 && strcmp(rows[i - 1].path, rows[i].path) == 0;
}

static int reject_path(struct http_error *why, const struct route *rows,
		       size_t n, const struct route_request *req,
		       struct span path)
{
	char shown[PRINTABLE_MAX], paths[sizeof(why->text)] = "";
	size_t len = 0;

	for (size_t i = 0; i < n && len < sizeof(paths); i++)
		if (is_served(&rows[i], req) && !repeats_path(rows, i))
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

/* Appends to `allow` (HTTP_ERROR_ALLOW_MAX bytes), which has room for all
 * methods. */
static void add_methods(char *allow, const char *methods)
{
	size_t len = strlen(allow);
	int n = snprintf(allow + len, HTTP_ERROR_ALLOW_MAX - len, "%s%s",
			 len > 0 ? ", " : "", methods);

	MUST(n > 0 && len + (size_t)n < HTTP_ERROR_ALLOW_MAX);
}

/* `methods`: all that the path allows. */
static int reject_method(const char *method, const char *methods,
			 struct http_error *why)
{
	char shown[PRINTABLE_MAX];

	http_error_quote(shown, sizeof(shown), method, strlen(method));
	if (!is_method_allowed(method, KNOWN_METHODS))
		return http_error_set(
			why, 501, REJECT_BAD_METHOD,
			"method \"%s\" is not known here, allowed are %s",
			shown, methods);
	http_error_set(why, 405, REJECT_BAD_METHOD,
		       "method \"%s\" is not allowed, allowed are %s", shown,
		       methods);
	add_methods(why->allow, methods);
	return -EINVAL;
}

/* ---- both ---------------------------------------------------------------- */

struct route_table {
	const struct route *rows;
	size_t n;
	const struct route_request *req;
};

/* The rows of a path with other methods. */
struct other_rows {
	size_t n;
	bool cross_origin; /* one of them is */
	bool problems;	   /* all of them have these */
	char allow[HTTP_ERROR_ALLOW_MAX];
};

static void add_other_row(struct other_rows *o, const struct route *r)
{
	bool problems = (r->flags & ROUTE_PROBLEMS) != 0;

	o->problems = problems && (o->n == 0 || o->problems);
	o->cross_origin |= (r->flags & ROUTE_CROSS_ORIGIN) != 0;
	add_methods(o->allow, r->methods);
	o->n++;
}

/* True: m->row is the row of the path and the method. */
static bool find_row(const struct route_table *t, struct span path,
		     struct route_match *m, struct other_rows *others)
{
	for (m->row = 0; m->row < t->n; m->row++) {
		const struct route *r = &t->rows[m->row];

		if (!is_served(r, t->req) || !matches_path(r, path, m))
			continue;
		if (is_method_allowed(t->req->method, r->methods)) {
			m->problems = (r->flags & ROUTE_PROBLEMS) != 0;
			return true;
		}
		add_other_row(others, r);
	}
	return false;
}

static int match_row(struct route_match *m, struct http_error *why,
		     const struct route_table *t, struct span path)
{
	struct other_rows others = {0};

	if (find_row(t, path, m, &others)) {
		m->options = false;
		return 0;
	}
	if (others.n == 0)
		return reject_path(why, t->rows, t->n, t->req, path);
	m->problems = others.problems;
	if (t->req->cors && others.cross_origin) {
		add_methods(others.allow, "OPTIONS");
		if (m->options) {
			memcpy(m->allow, others.allow, sizeof(m->allow));
			return 0;
		}
	}
	return reject_method(t->req->method, others.allow, why);
}

int route_find(struct route_match *ret, struct http_error *why,
	       const struct route *rows, size_t n,
	       const struct route_request *req)
{
	const struct route_table table = {rows, n, req};
	struct span path = {req->target, strcspn(req->target, "?")};
	struct route_match m = {
		.options = strcmp(req->method, "OPTIONS") == 0,
		.query = path.at + path.len,
		.allow = "GET, HEAD, OPTIONS",
	};
	/* RFC 9110, 9.3.7: the options of the server as a whole. */
	bool whole_server = m.options && strcmp(req->target, "*") == 0;

	ret->problems = false;
	if (*m.query == '?')
		m.query++;
	/* The target of CONNECT is no path (RFC 9112, 3.2.3). */
	if (strcmp(req->method, "CONNECT") == 0)
		return reject_method(req->method, "GET, HEAD", why);
	if (!whole_server && match_row(&m, why, &table, path) < 0) {
		ret->problems = m.problems;
		return -EINVAL;
	}
	*ret = m;
	return 0;
}
