/* Each block is also looked at as nats-server 2.9.10 and 2.15.1 do: they must
 * find the same control headers, in any order of the lines. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "http/publish_headers.h"
#include "server_headers.h"

enum { HEADERS_MAX = 8, TEXT_MAX = 4096 };

/* "Name: value\nName: value\n" as headers of a request. */
static size_t split_headers(struct http_header *out, const char *text)
{
	size_t n = 0;

	while (*text != '\0') {
		size_t line = strcspn(text, "\n"), name = strcspn(text, ":");
		const char *value = text + name + 1;

		MUST(n < HEADERS_MAX && name < line);
		value += *value == ' ';
		out[n++] =
			(struct http_header){.name = text,
					     .name_len = name,
					     .value = value,
					     .value_len = (size_t)(text + line -
								   value)};
		text += line + 1;
	}
	return n;
}

static int compose_for(struct publish_headers *h, struct http_error *why,
		       const char *stream, const char *id, const char *text)
{
	struct http_header headers[HEADERS_MAX];
	struct request req = {.headers = headers,
			      .n_headers = split_headers(headers, text)};
	int rc = publish_headers_init(h, why, span_of(stream), span_of(id));

	if (rc == 0)
		rc = publish_headers_take(h, why, &req);
	if (rc == 0)
		rc = publish_headers_end(h, why);
	return rc;
}

/* The lines in reverse order, as nats.c may write them. */
static struct span reverse_lines(char *out, struct span block)
{
	static const char version[] = "NATS/1.0\r\n";
	const size_t n_version = sizeof(version) - 1;
	size_t end = block.len - 2, len = n_version;

	memcpy(out, version, n_version);
	while (end > n_version) {
		size_t begin = end - 2;

		while (block.at[begin - 1] != '\n')
			begin--;
		memcpy(out + len, block.at + begin, end - begin);
		len += end - begin;
		end = begin;
	}
	memcpy(out + len, "\r\n", 2);
	return (struct span){out, len + 2};
}

static void look_as_servers(const struct publish_headers *h)
{
	struct span block = {(const char *)buf_data(&h->block),
			     buf_unread(&h->block)};
	char *reverse = malloc(block.len + 16);

	MUST(reverse != NULL);
	must_agree_on_control_headers(block);
	must_agree_on_control_headers(reverse_lines(reverse, block));
	free(reverse);
}

/* `want`: the lines with "\n" for their ends. */
static void expect_block(const char *stream, const char *id, const char *text,
			 const char *want)
{
	struct publish_headers h;
	struct http_error why = {0};
	char block[TEXT_MAX];
	size_t n = 0;

	if (compose_for(&h, &why, stream, id, text) != 0)
		fail_msg("%s: %s", text, why.text);
	for (size_t i = 0; i < buf_unread(&h.block); i++)
		if (buf_data(&h.block)[i] != '\r')
			block[n++] = (char)buf_data(&h.block)[i];
	block[n] = '\0';
	assert_string_equal(block, want);
	if (n > 0)
		look_as_servers(&h);
	publish_headers_finish(&h);
}

static void expect_rejected_for(const char *id, const char *text, int status,
				const char *fault)
{
	struct publish_headers h;
	struct http_error why = {0};

	if (compose_for(&h, &why, "Events", id, text) != -EINVAL)
		fail_msg("taken: %s", text);
	if (why.status != status || strstr(why.text, fault) == NULL)
		fail_msg("%s: %d, %s", text, why.status, why.text);
	assert_int_equal(why.reason,
			 status == 431 ? REJECT_TOO_LARGE : REJECT_BAD_HEADER);
	publish_headers_finish(&h);
}

static void expect_rejected(const char *text, const char *fault)
{
	expect_rejected_for("alice", text, 400, fault);
}

/* ---- headers of clients -------------------------------------------------- */

static void headers_get_their_canonical_names(void **state)
{
	(void)state;
	expect_block("", "", "", "");
	expect_block("", "", "Host: a\nAccept: b\nuser_id: c\n", "");
	expect_block("", "", "NatsH-trace-id: a\n",
		     "NATS/1.0\nTrace-Id: a\n\n");
	expect_block("", "",
		     "natsh-x_Y.z: 1\nNATSH-X: 2\nNatsH-x: \xc3\xa4 \t b\n"
		     "NatsH--a: \n",
		     "NATS/1.0\nX_y.z: 1\nX: 2\nX: \xc3\xa4 \t b\n-A: \n\n");
	/* No prefix of names that control. */
	expect_block("", "", "NatsH-Natsy: Nats- KV- nats-msg-id\n",
		     "NATS/1.0\nNatsy: Nats- KV- nats-msg-id\n\n");
	expect_block("Events", "", "NatsH-A: b\n",
		     "NATS/1.0\nNats-Expected-Stream: Events\nA: b\n\n");
}

