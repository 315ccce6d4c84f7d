#include "base/values.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <sodium.h>

#include "base/check.h"

enum {
	NAME_MAX_BYTES = 64,
	UNIX_PATH_MAX_BYTES = 107,
	HOST_MAX_BYTES = 255,
};

struct unit {
	const char *name;
	uint64_t factor;
};

/* From the biggest to the smallest. */
static const struct unit duration_units[] = {
	{"h", 3600000},
	{"m", 60000},
	{"s", 1000},
	{"ms", 1},
};

static const struct unit size_units[] = {
	{"GiB", 1u << 30},
	{"MiB", 1u << 20},
	{"KiB", 1u << 10},
	{"", 1},
};

/* isalnum() would ask the locale of the program that we are embedded in. */
static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z');
}

/* The digits at *text, which moves behind them. */
static int take_number(const char **text, uint64_t *ret)
{
	const char *p = *text;
	uint64_t n = 0;

	if (!isdigit((unsigned char)*p))
		return -EINVAL;
	for (; isdigit((unsigned char)*p); p++) {
		unsigned digit = (unsigned)(*p - '0');

		if (n > (UINT64_MAX - digit) / 10)
			return -EINVAL;
		n = n * 10 + digit;
	}
	*text = p;
	*ret = n;
	return 0;
}

static int take_with_unit(const char *text, const struct unit *units, size_t n,
			  uint64_t *ret)
{
	uint64_t number;

	if (take_number(&text, &number) < 0)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(text, units[i].name) != 0)
			continue;
		if (number > UINT64_MAX / units[i].factor)
			return -EINVAL;
		*ret = number * units[i].factor;
		return 0;
	}
	return -EINVAL;
}

int values_duration(const char *text, uint64_t *ms)
{
	if (strcmp(text, "0") == 0) {
		*ms = 0;
		return 0;
	}
	return take_with_unit(text, duration_units, ARRAY_LEN(duration_units),
			      ms);
}

int values_size(const char *text, uint64_t *bytes)
{
	return take_with_unit(text, size_units, ARRAY_LEN(size_units), bytes);
}

int values_count(const char *text, uint64_t *n)
{
	uint64_t number;

	if (take_number(&text, &number) < 0 || *text != '\0')
		return -EINVAL;
	*n = number;
	return 0;
}

int values_bool(const char *text, bool *ret)
{
	if (strcmp(text, "1") != 0 && strcmp(text, "0") != 0)
		return -EINVAL;
	*ret = *text == '1';
	return 0;
}

/* libsodium (1.0.18) takes bytes above ASCII for digits. */
static bool is_ascii(const char *text, size_t len)
{
	unsigned char all = 0;

	for (size_t i = 0; i < len; i++)
		all |= (unsigned char)text[i];
	return all < 0x80;
}

static int from_base64(const char *text, size_t len, void *out, size_t max,
		       size_t *n, int variant)
{
	if (!is_ascii(text, len) ||
	    sodium_base642bin(out, max, text, len, NULL, n, NULL, variant) != 0)
		return -EINVAL;
	return 0;
}

int values_base64(const char *text, size_t len, void *out, size_t max,
		  size_t *n)
{
	return from_base64(text, len, out, max, n,
			   sodium_base64_VARIANT_ORIGINAL);
}

int values_base64url(const char *text, size_t len, void *out, size_t max,
		     size_t *n)
{
	return from_base64(text, len, out, max, n,
			   sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* Brackets in strings do not count; where the text is no JSON they may be
 * counted as such, and the parser refuses it anyway at that place or before. */
size_t values_json_depth(const char *text, size_t len)
{
	size_t depth = 0, deepest = 0;
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '[' || c == '{') {
			if (++depth > deepest)
				deepest = depth;
		} else if ((c == ']' || c == '}') && depth > 0) {
			depth--;
		}
	}
	return deepest;
}

static void put_with_unit(uint64_t n, const struct unit *units, char *out)
{
	while (units->factor > 1 && n % units->factor != 0)
		units++;
	snprintf(out, VALUES_TEXT_MAX, "%" PRIu64 "%s", n / units->factor,
		 units->name);
}

void values_duration_text(uint64_t ms, char *out)
{
	if (ms == 0)
		snprintf(out, VALUES_TEXT_MAX, "0");
	else
		put_with_unit(ms, duration_units, out);
}

void values_size_text(uint64_t bytes, char *out)
{
	if (bytes == 0)
		snprintf(out, VALUES_TEXT_MAX, "0");
	else
		put_with_unit(bytes, size_units, out);
}

