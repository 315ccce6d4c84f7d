#include "http/line_splitter.h"

#include <errno.h>
#include <string.h>

void line_splitter_init(struct line_splitter *s, size_t max)
{
	*s = (struct line_splitter){0};
	buf_init(&s->kept, max);
}

void line_splitter_finish(struct line_splitter *s)
{
	buf_finish(&s->kept);
}

static bool is_blank_line(struct span line)
{
	for (size_t i = 0; i < line.len; i++)
		if (line.at[i] != ' ' && line.at[i] != '\t' &&
		    line.at[i] != '\r')
			return false;
	return true;
}

/* `part`: the next bytes of the line, without \n. */
static enum line_verdict keep_part(struct line_splitter *s, struct span part)
{
	int rc = buf_put(&s->kept, part.at, part.len);

	if (rc == 0)
		return LINE_MORE;
	buf_clear(&s->kept);
	s->is_skipping = true;
	return rc == -ENOMEM ? LINE_NO_MEMORY : LINE_TOO_LONG;
}

/* The last part of a line. */
static enum line_verdict end_line(struct line_splitter *s, struct span part,
				  struct span *line)
{
	enum line_verdict verdict;

	if (s->is_skipping) {
		s->is_skipping = false;
		return LINE_MORE;
	}
	if (buf_unread(&s->kept) == 0 && part.len <= s->kept.max) {
		*line = part;
		return is_blank_line(part) ? LINE_MORE : LINE_READY;
	}
	verdict = keep_part(s, part);
	s->is_skipping = false;
	if (verdict != LINE_MORE)
		return verdict;
	*line = (struct span){(const char *)buf_data(&s->kept),
			      buf_unread(&s->kept)};
	/* The bytes stay until the next put. */
	buf_clear(&s->kept);
	return is_blank_line(*line) ? LINE_MORE : LINE_READY;
}

enum line_verdict line_splitter_feed(struct line_splitter *s, const void *bytes,
				     size_t len, size_t *used,
				     struct span *line)
{
	const char *at = bytes;
	enum line_verdict verdict = LINE_MORE;

	*used = 0;
	while (verdict == LINE_MORE && *used < len) {
		const char *begin = at + *used;
		const char *lf = memchr(begin, '\n', len - *used);
		struct span part = {begin, lf != NULL ? (size_t)(lf - begin)
						      : len - *used};

		*used += part.len + (lf != NULL);
		if (lf != NULL)
			verdict = end_line(s, part, line);
		else if (!s->is_skipping)
			verdict = keep_part(s, part);
	}
	return verdict;
}

void line_splitter_skip(struct line_splitter *s)
{
	buf_finish(&s->kept);
	s->is_skipping = true;
}

enum line_verdict line_splitter_end(struct line_splitter *s, struct span *line)
{
	return end_line(s, (struct span){"", 0}, line);
}
