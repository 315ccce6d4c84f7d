/* Each head is one put: a buffer without room stays as it was. */
#include "http/response.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "http/http_status.h"
#include "http/sse.h"

enum { ERROR_LINES_MAX = 512 };

static const char *connection_value(bool keep_alive)
{
	return keep_alive ? "keep-alive" : "close";
}

static bool is_chunked_response(const struct response_to *to)
{
	return to->minor > 0;
}

static const char *date_of(const struct response_to *to)
{
	return to->date != NULL ? to->date : "";
}

static const char *date_name(const struct response_to *to)
{
	return to->date != NULL ? "\r\nDate: " : "";
}

static const char *extra_lines_of(const struct response_to *to)
{
	return to->lines != NULL ? to->lines : "";
}

/* Puts all parts or nothing. The last part is NULL. */
static int put_whole_response(struct buf *out, const char *const parts[])
{
	size_t len = 0;
	int rc;

	for (size_t i = 0; parts[i] != NULL; i++)
		len += strlen(parts[i]);
	rc = buf_reserve(out, len);
	for (size_t i = 0; rc == 0 && parts[i] != NULL; i++)
		rc = buf_puts(out, parts[i]);
	return rc;
}

int response_continue(struct buf *out)
{
	return buf_puts(out, "HTTP/1.1 100 Continue\r\n\r\n");
}

static int put_stream_head(struct buf *out, const struct response_to *to,
			   bool keep_alive)
{
	const char *const parts[] = {
		"HTTP/1.1 ",
		http_status_line(200),
		date_name(to),
		date_of(to),
		"\r\nContent-Type: ",
		to->type != NULL ? to->type : "text/event-stream",
		"\r\nCache-Control: no-cache, no-transform"
		"\r\nConnection: ",
		connection_value(keep_alive),
		"\r\nVary: Accept"
		"\r\nX-Accel-Buffering: no"
		"\r\nX-Content-Type-Options: nosniff\r\n",
		is_chunked_response(to) ? "Transfer-Encoding: chunked\r\n" : "",
		extra_lines_of(to),
		"\r\n",
		NULL,
	};

	return put_whole_response(out, parts);
}

int response_subscription(struct buf *out, const struct response_to *to)
{
	/* HEAD opens no subscription. */
	return put_stream_head(out, to,
			       to->is_head && to->keep_alive &&
				       is_chunked_response(to));
}

int response_open(struct buf *out, const struct response_to *to, int status,
		  const char *type, const char *extra)
{
	const char *const parts[] = {
		"HTTP/1.1 ",
		http_status_line(status),
		date_name(to),
		date_of(to),
		"\r\nContent-Type: ",
		type,
		"\r\nCache-Control: no-store"
		"\r\nConnection: ",
		connection_value(to->keep_alive && is_chunked_response(to)),
		"\r\nX-Accel-Buffering: no"
		"\r\nX-Content-Type-Options: nosniff\r\n",
		is_chunked_response(to) ? "Transfer-Encoding: chunked\r\n" : "",
		extra != NULL ? extra : "",
		extra_lines_of(to),
		"\r\n",
		NULL,
	};

	if (parts[1] == NULL)
		return -EINVAL;
	return put_whole_response(out, parts);
}

/* Puts the body, or removes the head too. `had`: unread bytes before the
 * head. */
static int put_response_body(struct buf *out, const struct response_to *to,
			     size_t had, const void *body, size_t len)
{
	int rc = to->is_head ? 0 : buf_put(out, body, len);

	if (rc < 0)
		buf_truncate(out, had);
	return rc;
}

/* A service may report an error with any status. */
static const char *status_line_end(int status, char *room, size_t size)
{
	const char *reason = http_status_line(status);

	if (reason != NULL || status < 400 || status > 599)
		return reason;
	snprintf(room, size, "%d Error", status);
	return room;
}

int response_short(struct buf *out, const struct response_to *to, int status,
		   const char *type, const char *extra, const void *body,
		   size_t len)
{
	size_t had = buf_unread(out);
	char length[24], other[24];
	const char *reason = status_line_end(status, other, sizeof(other));
	const char *const parts[] = {
		"HTTP/1.1 ",
		reason,
		date_name(to),
		date_of(to),
		type != NULL ? "\r\nContent-Type: " : "",
		type != NULL ? type : "",
		type != NULL ? "\r\nContent-Length: " : "",
		type != NULL ? length : "",
		"\r\nCache-Control: no-store"
		/* HTTP/1.0 needs an explicit "keep-alive". */
		"\r\nConnection: ",
		connection_value(to->keep_alive),
		"\r\nX-Content-Type-Options: nosniff\r\n",
		extra != NULL ? extra : "",
		extra_lines_of(to),
		"\r\n",
		NULL,
	};
	int rc;

	if (reason == NULL || (status == 204) != (type == NULL))
		return -EINVAL;
	*encode_decimal((uint8_t *)length, len) = '\0';
	rc = put_whole_response(out, parts);
	return rc < 0 ? rc : put_response_body(out, to, had, body, len);
}

/* The head of 200 and 304 (RFC 9110, section 15.4.5), without headers of the
 * body. */
static int put_page_head(struct buf *out, const struct response_to *to,
			 const struct response_page *page, int status,
			 const char *length)
{
	return buf_printf(out,
			  "HTTP/1.1 %s%s%s\r\n"
			  "%s"
			  "Cache-Control: no-cache\r\n"
			  "Connection: %s\r\n"
			  "Content-Security-Policy: %s\r\n"
			  "ETag: %s\r\n"
			  "Referrer-Policy: no-referrer\r\n"
			  "X-Content-Type-Options: nosniff\r\n"
			  "%s\r\n",
			  http_status_line(status), date_name(to), date_of(to),
			  length, connection_value(to->keep_alive),
			  page->policy, page->etag, extra_lines_of(to));
}

