/* Checks that need the whole head; what shows byte by byte is rejected earlier,
 * in request_parser.c. When in doubt, reject: a proxy may read the same bytes
 * as two requests. */
#include "http/request.h"

#include <errno.h>
#include <string.h>

#include "base/address.h"
#include "base/ascii.h"
#include "base/decimal.h"
#include "base/printable.h"

#define DIGITS	"0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
/* reg-name of RFC 3986, section 3.2.2, without percent signs. */
#define REG_NAME LETTERS DIGITS "-._~!$&'()*+,;="
#define HEX	 "abcdefABCDEF" DIGITS

/* ---- words --------------------------------------------------------------- */

/* True when the comma-separated list has the word (RFC 9110, section 5.6.1). */
static bool header_list_has(const char *list, const char *word)
{
	while (*list != '\0') {
		size_t len;

		while (ascii_is_blank(*list))
			list++;
		len = strcspn(list, ",");
		while (len > 0 && ascii_is_blank(list[len - 1]))
			len--;
		if (ascii_is_word(list, len, word))
			return true;
		list += strcspn(list, ",");
		if (*list == ',')
			list++;
	}
	return false;
}

/* ---- headers ------------------------------------------------------------- */

static bool is_header_named(const struct http_header *header, const char *name)
{
	return ascii_is_word(header->name, header->name_len, name);
}

const char *request_find(const struct request *h, const char *name, size_t *len)
{
	for (size_t i = 0; i < h->n_headers; i++) {
		if (!is_header_named(&h->headers[i], name))
			continue;
		if (len != NULL)
			*len = h->headers[i].value_len;
		return h->headers[i].value;
	}
	return NULL;
}

size_t request_count(const struct request *h, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n_headers; i++)
		n += is_header_named(&h->headers[i], name);
	return n;
}

static bool connection_has(const struct request *h, const char *option)
{
	for (size_t i = 0; i < h->n_headers; i++)
		if (is_header_named(&h->headers[i], "Connection") &&
		    header_list_has(h->headers[i].value, option))
			return true;
	return false;
}

static int check_header_once(const struct request *h, const char *name,
			     enum reject_reason reason, struct http_error *why)
{
	size_t n = request_count(h, name);

	if (n <= 1)
		return 0;
	return http_error_set(why, 400, reason,
			      "header %s is given %zu times, allowed is once",
			      name, n);
}

/* ---- target and host ----------------------------------------------------- */

/* An IPv6 address in brackets. */
static bool skip_literal(const char **p)
{
	size_t len = strcspn(*p + 1, "]");
	const char *text = *p + 1;
	struct address a;

	*p += 1 + len;
	if (**p != ']' || memchr(text, ':', len) == NULL ||
	    address_parse(&a, text, len) < 0)
		return false;
	(*p)++;
	return true;
}

static bool skip_name(const char **p)
{
	for (;;) {
		*p += strspn(*p, REG_NAME);
		if (**p != '%')
			return true;
		if (strspn(*p + 1, HEX) < 2)
			return false;
		*p += 3;
	}
}

/* uri-host [ ":" port ] (RFC 9110, section 7.2), or empty, for a target without
 * authority. */
static bool is_host_valid(const char *host)
{
	const char *p = host;

	if (*p == ':' || !(*p == '[' ? skip_literal(&p) : skip_name(&p)))
		return false;
	if (*p == ':')
		p += 1 + strspn(p + 1, DIGITS);
	return *p == '\0';
}

static int reject_host(const char *host, struct http_error *why)
{
	char shown[PRINTABLE_MAX];

	return http_error_set(why, 400, REJECT_MALFORMED,
			      "host \"%s\" is not a name or address with an "
			      "optional port",
			      http_error_quote(shown, sizeof(shown), host,
					       strlen(host)));
}

