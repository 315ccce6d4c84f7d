#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "nats/js_direct.h"
#include "nats/kv_entry.h"

#define SERVER_LINES(subject, seq)                    \
	"Nats-Stream: KV_b\r\nNats-Subject: " subject \
	"\r\nNats-Sequence: " seq                     \
	"\r\nNats-Time-Stamp: 2026-12-01T00:45:59.825683956Z\r\n"

/* From memory of its own size, which the test keeps. */
static char *kept;

static struct js_direct parse(const char *block, size_t data_len)
{
	struct js_direct d;
	size_t len = strlen(block);

	free(kept);
	kept = malloc(len > 0 ? len : 1);
	MUST(kept != NULL);
	memcpy(kept, block, len);
	memset(&d, 0x5a, sizeof(d));
	js_direct_parse(&d, (struct span){kept, len}, data_len, "KV_b");
	return d;
}

static int forget_block(void **state)
{
	(void)state;
	free(kept);
	kept = NULL;
	return 0;
}

static void expect_text(struct span s, const char *text)
{
	if (s.len != strlen(text) || memcmp(s.at, text, s.len) != 0)
		fail_msg("\"%.*s\", not \"%s\"", (int)s.len, s.at, text);
}

static void expect_found(const char *block, uint64_t seq, const char *subject,
			 const char *headers)
{
	struct js_direct d = parse(block, 3);

	assert_int_equal(d.result, JS_DIRECT_FOUND);
	assert_int_equal(d.seq, seq);
	assert_true(d.time_ns == UINT64_C(1796085959825683956));
	expect_text(d.subject, subject);
	expect_text(d.headers, headers);
}

static void expect_result(const char *block, size_t data_len,
			  enum js_direct_result result, int code)
{
	struct js_direct d = parse(block, data_len);

	if (d.result != result || d.code != code)
		fail_msg("\"%s\": %d, %d", block, (int)d.result, d.code);
	assert_true(d.seq == 0 && d.subject.len == 0 && d.headers.len == 0);
}

/* As nats-server 2.9.10, 2.10.27 and 2.15.1 send them. */
static void responses(void **state)
{
	(void)state;
	expect_found("NATS/1.0\r\n" SERVER_LINES("$KV.b.c", "3") "\r\n", 3,
		     "$KV.b.c", "NATS/1.0\r\n");
	expect_found("NATS/1.0\r\nKV-Operation: DEL\r\n" SERVER_LINES(
			     "$KV.b.c", "4") "\r\n",
		     4, "$KV.b.c", "NATS/1.0\r\nKV-Operation: DEL\r\n");
	assert_int_equal(kv_operation_of(
				 parse("NATS/1.0\r\nKV-Operation: "
				       "PURGE\r\n" SERVER_LINES("$KV.b.c",
								"4") "\r\n",
				       0)
					 .headers),
			 KV_OPERATION_PURGE);
	/* A batch. */
	expect_found("NATS/1.0\r\n" SERVER_LINES(
			     "$KV.b.c", "3") "Nats-Num-Pending: 3\r\n"
					     "Nats-Last-Sequence: 0\r\n\r\n",
		     3, "$KV.b.c", "NATS/1.0\r\n");
	expect_result("NATS/1.0 404 Message Not Found\r\n\r\n", 0,
		      JS_DIRECT_NONE, 404);
	expect_result("NATS/1.0 408 Empty Request\r\n\r\n", 0,
		      JS_DIRECT_REJECTED, 408);
	expect_result("NATS/1.0 503\r\n\r\n", 0, JS_DIRECT_NOWHERE, 503);
	expect_result("NATS/1.0 503\r\nNats-Subject: x\r\n\r\n", 0,
		      JS_DIRECT_NOWHERE, 503);
}

/* Blocks that a publisher stored; the servers put their lines behind. */
static void forged_blocks(void **state)
{
	static const char *const forged[] = {
		"NATS/1.0 404 Message Not Found\r\n",
		"NATS/1.0\r\n\r\nA: b\r\n",
		"NATS/1.0\r\nA: b\r\n c",
		"NATS/1.0\r\nA:",
		"NATS/1.0\r\nNats-Stream: evil\r\nNats-Subject: $KV.b.x\r\n"
		"Nats-Sequence: 999\r\n"
		"Nats-Time-Stamp: 2000-01-01T00:00:00Z\r\n",
		"NATS/1.0\r\n" SERVER_LINES("$KV.b.other", "999") "\r\n",
		"NATS/1.0\r\nNats-Sequence: 7\r\nNats-Stream: KV_b\r\n",
		"NATS/1.0\r\nNats-Stream: ",
	};
	char block[600];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forged); i++) {
		snprintf(block, sizeof(block), "%s%s\r\n", forged[i],
			 SERVER_LINES("$KV.b.c", "3"));
		expect_found(block, 3, "$KV.b.c", forged[i]);
	}
}

