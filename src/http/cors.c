#include "http/cors.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/check.h"

enum { ORIGIN_MAX = 300, ECHO_MAX = 512 };

#define DIGITS "0123456789"
#define LOWER  "abcdefghijklmnopqrstuvwxyz"

/* ---- an origin, as the option has it ------------------------------------- */

/* Browsers omit the default port (WHATWG URL, section 4.3). */
static bool is_default_port(const char *text, size_t scheme, const char *port)
{
	return (scheme == 4 && memcmp(text, "http", 4) == 0 &&
		strcmp(port, "80") == 0) ||
	       (scheme == 5 && memcmp(text, "https", 5) == 0 &&
		strcmp(port, "443") == 0);
}

static const char *origin_port_fault(const char *text, size_t scheme,
				     const char *port)
{
	size_t len = strspn(port, DIGITS);
	unsigned number = 0;

	for (size_t i = 0; i < len && number <= 65535; i++)
		number = number * 10 + (unsigned)(port[i] - '0');
	if (len == 0 || port[len] != '\0' || port[0] == '0' || number > 65535)
		return "its port must be a number from 1 to 65535, with "
		       "nothing after it";
	if (is_default_port(text, scheme, port))
		return "browsers omit the default port of a scheme";
	return NULL;
}

const char *cors_origin_fault(const char *text)
{
	size_t scheme = strspn(text, LOWER DIGITS "+-.");
	const char *host = text + scheme + 3;
	size_t len;

	if (strcmp(text, "*") == 0)
		return NULL;
	if (strlen(text) > ORIGIN_MAX)
		return "it is too long";
	if (text[strcspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")] != '\0')
		return "browsers send it in lower case";
	/* "null" would be the origin of every sandboxed page. */
	if (scheme == 0 || strchr(LOWER, text[0]) == NULL ||
	    strncmp(text + scheme, "://", 3) != 0)
		return "it does not begin with a scheme and ://";
	if (host[0] == '[') {
		len = 1 + strspn(host + 1, "abcdef" DIGITS ":.");
		len = host[len] == ']' && len > 1 ? len + 1 : 0;
	} else {
		len = strspn(host, LOWER DIGITS "-._");
	}
	if (len == 0)
		return "it has no host";
	if (host[len] == ':')
		return origin_port_fault(text, scheme, host + len + 1);
	return host[len] == '\0' ? NULL
				 : "only :PORT may follow its host, "
				   "not even a /";
}

/* ---- header lines -------------------------------------------------------- */

static const char *find_origin(const struct cors *c, const char *origin)
{
	for (size_t i = 0; origin != NULL && i < c->n; i++)
		if (strcmp(c->origins[i], origin) == 0 && strcmp(origin, "*"))
			return c->origins[i];
	return NULL;
}

bool cors_allows(const struct cors *c, const char *origin)
{
	return find_origin(c, origin) != NULL;
}

static const char message_prefix[] = "natsh-";

/* "NatsH-Trace", and nothing that could end the line. */
static bool is_message_header(const char *name, size_t len)
{
	size_t prefix = strlen(message_prefix);

	if (len <= prefix || !ascii_is_word(name, prefix, message_prefix))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!ascii_is_token_char(name[i]))
			return false;
	return true;
}

/* Appends the names of `list` that a message may have; returns their length. A
 * name without room is left out, and the browser rejects the request. */
static size_t echo_message_headers(char *out, size_t size, const char *list)
{
	size_t len = 0;

	out[0] = '\0';
	while (list != NULL && *list != '\0') {
		size_t n;

		list += strspn(list, " \t,");
		n = strcspn(list, " \t,");
		if (is_message_header(list, n) && len + n + 3 <= size)
			len += (size_t)snprintf(out + len, size - len, ", %.*s",
						(int)n, list);
		list += n;
	}
	return len;
}

/* Browsers may cache the response: it depends on nothing but the path and the
 * names of the headers. */
static int put_preflight(char *out, size_t size, const struct cors *c,
			 const struct cors_preflight *p)
{
	char echoed[ECHO_MAX] = "";

	if (c->writing)
		echo_message_headers(echoed, sizeof(echoed), p->headers);
	return snprintf(out, size,
			"Access-Control-Allow-Methods: %s\r\n"
			"Access-Control-Allow-Headers: authorization, "
			"last-event-id, cache-control, accept, %s%s%s\r\n"
			"Access-Control-Max-Age: 86400\r\n",
			p->methods, c->id_header,
			c->writing ? ", content-type, if-match, if-none-match, "
				     "idempotency-key, "
				     "nats-expected-last-sequence, "
				     "nats-expected-last-subject-sequence, "
				     "nats-ttl"
				   : "",
			echoed);
}

void cors_lines(const struct cors *c, const char *origin,
		const struct cors_preflight *preflight, char *out)
{
	const char *exact = find_origin(c, origin);
	bool any = false, others = false;
	int len = 0;

	for (size_t i = 0; i < c->n; i++) {
		any |= strcmp(c->origins[i], "*") == 0;
		others |= strcmp(c->origins[i], "*") != 0;
	}
	/* In every response: a cache must not give one for another origin, or
	 * for none, to a page of an allowed one. */
	if (others)
		len = snprintf(out, CORS_LINES_MAX, "Vary: Origin\r\n");
	if (exact != NULL || any)
		len += snprintf(out + len, CORS_LINES_MAX - (size_t)len,
				"Access-Control-Allow-Origin: %s\r\n%s",
				exact != NULL ? exact : "*",
				exact != NULL ? "Access-Control-Allow-"
						"Credentials: true\r\n"
					      : "");
	if ((exact != NULL || any) && preflight != NULL)
		len += put_preflight(out + len, CORS_LINES_MAX - (size_t)len, c,
				     preflight);
	else if (exact != NULL || any)
		len += snprintf(out + len, CORS_LINES_MAX - (size_t)len,
				"Access-Control-Expose-Headers: ETag, "
				"Last-Modified, Nats-Revision, Retry-After, "
				"WWW-Authenticate\r\n");
	MUST(len < CORS_LINES_MAX);
	out[len] = '\0';
}
