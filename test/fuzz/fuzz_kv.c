/* Key-value: names that make subjects and come back from them; and responses of
 * a Direct Get, whose headers a publisher chose: the server's lines behind them
 * are found whatever stands there.
 *
 * Input, with NULs between: a bucket, a key, a subject, and a block without the
 * server's lines. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "fuzz.h"
#include "nats/js_direct.h"
#include "nats/kv_read.h"
#include "nats/message_headers.h"

static bool is_same(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static void must_come_back(struct span bucket, struct span key)
{
	char subject[KV_SUBJECT_MAX], stream[KV_STREAM_MAX];
	struct kv_name name;
	struct span back;
	size_t len = kv_stream(stream, bucket);

	MUST(len < KV_STREAM_MAX && subject_stream_name_ok(stream));
	MUST(kv_bucket_of_stream(&back, (struct span){stream, len}));
	MUST(is_same(back, bucket));
	len = kv_subject(subject, bucket, key);
	MUST(len < KV_SUBJECT_MAX && strlen(subject) == len);
	MUST(pattern_fault(span_of(subject)) == NULL);
	MUST(kv_name_of_subject(&name, span_of(subject)));
	MUST(is_same(name.bucket, bucket) && is_same(name.key, key));
}

static void check_names(struct span bucket, struct span key)
{
	const char *fault = kv_bucket_fault(bucket);
	bool is_key, is_filter;
	char subject[KV_SUBJECT_MAX];

	if (fault != NULL) {
		fuzz_must_be_line(fault, 256);
		return;
	}
	is_key = kv_key_fault(bucket, key) == NULL;
	is_filter = kv_filter_fault(bucket, key) == NULL;
	MUST(is_filter || !is_key);
	if (!is_filter) {
		fuzz_must_be_line(kv_key_fault(bucket, key), 256);
		fuzz_must_be_line(kv_filter_fault(bucket, key), 256);
		return;
	}
	must_come_back(bucket, key);
	kv_subject(subject, bucket, key);
	MUST(pattern_is_literal(span_of(subject)) == is_key);
}

static void check_entry(struct span subject, struct span block)
{
	struct kv_entry e;

	if (!kv_entry_init(&e, subject, block, block))
		return;
	MUST(kv_bucket_fault(e.name.bucket) == NULL && e.name.key.len > 0);
	MUST(strlen("$KV.") + e.name.bucket.len + 1 + e.name.key.len ==
	     subject.len);
	MUST(kv_entry_has_value(&e) ==
	     (strcmp(kv_operation_name(e.operation), "PUT") == 0));
}

/* A subject has no blank and no line end. */
static bool can_be_stored(struct span subject)
{
	for (size_t i = 0; i < subject.len; i++)
		if (strchr(" \t\r\n\f", subject.at[i]) != NULL)
			return false;
	return subject.len > 0;
}

static void check_response(struct span subject, struct span block)
{
	char *text = NULL;
	struct js_direct d;
	int len = asprintf(&text,
			   "%.*sNats-Stream: KV_b\r\nNats-Subject: %.*s\r\n"
			   "Nats-Sequence: 17\r\nNats-Time-Stamp: "
			   "2026-12-01T00:00:00Z\r\n\r\n",
			   (int)block.len, block.at, (int)subject.len,
			   subject.at);

	MUST(len >= 0);
	js_direct_parse(&d, (struct span){text, (size_t)len}, 0, "KV_b");
	MUST(d.result == JS_DIRECT_FOUND && d.seq == 17);
	MUST(is_same(d.subject, subject) && is_same(d.headers, block));
	free(text);
}

/* An entry of the key that was asked for, or none. */
static void check_read(struct span block, bool direct, uint64_t revision)
{
	struct kv_read r = {.api_prefix = "$JS.API",
			    .bucket = span_of("b"),
			    .origin = span_of("b"),
			    .key = span_of("c"),
			    .revision = revision,
			    .direct = direct};
	struct kv_read_answer a;

	kv_read_response(&a, &r, block, direct ? span_of("v") : block, 64);
	if (a.result == KV_READ_FOUND) {
		MUST(is_same(a.entry.name.bucket, r.bucket));
		MUST(is_same(a.entry.name.key, r.key));
		MUST(a.entry.revision > 0);
		MUST(revision == 0 || a.entry.revision == revision);
	} else {
		MUST(a.entry.value.len == 0 && a.entry.revision == 0);
	}
	MUST(a.result != KV_READ_FAILED || a.error.err != 0);
	kv_read_finish(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	char *texts[3], *block;
	size_t len = 0;
	struct js_direct d;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		texts[i] = fuzz_take_text(&in);
		if (texts[i] == NULL)
			texts[i] = strdup("");
	}
	block = fuzz_take_rest(&in, &len);
	check_names(span_of(texts[0]), span_of(texts[1]));
	check_entry(span_of(texts[2]), (struct span){block, len});
	if (block != NULL && memchr(block, '\0', len) == NULL &&
	    can_be_stored(span_of(texts[2])))
		check_response(span_of(texts[2]), (struct span){block, len});
	for (uint64_t revision = 0; revision <= 3; revision += 3) {
		check_read((struct span){block, len}, true, revision);
		check_read((struct span){block, len}, false, revision);
	}
	js_direct_parse(&d, (struct span){block, len}, 0, "KV_b");
	if (d.result == JS_DIRECT_FOUND) {
		MUST(d.seq > 0 && d.subject.len > 0 && d.code == 0);
		MUST(d.headers.len + d.subject.len < len);
	} else {
		MUST(d.seq == 0 && d.subject.len == 0 && d.headers.len == 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(texts[i]);
	free(block);
	return 0;
}
