/* Lines that answer a batch, one for each line of the request, in its order:
 *
 *	{"seq":10,"id":"10-9f31c2"}
 *	{"seq":7,"id":"7-9f31c2","duplicate":true}
 *	{"status":409,"detail":"...","err_code":10071,"current":9} */
#ifndef SLUICE_BATCH_RESULT_H
#define SLUICE_BATCH_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "http/problem_json.h"
#include "http/sse.h"

/* At most this many bytes in a line. */
enum { BATCH_RESULT_MAX = PROBLEM_JSON_MAX };

/* Each appends a line. -ENOMEM, -ENOBUFS or 0. */
int batch_result_stored(struct buf *out, uint64_t seq,
			const struct sse_tag *tag, bool is_duplicate);
int batch_result_problem(struct buf *out, const struct problem *p);

#endif