static void expect_add(struct span name, struct span value, const char *fault)
{
	struct publish_headers h;
	struct http_error why = {0};
	int rc;

	publish_headers_init(&h, &why, span_of(""), span_of(""));
	rc = publish_headers_add(&h, &why, name, value);
	if (rc != (fault == NULL ? 0 : -EINVAL) ||
	    (fault != NULL && strstr(why.text, fault) == NULL))
		fail_msg("%.*s: %d %s", (int)name.len, name.at, rc, why.text);
	publish_headers_finish(&h);
}

/* Lines of a batch have any bytes. */
static void names_and_values_of_any_bytes(void **state)
{
	const struct span a = span_of("a");

	(void)state;
	expect_add(span_of("x-nats-msg-id"), a, NULL);
	expect_add(span_of(""), a, "the name is empty");
	expect_add(span_of("a b"), a, "no name of a header may have");
	expect_add(span_of("a:b"), a, "no name of a header may have");
	expect_add(span_of("a\r\nNats-Rollup"), a, "\\x0d\\x0aNats-Rollup");
	expect_add((struct span){"a\0b", 3}, a, "no name of a header may have");
	expect_add(span_of("\xc3\xa4"), a, "no name of a header may have");
	expect_add(a, span_of("b\r\nNats-Rollup: all"), "control character");
	expect_add(a, span_of("b\rc"), "control character");
	expect_add(a, span_of("b\nc"), "control character");
	expect_add(a, (struct span){"b\0c", 3}, "control character");
	expect_add(a, span_of("b\x7f"), "control character");
	expect_add(a, span_of("\vb"), "control character");
	expect_add(a, span_of(" \tb\t "), NULL);
	expect_add(span_of("nats-x"), a, "may not set");
	expect_add(span_of("kv-x"), a, "may not set");
}

static void blanks_around_values_are_dropped(void **state)
{
	struct publish_headers h;
	struct http_error why;

	(void)state;
	publish_headers_init(&h, &why, span_of(""), span_of(""));
	assert_int_equal(publish_headers_add(&h, &why, span_of("a"),
					     span_of(" \tb\t ")),
			 0);
	assert_int_equal(publish_headers_end(&h, &why), 0);
	assert_int_equal(buf_unread(&h.block), 18);
	assert_memory_equal(buf_data(&h.block), "NATS/1.0\r\na: b\r\n\r\n", 18);
	publish_headers_finish(&h);
}

static void control_headers_are_not_for_clients(void **state)
{
	static const char *const names[] = {
		"Rollup",
		"Batch-Id",
		"Batch-Sequence",
		"Batch-Commit",
		"Schedule",
		"Schedule-Target",
		"Trace-Dest",
		"Incr",
		"Marker-Reason",
		"Expected-Stream",
		"Expected-Last-Msg-Id",
		"Msg-Id",
		"Expected-Last-Subject-Sequence-Subject",
		"Required-Api-Level",
		"Anything",
		"",
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		sprintf(text, "Nats-%s: 1\n", names[i]);
		expect_rejected(text, "a client may not set this header");
		sprintf(text, "nATS-%s: 1\n", names[i]);
		expect_rejected(text, "a client may not set this header");
		sprintf(text, "NatsH-Nats-%s: 1\n", names[i]);
		expect_rejected(text, "a client may not set this header");
		sprintf(text, "natsh-nats-%s: 1\n", names[i]);
		expect_rejected(text, "a client may not set this header");
	}
	expect_rejected("KV-Operation: DEL\n", "may not set");
	expect_rejected("NatsH-KV-Operation: DEL\n", "may not set");
	expect_rejected("NatsH-Kv-Operation: DEL\n", "may not set");
	/* Those that a client sets are not set by NatsH-. */
	expect_rejected("NatsH-Nats-TTL: 60\n", "may not set");
	expect_rejected("NatsH-Nats-Expected-Last-Sequence: 1\n",
			"may not set");
}

/* ---- names of control headers elsewhere ---------------------------------- */