static const char *port_fault(const char *text, uint64_t least)
{
	uint64_t port;

	if (values_count(text, &port) < 0 || port < least || port > 65535)
		return least == 0 ? "its port must be a number from 0 to 65535"
				  : "its port must be a number from 1 to 65535";
	return NULL;
}

static const char *host_fault(const char *host, size_t len)
{
	if (len == 0)
		return "it has no host";
	if (len > HOST_MAX_BYTES)
		return "its host is too long";
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(host[i]) && strchr("-._", host[i]) == NULL)
			return "its host is neither a name nor an address "
			       "(IPv6 goes in brackets)";
	return NULL;
}

/* The inside of the brackets, perhaps with a zone (RFC 4007). What the address
 * means is for the one who binds or connects. */
static const char *v6_fault(const char *host, size_t len)
{
	size_t address = 0;

	while (address < len && (isxdigit((unsigned char)host[address]) ||
				 host[address] == ':' || host[address] == '.'))
		address++;
	if (address < len && host[address] == '%' && address + 1 < len)
		return host_fault(host + address + 1, len - address - 1);
	if (address != len || memchr(host, ':', len) == NULL)
		return "no IPv6 address stands in its brackets";
	return NULL;
}

/* The host at *text, with or without brackets; moves *text behind it. */
static const char *take_host(const char **text)
{
	const char *p = *text;
	size_t len;

	if (*p == '[') {
		len = strcspn(++p, "]");
		if (p[len] == '\0')
			return "its bracket is not closed";
		*text = p + len + 1;
		return v6_fault(p, len);
	}
	len = strcspn(p, ":/");
	*text = p + len;
	return host_fault(p, len);
}

const char *values_host_fault(const char *name)
{
	return host_fault(name, strlen(name));
}

int values_mode(const char *text, int *ret)
{
	size_t len = strlen(text);
	int mode = 0;

	if (len < 3 || len > 4 || strspn(text, "01234567") != len)
		return -EINVAL;
	for (; *text != '\0'; text++)
		mode = mode * 8 + (*text - '0');
	if (mode > 0777)
		return -EINVAL;
	*ret = mode;
	return 0;
}

const char *values_mode_fault(const char *text)
{
	int mode;

	return values_mode(text, &mode) == 0 ? NULL
					     : "it is no octal number of 3 "
					       "digits";
}

const char *values_address_fault(const char *text)
{
	const char *fault;

	if (strncmp(text, "unix:", 5) == 0) {
		size_t len = strlen(text + 5);

		if (len == 0)
			return "it has no path";
		if (len > UNIX_PATH_MAX_BYTES)
			return "its path has more than 107 bytes";
		return NULL;
	}
	fault = take_host(&text);
	if (fault != NULL)
		return fault;
	if (*text != ':')
		return "it has no port";
	return port_fault(text + 1, 0);
}

int values_address_split(const char *address, char *host, size_t size,
			 const char **port)
{
	const char *colon = strrchr(address, ':');
	size_t len;

	if (colon == NULL)
		return -EINVAL;
	len = (size_t)(colon - address);
	if (len >= 2 && address[0] == '[' && colon[-1] == ']') {
		address++;
		len -= 2;
	}
	if (len == 0 || len >= size)
		return -EINVAL;
	memcpy(host, address, len);
	host[len] = '\0';
	*port = colon + 1;
	return 0;
}

const char *values_server_fault(const char *url)
{
	const char *rest = strstr(url, "://");
	size_t scheme = rest == NULL ? 0 : (size_t)(rest - url);
	const char *at, *fault;
	char port[8];
	size_t len;

	rest = rest == NULL ? url : rest + 3;
	if (rest != url && ((scheme == 2 && strncasecmp(url, "ws", 2) == 0) ||
			    (scheme == 3 && strncasecmp(url, "wss", 3) == 0)))
		return "NATS over WebSocket is not supported";
	if (rest != url && (scheme != 4 || strncasecmp(url, "nats", 4) != 0) &&
	    (scheme != 3 || strncasecmp(url, "tls", 3) != 0))
		return "its scheme is neither nats:// nor tls://";
	for (const char *p = rest; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			return "it holds what is not printable ASCII";
	at = strrchr(rest, '@');
	rest = at == NULL ? rest : at + 1;
	fault = take_host(&rest);
	if (fault != NULL || *rest == '\0' || strcmp(rest, "/") == 0)
		return fault;
	if (*rest != ':')
		return "nothing but a port may follow its host";
	len = strcspn(++rest, "/");
	if (rest[len] != '\0' && rest[len + 1] != '\0')
		return "nothing but a port may follow its host";
	snprintf(port, sizeof(port), "%.*s", len > 6 ? 6 : (int)len, rest);
	return port_fault(port, 1);
}

static bool in_list(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(name, list[i]) == 0)
			return true;
	return false;
}

