/* What a frame keeps behind it, and the name of its event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "http/sse.h"

static const struct sse_tag tag = {"9f31c2"};

static void assert_kept(const char *payload, size_t len, struct span event,
			struct span headers, const char *type)
{
	struct sse_payload p;
	struct sse_frame f;
	uint8_t *frame, *room, *body;
	char first[128];
	const char *text;

	sse_measure(&f, payload, len, 7, &tag);
	sse_extend(&f, event, headers);
	frame = malloc(f.total + f.kept);
	room = malloc(f.body_len);
	assert_true(frame != NULL && room != NULL);
	sse_encode(&f, frame);
	if (f.kept > 0)
		sse_keep(&f, frame + f.total);
	snprintf(first, sizeof(first), "event: %s\ndata: ", type);
	body = frame + f.size_line_len;
	text = *type == '\0' ? "data: " : first;
	assert_memory_equal(body, text, strlen(text));
	sse_decode(&p, body, f.body_len, f.kept > 0 ? frame + f.total : NULL,
		   room);
	assert_int_equal(p.base64, strcmp(type, "base64") == 0);
	if (!p.base64) {
		assert_int_equal(p.len, len);
		assert_memory_equal(p.at, payload, len);
	}
	assert_int_equal(p.event.len, event.len);
	assert_memory_equal(p.event.at, event.at, event.len);
	assert_int_equal(p.headers.len, headers.len);
	assert_memory_equal(p.headers.at, headers.at, headers.len);
	free(frame);
	free(room);
}

static void what_is_kept_comes_back(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} payloads[] = {{"a", 1},	 {"", 0},   {"a\nb", 3},
			{"a\r\nb\r", 5}, {"\r", 1}, {"\xff\r", 2}};
	static char many[70000];

	(void)state;
	memset(many, '"', sizeof(many));
	for (size_t i = 0; i < ARRAY_LEN(payloads); i++) {
		const char *text = payloads[i].text;
		size_t len = payloads[i].len;
		bool binary = text[0] == '\xff';

		assert_kept(text, len, span_of(""), span_of("\"h\":1,"),
			    binary ? "base64" : "");
		assert_kept(text, len, span_of("order"), span_of(""),
			    binary ? "base64" : "order");
		assert_kept(text, len, span_of("L"), span_of("B"),
			    binary ? "base64" : "L");
		assert_kept(text, len, span_of("e"),
			    (struct span){many, sizeof(many)},
			    binary ? "base64" : "e");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_kept_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