static void values_must_not_name_control_headers(void **state)
{
	static const char *const names[] = {
		"Nats-Msg-Id",	 "Nats-Expected-Stream",
		"Nats-TTL",	 "Nats-Expected-Last-Sequence",
		"Nats-Rollup",	 "Nats-Expected-Last-Subject-Sequence",
		"KV-Operation",	 "Nats-Schedule-Target",
		"Nats-Batch-Id", "Nats-Trace-Dest",
	};
	static const char *const forms[][2] = {
		{"NatsH-A: ", "\n"},
		{"NatsH-A: x", "x\n"},
		{"NatsH-A: ", ": 1\n"},
		{"NatsH-A: , ", " \n"},
		{"Idempotency-Key: ", "\n"},
		{"Idempotency-Key: \"a ", " b\"\n"},
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		for (size_t f = 0; f < ARRAY_LEN(forms); f++) {
			sprintf(text, "%s%s%s", forms[f][0], names[i],
				forms[f][1]);
			expect_rejected(text, "the name of a control header");
		}
	}
}

/* Canonical names have the case of control headers. */
static void names_must_not_contain_control_headers(void **state)
{
	(void)state;
	expect_rejected("NatsH-x-nats-msg-id: 1\n",
			"header X-Nats-Msg-Id: it contains \"Nats-Msg-Id\"");
	expect_rejected("NatsH-x-nats-expected-last-subject-sequence-y: 1\n",
			"contains \"Nats-Expected-\"");
	expect_rejected("NatsH-a-nats-rollup: 1\n", "\"Nats-Rollup\"");
	/* Canonical forms of names that have other capitals. */
	expect_block("", "", "NatsH-x-nats-ttl: 1\nNatsH-x-kv-operation: 1\n",
		     "NATS/1.0\nX-Nats-Ttl: 1\nX-Kv-Operation: 1\n\n");
}

static void identities_must_not_name_control_headers(void **state)
{
	(void)state;
	expect_rejected_for("xNats-Msg-Id", "Idempotency-Key: 1\n", 400,
			    "header Nats-Msg-Id: it contains \"Nats-Msg-Id\"");
	expect_rejected_for("Nats-Expected-Last-Sequence",
			    "Idempotency-Key: 1\n", 400, "Nats-Expected-");
	/* Nothing of the block has the identity without a key. */
	expect_block("", "xNats-Msg-Id", "NatsH-A: b\n", "NATS/1.0\nA: b\n\n");
}

static void streams_must_not_name_control_headers(void **state)
{
	struct publish_headers h;
	struct http_error why = {0};

	(void)state;
	assert_int_equal(compose_for(&h, &why, "xNats-Msg-Id", "", ""),
			 -EINVAL);
	assert_non_null(strstr(why.text, "header Nats-Expected-Stream"));
	publish_headers_finish(&h);
}

/* ---- preconditions ------------------------------------------------------- */

#define STREAM "NATS/1.0\nNats-Expected-Stream: Events\n"

static void preconditions(void **state)
{
	(void)state;
	expect_block("Events", "a", "Nats-Expected-Last-Sequence: 9\n",
		     STREAM "Nats-Expected-Last-Sequence: 9\n\n");
	expect_block("Events", "a",
		     "nats-expected-last-subject-sequence: 007\n",
		     STREAM "Nats-Expected-Last-Subject-Sequence: 7\n\n");
	expect_block("Events", "a", "If-Match: \"18446744073709551615\"\n",
		     STREAM "Nats-Expected-Last-Subject-Sequence: "
			    "18446744073709551615\n\n");
	expect_block("Events", "a", "If-None-Match: *\n",
		     STREAM "Nats-Expected-Last-Subject-Sequence: 0\n\n");
}

static void preconditions_that_would_check_nothing(void **state)
{
	static const char *const bad[] = {"",
					  "-1",
					  "+1",
					  "1.0",
					  "abc",
					  "0x1",
					  "1 2",
					  "\"1\"",
					  "18446744073709551616",
					  "000000000000000000001"};
	static const char *const tags[] = {"",
					   "1",
					   "*",
					   "\"\"",
					   "W/\"1\"",
					   "\"1\", \"2\"",
					   "\"-1\"",
					   "\"a\"",
					   "\"1",
					   "1\"",
					   "\"18446744073709551616\"",
					   "\" 1\""};
	char text[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		sprintf(text, "Nats-Expected-Last-Sequence: %s\n", bad[i]);
		expect_rejected(text, "it is not a sequence");
		sprintf(text, "Nats-Expected-Last-Subject-Sequence: %s\n",
			bad[i]);
		expect_rejected(text, "it is not a sequence");
	}
	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		sprintf(text, "If-Match: %s\n", tags[i]);
		expect_rejected(text, "it is not one strong entity tag");
	}
	expect_rejected("If-None-Match: \"1\"\n", "it is not *");
	expect_rejected("If-None-Match: *, \"1\"\n", "it is not *");
	expect_rejected("If-None-Match: \n", "it is not *");
}

