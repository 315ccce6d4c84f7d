/* Lines of NDJSON: escapes, kinds of payloads, and the lengths that are
 * promised. */
#include "http/ndjson.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "nats/subject.h"

static const struct sse_tag tag = {"9f31c2"};

#define BEGIN                                         \
	"{\"seq\":4711,\"subject\":\"events.alice\"," \
	"\"time\":\"2026-11-28T08:31:50.000000007Z\",\"id\":\"4711-9f31c2\","

/* The line; checks and removes the framing of the chunk. */
static const char *line(enum ndjson_data kind, const void *data, size_t len,
			bool json)
{
	static char out[8192];
	struct ndjson_message m = {
		.seq = 4711,
		.time_ns = UINT64_C(1795854710000000007),
		.subject = "events.alice",
		.subject_len = 12,
		.tag = &tag,
		.kind = kind,
		.data = data,
		.len = len,
	};
	struct ndjson_line l;
	char head[20];

	ndjson_measure(&l, &m, json);
	assert_int_equal(l.total,
			 l.size_line_len + l.body_len + SSE_CHUNK_TAIL);
	assert_true(l.total < sizeof(out));
	memset(out, 'x', sizeof(out));
	ndjson_encode(&l, (uint8_t *)out);
	snprintf(head, sizeof(head), "%zx\r\n", l.body_len);
	assert_int_equal(l.size_line_len, strlen(head));
	assert_memory_equal(out, head, l.size_line_len);
	assert_memory_equal(out + l.total - 3, "\n\r\n", 3);
	assert_int_equal(out[l.total], 'x');
	out[l.total - 3] = '\0';
	assert_null(strchr(out + l.size_line_len, '\n'));
	return out + l.size_line_len;
}

#define TEXT(text) line(NDJSON_TEXT, text, sizeof(text) - 1, false)
#define JSON(text) line(NDJSON_TEXT, text, sizeof(text) - 1, true)

static void texts(void **state)
{
	(void)state;
	assert_string_equal(TEXT("hello"), BEGIN "\"data\":\"hello\"}");
	assert_string_equal(TEXT(""), BEGIN "\"data\":\"\"}");
	assert_string_equal(line(NDJSON_TEXT, NULL, 0, true),
			    BEGIN "\"data\":\"\"}");
	assert_string_equal(TEXT("a\r\nb\rc\nd\t\"\\/\b\f\0\x1f\x7f"),
			    BEGIN "\"data\":\"a\\r\\nb\\rc\\nd\\t\\\"\\\\/"
				  "\\b\\f\\u0000\\u001f\x7f\"}");
	assert_string_equal(TEXT("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80"),
			    BEGIN "\"data\":\"gr\xc3\xbc\xc3\x9f "
				  "\xf0\x9f\x98\x80\"}");
	assert_string_equal(TEXT("{\"a\": 1}"),
			    BEGIN "\"data\":\"{\\\"a\\\": 1}\"}");
}

static void what_is_no_text(void **state)
{
	(void)state;
	assert_string_equal(line(NDJSON_BINARY, "\xff\x00\xfe\xff", 4, true),
			    BEGIN "\"encoding\":\"base64\","
				  "\"data\":\"/wD+/w==\"}");
	assert_string_equal(line(NDJSON_BASE64, "/wD+/w==", 8, true),
			    BEGIN "\"encoding\":\"base64\","
				  "\"data\":\"/wD+/w==\"}");
}

static void json_stands_as_json(void **state)
{
	(void)state;
	assert_string_equal(JSON("{\"a\": [1,\n 2]}"),
			    BEGIN "\"data\":{\"a\":[1,2]}}");
	assert_string_equal(JSON("17\r\n"), BEGIN "\"data\":17}");
	assert_string_equal(JSON("\"17\""), BEGIN "\"data\":\"17\"}");
	assert_string_equal(JSON("hello\n"), BEGIN "\"data\":\"hello\\n\"}");
	assert_string_equal(JSON("{\"a\":1"),
			    BEGIN "\"data\":\"{\\\"a\\\":1\"}");
	assert_string_equal(JSON(""), BEGIN "\"data\":\"\"}");
}

