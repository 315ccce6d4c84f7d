#include "auth/bearer_token.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/check.h"
#include "base/span.h"

/* ---- Authorization ------------------------------------------------------- */

/* RFC 9110, section 11.1: the case-insensitive scheme, then blanks. An empty
 * token counts as given: the client meant to send one. */
static bool is_bearer_scheme(const char *value, size_t len, struct span *ret)
{
	static const char scheme[] = "bearer";
	size_t at = strlen(scheme);

	if (len < at || (len > at && !ascii_is_blank(value[at])))
		return false;
	if (!ascii_is_word(value, at, scheme))
		return false;
	while (at < len && ascii_is_blank(value[at]))
		at++;
	*ret = (struct span){value + at, len - at};
	return true;
}

/* ---- cookies (RFC 6265, 4.2.1) ------------------------------------------- */

/* The next pair of "a=1; b=2", without blanks around it. False at the end. */
static bool next_cookie(const char **at, struct span *ret)
{
	const char *p = *at;

	while (ascii_is_blank(*p) || *p == ';')
		p++;
	*ret = (struct span){p, strcspn(p, ";")};
	*at = p + ret->len;
	while (ret->len > 0 && ascii_is_blank(ret->at[ret->len - 1]))
		ret->len--;
	return ret->len > 0;
}

/* The value may be in quotes. */
static bool is_named_cookie(struct span pair, const char *name,
			    struct span *ret)
{
	size_t len = strlen(name);

	if (pair.len <= len || memcmp(pair.at, name, len) != 0 ||
	    pair.at[len] != '=')
		return false;
	*ret = (struct span){pair.at + len + 1, pair.len - len - 1};
	if (ret->len >= 2 && ret->at[0] == '"' &&
	    ret->at[ret->len - 1] == '"') {
		ret->at++;
		ret->len -= 2;
	}
	return true;
}

/* Returns the number of cookies with that name; *ret is the last value. There
 * may be several headers: HTTP/2 clients split them, and some proxies do not
 * join them. */
static size_t find_cookie(const struct request *h, const char *name,
			  struct span *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n_headers; i++) {
		const char *at = h->headers[i].value;
		struct span pair;

		if (!ascii_is_word(h->headers[i].name, h->headers[i].name_len,
				   "Cookie"))
			continue;
		while (next_cookie(&at, &pair))
			n += is_named_cookie(pair, name, ret);
	}
	return n;
}

/* ---- the query ----------------------------------------------------------- */

/* Tokens need no percent-encoding; some clients encode them anyway. A token
 * that is cut here is still too long. */
static struct span decode_percent(struct bearer_token *t, const char *sent,
				  size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n < sizeof(t->decoded); i++, n++) {
		t->decoded[n] = sent[i];
		if (sent[i] != '%')
			continue;
		MUST(i + 2 < len);
		t->decoded[n] = (char)(ascii_hex_value(sent[i + 1]) * 16 +
				       ascii_hex_value(sent[i + 2]));
		i += 2;
	}
	return (struct span){t->decoded, n};
}

/* ---- the request --------------------------------------------------------- */

static int reject_missing_token(const struct token_sources *p,
				struct http_error *why)
{
	char text[240];
	int len = snprintf(text, sizeof(text),
			   "no token, allowed are Authorization: Bearer");

	if (p->query != NULL)
		len += snprintf(text + len, sizeof(text) - (size_t)len,
				", or the query parameter %.64s", p->query);
	if (p->cookie != NULL)
		snprintf(text + len, sizeof(text) - (size_t)len,
			 ", or the cookie %.64s", p->cookie);
	return http_error_set(why, 401, REJECT_NO_TOKEN, "%s", text);
}

int bearer_token_find(struct bearer_token *ret, struct http_error *why,
		      const struct token_sources *sources,
		      const struct request *h, const char *query,
		      size_t query_len)
{
	size_t len = 0, cookies;
	const char *value = request_find(h, "Authorization", &len);
	struct span found = {NULL, 0};
	bool in_header = value != NULL && is_bearer_scheme(value, len, &found);

	ret->by_cookie = !in_header && query == NULL;
	if (in_header && query != NULL)
		return http_error_set(
			why, 400, REJECT_BAD_TOKEN,
			"a token is given in Authorization and in "
			"the query, allowed is one of them");
	if (!in_header && query != NULL) {
		found = decode_percent(ret, query, query_len);
	} else if (!in_header) {
		cookies = sources->cookie == NULL
				  ? 0
				  : find_cookie(h, sources->cookie, &found);
		if (cookies == 0)
			return reject_missing_token(sources, why);
		if (cookies > 1)
			return http_error_set(why, 400, REJECT_BAD_TOKEN,
					      "cookie %s is given %zu times, "
					      "allowed is once",
					      sources->cookie, cookies);
	}
	ret->at = found.at;
	ret->len = found.len;
	return 0;
}
