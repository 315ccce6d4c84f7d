/* Headers of messages: hostile blocks, and their JSON compared with a slow
 * implementation on random ones. */
#include "nats/message_headers.h"

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
#include "bytes.h"
#include "slow_headers.h"

#define BLOCK(lines)                                            \
	(struct span)                                           \
	{                                                       \
		"NATS/1.0\r\n" lines "\r\n",                    \
			sizeof("NATS/1.0\r\n" lines "\r\n") - 1 \
	}

/* The members, of a copy that ends with the block: ASan finds reads beyond. */
static const char *json_of(struct span block)
{
	static struct bytes text;
	struct bytes slow = {0};
	char *exact = malloc(block.len > 0 ? block.len : 1);
	struct buf out;

	assert_non_null(exact);
	memcpy(exact, block.at, block.len);
	buf_init(&out, 1 << 20);
	assert_int_equal(message_headers_json(&out,
					      (struct span){exact, block.len}),
			 0);
	bytes_clear(&text);
	bytes_add(&text, buf_data(&out), buf_unread(&out));
	slow_headers(&slow, block.at, block.len);
	assert_string_equal(text.at, bytes_text(&slow));
	assert_int_equal(text.len, slow.len);
	bytes_free(&slow);
	buf_finish(&out);
	free(exact);
	return text.at;
}

static void names_and_values_keep_their_order(void **state)
{
	(void)state;
	assert_string_equal(json_of(BLOCK("Trace: a\r\n")),
			    "\"headers\":{\"Trace\":[\"a\"]},");
	assert_string_equal(
		json_of(BLOCK("B: 2\r\nA: 1\r\nB: 1\r\nb: 3\r\nB: 2\r\n")),
		"\"headers\":{\"B\":[\"2\",\"1\",\"2\"],\"A\":[\"1\"],"
		"\"b\":[\"3\"]},");
	assert_string_equal(json_of(BLOCK("")), "");
	assert_string_equal(json_of(BLOCK("A:\r\nB: 1\r\n")),
			    "\"headers\":{\"A\":[\"\"],\"B\":[\"1\"]},");
}

static void white_space_is_not_part_of_a_value(void **state)
{
	(void)state;
	assert_string_equal(
		json_of(BLOCK("A: \t a b \t \r\nB:\r\nC:   \r\nD:d\r\n")),
		"\"headers\":{\"A\":[\"a b\"],\"B\":[\"\"],\"C\":[\"\"],"
		"\"D\":[\"d\"]},");
	assert_string_equal(json_of(BLOCK("A: \n\v\f a\r\r\n")),
			    "\"headers\":{\"A\":[\"a\"]},");
	assert_string_equal(json_of(BLOCK("A : a\r\n")),
			    "\"headers\":{\"A \":[\"a\"]},");
}

static void lone_line_ends_and_nul_end_nothing(void **state)
{
	(void)state;
	assert_string_equal(json_of(BLOCK("A: a\rb\nc\0d\n\re\r\n")),
			    "\"headers\":{\"A\":[\"a\\rb\\nc\\u0000d\\n\\re\"]"
			    "},");
	assert_string_equal(json_of(BLOCK("A: a\nB: b\r\n")),
			    "\"headers\":{\"A\":[\"a\\nB: b\"]},");
	assert_string_equal(json_of(BLOCK("A\n\0B: a\r\n")),
			    "\"headers\":{\"A\\n\\u0000B\":[\"a\"]},");
	assert_string_equal(json_of(BLOCK("A: \"\\\x1f\x7f\r\n")),
			    "\"headers\":{\"A\":[\"\\\"\\\\\\u001f\x7f\"]},");
}

static void lines_that_are_no_header(void **state)
{
	(void)state;
	assert_string_equal(json_of(BLOCK("none\r\n: v\r\nA: 1\r\n:\r\n")),
			    "\"headers\":{\"A\":[\"1\"]},");
	assert_string_equal(json_of(BLOCK("A: 1\r\n\r\nB: 2\r\n")),
			    "\"headers\":{\"A\":[\"1\"]},");
	assert_string_equal(json_of(BLOCK("::a::\r\nA:: b:\r\n")),
			    "\"headers\":{\"A\":[\": b:\"]},");
}

