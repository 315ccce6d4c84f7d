/* A connection's way through request_parser.h and request_body.h, for tests:
 * requests with bodies, one behind the other, in any cut. Beside it, what
 * llhttp alone makes of the same bytes. */
#ifndef TEST_REQUEST_READER_H
#define TEST_REQUEST_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "http/request_body.h"

struct request_reader {
	struct request_parser *parser;
	struct request_body body;
	uint64_t max_body;
	bool in_body;
	bool is_closed;	   /* rejected, or not kept alive */
	size_t n_complete; /* requests */
	size_t n_continue; /* that wait for 100 (Continue) at their start */
	/* "POST /a [body]\n", of the last one maybe without its end; "!400\n".
	 */
	struct bytes log;
	struct bytes complete; /* "POST [body]\n" of complete requests */
	struct bytes content;  /* of the present body */
	char method[16];
	char error[256]; /* text of the rejection */
};

void request_reader_init(struct request_reader *r, size_t max_head,
			 uint64_t max_body);
void request_reader_finish(struct request_reader *r);
/* The piece may be freed afterwards. */
void request_reader_feed(struct request_reader *r, const void *bytes,
			 size_t len);

/* "POST [body]\n" for each request that llhttp completes. */
void llhttp_requests(struct bytes *out, const void *bytes, size_t len);

#endif
