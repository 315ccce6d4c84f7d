/* Values are parsed from left to right, as quoted strings require; the last
 * FORWARDED_HOPS hops are kept and evaluated from right to left. Each header
 * line is parsed on its own: an open quote makes that line unreadable and no
 * other. */
#include "http/forwarded.h"

#include <stdbool.h>
#include <string.h>

#include "base/ascii.h"

struct hops {
	struct hop {
		struct address address;
		bool known;   /* otherwise not an address */
	} at[FORWARDED_HOPS]; /* a ring */
	size_t n;	      /* all found */
};

static void add_unknown_hop(struct hops *hops)
{
	hops->at[hops->n++ % FORWARDED_HOPS] = (struct hop){.known = false};
}

/* ---- one address --------------------------------------------------------- */

static bool is_node_port(const char *text, size_t len)
{
	if (len == 0 || len > 5)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!ascii_is_digit(text[i]))
			return false;
	return true;
}

/* "192.0.2.1", "192.0.2.1:5000", "2001:db8::1", "[2001:db8::1]" and
 * "[2001:db8::1]:5000": the forms of RFC 7239, section 6, and of
 * X-Forwarded-For. */
static bool read_forwarded_node(const char *text, size_t len,
				struct address *ret)
{
	const char *end = NULL;
	size_t host = len;

	if (len > 0 && text[0] == '[') {
		end = memchr(text, ']', len);
		if (end == NULL)
			return false;
		host = (size_t)(end - text) - 1;
		if (memchr(text + 1, ':', host) == NULL)
			return false;
		if (address_parse(ret, text + 1, host) < 0)
			return false;
		len -= host + 2;
		return len == 0 ||
		       (end[1] == ':' && is_node_port(end + 2, len - 1));
	}
	end = memchr(text, ':', len);
	if (end != NULL &&
	    memchr(end + 1, ':', len - (size_t)(end + 1 - text)) == NULL) {
		host = (size_t)(end - text);
		if (!is_node_port(end + 1, len - host - 1))
			return false;
	}
	return address_parse(ret, text, host) == 0;
}

static void add_hop(struct hops *hops, const char *text, size_t len)
{
	struct hop *hop = &hops->at[hops->n++ % FORWARDED_HOPS];

	hop->known = read_forwarded_node(text, len, &hop->address);
}

/* ---- X-Forwarded-For ----------------------------------------------------- */

static const char *skip_list_blanks(const char *at)
{
	while (ascii_is_blank(*at))
		at++;
	return at;
}

static size_t trimmed_hop(const char *text, size_t len)
{
	while (len > 0 && ascii_is_blank(text[len - 1]))
		len--;
	return len;
}

static void read_hop_list(struct hops *hops, const char *at)
{
	for (;;) {
		size_t len;

		at = skip_list_blanks(at);
		len = strcspn(at, ",");
		/* Empty elements do not count (RFC 9110, section 5.6.1). */
		if (trimmed_hop(at, len) > 0)
			add_hop(hops, at, trimmed_hop(at, len));
		if (at[len] == '\0')
			return;
		at += len + 1;
	}
}

/* ---- Forwarded ----------------------------------------------------------- */

static size_t header_token_len(const char *at)
{
	size_t len = 0;

	while (ascii_is_token_char(at[len]))
		len++;
	return len;
}

/* Copies the token or quoted string at *at, which moves behind it, to `out`;
 * empty when it is too long for an address. False: neither of both. */
static bool take_pair_value(const char **at, char *out, size_t size)
{
	const char *p = *at;
	size_t n = 0, len = header_token_len(p);

	out[0] = '\0';
	if (*p != '"') {
		if (len < size) {
			memcpy(out, p, len);
			out[len] = '\0';
		}
		*at = p + len;
		return len > 0;
	}
	for (p++; *p != '"'; p++) {
		if (*p == '\\')
			p++;
		if (*p == '\0')
			return false;
		if (n + 1 < size)
			out[n] = *p;
		n++;
	}
	out[n < size ? n : 0] = '\0';
	*at = p + 1;
	return true;
}

/* Parses one "for=...;proto=..." at *at, which moves behind it. `node`: value
 * of "for", or empty. False: malformed. */
