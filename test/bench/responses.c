#include "responses.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int on_status_line(struct responses *r)
{
	if (sscanf(r->line, "HTTP/1.%*1[01] %3d", &r->status) != 1)
		return -EPROTO;
	r->in_head = true;
	r->length = 0;
	return 0;
}

static void on_head_end(struct responses *r)
{
	r->in_head = false;
	r->left = r->length;
	r->n++;
	if (r->status / 100 == 2)
		return;
	r->n_bad++;
	r->last_status = r->status;
}

static int on_line(struct responses *r)
{
	static const char length[] = "Content-Length:";
	static const char chunked[] = "Transfer-Encoding:";

	if (!r->in_head)
		return on_status_line(r);
	if (r->line[0] == '\0')
		on_head_end(r);
	else if (strncasecmp(r->line, length, strlen(length)) == 0)
		r->length = strtoull(r->line + strlen(length), NULL, 10);
	else if (strncasecmp(r->line, chunked, strlen(chunked)) == 0)
		return -EPROTO;
	return 0;
}

static int take_byte(struct responses *r, char c)
{
	int rc;

	if (c != '\n') {
		if (c != '\r' && r->line_len < RESPONSES_LINE - 1)
			r->line[r->line_len++] = c;
		return 0;
	}
	r->line[r->line_len] = '\0';
	rc = on_line(r);
	r->line_len = 0;
	return rc;
}

int responses_feed(struct responses *r, const char *bytes, size_t len)
{
	int rc = 0;

	while (rc == 0 && len > 0) {
		size_t n = r->left < len ? (size_t)r->left : len;

		if (n == 0) {
			rc = take_byte(r, *bytes);
			n = 1;
		} else {
			r->left -= n;
		}
		bytes += n;
		len -= n;
	}
	return rc;
}
