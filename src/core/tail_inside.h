/* What the two files of the tail share: tail.c (the consumer's life, pulls,
 * messages) and tail_stream.c (which stream it is). Nobody else includes it. */
#ifndef SLUICE_TAIL_INSIDE_H
#define SLUICE_TAIL_INSIDE_H

#include "tail.h"

/* tail_stream.c */

/* For the log; the same text again is no news. */
void tail_news(struct tail *t, bool warn, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
bool tail_is_ours(const struct tail *t, const struct source_info *i);
/* What comes next is gone from the stream: TAIL_OVERTAKEN, or 0. */
unsigned tail_overtaken(struct tail *t, const struct source_info *i);
/* What the stream's state means for head and floor; bits of tail_outcome. */
unsigned tail_compare(struct tail *t, const struct source_info *i,
		      uint64_t now_ms);

#endif
