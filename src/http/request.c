/* What is checked here needs the whole head; what can be seen byte by byte is
 * refused earlier, in http_parser.c. In doubt a request is refused: behind a
 * proxy that reads it otherwise, it may be two requests. */
#include "http/request.h"

#include <errno.h>
#include <string.h>

#include "base/address.h"

#define DIGITS	"0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
/* reg-name of RFC 3986, 3.2.2, without its percent signs. */
#define REG_NAME LETTERS DIGITS "-._~!$&'()*+,;="
#define HEX	 "abcdefABCDEF" DIGITS

/* ---- words --------------------------------------------------------------- */

static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

/* Not strcasecmp(): that one follows the locale of a program we live in. */
static bool same_word(const char *a, size_t len, const char *b)
{
	for (size_t i = 0; i < len; i++)
		if (lower(a[i]) != lower(b[i])) /* b's NUL differs */
			return false;
	return b[len] == '\0';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Is the word one of the comma list (RFC 9110, 5.6.1)? */
static bool list_has(const char *list, const char *word)
{
	while (*list != '\0') {
		size_t len;

		while (is_blank(*list))
			list++;
		len = strcspn(list, ",");
		while (len > 0 && is_blank(list[len - 1]))
			len--;
		if (same_word(list, len, word))
			return true;
		list += strcspn(list, ",");
		if (*list == ',')
			list++;
	}
	return false;
}

/* ---- headers ------------------------------------------------------------- */

static bool has_name(const struct http_header *header, const char *name)
{
	return same_word(header->name, header->name_len, name);
}

const char *http_head_find(const struct http_head *h, const char *name,
			   size_t *len)
{
	for (size_t i = 0; i < h->n_headers; i++) {
		if (!has_name(&h->headers[i], name))
			continue;
		if (len != NULL)
			*len = h->headers[i].value_len;
		return h->headers[i].value;
	}
	return NULL;
}

size_t http_head_count(const struct http_head *h, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n_headers; i++)
		n += has_name(&h->headers[i], name);
	return n;
}

static bool connection_has(const struct http_head *h, const char *option)
{
	for (size_t i = 0; i < h->n_headers; i++)
		if (has_name(&h->headers[i], "Connection") &&
		    list_has(h->headers[i].value, option))
			return true;
	return false;
}

static int check_once(const struct http_head *h, const char *name,
		      enum refusal_reason reason, struct refusal *why)
{
	size_t n = http_head_count(h, name);

