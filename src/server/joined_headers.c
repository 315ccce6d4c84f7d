#include "server/joined_headers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"

int joined_headers(const struct request *h, const char *name, const char **ret,
		   char **owned)
{
	size_t len = 0;

	*owned = NULL;
	*ret = request_find(h, name, NULL);
	if (request_count(h, name) <= 1)
		return 0;
	for (size_t i = 0; i < h->n_headers; i++)
		len += h->headers[i].value_len + 1;
	*owned = malloc(len);
	if (*owned == NULL)
		return -ENOMEM;
	len = 0;
	for (size_t i = 0; i < h->n_headers; i++) {
		const struct http_header *f = &h->headers[i];

		if (!ascii_is_word(f->name, strlen(f->name), name))
			continue;
		memcpy(*owned + len, f->value, f->value_len);
		len += f->value_len;
		(*owned)[len++] = ',';
	}
	(*owned)[len - 1] = '\0';
	*ret = *owned;
	return 0;
}