static const char *line_of(const struct ndjson_message *m)
{
	static char out[16 * SUBJECT_MAX];
	struct ndjson_line l;

	ndjson_measure(&l, m, false);
	assert_true(l.total < sizeof(out));
	memset(out, 'x', sizeof(out));
	ndjson_encode(&l, (uint8_t *)out);
	assert_memory_equal(out + l.total - 3, "\n\r\n", 3);
	assert_int_equal(out[l.total], 'x');
	out[l.total - 2] = '\0';
	return out + l.size_line_len;
}

/* The longest begin, middle and end, and a subject of control characters. */
static void the_longest_parts_fit(void **state)
{
	char subject[SUBJECT_MAX], name[SSE_EVENT_MAX];
	struct ndjson_message m = {
		.seq = UINT64_MAX,
		.time_ns = UINT64_MAX,
		.subject = subject,
		.subject_len = sizeof(subject),
		.tag = &tag,
		.kind = NDJSON_BINARY,
		.is_event = true,
		.event = {name, sizeof(name)},
	};
	const char *text;

	(void)state;
	memset(subject, 1, sizeof(subject));
	memset(name, 'e', sizeof(name));
	text = line_of(&m);
	assert_int_equal(strspn(text + 7, "e"), sizeof(name));
	assert_non_null(strstr(text, "\ndata: {\"seq\":18446744073709551615,"
				     "\"subject\":\"\\u0001\\u0001"));
	assert_non_null(strstr(text, "\\u0001\",\"time\":\"2554-07-21T23:34:33."
				     "709551615Z\",\"id\":"
				     "\"18446744073709551615-9f31c2\","));
	assert_string_equal(text + strlen(text) - 36,
			    "\"}\nid: 18446744073709551615-9f31c2\n\n");
}

static void subjects_of_any_bytes(void **state)
{
	static const struct {
		const char *subject, *shown;
	} subjects[] = {
		{"a.b", "a.b"},
		{"a.\"\\\n", "a.\\\"\\\\\\n"},
		{"a.\xc3\xbc", "a.\xc3\xbc"},
		{"a.\xff.b", "a.\xef\xbf\xbd.b"},
		{"\xc3", "\xef\xbf\xbd"},
		{"\xe2\x82\xff\"", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\\\""},
		{"", ""},
	};
	struct ndjson_message m = {.seq = 1, .tag = &tag};
	char want[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(subjects); i++) {
		m.subject = subjects[i].subject;
		m.subject_len = strlen(m.subject);
		snprintf(want, sizeof(want),
			 "{\"seq\":1,\"subject\":\"%s\",\"time\":",
			 subjects[i].shown);
		assert_memory_equal(line_of(&m), want, strlen(want));
	}
}

#define MESSAGE                                                    \
	.seq = 4711, .time_ns = UINT64_C(1795854710000000007),     \
	.subject = "events.alice", .subject_len = 12, .tag = &tag, \
	.data = "hi", .len = 2

static void headers_stand_before_the_data(void **state)
{
	(void)state;
	assert_string_equal(
		line_of(&(struct ndjson_message){
			MESSAGE, .headers = {"\"headers\":{\"A\":[]},", 19}}),
		BEGIN "\"headers\":{\"A\":[]},\"data\":\"hi\"}\n");
	assert_string_equal(line_of(&(struct ndjson_message){
				    MESSAGE,
				    .headers = {"\"headers\":{\"A\":[]},", 19},
				    .kind = NDJSON_BINARY}),
			    BEGIN
			    "\"headers\":{\"A\":[]},\"encoding\":\"base64\","
			    "\"data\":\"aGk=\"}\n");
}