/* RFC 9112, section 3.2: exactly one in HTTP/1.1. */
static int take_request_host(struct request *h, struct http_error *why)
{
	const char *host = request_find(h, "Host", NULL);

	if (check_header_once(h, "Host", REJECT_MALFORMED, why) < 0)
		return -EINVAL;
	if (host == NULL && h->minor > 0)
		return http_error_set(why, 400, REJECT_MALFORMED,
				      "header Host is missing, an HTTP/1.1 "
				      "request has one");
	if (host != NULL && !is_host_valid(host))
		return reject_host(host, why);
	h->host = host != NULL ? host : "";
	return 0;
}

/* Length of "http://" or "https://" at the start; 0: neither. */
static size_t target_scheme_len(const char *target)
{
	size_t len = strcspn(target, ":");

	if (!ascii_is_word(target, len, "http") &&
	    !ascii_is_word(target, len, "https"))
		return 0;
	return strncmp(target + len, "://", 3) == 0 ? len + 3 : 0;
}

/* "http://host:1/a" becomes "host:1\0...../a" in place: the scheme leaves room
 * for the NUL, and for the '/' of an empty path. The authority wins over Host
 * (RFC 9112, section 3.2.2). */
static int take_absolute(struct request *h, char *target, size_t scheme,
			 struct http_error *why)
{
	size_t len = strcspn(target + scheme, "/?");
	char *path = target + scheme + len;

	memmove(target, target + scheme, len);
	target[len] = '\0';
	if (len == 0 || !is_host_valid(target))
		return reject_host(target, why);
	if (*path != '/')
		*--path = '/';
	h->host = target;
	h->target = path;
	return 0;
}

static int take_request_target(struct request *h, char *target,
			       struct http_error *why)
{
	char shown[PRINTABLE_MAX];
	size_t scheme;

	h->target = target;
	if (target[0] == '/' || strcmp(h->method, "CONNECT") == 0)
		return 0;
	if (strcmp(target, "*") == 0 && strcmp(h->method, "OPTIONS") == 0)
		return 0;
	scheme = target_scheme_len(target);
	if (scheme > 0)
		return take_absolute(h, target, scheme, why);
	/* The query may contain a token. */
	return http_error_set(
		why, 400, REJECT_MALFORMED,
		"target \"%s\" is neither a path that begins with / "
		"nor an http URL",
		http_error_quote(shown, sizeof(shown), target,
				 strcspn(target, "?")));
}

/* ---- body ---------------------------------------------------------------- */

/* RFC 9112, sections 6.1 and 6.3. llhttp rejects most of it; request smuggling
 * deserves a second check. */
static int check_framing(const struct request *h, struct http_error *why)
{
	const char *coding = request_find(h, "Transfer-Encoding", NULL);
	const char *length = request_find(h, "Content-Length", NULL);

	if (check_header_once(h, "Transfer-Encoding", REJECT_MALFORMED, why) <
		    0 ||
	    check_header_once(h, "Content-Length", REJECT_MALFORMED, why) < 0)
		return -EINVAL;
	if (coding != NULL && h->minor == 0)
		return http_error_set(why, 400, REJECT_MALFORMED,
				      "Transfer-Encoding is not allowed with "
				      "HTTP/1.0");
	if (coding != NULL && *coding != '\0' &&
	    !ascii_is_word(coding, strlen(coding), "chunked"))
		return http_error_set(
			why, 501, REJECT_MALFORMED,
			"Transfer-Encoding is not \"chunked\", the "
			"only one that is known here");
	if (coding != NULL && *coding == '\0')
		return http_error_set(why, 400, REJECT_MALFORMED,
				      "Transfer-Encoding is empty");
	if (coding != NULL && length != NULL)
		return http_error_set(
			why, 400, REJECT_MALFORMED,
			"both Transfer-Encoding and Content-Length "
			"are given");
	if (length != NULL &&
	    (*length == '\0' || length[strspn(length, DIGITS)] != '\0'))
		return http_error_set(why, 400, REJECT_MALFORMED,
				      "Content-Length is not a number");
	return 0;
}

static bool is_chunked(const struct request *h)
{
	return request_find(h, "Transfer-Encoding", NULL) != NULL;
}

