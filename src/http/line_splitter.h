/* The lines of a body that comes in pieces, in bounded memory. A line ends with
 * \n or with the body; its \r is a blank to the reader of JSON. Lines without a
 * byte but blanks are skipped. A line over the limit is reported once, and
 * skipped: the lines behind it count. */
#ifndef SLUICE_LINE_SPLITTER_H
#define SLUICE_LINE_SPLITTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/span.h"

enum line_verdict {
	LINE_MORE, /* feed more bytes, or end the body */
	LINE_READY,
	LINE_TOO_LONG,	/* the line is skipped */
	LINE_NO_MEMORY, /* the line is skipped */
};

struct line_splitter {
	struct buf kept;  /* the beginning of a line from earlier pieces */
	bool is_skipping; /* the rest of a line over the limit */
};

/* `max`: bytes of a line without its \n. */
void line_splitter_init(struct line_splitter *s, size_t max);
void line_splitter_finish(struct line_splitter *s);

/* *used: bytes that are dealt with; feed the rest again until LINE_MORE. READY:
 * *line, without its \n, borrowed until the next call from `bytes` or from the
 * splitter. */
enum line_verdict line_splitter_feed(struct line_splitter *s, const void *bytes,
				     size_t len, size_t *used,
				     struct span *line);
/* Skips the line that is next, or in its middle: no memory is left for it. */
void line_splitter_skip(struct line_splitter *s);
/* The body is over: LINE_READY for a line without \n, or LINE_MORE. */
enum line_verdict line_splitter_end(struct line_splitter *s, struct span *line);

#endif
