#include "base/hostport.h"

#include <errno.h>
#include <string.h>

#include "base/ascii.h"
#include "base/units.h"

enum {
	UNIX_PATH_MAX_BYTES = 107, /* sun_path of Linux, less the NUL */
	HOST_MAX_BYTES = 255,
};

const char *hostport_port_fault(const char *text, uint64_t least)
{
	uint64_t port;

	if (units_count(text, &port) < 0 || port < least || port > 65535)
		return least == 0 ? "its port must be a number from 0 to 65535"
				  : "its port must be a number from 1 to 65535";
	return NULL;
}

static const char *host_text_fault(const char *host, size_t len)
{
	if (len == 0)
		return "it has no host";
	if (len > HOST_MAX_BYTES)
		return "its host is too long";
	for (size_t i = 0; i < len; i++)
		if (!ascii_is_alnum(host[i]) && strchr("-._", host[i]) == NULL)
			return "its host is neither a name nor an address "
			       "(IPv6 goes in brackets)";
	return NULL;
}

/* Between the brackets, maybe with a zone (RFC 4007). bind() or connect()
 * decides whether the address exists. */
static const char *v6_literal_fault(const char *host, size_t len)
{
	size_t address = 0;

	while (address < len && (ascii_hex_value(host[address]) >= 0 ||
				 host[address] == ':' || host[address] == '.'))
		address++;
	if (address < len && host[address] == '%' && address + 1 < len)
		return host_text_fault(host + address + 1, len - address - 1);
	if (address != len || memchr(host, ':', len) == NULL)
		return "no IPv6 address stands in its brackets";
	return NULL;
}

const char *hostport_take_host(const char **text)
{
	const char *p = *text;
	size_t len;

	if (*p == '[') {
		len = strcspn(++p, "]");
		if (p[len] == '\0')
			return "its bracket is not closed";
		*text = p + len + 1;
		return v6_literal_fault(p, len);
	}
	len = strcspn(p, ":/");
	*text = p + len;
	return host_text_fault(p, len);
}

const char *hostport_host_fault(const char *name)
{
	return host_text_fault(name, strlen(name));
}

const char *hostport_fault(const char *text)
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
	fault = hostport_take_host(&text);
	if (fault != NULL)
		return fault;
	if (*text != ':')
		return "it has no port";
	return hostport_port_fault(text + 1, 0);
}

int hostport_split(const char *address, char *host, size_t size,
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