int response_page(struct buf *out, const struct response_to *to,
		  const struct response_page *page, const void *body,
		  size_t len)
{
	size_t had = buf_unread(out);
	char length[128];
	int n, rc;

	n = snprintf(length, sizeof(length),
		     "Content-Type: %s\r\nContent-Length: %zu\r\n", page->type,
		     len);
	if (n < 0 || (size_t)n >= sizeof(length))
		return -EINVAL;
	rc = put_page_head(out, to, page, 200, length);
	return rc < 0 ? rc : put_response_body(out, to, had, body, len);
}

int response_unchanged(struct buf *out, const struct response_to *to,
		       const struct response_page *page)
{
	return put_page_head(out, to, page, 304, "");
}

/* `type`, `length`: with 200. */
static int put_value_head(struct buf *out, const struct response_to *to,
			  int status, const char *type, const char *length,
			  const char *extra)
{
	const char *const parts[] = {
		"HTTP/1.1 ",
		http_status_line(status),
		date_name(to),
		date_of(to),
		type != NULL ? "\r\nContent-Type: " : "",
		type != NULL ? type : "",
		type != NULL ? "\r\nContent-Length: " : "",
		type != NULL ? length : "",
		"\r\nCache-Control: private, no-cache"
		"\r\nConnection: ",
		connection_value(to->keep_alive),
		"\r\nVary: Accept"
		"\r\nX-Content-Type-Options: nosniff\r\n",
		extra,
		extra_lines_of(to),
		"\r\n",
		NULL,
	};

	return put_whole_response(out, parts);
}

int response_value(struct buf *out, const struct response_to *to,
		   const char *type, const char *extra, const void *body,
		   size_t len)
{
	size_t had = buf_unread(out);
	char length[24];
	int rc;

	snprintf(length, sizeof(length), "%zu", len);
	rc = put_value_head(out, to, 200, type, length, extra);
	return rc < 0 ? rc : put_response_body(out, to, had, body, len);
}

int response_value_unchanged(struct buf *out, const struct response_to *to,
			     const char *extra)
{
	return put_value_head(out, to, 304, NULL, NULL, extra);
}

/* RFC 6750, section 3: the error of a token; none for a request without a
 * token. The texts of these errors contain no quotation marks. */
static int put_challenge(char *out, size_t size, const struct http_error *r)
{
	if (r->reason == REJECT_NO_TOKEN)
		return snprintf(out, size, "WWW-Authenticate: Bearer\r\n");
	if (strpbrk(r->text, "\"\\") != NULL)
		return -EINVAL;
	return snprintf(out, size,
			"WWW-Authenticate: Bearer error=\"invalid_token\", "
			"error_description=\"%s\"\r\n",
			r->text);
}

/* Header lines that the status of an error requires. */
static int put_error_lines(char *out, size_t size, const struct http_error *r,
			   unsigned retry_after_s)
{
	/* The status of a service: its lines are not known. */
	bool is_own = r->reason != REJECT_NOT_PUBLISHED;
	int len = 0;

	if (is_own && (r->status == 405) != (r->allow[0] != '\0'))
		return -EINVAL;
	if (r->allow[0] != '\0')
		len = snprintf(out, size, "Allow: %s\r\n", r->allow);
	else if (r->status == 503 || r->status == 429)
		len = snprintf(out, size, "Retry-After: %u\r\n", retry_after_s);
	else if (r->status == 406)
		len = snprintf(out, size, "Vary: Accept\r\n");
	else if (r->status == 401 && is_own)
		len = put_challenge(out, size, r);
	return len < 0 || (size_t)len >= size ? -EINVAL : 0;
}

int response_error(struct buf *out, const struct response_to *to,
		   const struct http_error *r, unsigned retry_after_s)
{
	char body[sizeof(r->text) + 1];
	char lines[ERROR_LINES_MAX] = "";
	int len;

	if (put_error_lines(lines, sizeof(lines), r, retry_after_s) < 0)
		return -EINVAL;
	len = snprintf(body, sizeof(body), "%s\n", r->text);
	return response_short(out, to, r->status, "text/plain; charset=utf-8",
			      lines, body, (size_t)len);
}

int response_problem(struct buf *out, const struct response_to *to,
		     const struct problem *p, unsigned retry_after_s)
{
	char lines[ERROR_LINES_MAX] = "";
	struct buf body;
	int rc;

	if (put_error_lines(lines, sizeof(lines), p->error, retry_after_s) < 0)
		return -EINVAL;
	buf_init(&body, PROBLEM_JSON_MAX);
	rc = problem_json_put(&body, p);
	if (rc == 0)
		rc = response_short(out, to, p->error->status,
				    "application/problem+json", lines,
				    buf_data(&body), buf_unread(&body));
	buf_finish(&body);
	return rc;
}

int response_come_back(struct buf *out, const struct response_to *to,
		       uint64_t retry_ms)
{
	char body[2 * SSE_TEXT_MAX];
	size_t had = buf_unread(out);
	size_t len;
	int rc;

	rc = put_stream_head(out, to,
			     to->keep_alive && is_chunked_response(to));
	if (rc < 0)
		return rc;
	len = sse_put_retry(body, is_chunked_response(to), retry_ms);
	len += sse_put_end(body + len, is_chunked_response(to));
	return put_response_body(out, to, had, body, len);
}