static void two_preconditions(void **state)
{
	static const char *const all[] = {
		"Nats-Expected-Last-Sequence: 1\n",
		"Nats-Expected-Last-Subject-Sequence: 1\n",
		"If-Match: \"1\"\n",
		"If-None-Match: *\n",
	};
	char text[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		for (size_t j = 0; j < ARRAY_LEN(all); j++) {
			sprintf(text, "%s%s", all[i], all[j]);
			expect_rejected(text, "more than one precondition");
		}
		sprintf(text, "%sIdempotency-Key: a\n", all[i]);
		expect_rejected(text, "both an idempotency key and a "
				      "precondition");
		sprintf(text, "Idempotency-Key: a\n%s", all[i]);
		expect_rejected(text, "both an idempotency key and a "
				      "precondition");
	}
}

static void flags_say_what_was_asked(void **state)
{
	struct publish_headers h;
	struct http_error why;

	(void)state;
	compose_for(&h, &why, "Events", "a", "If-Match: \"1\"\nNats-TTL: 9\n");
	assert_true(h.has_expected && h.is_conditional && h.has_ttl);
	assert_false(h.has_key);
	publish_headers_finish(&h);
	compose_for(&h, &why, "E", "a", "Nats-Expected-Last-Sequence: 1\n");
	assert_true(h.has_expected && !h.is_conditional && !h.has_ttl);
	publish_headers_finish(&h);
	compose_for(&h, &why, "E", "a", "Idempotency-Key: 1\n");
	assert_true(h.has_key && !h.has_expected);
	publish_headers_finish(&h);
}

/* ---- keys and TTLs ------------------------------------------------------- */

static void keys_begin_with_the_identity(void **state)
{
	char key[PUBLISH_KEY_MAX + 2], text[512];

	(void)state;
	expect_block("", "alice", "Idempotency-Key: k-1\n",
		     "NATS/1.0\nNats-Msg-Id: alice.k-1\n\n");
	expect_block("", "alice", "idempotency-key: \"k 1\"\n",
		     "NATS/1.0\nNats-Msg-Id: alice.k 1\n\n");
	expect_block("", "", "Idempotency-Key: k\n",
		     "NATS/1.0\nNats-Msg-Id: _.k\n\n");
	memset(key, 'k', sizeof(key));
	key[PUBLISH_KEY_MAX] = '\0';
	sprintf(text, "NATS/1.0\nNats-Msg-Id: a.%s\n\n", key);
	sprintf(text + 256, "Idempotency-Key: \"%s\"\n", key);
	expect_block("", "a", text + 256, text);
	key[PUBLISH_KEY_MAX] = 'k';
	key[PUBLISH_KEY_MAX + 1] = '\0';
	sprintf(text, "Idempotency-Key: %s\n", key);
	expect_rejected(text, "not 1 to 200 printable ASCII bytes");
}

static void keys_that_are_none(void **state)
{
	static const char *const bad[] = {"",	    "\"\"", "\"",
					  "\"a",    "a\"",  "a\"b",
					  "\" a\"", "a\tb", "\xc3\xa4",
					  "\"a \"", "\x7f"};
	char text[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		sprintf(text, "Idempotency-Key: %s\n", bad[i]);
		expect_rejected(text, "the idempotency key is not 1 to 200");
	}
	expect_rejected("Idempotency-Key: a\nIdempotency-Key: a\n",
			"more than once");
}

static void ttls(void **state)
{
	static const char *const good[] = {"1",	 "60", "9223372036", "1000ms",
					   "1s", "5m", "2562047h"};
	static const char *const bad[] = {"",	      "0",
					  "0s",	      "never",
					  "999ms",    "-1",
					  "1.5s",     "1d",
					  "1h30m",    "9223372037",
					  "2562048h", "18446744073709551616",
					  "60 s"};
	char text[128], want[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		sprintf(text, "nats-ttl: %s\n", good[i]);
		sprintf(want, "NATS/1.0\nNats-TTL: %s\n\n", good[i]);
		expect_block("", "a", text, want);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		sprintf(text, "Nats-TTL: %s\n", bad[i]);
		expect_rejected(text, "it is not a duration of at least 1 s");
	}
	expect_rejected("Nats-TTL: 60\nNats-TTL: 60\n", "more than once");
}

