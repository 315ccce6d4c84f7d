#include "target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int parse_address(struct sockaddr_in *at, const char *host, size_t len)
{
	char text[64];
	char *colon, *end;
	unsigned long port;

	if (len >= sizeof(text))
		return -EINVAL;
	memcpy(text, host, len);
	text[len] = '\0';
	colon = strchr(text, ':');
	if (colon == NULL)
		return -EINVAL;
	*colon = '\0';
	port = strtoul(colon + 1, &end, 10);
	if (*end != '\0' || port == 0 || port > 65535)
		return -EINVAL;
	*at = (struct sockaddr_in){.sin_family = AF_INET,
				   .sin_port = htons((uint16_t)port)};
	return inet_pton(AF_INET, text, &at->sin_addr) == 1 ? 0 : -EINVAL;
}

int target_init(struct target *t, const char *method, const char *url,
		const struct args_list *headers)
{
	static const char scheme[] = "http://";
	const char *host = url + strlen(scheme);
	const char *path;
	int len;

	if (strncmp(url, scheme, strlen(scheme)) != 0)
		return -EINVAL;
	path = strchr(host, '/');
	if (path == NULL)
		return -EINVAL;
	if (parse_address(&t->at, host, (size_t)(path - host)) < 0)
		return -EINVAL;
	len = snprintf(t->request, sizeof(t->request),
		       "%s %s HTTP/1.1\r\nHost: %.*s\r\n", method, path,
		       (int)(path - host), host);
	for (unsigned i = 0; i < headers->n; i++) {
		if (len >= TARGET_REQUEST_MAX)
			return -EINVAL;
		len += snprintf(t->request + len,
				sizeof(t->request) - (size_t)len, "%s\r\n",
				headers->texts[i]);
	}
	return len < TARGET_REQUEST_MAX ? 0 : -EINVAL;
}

int target_expand(char *out, size_t size, const char *text, unsigned id)
{
	char name[16];
	int name_len = snprintf(name, sizeof(name), "u%u", id);
	size_t len = 0;

	while (*text != '\0') {
		const char *mark = strstr(text, "{id}");
		size_t plain =
			mark == NULL ? strlen(text) : (size_t)(mark - text);
		size_t more = mark == NULL ? 0 : (size_t)name_len;

		if (len + plain + more >= size)
			return -ENOBUFS;
		memcpy(out + len, text, plain);
		memcpy(out + len + plain, name, more);
		len += plain + more;
		text += plain + (mark == NULL ? 0 : strlen("{id}"));
	}
	out[len] = '\0';
	return (int)len;
}

int target_request(const struct target *t, unsigned id, const char *last_id,
		   char *out, size_t size)
{
	int len = target_expand(out, size, t->request, id);
	int more;

	if (len < 0)
		return len;
	more = snprintf(out + len, size - (size_t)len, "%s%s%s\r\n",
			last_id[0] == '\0' ? "" : "Last-Event-ID: ", last_id,
			last_id[0] == '\0' ? "" : "\r\n");
	return len + more < (int)size ? len + more : -ENOBUFS;
}
