#include "http/request_body.h"

#include <errno.h>
#include <inttypes.h>

#include "base/ascii.h"
#include "base/check.h"

enum { SIZE_DIGITS_MAX = 16 };

static int reject_body_size(struct http_error *why, uint64_t max)
{
	return http_error_set(why, 413, REJECT_BODY_TOO_LARGE,
			      "the body is over %" PRIu64 " bytes", max);
}

int request_body_init(struct request_body *b, struct http_error *why,
		      const struct request *req, uint64_t max)
{
	MUST(req->takes_body);
	*b = (struct request_body){
		.part = BODY_OVER,
		.room = max,
		.max = max,
		.expects_continue = req->expects_continue,
	};
	if (req->framing == FRAMING_CHUNKED) {
		b->part = BODY_SIZE;
		b->is_chunked = true;
	} else if (req->framing == FRAMING_LENGTH) {
		if (req->content_length > max)
			return reject_body_size(why, max);
		b->part = BODY_DATA;
		b->left = req->content_length;
	}
	return 0;
}

bool request_body_wants_continue(const struct request_body *b)
{
	return b->expects_continue && !b->has_bytes && b->part != BODY_OVER;
}

const struct http_error *request_body_error(const struct request_body *b)
{
	MUST(b->part == BODY_REJECTED);
	return &b->error;
}

/* ---- chunks -------------------------------------------------------------- */

static void reject_chunk(struct request_body *b, const char *fault)
{
	http_error_set(&b->error, 400, REJECT_MALFORMED,
		       "malformed chunked body: %s", fault);
	b->part = BODY_REJECTED;
}

static void take_size_digit(struct request_body *b, int digit)
{
	if (++b->n_digits > SIZE_DIGITS_MAX) {
		reject_chunk(b, "a chunk's size has more than 16 digits");
		return;
	}
	b->left = b->left * 16 + (uint64_t)digit;
	if (b->left > b->room) {
		reject_body_size(&b->error, b->max);
		b->part = BODY_REJECTED;
	}
}

static void take_size_byte(struct request_body *b, char c)
{
	int digit = ascii_hex_value(c);

	if (digit >= 0)
		take_size_digit(b, digit);
	else if (b->n_digits == 0)
		reject_chunk(b, "a chunk's size is missing");
	else if (c == ';')
		reject_chunk(b, "chunk extensions are not allowed");
	else if (c == '\r')
		b->part = BODY_SIZE_LF;
	else
		reject_chunk(b, "a chunk's size is not followed by CR LF");
}

/* After the size line. */
static void begin_chunk(struct request_body *b)
{
	b->part = b->left > 0 ? BODY_DATA : BODY_END_CR;
	b->room -= b->left;
	b->n_digits = 0;
}

static void expect_byte(struct request_body *b, char c, char want,
			enum body_part next, const char *fault)
{
	if (c == want)
		b->part = next;
	else
		reject_chunk(b, fault);
}

/* Any part but BODY_DATA. */
static void take_framing_byte(struct request_body *b, char c)
{
	static const char no_size_end[] =
		"a chunk's size is not followed by CR LF";
	static const char no_data_end[] =
		"a chunk's data is not followed by CR LF";

	switch (b->part) {
	case BODY_SIZE:
		take_size_byte(b, c);
		return;
	case BODY_SIZE_LF:
		expect_byte(b, c, '\n', BODY_DATA, no_size_end);
		if (b->part == BODY_DATA)
			begin_chunk(b);
		return;
	case BODY_DATA_CR:
		expect_byte(b, c, '\r', BODY_DATA_LF, no_data_end);
		return;
	case BODY_DATA_LF:
		expect_byte(b, c, '\n', BODY_SIZE, no_data_end);
		return;
	case BODY_END_CR:
		expect_byte(b, c, '\r', BODY_END_LF,
			    "trailers are not allowed");
		return;
	case BODY_END_LF:
		expect_byte(b, c, '\n', BODY_OVER,
			    "the last chunk is not followed by CR LF");
		return;
	case BODY_DATA:
	case BODY_OVER:
	case BODY_REJECTED:
		break;
	}
	MUST(0);
}

/* ---- the body ------------------------------------------------------------ */

static size_t take_body_data(struct request_body *b, struct span *data,
			     const char *bytes, size_t len)
{
	size_t n = len < b->left ? len : (size_t)b->left;

	*data = (struct span){bytes, n};
	b->left -= n;
	if (b->left == 0)
		b->part = b->is_chunked ? BODY_DATA_CR : BODY_OVER;
	return n;
}

static bool reads_more(const struct request_body *b)
{
	return b->part != BODY_OVER && b->part != BODY_REJECTED;
}

enum http_verdict request_body_feed(struct request_body *b, const void *bytes,
				    size_t len, size_t *used, struct span *data)
{
	const char *at = bytes;
	size_t n = 0;

	*data = (struct span){at, 0};
	b->has_bytes |= len > 0 && reads_more(b);
	while (n < len && reads_more(b)) {
		if (b->part == BODY_DATA) {
			n += take_body_data(b, data, at + n, len - n);
			break;
		}
		take_framing_byte(b, at[n++]);
	}
	*used = b->part == BODY_REJECTED ? len : n;
	if (b->part == BODY_REJECTED)
		return VERDICT_REJECT;
	return b->part == BODY_OVER ? VERDICT_READY : VERDICT_MORE;
}