/* RFC 9110, 5.6.2. */
static const char *token_fault(const char *name, const char *what)
{
	size_t len = strlen(name);

	if (len == 0 || len > NAME_MAX_BYTES)
		return "it must have 1 to 64 bytes";
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(name[i]) &&
		    strchr("!#$%&'*+-.^_`|~", name[i]) == NULL)
			return what;
	return NULL;
}

const char *values_cookie_fault(const char *name)
{
	return token_fault(name, "it holds what no cookie's name may hold");
}

const char *values_header_fault(const char *name)
{
	/* What the gateway itself reads, and what frames the message. */
	static const char *const taken[] = {
		"accept",	  "authorization", "connection",
		"content-length", "expect",	   "host",
		"last-event-id",  "origin",	   "transfer-encoding",
		"upgrade",
	};
	const char *fault =
		token_fault(name, "it holds what no header's name may hold");

	if (fault != NULL)
		return fault;
	if (in_list(name, taken, ARRAY_LEN(taken)))
		return "that header has a meaning of its own";
	return NULL;
}

const char *values_query_fault(const char *name)
{
	static const char *const taken[] = {"deliver", "lastEventId", "limit",
					    "timeout", "json",	      "system"};
	size_t len = strlen(name);

	if (len == 0 || len > NAME_MAX_BYTES)
		return "it must have 1 to 64 bytes";
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(name[i]) && strchr("-._~", name[i]) == NULL)
			return "it holds other than letters, digits and -._~";
	if (in_list(name, taken, ARRAY_LEN(taken)))
		return "that parameter has a meaning of its own";
	return NULL;
}

/* How many bytes of `url` are a scheme (RFC 3986, section 3.1) with its "://":
 * in "user:a://b@host" that stands inside of the password. */
static size_t scheme_len(const char *url)
{
	const char *p = url;

	while (is_alnum(*p) || (*p != '\0' && strchr("+-.", *p) != NULL))
		p++;
	return p != url && strncmp(p, "://", 3) == 0 ? (size_t)(p - url) + 3
						     : 0;
}

void values_hide_userinfo(const char *url, char *out, size_t size)
{
	const char *at = strrchr(url, '@');

	if (at == NULL)
		snprintf(out, size, "%s", url);
	else
		snprintf(out, size, "%.*s(hidden)%s", (int)scheme_len(url), url,
			 at);
}

static size_t shown_len(char c)
{
	return c >= 0x20 && c <= 0x7E ? 1 : 4;
}

void values_show(const char *text, char *out, size_t size)
{
	static const char more[] = "...";
	size_t total = 0, len = 0;
	bool cut;

	MUST(size >= 8);
	for (const char *p = text; *p != '\0' && total < size; p++)
		total += shown_len(*p);
	cut = total >= size;
	if (cut)
		size -= strlen(more);
	for (; *text != '\0' && len + shown_len(*text) < size; text++) {
		if (shown_len(*text) == 1)
			out[len] = *text;
		else
			snprintf(out + len, 5, "\\x%02x", (unsigned char)*text);
		len += shown_len(*text);
	}
	strcpy(out + len, cut ? more : "");
}

unsigned values_distance(const char *a, const char *b)
{
	unsigned row[NAME_MAX_BYTES + 1];
	size_t a_len = strlen(a), b_len = strlen(b);

	if (a_len > NAME_MAX_BYTES || b_len > NAME_MAX_BYTES)
		return UINT_MAX;
	for (unsigned k = 0; k <= b_len; k++)
		row[k] = k;
	/* row[k]: from a[0..i) to b[0..k) */
	for (unsigned i = 1; i <= a_len; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned k = 1; k <= b_len; k++) {
			unsigned best = diagonal + (a[i - 1] != b[k - 1]);

			diagonal = row[k];
			if (best > row[k] + 1)
				best = row[k] + 1;
			if (best > row[k - 1] + 1)
				best = row[k - 1] + 1;
			row[k] = best;
		}
	}
	return row[b_len];
}
