#include "http_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sse_client response = {.fd = -1};
static char request_line[256];

const struct sse_client *http_write(struct e2e *f, const char *method,
				    const char *target, const char *headers,
				    const void *body, size_t len)
{
	struct bytes head = {0};
	char length[64];

	sse_client_close(&response);
	snprintf(request_line, sizeof(request_line), "%s %s", method, target);
	snprintf(length, sizeof(length), "Content-Length: %zu\r\n\r\n", len);
	bytes_add(&head, method, strlen(method));
	bytes_add(&head, " ", 1);
	bytes_add(&head, target, strlen(target));
	bytes_add(&head, " HTTP/1.1\r\nHost: h\r\n", 20);
	if (headers != NULL)
		bytes_add(&head, headers, strlen(headers));
	bytes_add(&head, length, strlen(length));
	bytes_add(&head, body, len);
	sse_client_connect(&response, f->gw.address);
	sse_client_send(&response, head.at, head.len);
	sse_client_wait_reply(&response);
	bytes_free(&head);
	return &response;
}

void http_expect(int status, const char *part)
{
	if (response.status != status ||
	    strstr(bytes_text(&response.body), part) == NULL)
		fail_msg("%s: expected %d with %s, got %s", request_line,
			 status, part, sse_client_describe(&response));
}

void http_post(struct e2e *f, int status, const char *part, const char *query,
	       const char *headers, const char *text)
{
	struct bytes lines = {0};
	char target[512];

	snprintf(target, sizeof(target), "/api/v1/events%s", query);
	bytes_add(&lines, "user_id: alice\r\n", 16);
	if (headers != NULL)
		bytes_add(&lines, headers, strlen(headers));
	http_write(f, "POST", target, lines.at, text, strlen(text));
	bytes_free(&lines);
	http_expect(status, part);
}

unsigned long long http_number(const char *member)
{
	char name[64];
	const char *at;

	snprintf(name, sizeof(name), "\"%s\":", member);
	at = strstr(bytes_text(&response.body), name);
	if (at == NULL)
		fail_msg("%s: no %s in %s", request_line, name,
			 sse_client_describe(&response));
	return strtoull(at + strlen(name), NULL, 10);
}
