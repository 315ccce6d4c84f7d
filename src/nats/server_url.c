#include "nats/server_url.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/hostport.h"

static const char default_port[] = "4222";

const char *server_url_fault(const char *url)
{
	const char *rest = strstr(url, "://");
	size_t scheme = rest == NULL ? 0 : (size_t)(rest - url);
	const char *at, *fault;
	char port[8];
	size_t len;

	rest = rest == NULL ? url : rest + 3;
	if (rest != url && (ascii_is_word(url, scheme, "ws") ||
			    ascii_is_word(url, scheme, "wss")))
		return "NATS over WebSocket is not supported";
	if (rest != url && !ascii_is_word(url, scheme, "nats") &&
	    !ascii_is_word(url, scheme, "tls"))
		return "its scheme is neither nats:// nor tls://";
	for (const char *p = rest; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			return "it has a character that is not printable ASCII";
	at = strrchr(rest, '@');
	rest = at == NULL ? rest : at + 1;
	fault = hostport_take_host(&rest);
	if (fault != NULL || *rest == '\0' || strcmp(rest, "/") == 0)
		return fault;
	if (*rest != ':')
		return "nothing but a port may follow its host";
	len = strcspn(++rest, "/");
	if (rest[len] != '\0' && rest[len + 1] != '\0')
		return "nothing but a port may follow its host";
	snprintf(port, sizeof(port), "%.*s", len > 6 ? 6 : (int)len, rest);
	return hostport_port_fault(port, 1);
}

/* Length of the scheme (RFC 3986, section 3.1) with its "://"; 0 in
 * "user:a://b@host", where "://" is part of the password. */
static size_t url_scheme_len(const char *url)
{
	const char *p = url;

	while (ascii_is_alnum(*p) || (*p != '\0' && strchr("+-.", *p) != NULL))
		p++;
	return p != url && strncmp(p, "://", 3) == 0 ? (size_t)(p - url) + 3
						     : 0;
}

void server_url_hide_userinfo(const char *url, char *out, size_t size)
{
	const char *at = strrchr(url, '@');

	if (at == NULL)
		snprintf(out, size, "%s", url);
	else
		snprintf(out, size, "%.*s(hidden)%s", (int)url_scheme_len(url),
			 url, at);
}

/* ---- the parts ----------------------------------------------------------- */

static void wipe_free_text(char *text)
{
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
}

void server_url_finish(struct server_url *u)
{
	free(u->url);
	free(u->host);
	wipe_free_text(u->user);
	wipe_free_text(u->password);
	*u = (struct server_url){0};
}

/* %XX decoded; the caller frees. */
static int decode_userinfo(char **ret, const char *text, size_t len)
{
	char *out = malloc(len + 1), *end = out;

	if (out == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < len; i++) {
		int high, low;

		if (text[i] != '%') {
			*end++ = text[i];
			continue;
		}
		high = i + 2 < len ? ascii_hex_value(text[i + 1]) : -1;
		low = i + 2 < len ? ascii_hex_value(text[i + 2]) : -1;
		if (high < 0 || low < 0 || high * 16 + low == 0) {
			free(out);
			return -EINVAL;
		}
		*end++ = (char)(high * 16 + low);
		i += 2;
	}
	*end = '\0';
	*ret = out;
	return 0;
}

/* USER or USER:PASSWORD. */
static int take_userinfo(struct server_url *ret, const char *text, size_t len)
{
	const char *colon = memchr(text, ':', len);
	size_t user_len = colon == NULL ? len : (size_t)(colon - text);
	int rc = decode_userinfo(&ret->user, text, user_len);

	if (rc == 0 && colon != NULL)
		rc = decode_userinfo(&ret->password, colon + 1,
				     len - user_len - 1);
	return rc;
}

/* HOST, HOST:PORT, [V6], [V6]:PORT. */
static int take_url_host(struct server_url *ret, const char *text, size_t len)
{
	bool v6 = len > 0 && text[0] == '[';
	const char *end = v6 ? memchr(text, ']', len) : memchr(text, ':', len);
	size_t host_len = end == NULL ? len : (size_t)(end - text);
	const char *port;
	size_t port_len;

	if (v6 && end == NULL)
		return -EINVAL;
	port = text + host_len + (v6 ? 1 : 0);
	port_len = (size_t)(text + len - port);
	if (port_len > 0 && *port != ':')
		return -EINVAL;
	if (port_len <= 1) {
		port = default_port;
		port_len = strlen(default_port);
	} else {
		port++;
		port_len--;
	}
	ret->host = strndup(text + v6, host_len - v6);
	if (ret->host == NULL)
		return -ENOMEM;
	if (*ret->host == '\0')
		return -EINVAL;
	if (asprintf(&ret->url, v6 ? "nats://[%s]:%.*s" : "nats://%s:%.*s",
		     ret->host, (int)port_len, port) < 0) {
		ret->url = NULL;
		return -ENOMEM;
	}
	return 0;
}

int server_url_parse(struct server_url *ret, const char *url)
{
	struct server_url it = {0};
	const char *text = url, *scheme_end = strstr(url, "://");
	const char *at;
	size_t len;
	int rc = 0;

	if (server_url_fault(url) != NULL)
		return -EINVAL;
	if (scheme_end != NULL)
		text = scheme_end + 3;
	it.tls = scheme_end != NULL &&
		 ascii_is_word(url, (size_t)(scheme_end - url), "tls");
	len = strlen(text);
	if (len > 0 && text[len - 1] == '/')
		len--;
	at = strrchr(text, '@');
	if (at != NULL) {
		rc = take_userinfo(&it, text, (size_t)(at - text));
		len -= (size_t)(at + 1 - text);
		text = at + 1;
	}
	if (rc == 0)
		rc = take_url_host(&it, text, len);
	if (rc < 0)
		server_url_finish(&it);
	else
		*ret = it;
	return rc;
}
