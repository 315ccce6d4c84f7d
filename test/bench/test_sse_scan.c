#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sse_scan.h"

#define PLAIN "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
#define CHUNKED                                                              \
	"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=u\r\n"  \
	"transfer-encoding: chunked\r\nX-Long: 0123456789012345678901234567" \
	"8901234567890123456789012345678901234567890123456789\r\n\r\n"

/* A word for each event: "7" for a stamped one, "ping", "gap", "other". */
struct seen {
	char text[256];
	uint64_t ns;
};

static void on_event(void *arg, const struct sse_scan_event *ev)
{
	static const char *const names[] = {"", "ping", "gap", "other"};
	struct seen *s = arg;
	size_t len = strlen(s->text);

	if (ev->kind == SSE_SCAN_STAMPED) {
		snprintf(s->text + len, sizeof(s->text) - len, "%d ",
			 (int)ev->stamp.number);
		s->ns = ev->stamp.ns;
	} else {
		snprintf(s->text + len, sizeof(s->text) - len, "%s ",
			 names[ev->kind]);
	}
}

struct sample {
	const char *name;
	const char *bytes;
	const char *events;
	const char *last_id;
	int status;
	bool ended;
	int rc;
};

static const struct sample samples[] = {
	{"a response head", PLAIN, "", "", 200, false, 0},
	{"an event", PLAIN "data: @000001000000010 x\nid: 7-aa\n\n", "1 ",
	 "7-aa", 200, false, 0},
	{"id first", PLAIN "id: 7\ndata: @000001000000010\n\n", "1 ", "7", 200,
	 false, 0},
	{"CR LF, no blank", PLAIN "data:@000002000000010\r\nid:8\r\n\r\n", "2 ",
	 "8", 200, false, 0},
	{"an opening",
	 PLAIN "retry: 3000\nevent: system\ndata: {\"system\": \"open\"}\n"
	       "id: 9-aa\n\n",
	 "", "9-aa", 200, false, 0},
	{"an id without data", PLAIN "retry: 3000\nid: 9-aa\n\n", "", "9-aa",
	 200, false, 0},
	{"an incomplete event does not change the last id",
	 PLAIN "data: @000001000000010\nid: 7\n\ndata: @000002000000010\n"
	       "id: 8\n",
	 "1 ", "7", 200, false, 0},
	{"a long id is left out",
	 PLAIN "id: 7\n\nid: 01234567890123456789012345678901\n\n", "", "7",
	 200, false, 0},
	{"comments", PLAIN ": hi\n\n:\n\ndata: @000001000000010\n\n", "1 ", "",
	 200, false, 0},
	{"the first data line counts",
	 PLAIN "data: @000001000000010\ndata: @000005000000010\n\n", "1 ", "",
	 200, false, 0},
	{"ping, gap and others",
	 PLAIN "data: {\"system\": \"ping\"}\nid: 1\n\n"
	       "event: gap\ndata: {\"system\": \"gap\"}\nid: 2\n\n"
	       "data: hello\nid: 3\n\ndata\n\ndata:\n\n",
	 "ping gap other other ", "3", 200, false, 0},
	{"chunks",
	 CHUNKED "2B\r\ndata: @000001000000010 and the rest\nid: 7\n\n\r\n"
		 "20;ext=1\r\ndata: @000002000000010\nid: 8-a\n\n\r\n",
	 "1 2 ", "8-a", 200, false, 0},
	{"an event in many chunks",
	 CHUNKED "1\r\nd\r\n4\r\nata:\r\n8\r\n @000001\r\n"
		 "9\r\n000000010\r\n1\r\n\n\r\n1\r\n\n\r\n",
	 "1 ", "", 200, false, 0},
	{"the last chunk", CHUNKED "3\r\n:a\n\r\n0\r\n\r\n", "", "", 200, true,
	 0},
	{"a trailer", CHUNKED "0\r\nX: y\r\n\r\n", "", "", 200, true, 0},
	{"another status", "HTTP/1.0 503 No\r\nContent-Length: 3\r\n\r\nno\n",
	 "", "", 503, false, 0},
	{"no HTTP", "SSH-2.0-OpenSSH\r\n", "", "", 0, false, -EPROTO},
	{"no status", "HTTP/1.1 2x0 OK\r\n", "", "", 2, false, -EPROTO},
	{"no chunk", CHUNKED "\r\n", "", "", 200, false, -EPROTO},
	{"a chunk too long", CHUNKED "1234567890123\r\n", "", "", 200, false,
	 -EPROTO},
	{"a chunk's end is missing", CHUNKED "1\r\n:x", "", "", 200, false,
	 -EPROTO},
	{"bytes behind the end", CHUNKED "0\r\n\r\nx", "", "", 200, true,
	 -EPROTO},
};

