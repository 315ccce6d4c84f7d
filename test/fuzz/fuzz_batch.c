/* Batches: lines in any cut are the same lines, in bounded memory; a line that
 * is taken is the message that jansson reads in it, and its headers are a block
 * that every server reads in the same way.
 *
 * Input: how the body is cut (fuzz.h), then the body. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/check.h"
#include "bytes.h"
#include "fuzz.h"
#include "http/batch_line.h"
#include "http/line_splitter.h"
#include "server_headers.h"

enum { LINE_MAX_BYTES = 96 };

/* ---- lines --------------------------------------------------------------- */

static void must_be_string(const json_t *value, struct span text)
{
	MUST(json_is_string(value));
	MUST(json_string_length(value) == text.len);
	MUST(text.len == 0 ||
	     memcmp(json_string_value(value), text.at, text.len) == 0);
}

/* jansson cannot read numbers of more than 64 bits, and NULs in names. */
static void must_be_message(const struct batch_line *l, struct span line)
{
	json_t *json =
		json_loadb(line.at, line.len,
			   JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
	const json_t *data = json_object_get(json, "data");

	if (json == NULL)
		return;
	MUST(data != NULL);
	if (json_object_get(json, "subject") != NULL)
		must_be_string(json_object_get(json, "subject"), l->subject);
	else
		MUST(l->subject.len == 0);
	if (json_object_get(json, "encoding") == NULL && json_is_string(data))
		must_be_string(data, l->data);
	if (!json_is_string(data)) {
		json_t *again =
			json_loadb(l->data.at, l->data.len,
				   JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

		MUST(again != NULL && json_equal(again, data));
		json_decref(again);
	}
	json_decref(json);
}

static void take_line(struct span line, struct bytes *out)
{
	char *copy = malloc(line.len > 0 ? line.len : 1);
	struct http_error why = {0};
	struct batch_line l;
	int rc;

	MUST(copy != NULL && line.len <= LINE_MAX_BYTES);
	if (line.len > 0)
		memcpy(copy, line.at, line.len);
	rc = batch_line_parse(&l, &why, (struct span){copy, line.len},
			      span_of("Events"), span_of("alice"));
	if (rc == 0) {
		must_be_message(&l, line);
		must_agree_on_control_headers(
			(struct span){(const char *)buf_data(&l.headers.block),
				      buf_unread(&l.headers.block)});
		batch_line_finish(&l);
	} else {
		MUST(rc == -EINVAL && why.status == 400);
		fuzz_must_be_line(why.text, sizeof(why.text));
	}
	bytes_add(out, copy, line.len);
	bytes_add_char(out, '\n');
	free(copy);
}

/* ---- bodies -------------------------------------------------------------- */

static void take_verdict(struct bytes *out, enum line_verdict verdict,
			 struct span line)
{
	MUST(verdict != LINE_NO_MEMORY);
	if (verdict == LINE_READY)
		take_line(line, out);
	else if (verdict == LINE_TOO_LONG)
		bytes_add(out, "too long\n", 9);
}

static void feed(struct line_splitter *s, struct bytes *out,
		 const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		struct span line = {NULL, 0};
		size_t used = 0;
		enum line_verdict verdict =
			line_splitter_feed(s, bytes, len, &used, &line);

		MUST(used > 0 && used <= len);
		take_verdict(out, verdict, line);
		bytes += used;
		len -= used;
	}
	MUST(s->kept.cap <= LINE_MAX_BYTES);
}

static struct bytes run(const struct fuzz_input *in, struct fuzz_cuts *cuts)
{
	struct bytes out = {0};
	struct span line = {NULL, 0};
	struct line_splitter s;
	enum line_verdict verdict;

	line_splitter_init(&s, LINE_MAX_BYTES);
	for (size_t at = 0; at < in->left;) {
		size_t left = in->left - at;
		size_t len = cuts == NULL ? left : fuzz_cut(cuts, left);

		feed(&s, &out, in->at + at, len);
		at += len;
	}
	verdict = line_splitter_end(&s, &line);
	take_verdict(&out, verdict, line);
	line_splitter_finish(&s);
	return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	struct fuzz_cuts cuts;
	struct bytes whole, pieces;

	fuzz_take_cuts(&in, &cuts);
	whole = run(&in, NULL);
	pieces = run(&in, &cuts);
	MUST(whole.len == pieces.len);
	MUST(whole.len == 0 || memcmp(whole.at, pieces.at, whole.len) == 0);
	bytes_free(&whole);
	bytes_free(&pieces);
	return 0;
}
