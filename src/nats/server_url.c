#include "nats/server_url.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/hostport.h"

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
			return "it holds what is not printable ASCII";
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

/* How many bytes of `url` are a scheme (RFC 3986, section 3.1) with its "://":
 * in "user:a://b@host" that stands inside of the password. */
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
