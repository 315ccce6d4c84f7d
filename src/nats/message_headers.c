/* Blocks can have as many names as bytes allow, so repeated names are found by
 * sorting. */
#include "nats/message_headers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/base64.h"
#include "base/check.h"
#include "base/encode.h"
#include "base/json_string.h"
#include "base/utf8.h"

#define VERSION "NATS/1.0"
#define HIDDEN	"nats-"

#define LEN(literal) (sizeof(literal) - 1)

/* ---- lines --------------------------------------------------------------- */

static bool is_white_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The first \r\n; `end` for none. */
static const char *find_block_line_end(const char *at, const char *end)
{
	while ((at = memchr(at, '\r', (size_t)(end - at))) != NULL) {
		if (end - at > 1 && at[1] == '\n')
			return at;
		at++;
	}
	return end;
}

/* Takes the line and its line end from *rest. */
static struct span take_block_line(struct span *rest)
{
	const char *end = rest->at + rest->len;
	const char *stop = find_block_line_end(rest->at, end);
	struct span line = {rest->at, (size_t)(stop - rest->at)};

	rest->at = stop == end ? end : stop + LEN("\r\n");
	rest->len = (size_t)(end - rest->at);
	return line;
}

static struct span trim_white_space(const char *at, const char *end)
{
	while (at < end && is_white_space(*at))
		at++;
	while (at < end && is_white_space(end[-1]))
		end--;
	return (struct span){at, (size_t)(end - at)};
}

struct span message_headers_begin(struct span block)
{
	if (block.len < LEN(VERSION) ||
	    memcmp(block.at, VERSION, LEN(VERSION)) != 0)
		return (struct span){NULL, 0};
	take_block_line(&block);
	return block;
}

bool message_headers_next(struct span *rest, struct message_header *ret)
{
	while (rest->len > 0) {
		struct span line = take_block_line(rest), last = line;
		const char *colon = memchr(line.at, ':', line.len);

		if (line.len == 0)
			break;
		while (rest->len > 0 && ascii_is_blank(*rest->at))
			last = take_block_line(rest);
		if (colon == NULL || colon == line.at ||
		    ascii_is_blank(*line.at))
			continue;
		ret->name = (struct span){line.at, (size_t)(colon - line.at)};
		ret->value = trim_white_space(colon + 1, last.at + last.len);
		return true;
	}
	rest->len = 0;
	return false;
}

bool message_headers_find(struct span block, const char *name, struct span *ret)
{
	struct span rest = message_headers_begin(block);
	struct message_header h;
	size_t len = strlen(name);

	while (message_headers_next(&rest, &h)) {
		if (h.name.len == len && memcmp(h.name.at, name, len) == 0) {
			*ret = h.value;
			return true;
		}
	}
	return false;
}