static bool has_length(const struct request *h)
{
	const char *length = request_find(h, "Content-Length", NULL);

	return length != NULL && length[strspn(length, "0")] != '\0';
}

static int reject_expect(const char *expect, struct http_error *why)
{
	char shown[PRINTABLE_MAX];

	return http_error_set(why, 417, REJECT_MALFORMED,
			      "Expect: \"%s\" cannot be met, known is "
			      "100-continue",
			      http_error_quote(shown, sizeof(shown), expect,
					       strlen(expect)));
}

/* RFC 9110, section 10.1.1: not part of HTTP/1.0. Without a body there is
 * nothing to continue with. */
static int take_expect(const struct request *h, bool *ret,
		       struct http_error *why)
{
	const char *expect = request_find(h, "Expect", NULL);

	*ret = expect != NULL && h->minor > 0;
	if (*ret && !ascii_is_word(expect, strlen(expect), "100-continue"))
		return reject_expect(expect, why);
	return 0;
}

/* route.c rejects other methods. */
static int check_no_body(struct request *h, struct http_error *why)
{
	bool expects;

	if (has_length(h))
		return http_error_set(why, 413, REJECT_HAS_BODY,
				      "the request has a body, %s is taken "
				      "without one, or with an empty one",
				      h->method);
	h->chunked = is_chunked(h);
	return take_expect(h, &expects, why);
}

static int take_framing(struct request *h, struct http_error *why)
{
	size_t len;
	const char *length = request_find(h, "Content-Length", &len);
	bool expects;

	if (request_count(h, "Expect") > 1)
		return reject_expect("100-continue, twice", why);
	if (take_expect(h, &expects, why) < 0)
		return -EINVAL;
	if (is_chunked(h))
		h->framing = FRAMING_CHUNKED;
	else if (has_length(h))
		h->framing = FRAMING_LENGTH;
	if (h->framing == FRAMING_LENGTH &&
	    decimal_parse(&h->content_length, length, len) < 0)
		return http_error_set(why, 400, REJECT_MALFORMED,
				      "Content-Length is not a number of at "
				      "most 64 bits and 20 digits");
	h->expects_continue = expects && h->framing != FRAMING_NONE;
	return 0;
}

static bool is_without_body(const struct request *h)
{
	return strcmp(h->method, "GET") == 0 || h->is_head;
}

/* The methods of routes with a body. */
static bool is_body_read(const struct request *h)
{
	return h->takes_body && (strcmp(h->method, "POST") == 0 ||
				 strcmp(h->method, "PUT") == 0);
}

static int take_body(struct request *h, struct http_error *why)
{
	if (is_without_body(h))
		return check_no_body(h, why);
	return is_body_read(h) ? take_framing(h, why) : 0;
}

/* Whether the bytes behind the head, and behind the body that the caller reads,
 * are another request. */
static bool is_end_known(const struct request *h)
{
	if (is_body_read(h))
		return true;
	return !has_length(h) && (!is_chunked(h) || h->chunked);
}

int request_finish(struct request *h, char *target, const char *id_header,
		   struct http_error *why)
{
	h->is_head = strcmp(h->method, "HEAD") == 0;
	if (take_request_host(h, why) < 0 ||
	    take_request_target(h, target, why) < 0 ||
	    check_framing(h, why) < 0 || take_body(h, why) < 0)
		return -EINVAL;
	if (check_header_once(h, "Last-Event-ID", REJECT_BAD_CURSOR, why) < 0 ||
	    check_header_once(h, "Authorization", REJECT_MALFORMED, why) < 0 ||
	    check_header_once(h, "Origin", REJECT_MALFORMED, why) < 0 ||
	    check_header_once(h, id_header, REJECT_BAD_IDENTITY, why) < 0)
		return -EINVAL;
	h->target_len = strlen(h->target);
	h->keep_alive = !connection_has(h, "close") && is_end_known(h) &&
			(h->minor > 0 || connection_has(h, "keep-alive"));
	return 0;
}