	if (n <= 1)
		return 0;
	return refusal_set(why, 400, reason,
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

/* uri-host [ ":" port ] (RFC 9110, 7.2). Empty only as a whole: a target that
 * has no authority has that in Host. */
static bool host_ok(const char *host)
{
	const char *p = host;

	if (*p == ':' || !(*p == '[' ? skip_literal(&p) : skip_name(&p)))
		return false;
	if (*p == ':')
		p += 1 + strspn(p + 1, DIGITS);
	return *p == '\0';
}

static int refuse_host(const char *host, struct refusal *why)
{
	char shown[REFUSAL_QUOTE_MAX];

	return refusal_set(why, 400, REFUSAL_MALFORMED,
			   "host \"%s\" is not a name or address with an "
			   "optional port",
			   refusal_quote_harmless(shown, sizeof(shown), host,
						  strlen(host)));
}

/* RFC 9112, 3.2: one, and not missing on HTTP/1.1. */
static int take_host(struct http_head *h, struct refusal *why)
{
	const char *host = http_head_find(h, "Host", NULL);

	if (check_once(h, "Host", REFUSAL_MALFORMED, why) < 0)
		return -EINVAL;
	if (host == NULL && h->minor > 0)
		return refusal_set(why, 400, REFUSAL_MALFORMED,
				   "header Host is missing, an HTTP/1.1 "
				   "request has one");
	if (host != NULL && !host_ok(host))
		return refuse_host(host, why);
	h->host = host != NULL ? host : "";
	return 0;
}

/* Length of "http://" or "https://" at the start, 0 if neither. */
static size_t scheme_len(const char *target)
{
	size_t len = strcspn(target, ":");

	if (!same_word(target, len, "http") && !same_word(target, len, "https"))
		return 0;
	return strncmp(target + len, "://", 3) == 0 ? len + 3 : 0;
}

/* "http://host:1/a" becomes "host:1\0...../a", in place: the scheme that goes
 * leaves room for the NUL, and for the '/' of an empty path. The authority
 * wins over Host (RFC 9112, 3.2.2). */
static int take_absolute(struct http_head *h, char *target, size_t scheme,
			 struct refusal *why)
{
	size_t len = strcspn(target + scheme, "/?");
	char *path = target + scheme + len;

	memmove(target, target + scheme, len);
	target[len] = '\0';
	if (len == 0 || !host_ok(target))
		return refuse_host(target, why);
	if (*path != '/')
		*--path = '/';
	h->host = target;
	h->target = path;
	return 0;
}

static int take_target(struct http_head *h, char *target, struct refusal *why)
{
	char shown[REFUSAL_QUOTE_MAX];
	size_t scheme;

	h->target = target;
	if (target[0] == '/' || strcmp(h->method, "CONNECT") == 0)
		return 0;
	if (strcmp(target, "*") == 0 && strcmp(h->method, "OPTIONS") == 0)
		return 0;
	scheme = scheme_len(target);
	if (scheme > 0)
		return take_absolute(h, target, scheme, why);
	/* What stands behind the ? may be a token. */
	return refusal_set(why, 400, REFUSAL_MALFORMED,
			   "target \"%s\" is neither a path that begins with / "
			   "nor an http URL",
			   refusal_quote_harmless(shown, sizeof(shown), target,
						  strcspn(target, "?")));
}

/* ---- body ---------------------------------------------------------------- */

/* RFC 9112, 6.1 and 6.3. llhttp refuses most of it already; what is smuggled by
 * framing is worth a second look. */
static int check_framing(const struct http_head *h, struct refusal *why)
{
	const char *coding = http_head_find(h, "Transfer-Encoding", NULL);
	const char *length = http_head_find(h, "Content-Length", NULL);

	if (check_once(h, "Transfer-Encoding", REFUSAL_MALFORMED, why) < 0 ||
	    check_once(h, "Content-Length", REFUSAL_MALFORMED, why) < 0)
		return -EINVAL;
	if (coding != NULL && h->minor == 0)
		return refusal_set(why, 400, REFUSAL_MALFORMED,
				   "Transfer-Encoding is not allowed with "
				   "HTTP/1.0");
	if (coding != NULL && *coding != '\0' &&
	    !same_word(coding, strlen(coding), "chunked"))
		return refusal_set(why, 501, REFUSAL_MALFORMED,
				   "Transfer-Encoding is not \"chunked\", the "
				   "only one that is known here");
	if (coding != NULL && *coding == '\0')
		return refusal_set(why, 400, REFUSAL_MALFORMED,
				   "Transfer-Encoding is empty");
	if (coding != NULL && length != NULL)
		return refusal_set(why, 400, REFUSAL_MALFORMED,
				   "both Transfer-Encoding and Content-Length "
				   "are given");
	if (length != NULL &&
	    (*length == '\0' || length[strspn(length, DIGITS)] != '\0'))
		return refusal_set(why, 400, REFUSAL_MALFORMED,
				   "Content-Length is not a number");
	return 0;
}

static bool is_chunked(const struct http_head *h)
{
	return http_head_find(h, "Transfer-Encoding", NULL) != NULL;
}

static bool has_length(const struct http_head *h)
{
	const char *length = http_head_find(h, "Content-Length", NULL);

	return length != NULL && length[strspn(length, "0")] != '\0';
}

/* Other methods are refused for what they are, by the route. */
static int check_body(struct http_head *h, struct refusal *why)
{
	const char *expect = http_head_find(h, "Expect", NULL);
	char shown[REFUSAL_QUOTE_MAX];

	if (strcmp(h->method, "GET") != 0 && !h->is_head)
		return 0;
	if (has_length(h))
		return refusal_set(why, 413, REFUSAL_HAS_BODY,
				   "the request has a body, %s is taken "
				   "without one, or with an empty one",
				   h->method);
	h->chunked = is_chunked(h);
	/* RFC 9110, 10.1.1: HTTP/1.0 does not know it, and without a body there
	 * is nothing to continue with. */
	if (expect != NULL && h->minor > 0 &&
	    !same_word(expect, strlen(expect), "100-continue"))
		return refusal_set(why, 417, REFUSAL_MALFORMED,
				   "Expect: \"%s\" can't be met, known is "
				   "100-continue",
				   refusal_quote_harmless(shown, sizeof(shown),
							  expect,
							  strlen(expect)));
	return 0;
}

int http_head_finish(struct http_head *h, char *target, const char *id_header,
		     struct refusal *why)
{
	h->is_head = strcmp(h->method, "HEAD") == 0;
	if (take_host(h, why) < 0 || take_target(h, target, why) < 0 ||
	    check_framing(h, why) < 0 || check_body(h, why) < 0)
		return -EINVAL;
	if (check_once(h, "Last-Event-ID", REFUSAL_BAD_CURSOR, why) < 0 ||
	    check_once(h, "Authorization", REFUSAL_MALFORMED, why) < 0 ||
	    check_once(h, "Origin", REFUSAL_MALFORMED, why) < 0 ||
	    check_once(h, id_header, REFUSAL_BAD_IDENTITY, why) < 0)
		return -EINVAL;
	h->target_len = strlen(h->target);
	h->keep_alive = !connection_has(h, "close") && !has_length(h) &&
			(!is_chunked(h) || h->chunked) &&
			(h->minor > 0 || connection_has(h, "keep-alive"));
	return 0;
}
