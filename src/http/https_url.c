#include "http/https_url.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/hostport.h"

static const char scheme[] = "https://";

/* Length of "SCHEME://" (RFC 3986, section 3.1); 0: none. */
static size_t scheme_length(const char *value)
{
	size_t len = 0;

	while (ascii_is_alnum(value[len]) ||
	       (value[len] != '\0' && strchr("+-.", value[len]) != NULL))
		len++;
	return len > 0 && strncmp(value + len, "://", 3) == 0 ? len + 3 : 0;
}

bool https_url_is_url(const char *value)
{
	return scheme_length(value) > 0;
}

/* Behind the userinfo. An authority ends at the first of "/?#". */
static const char *find_url_host(const char *authority)
{
	size_t len = strcspn(authority, "/?#");
	const char *at = memrchr(authority, '@', len);

	return at == NULL ? authority : at + 1;
}

const char *https_url_fault(const char *url)
{
	const char *rest = url + strlen(scheme), *fault;
	char port[8];
	size_t len;

	if (!ascii_has_prefix(url, scheme))
		return "its scheme is not https://";
	for (const char *p = url; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			return "it has a character that is not printable ASCII";
	if (strchr(url, '#') != NULL)
		return "it has a fragment";
	rest = find_url_host(rest);
	fault = hostport_take_host(&rest);
	if (fault != NULL || *rest == '\0' || *rest == '/' || *rest == '?')
		return fault;
	if (*rest != ':')
		return "nothing but a port may follow its host";
	len = strcspn(++rest, "/?");
	snprintf(port, sizeof(port), "%.*s", len > 6 ? 6 : (int)len, rest);
	return hostport_port_fault(port, 1);
}

void https_url_hide(const char *url, char *out, size_t size)
{
	size_t begin = scheme_length(url);
	const char *host, *at;

	if (begin == 0) {
		snprintf(out, size, "%s", url);
		return;
	}
	/* In a wrong URL the authority may end anywhere. */
	at = strrchr(url, '@');
	host = at == NULL ? url + begin : at + 1;
	if (https_url_fault(url) == NULL)
		host = find_url_host(url + begin);
	snprintf(out, size, "%.*s%s%.*s%s", (int)begin, url,
		 host == url + begin ? "" : "(hidden)@",
		 (int)strcspn(host, "?"), host,
		 strchr(host, '?') == NULL ? "" : "?(hidden)");
}