static bool take_element(const char **at, char *node, size_t size)
{
	const char *p = *at;
	char other[ADDRESS_TEXT_MAX + 16];
	bool said = false;

	node[0] = '\0';
	for (;;) {
		size_t len = header_token_len(p);
		bool is_for = ascii_is_word(p, len, "for");

		if (len > 0) {
			if (p[len] != '=' || (is_for && said))
				return false;
			p += len + 1;
			if (!take_pair_value(&p, is_for ? node : other,
					     is_for ? size : sizeof(other)))
				return false;
			said = said || is_for;
		}
		p = skip_list_blanks(p);
		if (*p != ';')
			break;
		p = skip_list_blanks(p + 1);
	}
	*at = p;
	return *p == ',' || *p == '\0';
}

static void read_forwarded(struct hops *hops, const char *at)
{
	char node[ADDRESS_TEXT_MAX + 16];

	for (;;) {
		at = skip_list_blanks(at);
		if (*at == ',') {
			at++;
			continue;
		}
		if (*at == '\0')
			return;
		if (!take_element(&at, node, sizeof(node))) {
			/* The rest of the line cannot be parsed, and this hop
			 * is between the earlier ones and the trusted ones. */
			add_unknown_hop(hops);
			return;
		}
		add_hop(hops, node, strlen(node));
	}
}

/* ---- the client ---------------------------------------------------------- */

/* False without such a header. */
static bool read_forwarded_header(const struct request *h, const char *name,
				  void (*read)(struct hops *hops,
					       const char *value),
				  struct hops *hops)
{
	bool found = false;

	hops->n = 0;
	for (size_t i = 0; i < h->n_headers; i++) {
		if (!ascii_is_word(h->headers[i].name, h->headers[i].name_len,
				   name))
			continue;
		found = true;
		read(hops, h->headers[i].value);
	}
	return found;
}

static struct address find_client_hop(const struct hops *hops,
				      const struct address *peer,
				      const struct address_range *trusted,
				      size_t n)
{
	struct address client = *peer;
	size_t left = hops->n < FORWARDED_HOPS ? hops->n : FORWARDED_HOPS;

	for (size_t i = hops->n; left > 0; left--) {
		const struct hop *hop = &hops->at[--i % FORWARDED_HOPS];

		if (!hop->known || !address_in(&client, trusted, n))
			break;
		client = hop->address;
	}
	return client;
}

/* ---- which header a proxy sends ------------------------------------------ */

static struct forwarded_proxy *find_proxy(struct forwarded_proxies *proxies,
					  const struct address *peer)
{
	size_t n =
		proxies->n < FORWARDED_PROXIES ? proxies->n : FORWARDED_PROXIES;

	for (size_t i = 0; i < n; i++)
		if (address_equal(&proxies->at[i].peer, peer))
			return &proxies->at[i];
	return NULL;
}

static void learn_proxy(struct forwarded_proxies *proxies,
			const struct address *peer, bool list)
{
	struct forwarded_proxy *proxy = find_proxy(proxies, peer);

	if (proxy == NULL) {
		proxy = &proxies->at[proxies->n++ % FORWARDED_PROXIES];
		*proxy = (struct forwarded_proxy){.peer = *peer};
	}
	if (list)
		proxy->list_alone = true;
	else
		proxy->forwarded_alone = true;
}

/* NULL: unknown. */
static const struct address *choose_header(struct forwarded_proxies *proxies,
					   const struct address *peer,
					   const struct address *by_list,
					   const struct address *by_forwarded)
{
	const struct forwarded_proxy *proxy = find_proxy(proxies, peer);

	if (proxy == NULL || proxy->list_alone == proxy->forwarded_alone)
		return NULL;
	return proxy->list_alone ? by_list : by_forwarded;
}

struct address forwarded_client(struct forwarded_proxies *proxies,
				const struct request *h,
				const struct address *peer,
				const struct address_range *trusted, size_t n)
{
	struct hops hops;
	struct address by_list = *peer, by_forwarded = *peer;
	bool list, forwarded;

	if (!address_in(peer, trusted, n))
		return *peer;
	list = read_forwarded_header(h, "X-Forwarded-For", read_hop_list,
				     &hops);
	if (list)
		by_list = find_client_hop(&hops, peer, trusted, n);
	forwarded =
		read_forwarded_header(h, "Forwarded", read_forwarded, &hops);
	if (forwarded)
		by_forwarded = find_client_hop(&hops, peer, trusted, n);
	if (list != forwarded)
		learn_proxy(proxies, peer, list);
	if (list && forwarded && !address_equal(&by_list, &by_forwarded)) {
		const struct address *client =
			choose_header(proxies, peer, &by_list, &by_forwarded);

		return client != NULL ? *client : *peer;
	}
	return list ? by_list : by_forwarded;
}
