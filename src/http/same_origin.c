#include "http/same_origin.h"

#include <string.h>

#include "base/ascii.h"

/* ---- what the client addressed ------------------------------------------- */

static struct span trim_span(struct span s)
{
	while (s.len > 0 && ascii_is_blank(*s.at)) {
		s.at++;
		s.len--;
	}
	while (s.len > 0 && ascii_is_blank(s.at[s.len - 1]))
		s.len--;
	return s;
}

/* The first member of the list; empty without the header. */
static struct span first_in_list(const struct request *h, const char *name)
{
	const char *value = request_find(h, name, NULL);

	if (value == NULL)
		return (struct span){"", 0};
	return trim_span((struct span){value, strcspn(value, ",")});
}

/* Some proxies do not quote a host with its port. */
static bool is_value_char(char c)
{
	return ascii_is_token_char(c) || c == ':' || c == '[' || c == ']';
}

/* The length of the token or quoted string at `at`; 0: neither. */
static size_t value_length(const char *at)
{
	size_t len = 0;

	if (*at != '"') {
		while (is_value_char(at[len]))
			len++;
		return len;
	}
	for (len = 1; at[len] != '"'; len++)
		if (at[len] == '\0' || (at[len] == '\\' && at[++len] == '\0'))
			return 0;
	return len + 1;
}

/* A host and a scheme need no backslash; with one it equals no origin. */
static struct span unquoted(const char *at, size_t len)
{
	return *at == '"' ? (struct span){at + 1, len - 2}
			  : (struct span){at, len};
}

static void take_forwarded_pair(struct own_origin *ret, struct span name,
				struct span value)
{
	if (ascii_is_word(name.at, name.len, "proto") && ret->scheme.len == 0)
		ret->scheme = value;
	else if (ascii_is_word(name.at, name.len, "host") && ret->host.len == 0)
		ret->host = value;
}

/* The first proto and the first host. What stands behind a malformed pair is
 * not read. */
static void read_forwarded_origin(struct own_origin *ret, const char *at)
{
	for (;;) {
		struct span name;
		size_t len = 0;

		at += strspn(at, " \t,;");
		while (ascii_is_token_char(at[len]))
			len++;
		if (len == 0 || at[len] != '=')
			return;
		name = (struct span){at, len};
		at += len + 1;
		len = value_length(at);
		if (len == 0)
			return;
		take_forwarded_pair(ret, name, unquoted(at, len));
		at += len;
		at += strspn(at, " \t");
		if (*at != ',' && *at != ';')
			return;
	}
}

static bool equal_text(struct span a, struct span b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (ascii_lower(a.at[i]) != ascii_lower(b.at[i]))
			return false;
	return true;
}

/* False: both are named, and differ. */
static bool merge_named(struct span *a, struct span b)
{
	if (a->len == 0)
		*a = b;
	return b.len == 0 || equal_text(*a, b);
}

struct own_origin own_origin_of(const struct request *h, bool by_proxy)
{
	const char *forwarded = request_find(h, "Forwarded", NULL);
	struct own_origin own = {span_of("http"), span_of(h->host)};
	struct own_origin named = {{"", 0}, {"", 0}}, list;

	if (!by_proxy)
		return own;
	if (forwarded != NULL)
		read_forwarded_origin(&named, forwarded);
	list.scheme = first_in_list(h, "X-Forwarded-Proto");
	list.host = first_in_list(h, "X-Forwarded-Host");
	if (!merge_named(&named.scheme, list.scheme) ||
	    !merge_named(&named.host, list.host))
		return (struct own_origin){own.scheme, {"", 0}};
	if (named.scheme.len > 0)
		own.scheme = named.scheme;
	if (named.host.len > 0)
		own.host = named.host;
	return own;
}

/* ---- comparison ---------------------------------------------------------- */

static struct span without_suffix(struct span s, const char *suffix)
{
	size_t len = strlen(suffix);

	if (s.len > len && memcmp(s.at + s.len - len, suffix, len) == 0)
		s.len -= len;
	return s;
}

/* An IPv6 address is in brackets, so no other colon is before the port. */
static struct span without_default_port(struct span scheme, struct span host)
{
	if (equal_text(scheme, span_of("http")))
		return without_suffix(host, ":80");
	if (equal_text(scheme, span_of("https")))
		return without_suffix(host, ":443");
	return host;
}

bool same_origin(const struct own_origin *own, struct span origin)
{
	struct span scheme = own->scheme, host = origin;

	if (own->host.len == 0 || origin.len < scheme.len + 3 ||
	    !equal_text((struct span){origin.at, scheme.len}, scheme) ||
	    memcmp(origin.at + scheme.len, "://", 3) != 0)
		return false;
	host.at += scheme.len + 3;
	host.len -= scheme.len + 3;
	return host.len > 0 &&
	       equal_text(without_default_port(scheme, host),
			  without_default_port(scheme, own->host));
}
