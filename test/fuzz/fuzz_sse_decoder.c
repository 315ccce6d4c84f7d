/* The decoder that the tests believe: any stream reads the same in any cut.
 *
 * Input: how the stream is cut (fuzz.h), then the stream. */
#include <string.h>

#include "base/check.h"
#include "bytes.h"
#include "fuzz.h"
#include "sse_decoder.h"

static void on_event(void *arg, const struct sse_event *ev)
{
	struct bytes *seen = arg;

	MUST(memchr(ev->data, '\r', ev->len) == NULL);
	MUST(strpbrk(ev->id, "\r\n") == NULL);
	MUST(strpbrk(ev->type, "\r\n") == NULL);
	bytes_add(seen, ev->type, strlen(ev->type) + 1);
	bytes_add(seen, ev->data, ev->len + 1);
	bytes_add(seen, ev->id, strlen(ev->id) + 1);
}

static void must_be_same(const struct bytes *a, const struct bytes *b)
{
	MUST(a->len == b->len);
	MUST(memcmp(bytes_text(a), bytes_text(b), a->len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	struct bytes seen_whole = {0}, seen_pieces = {0};
	struct sse_decoder whole = {.on_event = on_event, .arg = &seen_whole};
	struct sse_decoder pieces = {.on_event = on_event, .arg = &seen_pieces};
	struct fuzz_cuts cuts;

	fuzz_take_cuts(&in, &cuts);
	sse_decoder_feed(&whole, in.at, in.left);
	while (in.left > 0) {
		size_t len = fuzz_cut(&cuts, in.left);

		sse_decoder_feed(&pieces, in.at, len);
		in.at += len;
		in.left -= len;
	}
	must_be_same(&seen_whole, &seen_pieces);
	must_be_same(&whole.last_id, &pieces.last_id);
	MUST(whole.n_events == pieces.n_events);
	MUST(whole.n_comments == pieces.n_comments);
	MUST(whole.has_retry == pieces.has_retry);
	MUST(whole.retry_ms == pieces.retry_ms);
	sse_decoder_finish(&whole);
	sse_decoder_finish(&pieces);
	bytes_free(&seen_whole);
	bytes_free(&seen_pieces);
	return 0;
}
