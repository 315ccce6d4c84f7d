/* Counts the responses on a connection of pipelined requests. Bodies have a
 * Content-Length; the bytes may be split anywhere. */
#ifndef BENCH_RESPONSES_H
#define BENCH_RESPONSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RESPONSES_LINE = 64 };

/* All zero: the initial state. */
struct responses {
	uint64_t n;	 /* complete response heads */
	uint64_t n_bad;	 /* responses with a status other than 2xx */
	int last_status; /* of the last one counted in n_bad */
	uint64_t left;	 /* bytes left of the body */
	bool in_head;	 /* the status line was read */
	int status;
	uint64_t length;
	size_t line_len;
	char line[RESPONSES_LINE];
};

/* 0; -EPROTO: not HTTP/1, or chunked. */
int responses_feed(struct responses *r, const char *bytes, size_t len);

#endif