/* ---- limits and batches -------------------------------------------------- */

static void blocks_are_limited(void **state)
{
	static char text[PUBLISH_HEADERS_MAX + 64];
	/* Version, "A: ", two line ends. */
	const size_t most = PUBLISH_HEADERS_MAX - 10 - 3 - 4;
	struct publish_headers h;
	struct http_error why = {0};

	(void)state;
	strcpy(text, "NatsH-A: ");
	memset(text + 9, 'a', most + 1);
	strcpy(text + 9 + most, "\n");
	assert_int_equal(compose_for(&h, &why, "", "", text), 0);
	assert_int_equal(buf_unread(&h.block), PUBLISH_HEADERS_MAX);
	publish_headers_finish(&h);
	strcpy(text + 9 + most, "a\n");
	text[9 + most] = 'a';
	expect_rejected_for("a", text, 431, "are over 65535 bytes");
	memset(text + 6, 'a', 257);
	strcpy(text + 6 + 257, ": \n");
	expect_rejected(text, "more than 256 bytes");
}

static void expect_batch_block(const char *stream, bool is_last,
			       const char *want)
{
	struct publish_headers h;
	struct http_error why;

	assert_int_equal(compose_for(&h, &why, stream, "", ""), 0);
	assert_int_equal(publish_headers_batch(&h, &why, "0a1b", 7, is_last),
			 0);
	assert_int_equal(buf_unread(&h.block), strlen(want));
	assert_memory_equal(buf_data(&h.block), want, strlen(want));
	publish_headers_finish(&h);
}

static void messages_of_an_atomic_batch(void **state)
{
	(void)state;
	expect_batch_block("Events", false,
			   "NATS/1.0\r\nNats-Expected-Stream: Events\r\n"
			   "Nats-Batch-Id: 0a1b\r\nNats-Batch-Sequence: "
			   "7\r\n\r\n");
	expect_batch_block("", true,
			   "NATS/1.0\r\nNats-Batch-Id: 0a1b\r\n"
			   "Nats-Batch-Sequence: 7\r\nNats-Batch-Commit: "
			   "1\r\n\r\n");
}

static void batches_have_no_headers_in_the_head(void **state)
{
	static const char *const bad[] = {
		"NatsH-A: b\n",	      "If-Match: \"1\"\n",
		"If-None-Match: *\n", "Idempotency-Key: a\n",
		"Nats-TTL: 60\n",     "Nats-Expected-Last-Sequence: 1\n",
		"Nats-Rollup: all\n", "kv-operation: DEL\n",
	};
	struct http_header headers[HEADERS_MAX];
	struct request req = {.headers = headers};
	struct http_error why;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		req.n_headers = split_headers(headers, bad[i]);
		assert_int_equal(publish_headers_none(&req, &why), -EINVAL);
		assert_int_equal(why.status, 400);
		assert_non_null(strstr(why.text, "not allowed with a batch"));
	}
	req.n_headers = split_headers(headers, "Host: a\nAccept: b\n");
	assert_int_equal(publish_headers_none(&req, &why), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_get_their_canonical_names),
		cmocka_unit_test(names_and_values_of_any_bytes),
		cmocka_unit_test(blanks_around_values_are_dropped),
		cmocka_unit_test(control_headers_are_not_for_clients),
		cmocka_unit_test(values_must_not_name_control_headers),
		cmocka_unit_test(names_must_not_contain_control_headers),
		cmocka_unit_test(identities_must_not_name_control_headers),
		cmocka_unit_test(streams_must_not_name_control_headers),
		cmocka_unit_test(preconditions),
		cmocka_unit_test(preconditions_that_would_check_nothing),
		cmocka_unit_test(two_preconditions),
		cmocka_unit_test(flags_say_what_was_asked),
		cmocka_unit_test(keys_begin_with_the_identity),
		cmocka_unit_test(keys_that_are_none),
		cmocka_unit_test(ttls),
		cmocka_unit_test(blocks_are_limited),
		cmocka_unit_test(messages_of_an_atomic_batch),
		cmocka_unit_test(batches_have_no_headers_in_the_head),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