static void folded_lines_continue_a_value(void **state)
{
	(void)state;
	assert_string_equal(json_of(BLOCK("A: a\r\n b\r\n\t c \r\nB: b\r\n")),
			    "\"headers\":{\"A\":[\"a\\r\\n b\\r\\n\\t c\"],"
			    "\"B\":[\"b\"]},");
	assert_string_equal(json_of(BLOCK(" A: a\r\n b: c\r\nB: b\r\n")),
			    "\"headers\":{\"B\":[\"b\"]},");
	assert_string_equal(json_of(BLOCK("A\r\n B: a\r\nC: c\r\n")),
			    "\"headers\":{\"C\":[\"c\"]},");
	assert_string_equal(json_of(BLOCK("Nats-A: a\r\n b\r\nC: c\r\n")),
			    "\"headers\":{\"C\":[\"c\"]},");
	assert_string_equal(json_of(BLOCK("A:\r\n \r\n")),
			    "\"headers\":{\"A\":[\"\"]},");
}

static void names_that_are_left_out(void **state)
{
	(void)state;
	assert_string_equal(
		json_of(BLOCK("Nats-Msg-Id: 1\r\nnats-x: 1\r\nNATS-: 1\r\n")),
		"");
	assert_string_equal(
		json_of(BLOCK("Nats: 1\r\nNat: 2\r\nNatsX-: 3\r\nX-Nats-: 4\r\n"
			      "\xff: 5\r\n\xc3\xbc: 6\r\n")),
		"\"headers\":{\"Nats\":[\"1\"],\"Nat\":[\"2\"],\"NatsX-\":"
		"[\"3\"],\"X-Nats-\":[\"4\"],\"\xc3\xbc\":[\"6\"]},");
}

static void values_that_are_not_utf8(void **state)
{
	(void)state;
	assert_string_equal(
		json_of(BLOCK("A: a\r\nK: k\r\nA: \xff\r\nB: b\r\nA:\r\n")),
		"\"headers\":{\"K\":[\"k\"],\"B\":[\"b\"]},"
		"\"headers_base64\":{\"A\":[\"YQ==\",\"/w==\",\"\"]},");
	assert_string_equal(json_of(BLOCK("A: \xed\xa0\x80\r\n")),
			    "\"headers_base64\":{\"A\":[\"7aCA\"]},");
	assert_string_equal(json_of(BLOCK("A: \xf0\x9f\x98\x80\r\n")),
			    "\"headers\":{\"A\":[\"\xf0\x9f\x98\x80\"]},");
}

#define RAW(text) ((struct span){text, sizeof(text) - 1})

static void blocks_without_their_form(void **state)
{
	(void)state;
	assert_string_equal(json_of(RAW("")), "");
	assert_string_equal(json_of(RAW("NATS/1.")), "");
	assert_string_equal(json_of(RAW("NATS/1.0")), "");
	assert_string_equal(json_of(RAW("NATS/1.0\r")), "");
	assert_string_equal(json_of(RAW("NATS/1.0\r\n")), "");
	assert_string_equal(json_of(RAW("A: 1\r\nB: 2\r\n\r\n")), "");
	assert_string_equal(json_of(RAW("NATS/1.0 503\r\nA: 1\r\n\r\n")),
			    "\"headers\":{\"A\":[\"1\"]},");
	assert_string_equal(json_of(RAW("NATS/1.0\r\nA: 1")),
			    "\"headers\":{\"A\":[\"1\"]},");
	assert_string_equal(json_of(RAW("NATS/1.0\r\nA: 1\r")),
			    "\"headers\":{\"A\":[\"1\"]},");
	assert_string_equal(json_of(RAW("NATS/1.0\r\nA:")),
			    "\"headers\":{\"A\":[\"\"]},");
	assert_string_equal(json_of(RAW("NATS/1.0\r\nA: 1\r\n ")),
			    "\"headers\":{\"A\":[\"1\"]},");
}

static void a_value_is_found_by_its_name(void **state)
{
	struct span block = BLOCK("a: 0\r\nA: 1\r\nA: 2\r\nE:\r\n"), value;

	(void)state;
	assert_true(message_headers_find(block, "A", &value));
	assert_int_equal(value.len, 1);
	assert_memory_equal(value.at, "1", 1);
	assert_true(message_headers_find(block, "E", &value));
	assert_int_equal(value.len, 0);
	assert_false(message_headers_find(block, "B", &value));
	assert_false(message_headers_find(RAW("A: 1\r\n"), "A", &value));
}

static bool names_event(const char *value)
{
	char block[128];
	struct span name;

	snprintf(block, sizeof(block),
		 "NATS/1.0\r\ntype: x\r\nType: %s\r\n"
		 "Type: last\r\n\r\n",
		 value);
	if (!message_headers_event(span_of(block), "Type", &name))
		return false;
	assert_int_equal(name.len, strlen(value));
	assert_memory_equal(name.at, value, name.len);
	return true;
}

