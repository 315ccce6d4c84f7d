#include "server/admin_host.h"

#include <string.h>
#include <strings.h>

#include "base/address.h"

/* Length of the host before its port, without a dot at its end. */
static size_t host_name_len(const char *host)
{
	size_t len = strcspn(host, ":");

	return len > 0 && host[len - 1] == '.' ? len - 1 : len;
}

static bool is_host_name(const char *host, const char *name)
{
	size_t len = host_name_len(host);

	return len == host_name_len(name) && strncasecmp(host, name, len) == 0;
}

static bool is_address_literal(const char *host)
{
	struct address a;

	if (host[0] == '[')
		return address_parse(&a, host + 1, strcspn(host + 1, "]")) == 0;
	return address_parse(&a, host, strcspn(host, ":")) == 0;
}

/* HTTP/1.0 without a Host: a health check, no browser. */
bool admin_host_is_allowed(const struct request *h, char *const *names,
			   size_t n)
{
	if (h->host[0] == '\0')
		return request_find(h, "Host", NULL) == NULL;
	if (is_address_literal(h->host) || is_host_name(h->host, "localhost"))
		return true;
	for (size_t i = 0; i < n; i++)
		if (is_host_name(h->host, names[i]))
			return true;
	return false;
}
