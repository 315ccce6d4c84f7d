/* Core messages over HTTP: the own origin of a request, the headers of a reply,
 * and the parameters of a request.
 *
 * Input: Host, X-Forwarded-Proto, X-Forwarded-Host, Forwarded, Origin, the
 * query, the last part of the path, with NULs between them; the rest is a block
 * of headers of a reply.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/ascii.h"
#include "base/check.h"
#include "fuzz.h"
#include "http/reply_headers.h"
#include "http/same_origin.h"
#include "http/subjects_query.h"

enum { HEADERS = 3, TEXTS = HEADERS + 4 };

/* The scheme of an accepted origin is the own one, and its host begins with the
 * own host up to a port. */
static void must_be_own(const struct own_origin *own, struct span origin)
{
	MUST(own->host.len > 0 && origin.len > own->scheme.len + 3);
	MUST(strncasecmp(origin.at, own->scheme.at, own->scheme.len) == 0);
	MUST(memcmp(origin.at + own->scheme.len, "://", 3) == 0);
	origin.at += own->scheme.len + 3;
	origin.len -= own->scheme.len + 3;
	if (origin.len > own->host.len)
		origin.len = own->host.len;
	MUST(strncasecmp(origin.at, own->host.at, origin.len) == 0);
}

static void run_origin(char *const *texts)
{
	static const char *const names[HEADERS] = {"X-Forwarded-Proto",
						   "X-Forwarded-Host",
						   "Forwarded"};
	struct http_header headers[HEADERS];
	struct request h = {.host = texts[0], .headers = headers};
	struct span origin = span_of(texts[HEADERS + 1]);
	struct own_origin own;

	for (size_t i = 0; i < HEADERS; i++)
		headers[h.n_headers++] =
			(struct http_header){names[i], texts[1 + i],
					     strlen(names[i]),
					     strlen(texts[1 + i])};
	own = own_origin_of(&h, false);
	MUST(strcmp(own.host.at, texts[0]) == 0);
	if (same_origin(&own, origin))
		must_be_own(&own, origin);
	own = own_origin_of(&h, true);
	if (same_origin(&own, origin))
		must_be_own(&own, origin);
}

static void run_query(const char *query, const char *path)
{
	struct subjects_query q;
	struct query_text text;
	struct http_error why;

	if (subjects_query_parse(&q, &why, query, "id", "t") == 0) {
		MUST(q.timeout_ms >= 1 && q.timeout_ms <= 60000);
		MUST(q.stall_ms <= 60000);
		MUST(q.replies >= 1 && q.replies <= SUBJECTS_REPLIES_MAX);
		MUST(q.is_many || q.replies == 1);
	} else {
		fuzz_must_be_line(why.text, sizeof(why.text));
		MUST(why.status == 400);
	}
	if (subjects_query_path(&text, span_of(path), &why) == 0)
		MUST(text.len <= strlen(path));
	else
		MUST(why.status == 400);
}

/* Each line is one header line of HTTP, and no other than NatsH-. */
static void run_reply(const void *block, size_t len)
{
	struct buf out;
	const char *at, *end;

	buf_init(&out, REPLY_HEADERS_MAX);
	MUST(reply_headers_put(&out, (struct span){block, len}) == 0);
	at = (const char *)buf_data(&out);
	end = at + buf_unread(&out);
	while (at < end) {
		const char *lf = memchr(at, '\n', (size_t)(end - at));

		MUST(lf != NULL && lf - at > 8 && lf[-1] == '\r');
		MUST(memcmp(at, "NatsH-", 6) == 0);
		for (at += 6; *at != ':'; at++)
			MUST(ascii_is_token_char(*at));
		for (at++; at < lf - 1; at++)
			MUST((*at >= ' ' && *at <= '~') || *at == '\t');
		at = lf + 1;
	}
	buf_finish(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	char *texts[TEXTS];

	for (size_t i = 0; i < TEXTS; i++) {
		texts[i] = fuzz_take_text(&in);
		if (texts[i] == NULL)
			texts[i] = strdup("");
	}
	run_origin(texts);
	run_query(texts[HEADERS + 2], texts[HEADERS + 3]);
	run_reply(in.at, in.left);
	for (size_t i = 0; i < TEXTS; i++)
		free(texts[i]);
	return 0;
}