static bool is_event_name(struct span name)
{
	static const char *const reserved[] = {"open", "error",	 "message",
					       "gap",  "system", "base64"};

	if (name.len == 0 || name.len > MESSAGE_EVENT_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (!ascii_is_alnum(name.at[i]) &&
		    memchr("._:-", name.at[i], 4) == NULL)
			return false;
	for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
		if (name.len == strlen(reserved[i]) &&
		    memcmp(name.at, reserved[i], name.len) == 0)
			return false;
	return true;
}

bool message_headers_event(struct span block, const char *name,
			   struct span *ret)
{
	return message_headers_find(block, name, ret) && is_event_name(*ret);
}

bool message_headers_are_internal(struct span block)
{
	struct span value;

	return message_headers_find(block, "Nats-Marker-Reason", &value) ||
	       message_headers_find(block, "Nats-Schedule", &value);
}

/* ---- names with their values --------------------------------------------- */

struct shown_header {
	struct message_header h;
	struct shown_header *same; /* the next one with this name */
	bool first;		   /* of its name */
	bool binary;		   /* of the first: a value is not UTF-8 */
};

struct shown_headers {
	struct shown_header *all; /* in the order of the block */
	struct shown_header **sorted;
	size_t n;
};

static bool is_shown_name(struct span name)
{
	size_t n = 0;

	while (n < name.len && n < LEN(HIDDEN) &&
	       ascii_lower(name.at[n]) == HIDDEN[n])
		n++;
	return n < LEN(HIDDEN) && utf8_is_valid(name.at, name.len);
}

static size_t count_shown_headers(struct span block)
{
	struct span rest = message_headers_begin(block);
	struct message_header h;
	size_t n = 0;

	while (message_headers_next(&rest, &h))
		n += is_shown_name(h.name);
	return n;
}

static int compare_names(struct span a, struct span b)
{
	if (a.len != b.len)
		return a.len < b.len ? -1 : 1;
	return memcmp(a.at, b.at, a.len);
}

/* By name, then in the order of the block. */
static int compare_shown_headers(const void *left, const void *right)
{
	const struct shown_header *a = *(struct shown_header *const *)left;
	const struct shown_header *b = *(struct shown_header *const *)right;
	int order = compare_names(a->h.name, b->h.name);

	if (order != 0)
		return order;
	return a < b ? -1 : a > b;
}

static void link_same_names(struct shown_headers *s)
{
	struct shown_header *first = NULL;

	for (size_t i = 0; i < s->n; i++) {
		struct shown_header *h = s->sorted[i];

		h->first = first == NULL ||
			   compare_names(first->h.name, h->h.name) != 0;
		if (h->first)
			first = h;
		else
			s->sorted[i - 1]->same = h;
		first->binary |= !utf8_is_valid(h->h.value.at, h->h.value.len);
	}
}

/* *ret owns memory: free(ret->all). -ENOMEM or 0. */
static int collect_shown_headers(struct shown_headers *ret, struct span block,
				 size_t n)
{
	struct span rest = message_headers_begin(block);
	struct message_header h;

	ret->n = 0;
	ret->all = malloc(n * (sizeof(*ret->all) + sizeof(*ret->sorted)));
	if (ret->all == NULL)
		return -ENOMEM;
	ret->sorted = (struct shown_header **)(ret->all + n);
	while (message_headers_next(&rest, &h)) {
		if (!is_shown_name(h.name))
			continue;
		ret->all[ret->n] = (struct shown_header){.h = h};
		ret->sorted[ret->n] = &ret->all[ret->n];
		ret->n++;
	}
	qsort(ret->sorted, ret->n, sizeof(*ret->sorted), compare_shown_headers);
	link_same_names(ret);
	return 0;
}

/* ---- JSON ---------------------------------------------------------------- */

static int put_quoted_text(struct buf *to, struct span s)
{
	size_t len = json_string_len(s.at, s.len);
	int rc = buf_reserve(to, len + LEN("\"\""));
	uint8_t *p;

	if (rc < 0)
		return rc;
	p = encode_bytes(buf_tail(to), "\"", 1);
	p = json_string_put(p, s.at, s.len);
	encode_bytes(p, "\"", 1);
	buf_added(to, len + LEN("\"\""));
	return 0;
}

static int put_quoted_base64(struct buf *to, struct span s)
{
	size_t len = base64_encoded_len(s.len);
	int rc = buf_reserve(to, len + LEN("\"\""));
	uint8_t *p;

	if (rc < 0)
		return rc;
	p = encode_bytes(buf_tail(to), "\"", 1);
	p = base64_encode(p, (const uint8_t *)s.at, s.len);
	encode_bytes(p, "\"", 1);
	buf_added(to, len + LEN("\"\""));
	return 0;
}

/* "Name":["value","value"] */
static int put_name_with_values(struct buf *to,
				const struct shown_header *first)
{
	const struct shown_header *h = first;
	int rc = put_quoted_text(to, first->h.name);

	for (; rc == 0 && h != NULL; h = h->same) {
		rc = buf_puts(to, h == first ? ":[" : ",");
		if (rc == 0)
			rc = first->binary ? put_quoted_base64(to, h->h.value)
					   : put_quoted_text(to, h->h.value);
	}
	return rc < 0 ? rc : buf_puts(to, "]");
}

/* The names of one kind; nothing where there is none. */
static int put_headers_member(struct buf *to, const struct shown_headers *s,
			      bool binary)
{
	const char *before = binary ? "\"headers_base64\":{" : "\"headers\":{";
	bool any = false;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->n; i++) {
		if (!s->all[i].first || s->all[i].binary != binary)
			continue;
		rc = buf_puts(to, any ? "," : before);
		if (rc == 0)
			rc = put_name_with_values(to, &s->all[i]);
		any = true;
	}
	return rc == 0 && any ? buf_puts(to, "},") : rc;
}

int message_headers_json(struct buf *to, struct span block)
{
	size_t n = count_shown_headers(block);
	struct shown_headers shown;
	int rc;

	if (n == 0)
		return 0;
	rc = collect_shown_headers(&shown, block, n);
	if (rc < 0)
		return rc;
	rc = put_headers_member(to, &shown, false);
	if (rc == 0)
		rc = put_headers_member(to, &shown, true);
	free(shown.all);
	return rc;
}