static void check(const struct sample *p, const struct sse_scan *s,
		  const struct seen *seen, int rc, size_t cut)
{
	if (rc == p->rc && s->status == p->status &&
	    strcmp(seen->text, p->events) == 0 &&
	    strcmp(s->last_id, p->last_id) == 0 &&
	    sse_scan_has_ended(s) == p->ended)
		return;
	fail_msg("%s, cut at %zu: rc %d status %d events '%s' id '%s' ended %d",
		 p->name, cut, rc, s->status, seen->text, s->last_id,
		 sse_scan_has_ended(s));
}

/* Exactly so long, so that a sanitizer sees what is read beyond. */
static int feed(struct sse_scan *s, const char *bytes, size_t len,
		struct seen *seen)
{
	char *copy = malloc(len);
	int rc;

	if (len == 0) {
		free(copy);
		return 0;
	}
	assert_non_null(copy);
	memcpy(copy, bytes, len);
	rc = sse_scan_feed(s, copy, len, on_event, seen);
	free(copy);
	return rc;
}

static void reads_whatever_the_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct sample *p = &samples[i];
		size_t len = strlen(p->bytes);

		for (size_t cut = 0; cut <= len; cut++) {
			struct sse_scan s = {0};
			struct seen seen = {0};
			int rc = feed(&s, p->bytes, cut, &seen);

			if (rc == 0)
				rc = feed(&s, p->bytes + cut, len - cut, &seen);
			check(p, &s, &seen, rc, cut);
		}
	}
}

static void reads_byte_by_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct sample *p = &samples[i];
		struct sse_scan s = {0};
		struct seen seen = {0};
		int rc = 0;

		for (size_t at = 0; rc == 0 && p->bytes[at] != '\0'; at++)
			rc = feed(&s, p->bytes + at, 1, &seen);
		check(p, &s, &seen, rc, 1);
	}
}

static void gives_the_stamp(void **state)
{
	static const char text[] = PLAIN "data: @00000A0000000_1\n\n";
	struct sse_scan s = {0};
	struct seen seen = {0};

	(void)state;
	assert_int_equal(feed(&s, text, strlen(text), &seen), 0);
	assert_string_equal(seen.text, "10 ");
	assert_int_equal(seen.ns, 63 * 64 + 1);
}

static void the_response_head_is_known_at_its_last_byte(void **state)
{
	static const char text[] = CHUNKED;
	size_t len = strlen(text);
	struct sse_scan s = {0};

	(void)state;
	assert_int_equal(feed(&s, text, len - 1, NULL), 0);
	assert_false(sse_scan_has_head(&s));
	assert_int_equal(feed(&s, text + len - 1, 1, NULL), 0);
	assert_true(sse_scan_has_head(&s));
}

/* Of a payload of 256 KiB, only the beginning is kept. */
static void long_lines_keep_their_beginning(void **state)
{
	enum { LEN = 256 * 1024, PIECE = 1000 };
	static char text[LEN];
	struct sse_scan s = {0};
	struct seen seen = {0};

	(void)state;
	memset(text, 'x', LEN);
	memcpy(text, PLAIN, strlen(PLAIN));
	memcpy(text + strlen(PLAIN), "data: @000003000000010", 22);
	memcpy(text + LEN - 7, "\nid: 4\n", 7);
	for (size_t at = 0; at < LEN; at += PIECE)
		assert_int_equal(feed(&s, text + at,
				      LEN - at < PIECE ? LEN - at : PIECE,
				      &seen),
				 0);
	assert_string_equal(seen.text, "");
	assert_int_equal(feed(&s, "\n", 1, &seen), 0);
	assert_string_equal(seen.text, "3 ");
	assert_string_equal(s.last_id, "4");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_whatever_the_cut),
		cmocka_unit_test(reads_byte_by_byte),
		cmocka_unit_test(gives_the_stamp),
		cmocka_unit_test(the_response_head_is_known_at_its_last_byte),
		cmocka_unit_test(long_lines_keep_their_beginning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
