/* Requests with bodies, one behind the other: whole and in pieces they are the
 * same requests with the same bodies and the same end, and llhttp sees the same
 * in the bytes: no request is two.
 *
 * Input: how the bytes are cut (fuzz.h; the next two bits choose the limit of a
 * body), then the bytes of the connection. */
#include <string.h>

#include "base/check.h"
#include "bytes.h"
#include "fuzz.h"
#include "request_reader.h"

static void read_connection(struct request_reader *r,
			    const struct fuzz_input *in, struct fuzz_cuts *cuts,
			    uint64_t max)
{
	request_reader_init(r, 1024, max);
	for (size_t at = 0; at < in->left;) {
		size_t left = in->left - at;
		size_t len = cuts == NULL ? left : fuzz_cut(cuts, left);
		uint8_t *piece = malloc(len);

		MUST(piece != NULL);
		memcpy(piece, in->at + at, len);
		request_reader_feed(r, piece, len);
		memset(piece, 0xa5, len);
		free(piece);
		at += len;
	}
	if (r->error[0] != '\0')
		fuzz_must_be_line(r->error, sizeof(r->error));
}

static void must_be_equal(const struct bytes *a, const struct bytes *b)
{
	MUST(a->len == b->len);
	MUST(memcmp(bytes_text(a), bytes_text(b), a->len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t limits[] = {16, 0, 1 << 20, UINT64_MAX};
	struct fuzz_input in = {data, size};
	struct request_reader whole, pieces;
	struct bytes other = {0};
	struct fuzz_cuts cuts;
	uint64_t max = limits[fuzz_take_cuts(&in, &cuts) >> 3 & 3];

	read_connection(&whole, &in, NULL, max);
	read_connection(&pieces, &in, &cuts, max);
	must_be_equal(&whole.log, &pieces.log);
	must_be_equal(&whole.complete, &pieces.complete);
	MUST(whole.is_closed == pieces.is_closed);
	MUST(whole.n_continue == pieces.n_continue);
	llhttp_requests(&other, in.at, in.left);
	MUST(other.len >= whole.complete.len);
	MUST(memcmp(bytes_text(&other), bytes_text(&whole.complete),
		    whole.complete.len) == 0);
	bytes_free(&other);
	request_reader_finish(&whole);
	request_reader_finish(&pieces);
	return 0;
}
