#include "http/batch_result.h"

#include <inttypes.h>

int batch_result_stored(struct buf *out, uint64_t seq,
			const struct sse_tag *tag, bool is_duplicate)
{
	char event_id[SSE_EVENT_ID_MAX];

	sse_event_id_format(event_id, seq, tag);
	return buf_printf(out, "{\"seq\":%" PRIu64 ",\"id\":\"%s\"%s}\n", seq,
			  event_id, is_duplicate ? ",\"duplicate\":true" : "");
}

/* Whole or not at all: a line with half of an object would be taken for one. */
int batch_result_problem(struct buf *out, const struct problem *p)
{
	size_t had = buf_unread(out);
	int rc = buf_putc(out, '{');

	if (rc == 0)
		rc = problem_json_members(out, p);
	if (rc == 0)
		rc = buf_puts(out, "}\n");
	if (rc < 0)
		buf_truncate(out, had);
	return rc;
}