static void malformed_ones(void **state)
{
	static const char *const bad[] = {
		"",
		"NATS/1.0",
		"NATS/1.0\r\n\r\n",
		"NATS/1.0 40",
		"NATS/1.0 4x4\r\n",
		"NATS/1.1 404\r\n",
		"NATS/1.0\r\nNats-Stream: KV_c\r\nNats-Subject: s\r\n"
		"Nats-Sequence: 1\r\nNats-Time-Stamp: 2026-12-01T00:00:00Z\r\n",
		"NATS/1.0\r\nNats-Stream: KV_\r\nNats-Subject: s\r\n"
		"Nats-Sequence: 1\r\nNats-Time-Stamp: 2026-12-01T00:00:00Z\r\n",
		"NATS/1.0\r\nNats-Stream: KV_bb\r\nNats-Subject: s\r\n"
		"Nats-Sequence: 1\r\nNats-Time-Stamp: 2026-12-01T00:00:00Z\r\n",
		"NATS/1.0\r\n" SERVER_LINES("", "3") "\r\n",
		"NATS/1.0\r\n" SERVER_LINES("s", "0") "\r\n",
		"NATS/1.0\r\n" SERVER_LINES("s", "") "\r\n",
		"NATS/1.0\r\n" SERVER_LINES("s", "-1") "\r\n",
		"NATS/1.0\r\n" SERVER_LINES("s", "18446744073709551616") "\r\n",
		"NATS/1.0\r\nNats-Stream: KV_b\r\nNats-Subject: s\r\n"
		"Nats-Sequence: 1\r\nNats-Time-Stamp: today\r\n",
		"NATS/1.0\r\nNats-Stream: KV_b\r\nNats-Sequence: 1\r\n"
		"Nats-Subject: s\r\nNats-Time-Stamp: 2026-12-01T00:00:00Z\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		expect_result(bad[i], 0, JS_DIRECT_MALFORMED, 0);
	/* A status has no payload. */
	expect_result("NATS/1.0 404 Message Not Found\r\n\r\n", 1,
		      JS_DIRECT_MALFORMED, 404);
	expect_result("NATS/1.0 204 EOB\r\n\r\n", 0, JS_DIRECT_MALFORMED, 204);
}

/* Whatever is cut off, it is the message or no message. */
static void every_cut(void **state)
{
	static const char whole[] =
		"NATS/1.0\r\nA: b\r\n" SERVER_LINES("$KV.b.c", "3") "\r\n";
	char cut[sizeof(whole)];
	size_t found = 0;

	(void)state;
	for (size_t n = 0; n < sizeof(whole); n++) {
		struct js_direct d;

		memcpy(cut, whole, n);
		cut[n] = '\0';
		d = parse(cut, 0);
		found += d.result == JS_DIRECT_FOUND;
	}
	assert_int_equal(found, 3); /* without the empty line */
}

static void subjects(void **state)
{
	char out[JS_DIRECT_SUBJECT_MAX], prefix[SUBJECT_NAME_MAX + 1];
	char stream[SUBJECT_NAME_MAX + 1], subject[SUBJECT_MAX];

	(void)state;
	assert_int_equal(js_direct_subject(out, "$JS.API", "KV_b",
					   span_of("$KV.b.a.b")),
			 33);
	assert_string_equal(out, "$JS.API.DIRECT.GET.KV_b.$KV.b.a.b");
	js_direct_subject(out, "$JS.hub.API", "KV_b", (struct span){NULL, 0});
	assert_string_equal(out, "$JS.hub.API.DIRECT.GET.KV_b");
	memset(prefix, 'p', sizeof(prefix) - 1);
	memset(stream, 's', sizeof(stream) - 1);
	memset(subject, 'x', sizeof(subject));
	prefix[SUBJECT_NAME_MAX] = stream[SUBJECT_NAME_MAX] = '\0';
	assert_int_equal(js_direct_subject(out, prefix, stream,
					   (struct span){subject,
							 SUBJECT_MAX - 1}),
			 2 * SUBJECT_NAME_MAX + SUBJECT_MAX - 1 +
				 strlen(".DIRECT.GET.") + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(responses, forget_block),
		cmocka_unit_test_teardown(forged_blocks, forget_block),
		cmocka_unit_test_teardown(malformed_ones, forget_block),
		cmocka_unit_test_teardown(every_cut, forget_block),
		cmocka_unit_test(subjects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
