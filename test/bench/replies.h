/* Counts the replies on a connection of pipelined requests, by Content-Length,
 * cut anywhere. */
#ifndef BENCH_REPLIES_H
#define BENCH_REPLIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REPLIES_LINE = 64 };

/* Zeroed is a start. */
struct replies {
	uint64_t n;	 /* whole heads */
	uint64_t n_bad;	 /* of those, with a status other than 2xx */
	int last_status; /* of the last bad one */
	uint64_t left;	 /* of a body */
	bool in_head;	 /* the status line was read */
	int status;
	uint64_t length;
	size_t line_len;
	char line[REPLIES_LINE];
};

/* 0, or -EPROTO: not HTTP, or chunked. */
int replies_feed(struct replies *r, const char *bytes, size_t len);

#endif