static void names_of_events(void **state)
{
	static const char *const good[] = {"a", "Open", "openx", "a.B_c:d-9"};
	static const char *const bad[] = {"",	       "open", "error",
					  "message",   "gap",  "system",
					  "base64",    "a b",  "a\nb",
					  "a\xc3\xbc", "a/b",  "\x7f"};
	char name[MESSAGE_EVENT_MAX + 2] = "";

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(names_event(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(names_event(bad[i]));
	memset(name, 'a', MESSAGE_EVENT_MAX);
	assert_true(names_event(name));
	name[MESSAGE_EVENT_MAX] = 'a';
	assert_false(names_event(name));
	assert_false(message_headers_event(BLOCK("Type: a\0\r\n"), "Type",
					   &(struct span){0}));
	assert_false(message_headers_event(BLOCK("A: a\r\n"), "Type",
					   &(struct span){0}));
}

static void messages_of_jetstream(void **state)
{
	(void)state;
	assert_true(message_headers_are_internal(
		BLOCK("A: 1\r\nNats-Marker-Reason: MaxAge\r\n")));
	assert_true(message_headers_are_internal(
		BLOCK("Nats-Schedule: @every 1h\r\n")));
	assert_false(message_headers_are_internal(
		BLOCK("Nats-Scheduler: 1\r\nnats-schedule: 2\r\n"
		      "A: b\nNats-Schedule: 1\r\n")));
	assert_false(message_headers_are_internal(RAW("")));
}

/* Blocks of the bytes that mean something. */
static void random_blocks(void **state)
{
	static const char *const parts[] = {"\r\n", "\r\n",  "\r\n",  "\r",
					    "\n",   ":",     ":",     ": ",
					    " ",    "\t",    "A",     "B",
					    "aB",   "Nats-", "nats-", "\xff",
					    "\"",   "\xc3",  "\xbc",  "\\",
					    "\x01"};
	struct bytes block = {0};
	unsigned seed = 1;

	(void)state;
	for (int n = 0; n < 20000; n++) {
		unsigned len;

		bytes_clear(&block);
		bytes_add(&block, "NATS/1.0\r\n", 10);
		seed = seed * 1103515245u + 12345u;
		len = seed >> 16 & 31;
		while (len-- > 0) {
			const char *part;

			seed = seed * 1103515245u + 12345u;
			if ((seed >> 16) % 40 == 0) {
				bytes_add_char(&block, '\0');
				continue;
			}
			part = parts[(seed >> 16) % ARRAY_LEN(parts)];
			bytes_add(&block, part, strlen(part));
		}
		json_of((struct span){block.at, block.len});
	}
	bytes_free(&block);
}

/* Comparing each name with each other one would take minutes. */
static void many_names(void **state)
{
	enum { NAMES = 200000 };
	struct bytes block = {0};
	struct buf out;
	char line[32];

	(void)state;
	bytes_add(&block, "NATS/1.0\r\n", 10);
	for (int i = 0; i < NAMES; i++) {
		snprintf(line, sizeof(line), "%x:\r\n", i * 7919 % NAMES);
		bytes_add(&block, line, strlen(line));
	}
	buf_init(&out, 8 * block.len);
	assert_int_equal(message_headers_json(&out, (struct span){block.at,
								  block.len}),
			 0);
	assert_true(buf_unread(&out) > NAMES * 8);
	buf_finish(&out);
	bytes_free(&block);
}

static void what_does_not_fit_is_an_error(void **state)
{
	struct span block = BLOCK("Aa: bb\r\nCc: \xff\r\n");

	(void)state;
	for (size_t max = 0; max < 59; max++) {
		struct buf out;

		buf_init(&out, max);
		assert_int_equal(message_headers_json(&out, block),
				 max < 57 ? -ENOBUFS : 0);
		buf_finish(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_values_keep_their_order),
		cmocka_unit_test(white_space_is_not_part_of_a_value),
		cmocka_unit_test(lone_line_ends_and_nul_end_nothing),
		cmocka_unit_test(lines_that_are_no_header),
		cmocka_unit_test(folded_lines_continue_a_value),
		cmocka_unit_test(names_that_are_left_out),
		cmocka_unit_test(values_that_are_not_utf8),
		cmocka_unit_test(blocks_without_their_form),
		cmocka_unit_test(a_value_is_found_by_its_name),
		cmocka_unit_test(names_of_events),
		cmocka_unit_test(messages_of_jetstream),
		cmocka_unit_test(random_blocks),
		cmocka_unit_test(many_names),
		cmocka_unit_test(what_does_not_fit_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