static void objects_are_the_data_of_events(void **state)
{
	(void)state;
	assert_string_equal(line_of(&(struct ndjson_message){MESSAGE,
							     .is_event = true}),
			    "data: " BEGIN
			    "\"data\":\"hi\"}\nid: 4711-9f31c2\n\n");
	assert_string_equal(
		line_of(&(struct ndjson_message){MESSAGE, .is_event = true,
						 .event = {"order", 5}}),
		"event: order\ndata: " BEGIN
		"\"data\":\"hi\"}\nid: 4711-9f31c2\n\n");
	/* A line has no name. */
	assert_string_equal(
		line_of(&(struct ndjson_message){MESSAGE, .event = {"e", 1}}),
		BEGIN "\"data\":\"hi\"}\n");
}

/* Core messages are of no stream. */
static void core_messages_have_no_id(void **state)
{
	struct ndjson_message m = {.is_core = true,
				   .subject = "a.b",
				   .subject_len = 3,
				   .time_ns = 1,
				   .data = "hi",
				   .len = 2};
	struct ndjson_message event = m;

	(void)state;
	assert_string_equal(line_of(&m), "{\"subject\":\"a.b\",\"time\":"
					 "\"1970-01-01T00:00:00.000000001Z\","
					 "\"data\":\"hi\"}\n");
	event.is_event = true;
	assert_string_equal(line_of(&event),
			    "data: {\"subject\":\"a.b\",\"time\":"
			    "\"1970-01-01T00:00:00.000000001Z\","
			    "\"data\":\"hi\"}\n\n");
	/* Nor need they have a time. */
	m.time_ns = 0;
	assert_string_equal(line_of(&m),
			    "{\"subject\":\"a.b\",\"data\":\"hi\"}\n");
}

static const char *text_of(const char *bytes, size_t len)
{
	static char out[SSE_TEXT_MAX + 1];

	assert_true(len <= SSE_TEXT_MAX);
	memcpy(out, bytes, len);
	out[len] = '\0';
	return out;
}

static void what_is_no_message(void **state)
{
	char out[SSE_TEXT_MAX];

	(void)state;
	assert_string_equal(text_of(out,
				    ndjson_put_system(out, true, "ping", NULL)),
			    "12\r\n{\"system\":\"ping\"}\n\r\n");
	assert_string_equal(text_of(out, ndjson_put_system(out, false, "open",
							   "7-9f31c2")),
			    "{\"system\":\"open\",\"id\":\"7-9f31c2\"}\n");
	assert_string_equal(text_of(out, ndjson_put_blank(out, true)),
			    "1\r\n\n\r\n");
	assert_string_equal(text_of(out, ndjson_put_blank(out, false)), "\n");
	assert_string_equal(
		text_of(out,
			ndjson_put_gap(out, false, "expired", 1, 9, 8, &tag)),
		"{\"system\":\"gap\",\"reason\":\"expired\",\"after\":1,"
		"\"first\":9,\"id\":\"8-9f31c2\"}\n");
	assert_string_equal(
		text_of(out,
			ndjson_put_gap(out, false, "reset", 0, 1, 0, &tag)),
		"{\"system\":\"gap\",\"reason\":\"reset\",\"after\":0,"
		"\"first\":1,\"id\":\"0-9f31c2\"}\n");
	ndjson_put_gap(out, true, "expired", UINT64_MAX, UINT64_MAX,
		       UINT64_MAX - 1, &tag);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(what_is_no_text),
		cmocka_unit_test(json_stands_as_json),
		cmocka_unit_test(the_longest_parts_fit),
		cmocka_unit_test(subjects_of_any_bytes),
		cmocka_unit_test(headers_stand_before_the_data),
		cmocka_unit_test(objects_are_the_data_of_events),
		cmocka_unit_test(core_messages_have_no_id),
		cmocka_unit_test(what_is_no_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
