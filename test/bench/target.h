/* The address of the server, and the request. "{id}" in the path and in the
 * headers stands for a client's identity, "u" and a number. */
#ifndef BENCH_TARGET_H
#define BENCH_TARGET_H

#include <netinet/in.h>
#include <stddef.h>

#include "args.h"

enum { TARGET_REQUEST_MAX = 1024 };

struct target {
	struct sockaddr_in at;
	char request[TARGET_REQUEST_MAX]; /* without the empty line at its end
					   */
};

/* "http://127.0.0.1:8080/sub/{id}"; a numeric address. `method` is "GET" or
 * "POST". 0, or -EINVAL. */
int target_init(struct target *t, const char *method, const char *url,
		const struct args_list *headers);
/* Copies `text` with the identity inserted. The length, or -ENOBUFS. */
int target_expand(char *out, size_t size, const char *text, unsigned id);
/* The request for a subscription; `last_id`: an event id, or "". The length, or
 * -ENOBUFS. */
int target_request(const struct target *t, unsigned id, const char *last_id,
		   char *out, size_t size);

#endif
