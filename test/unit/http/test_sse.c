/* What sse_encode() writes is read back by a decoder written from the text of
 * the standard (WHATWG HTML, 9.2.6 "Interpreting an event stream"), which
 * shares no code with the encoder. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "http/sse.h"

static const struct sse_tag tag = {"9f31c2"};

/* ---- a decoder ----------------------------------------------------------- */

struct text {
	char *bytes;
	size_t len, cap;
};

struct event {
	struct text type, data, id;
	long long retry; /* -1: none */
	size_t n_dispatched;
	size_t n_blocks;
};

static void text_add(struct text *t, const char *bytes, size_t len)
{
	if (t->len + len + 1 > t->cap) {
		t->cap = 2 * (t->len + len + 1);
		t->bytes = realloc(t->bytes, t->cap);
		assert_non_null(t->bytes);
	}
	memcpy(t->bytes + t->len, bytes, len);
	t->len += len;
	t->bytes[t->len] = '\0';
}

static void text_set(struct text *t, const char *bytes, size_t len)
{
	t->len = 0;
	text_add(t, bytes, len);
}

static void event_finish(struct event *e)
{
	free(e->type.bytes);
	free(e->data.bytes);
	free(e->id.bytes);
	memset(e, 0, sizeof(*e));
}

static void take_field(struct event *e, const char *name, size_t name_len,
		       const char *value, size_t len)
{
	if (name_len == 5 && memcmp(name, "event", 5) == 0) {
		text_set(&e->type, value, len);
	} else if (name_len == 4 && memcmp(name, "data", 4) == 0) {
		text_add(&e->data, value, len);
		text_add(&e->data, "\n", 1);
	} else if (name_len == 2 && memcmp(name, "id", 2) == 0) {
		if (memchr(value, '\0', len) == NULL)
			text_set(&e->id, value, len);
	} else if (name_len == 5 && memcmp(name, "retry", 5) == 0) {
		char *end;

		e->retry = strtoll(value, &end, 10);
		assert_ptr_equal(end, value + len);
	} else {
		fail_msg("unknown field %.*s", (int)name_len, name);
	}
}

static void take_line(struct event *e, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	const char *value;

	if (len == 0) {
		e->n_blocks++;
		if (e->data.len == 0) /* nothing to dispatch */
			return;
		e->n_dispatched++;
		/* Without the last \n. */
		assert_int_equal(e->data.bytes[e->data.len - 1], '\n');
		e->data.len--;
		return;
	}
	if (colon == line)
		return; /* a comment */
	if (colon == NULL) {
		take_field(e, line, len, "", 0);
		return;
	}
	value = colon + 1;
	if (value < line + len && *value == ' ')
		value++;
	take_field(e, line, (size_t)(colon - line), value,
		   (size_t)(line + len - value));
}

/* The stream starts here, so one BOM would be stripped. */
static void decode(struct event *e, const char *bytes, size_t len)
{
	size_t start = 0, i = 0;

	memset(e, 0, sizeof(*e));
	e->retry = -1;
	assert_false(len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0);
	while (i < len) {
		if (bytes[i] != '\r' && bytes[i] != '\n') {
			i++;
			continue;
		}
		take_line(e, bytes + start, i - start);
		if (bytes[i] == '\r' && i + 1 < len && bytes[i + 1] == '\n')
			i++;
		start = ++i;
	}
	assert_int_equal(start, len); /* nothing unterminated */
}

/* A decoder of base64 that is slow and strict. */
static size_t decode_base64(const struct text *t, uint8_t *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz"
				     "0123456789+/";
	size_t n = 0;

	assert_int_equal(t->len % 4, 0);
	for (size_t i = 0; i < t->len; i += 4) {
		unsigned bits = 0, pad = 0;

		for (size_t j = 0; j < 4; j++) {
			char c = t->bytes[i + j];
			const char *d = strchr(digits, c);

			bits <<= 6;
			if (c == '=') {
				assert_true(i + 4 == t->len && j >= 2);
				pad++;
				continue;
			}
			assert_int_equal(pad, 0);
			assert_non_null(d);
			bits |= (unsigned)(d - digits);
		}
		for (unsigned j = 0; j < 3 - pad; j++)
			out[n++] = (uint8_t)(bits >> (16 - 8 * j));
		assert_int_equal(pad > 0 ? bits & ((1U << 8 * pad) - 1) : 0, 0);
	}
	return n;
}

/* ---- frames -------------------------------------------------------------- */

struct wire {
	char *bytes; /* exactly `total`: ASan sees a byte too many */
	struct sse_frame f;
};

static const char *body_of(const struct wire *w)
{
	return w->bytes + w->f.size_line_len;
}

/* Encodes, and checks the framing of the chunk. */
static struct wire encode(const void *data, size_t len, uint64_t seq)
{
	struct wire w;
	char *end;

	sse_measure(&w.f, data, len, seq, &tag);
	assert_int_equal(w.f.total,
			 w.f.size_line_len + w.f.body_len + SSE_CHUNK_TAIL);
	w.bytes = malloc(w.f.total);
	assert_non_null(w.bytes);
	memset(w.bytes, '#', w.f.total);
	sse_encode(&w.f, (uint8_t *)w.bytes);
	assert_int_equal(strtoull(w.bytes, &end, 16), w.f.body_len);
	assert_ptr_equal(end + 2, body_of(&w));
	assert_memory_equal(end, "\r\n", 2);
	assert_memory_equal(w.bytes + w.f.total - 2, "\r\n", 2);
	return w;
}

static void expect_body(const void *data, size_t len, uint64_t seq,
			const char *want, size_t want_len)
{
	struct wire w = encode(data, len, seq);

	assert_int_equal(w.f.body_len, want_len);
	assert_memory_equal(body_of(&w), want, want_len);
	free(w.bytes);
}

#define EXPECT_BODY(data, want) \
	expect_body(data, sizeof(data) - 1, 7, want, sizeof(want) - 1)

#define ID7 "id: 7-9f31c2\n\n"

static void test_one_line(void **state)
{
	(void)state;
	EXPECT_BODY("hello", "data: hello\n" ID7);
	EXPECT_BODY("{\"a\": 1}", "data: {\"a\": 1}\n" ID7);
}

static void test_whole_frame(void **state)
{
	static const char want[] =
		"23\r\ndata: the payload\nid: 4711-9f31c2\n\n\r\n";
	struct wire w = encode("the payload", 11, 4711);

	(void)state;
	assert_int_equal(w.f.total, sizeof(want) - 1);
	assert_memory_equal(w.bytes, want, sizeof(want) - 1);
	free(w.bytes);
}

static void test_empty(void **state)
{
	(void)state;
	EXPECT_BODY("", "data: \n" ID7);
	expect_body(NULL, 0, 7, "data: \n" ID7, 7 + sizeof(ID7) - 1);
}

static void test_spaces_are_kept(void **state)
{
	(void)state;
	EXPECT_BODY(" a", "data:  a\n" ID7);
	EXPECT_BODY("  ", "data:   \n" ID7);
	EXPECT_BODY("\t:a: b ", "data: \t:a: b \n" ID7);
}

static void test_line_ends(void **state)
{
	(void)state;
	EXPECT_BODY("a\nb", "data: a\ndata: b\n" ID7);
	EXPECT_BODY("a\r\nb", "data: a\ndata: b\n" ID7);
	EXPECT_BODY("a\rb", "data: a\ndata: b\n" ID7);
	EXPECT_BODY("a\n\rb", "data: a\ndata: \ndata: b\n" ID7);
	EXPECT_BODY("a\r\r\nb", "data: a\ndata: \ndata: b\n" ID7);
	EXPECT_BODY("a\n\nb", "data: a\ndata: \ndata: b\n" ID7);
}

static void test_line_ends_at_the_edges(void **state)
{
	(void)state;
	EXPECT_BODY("a\n", "data: a\ndata: \n" ID7);
	EXPECT_BODY("a\r", "data: a\ndata: \n" ID7);
	EXPECT_BODY("a\r\n", "data: a\ndata: \n" ID7);
	EXPECT_BODY("\n", "data: \ndata: \n" ID7);
	EXPECT_BODY("\r\n", "data: \ndata: \n" ID7);
	EXPECT_BODY("\n\r", "data: \ndata: \ndata: \n" ID7);
	EXPECT_BODY("\na", "data: \ndata: a\n" ID7);
}

static void test_a_payload_cannot_forge_fields(void **state)
{
	(void)state;
	EXPECT_BODY("x\rid: 99\r\revent: gap\n\ndata: y",
		    "data: x\ndata: id: 99\ndata: \ndata: event: gap\n"
		    "data: \ndata: data: y\n" ID7);
}

static void test_nul_and_bom_are_kept(void **state)
{
	(void)state;
	EXPECT_BODY("a\0b", "data: a\0b\n" ID7);
	EXPECT_BODY("\xef\xbb\xbfx", "data: \xef\xbb\xbfx\n" ID7);
}

static void test_sequences(void **state)
{
	static const uint64_t seqs[] = {0,
					1,
					9,
					10,
					99,
					4711,
					UINT32_MAX,
					UINT64_C(9999999999999999999),
					UINT64_C(10000000000000000000),
					UINT64_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(seqs) / sizeof(seqs[0]); i++) {
		char want[64];
		int len = snprintf(want, sizeof(want),
				   "data: x\nid: %llu-9f31c2\n\n",
				   (unsigned long long)seqs[i]);

		expect_body("x", 1, seqs[i], want, (size_t)len);
	}
}

static void test_base64(void **state)
{
	(void)state;
	EXPECT_BODY("\xff", "event: base64\ndata: /w==\n" ID7);
	EXPECT_BODY("\xff\xfe", "event: base64\ndata: //4=\n" ID7);
	EXPECT_BODY("\xff\xfe\xfd", "event: base64\ndata: //79\n" ID7);
	EXPECT_BODY("\xfb\xef\xbe\n", "event: base64\ndata: ++++Cg==\n" ID7);
}

/* The edges of each row of RFC 3629's table, alone and inside of text. */
static void test_what_is_utf8(void **state)
{
	static const struct {
		const char *bytes;
		bool ok;
	} cases[] = {
		{"\x7f", true},
		{"\xc2\x80", true},
		{"\xdf\xbf", true},
		{"\xe0\xa0\x80", true},
		{"\xe1\x80\x80", true},
		{"\xec\xbf\xbf", true},
		{"\xed\x80\x80", true},
		{"\xed\x9f\xbf", true},
		{"\xee\x80\x80", true},
		{"\xef\xbf\xbf", true},
		{"\xf0\x90\x80\x80", true},
		{"\xf3\xbf\xbf\xbf", true},
		{"\xf4\x80\x80\x80", true},
		{"\xf4\x8f\xbf\xbf", true},
		{"\x80", false}, /* lone continuation */
		{"\xbf", false},
		{"\xc0\x80", false}, /* overlong */
		{"\xc1\xbf", false},
		{"\xe0\x80\x80", false},
		{"\xe0\x9f\xbf", false},
		{"\xf0\x80\x80\x80", false},
		{"\xf0\x8f\xbf\xbf", false},
		{"\xed\xa0\x80", false}, /* surrogates */
		{"\xed\xbf\xbf", false},
		{"\xf4\x90\x80\x80", false}, /* above U+10FFFF */
		{"\xf5\x80\x80\x80", false},
		{"\xf8\x88\x80\x80\x80", false}, /* five bytes */
		{"\xfe", false},
		{"\xff", false},
		{"\xc2", false}, /* cut */
		{"\xe1\x80", false},
		{"\xf1\x80\x80", false},
		{"\xc2\x41", false}, /* no continuation */
		{"\xc2\xc0", false},
		{"\xe1\x80\x41", false},
		{"\xe1\x80\xc0", false},
		{"\xf1\x80\x41\x80", false},
		{"\xf1\x80\x80\x41", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = strlen(cases[i].bytes);

		for (size_t before = 0; before < 18; before++) {
			char text[64];
			struct sse_frame f;

			memset(text, 'x', sizeof(text));
			memcpy(text + before, cases[i].bytes, n);
			sse_measure(&f, text, before + n, 1, &tag);
			if (f.base64 == cases[i].ok)
				fail_msg("case %zu behind %zu bytes", i,
					 before);
			sse_measure(&f, text, before + n + 17, 1, &tag);
			assert_int_equal(f.base64, !cases[i].ok);
		}
	}
}

/* ---- round trips --------------------------------------------------------- */

static size_t normalise(const char *in, size_t len, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (in[i] != '\r')
			out[n++] = in[i];
		else if (i + 1 == len || in[i + 1] != '\n')
			out[n++] = '\n';
	}
	return n;
}

static void round_trip(const char *data, size_t len, uint64_t seq)
{
	struct wire w = encode(data, len, seq);
	char *want = malloc(len + 1), id[64];
	size_t want_len;
	struct event e;

	assert_non_null(want);
	decode(&e, body_of(&w), w.f.body_len);
	assert_int_equal(e.n_dispatched, 1);
	assert_int_equal(e.n_blocks, 1);
	snprintf(id, sizeof(id), "%llu-9f31c2", (unsigned long long)seq);
	assert_string_equal(e.id.bytes, id);
	if (w.f.base64) {
		uint8_t *plain = malloc(e.data.len + 1);

		assert_string_equal(e.type.bytes, "base64");
		want_len = decode_base64(&e.data, plain);
		assert_int_equal(want_len, len);
		assert_memory_equal(plain, data, len);
		free(plain);
	} else {
		assert_null(e.type.bytes);
		want_len = normalise(data, len, want);
		assert_int_equal(e.data.len, want_len);
		assert_memory_equal(e.data.bytes, want, want_len);
	}
	/* The id is the last line before the empty one. */
	snprintf(id, sizeof(id), "\nid: %llu-9f31c2\n\n",
		 (unsigned long long)seq);
	assert_memory_equal(body_of(&w) + w.f.body_len - strlen(id), id,
			    strlen(id));
	event_finish(&e);
	free(want);
	free(w.bytes);
}

static uint64_t random_state;

static uint64_t random_next(void)
{
	random_state += UINT64_C(0x9e3779b97f4a7c15);
	uint64_t z = random_state;

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* Payloads of significant pieces, so that most are text. */
static size_t random_payload(char *out, size_t max)
{
	static const char *const pieces[] = {
		"\n",
		"\r",
		"\r\n",
		"a",
		" ",
		"data: ",
		": ",
		"\xc3\xa9",
		"\xe2\x82\xac",
		"\xf0\x9f\x98\x80",
		"12345678",
		"abcdefghijklmnopq",
		"\x01",
	};
	size_t n = random_next() % 24, len = 0;

	for (size_t i = 0; i < n; i++) {
		const char *piece = pieces[random_next() % 13];

		if (len + strlen(piece) + 1 > max)
			break;
		memcpy(out + len, piece, strlen(piece));
		len += strlen(piece);
	}
	if (random_next() % 8 == 0)
		out[len++] = (char)random_next();
	return len;
}

static void test_round_trips(void **state)
{
	(void)state;
	random_state = 42;
	for (int i = 0; i < 20000; i++) {
		char data[512];
		size_t len = random_payload(data, sizeof(data));

		round_trip(data, len, random_next() >> random_next() % 64);
	}
}

/* Every string of up to six bytes that matter for splitting lines. */
static void test_all_short_line_mixes(void **state)
{
	static const char letters[] = "\r\n a";

	(void)state;
	for (size_t len = 0; len <= 6; len++) {
		for (size_t n = 0; n < (size_t)1 << 2 * len; n++) {
			char data[6];

			for (size_t i = 0; i < len; i++)
				data[i] = letters[n >> 2 * i & 3];
			round_trip(data, len, 1);
		}
	}
}

static void test_one_mebibyte(void **state)
{
	size_t len = 1 << 20;
	char *data = malloc(len);

	(void)state;
	assert_non_null(data);
	memset(data, 'x', len);
	round_trip(data, len, UINT64_MAX);
	for (size_t i = 0; i < len; i += 61)
		data[i] = '\n';
	round_trip(data, len, UINT64_MAX);
	memset(data, '\r', len);
	round_trip(data, len, UINT64_MAX);
	data[len - 1] = (char)0x80;
	round_trip(data, len, UINT64_MAX);
	free(data);
}

/* ---- control frames ------------------------------------------------------ */

static void expect_text(const char *got, size_t len, const char *want)
{
	assert_int_equal(len, strlen(want));
	assert_memory_equal(got, want, len);
}

static void test_opening(void **state)
{
	char out[SSE_TEXT_MAX];

	(void)state;
	expect_text(out, sse_put_opening(out, false, 3000, "4710-9f31c2"),
		    "retry: 3000\nevent: system\n"
		    "data: {\"system\": \"open\"}\nid: 4710-9f31c2\n\n");
	expect_text(out, sse_put_opening(out, true, 3000, "4710-9f31c2"),
		    "44\r\nretry: 3000\nevent: system\n"
		    "data: {\"system\": \"open\"}\nid: 4710-9f31c2\n\n\r\n");
	expect_text(out, sse_put_opening(out, false, 0, NULL), "retry: 0\n\n");
	expect_text(out, sse_put_system(out, false, "open", "4710"),
		    "event: system\ndata: {\"system\": \"open\"}\n"
		    "id: 4710\n\n");
	expect_text(out, sse_put_system(out, true, "open", "4710"),
		    "31\r\nevent: system\ndata: {\"system\": \"open\"}\n"
		    "id: 4710\n\n\r\n");
	expect_text(out, sse_put_retry(out, false, 5417), "retry: 5417\n\n");
	expect_text(out, sse_put_retry(out, true, 5417),
		    "d\r\nretry: 5417\n\n\r\n");
	expect_text(out, sse_put_end(out, true), "0\r\n\r\n");
	assert_int_equal(sse_put_end(out, false), 0);
}

static void test_pings(void **state)
{
	char out[SSE_TEXT_MAX];
	struct event e;
	size_t len;

	(void)state;
	len = sse_put_ping(out, false, SSE_PING_MESSAGE, "9-9f31c2");
	expect_text(out, len, "data: {\"system\": \"ping\"}\nid: 9-9f31c2\n\n");
	decode(&e, out, len);
	assert_int_equal(e.n_dispatched, 1);
	event_finish(&e);
	expect_text(out, sse_put_ping(out, true, SSE_PING_MESSAGE, NULL),
		    "1a\r\ndata: {\"system\": \"ping\"}\n\n\r\n");

	/* A comment dispatches nothing, but its id counts. */
	len = sse_put_ping(out, false, SSE_PING_COMMENT, "9-9f31c2");
	expect_text(out, len, ": ping\nid: 9-9f31c2\n\n");
	decode(&e, out, len);
	assert_int_equal(e.n_dispatched, 0);
	assert_int_equal(e.n_blocks, 1);
	assert_string_equal(e.id.bytes, "9-9f31c2");
	event_finish(&e);
	expect_text(out, sse_put_ping(out, true, SSE_PING_COMMENT, NULL),
		    "8\r\n: ping\n\n\r\n");

	/* The id of this event counts for every client. */
	len = sse_put_ping(out, false, SSE_PING_EVENT, "9-9f31c2");
	expect_text(out, len,
		    "event: system\ndata: {\"system\": \"ping\"}\n"
		    "id: 9-9f31c2\n\n");
	decode(&e, out, len);
	assert_int_equal(e.n_dispatched, 1);
	assert_string_equal(e.type.bytes, "system");
	event_finish(&e);
	expect_text(out, sse_put_ping(out, true, SSE_PING_EVENT, NULL),
		    "28\r\nevent: system\ndata: {\"system\": \"ping\"}\n"
		    "\n\r\n");
}

static void test_expired(void **state)
{
	char out[SSE_TEXT_MAX];
	struct event e;
	size_t len;

	(void)state;
	len = sse_put_system(out, false, "expired", "9-9f31c2");
	expect_text(out, len,
		    "event: system\ndata: {\"system\": \"expired\"}\n"
		    "id: 9-9f31c2\n\n");
	decode(&e, out, len);
	assert_int_equal(e.n_dispatched, 1);
	assert_string_equal(e.id.bytes, "9-9f31c2");
	event_finish(&e);
	expect_text(out, sse_put_system(out, true, "expired", NULL),
		    "2b\r\nevent: system\ndata: {\"system\": \"expired\"}\n"
		    "\n\r\n");
}

static void test_gap(void **state)
{
	char out[SSE_TEXT_MAX];
	struct event e;
	size_t len;

	(void)state;
	len = sse_put_gap(out, false, "expired", 7, 12, 11, &tag);
	expect_text(out, len,
		    "event: gap\n"
		    "data: {\"system\": \"gap\", \"reason\": \"expired\", "
		    "\"after\": 7, \"first\": 12}\n"
		    "id: 11-9f31c2\n\n");
	decode(&e, out, len);
	assert_int_equal(e.n_dispatched, 1);
	assert_string_equal(e.type.bytes, "gap");
	assert_string_equal(e.id.bytes, "11-9f31c2");
	event_finish(&e);

	len = sse_put_gap(out, false, "reset", 9, 1, 0, &tag);
	expect_text(out, len,
		    "event: gap\n"
		    "data: {\"system\": \"gap\", \"reason\": \"reset\", "
		    "\"after\": 9, \"first\": 1}\n"
		    "id: 0-9f31c2\n\n");
}

/* The longest of each fits, and the size of a chunk is that of its body. */
static void test_longest_short_ones(void **state)
{
	static const char longest[] = "18446744073709551615-9f31c2";
	char out[SSE_TEXT_MAX];
	size_t lens[4];

	(void)state;
	lens[0] = sse_put_gap(out, true, "expired", UINT64_MAX, UINT64_MAX,
			      UINT64_MAX - 1, &tag);
	assert_int_equal(strtoul(out, NULL, 16), lens[0] - 6);
	lens[1] = sse_put_opening(out, true, UINT64_MAX, longest);
	assert_int_equal(strtoul(out, NULL, 16), lens[1] - 6);
	lens[2] = sse_put_ping(out, true, SSE_PING_MESSAGE, longest);
	assert_int_equal(strtoul(out, NULL, 16), lens[2] - 6);
	lens[3] = sse_put_system(out, true, "expired", longest);
	assert_int_equal(strtoul(out, NULL, 16), lens[3] - 6);
	for (size_t i = 0; i < 4; i++)
		assert_true(lens[i] <= SSE_TEXT_MAX);
}

/* ---- event ids and tags -------------------------------------------------- */

static void test_cursor_format(void **state)
{
	char out[SSE_EVENT_ID_MAX];

	(void)state;
	assert_int_equal(sse_event_id_format(out, 4711, &tag), 11);
	assert_string_equal(out, "4711-9f31c2");
	assert_int_equal(sse_event_id_format(out, UINT64_MAX, &tag),
			 SSE_EVENT_ID_MAX - 1);
	assert_string_equal(out, "18446744073709551615-9f31c2");
	assert_int_equal(sse_event_id_format(out, 0, &tag), 8);
	assert_string_equal(out, "0-9f31c2");
}

static void test_good_cursors(void **state)
{
	static const struct {
		const char *text;
		uint64_t seq;
		const char *tag; /* NULL: none */
	} cases[] = {
		{"0", 0, NULL},
		{"4711", 4711, NULL},
		{"4711-9f31c2", 4711, "9f31c2"},
		{"0-000000", 0, "000000"},
		{"00000000000000000007", 7, NULL},
		{"18446744073709551615", UINT64_MAX, NULL},
		{"18446744073709551615-abcdef", UINT64_MAX, "abcdef"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sse_event_id c;

		assert_int_equal(sse_event_id_parse(&c, cases[i].text,
						    strlen(cases[i].text)),
				 0);
		assert_true(c.seq == cases[i].seq);
		assert_int_equal(c.has_tag, cases[i].tag != NULL);
		if (cases[i].tag != NULL)
			assert_string_equal(c.tag.hex, cases[i].tag);
	}
}

static void test_bad_cursors(void **state)
{
	static const char *const cases[] = {
		"",
		"-",
		"-9f31c2",
		"4711-",
		"4711-9f31c",
		"4711-9f31c22",
		"4711-9F31C2",
		"4711-9f31cg",
		"4711-9f31c2 ",
		"4711 ",
		" 4711",
		"+1",
		"-1",
		"1.0",
		"1e3",
		"0x10",
		"1,2",
		"47119f31c2",
		"18446744073709551616",
		"18446744073709551616-9f31c2",
		"28446744073709551615",
		"99999999999999999999",
		"000000000000000000000",
		"100000000000000000000",
		"\xd9\xa1",
	};
	struct sse_event_id c;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&c, 0x5a, sizeof(c));
		if (sse_event_id_parse(&c, cases[i], strlen(cases[i])) !=
		    -EINVAL)
			fail_msg("taken: \"%s\"", cases[i]);
		assert_true(c.seq == UINT64_C(0x5a5a5a5a5a5a5a5a));
	}
	assert_int_equal(sse_event_id_parse(&c, "12\0", 3), -EINVAL);
}

static void test_cursors_come_back(void **state)
{
	(void)state;
	random_state = 7;
	for (int i = 0; i < 1000; i++) {
		uint64_t seq = random_next() >> random_next() % 64;
		char text[SSE_EVENT_ID_MAX];
		struct sse_event_id c;
		size_t len = sse_event_id_format(text, seq, &tag);

		assert_int_equal(sse_event_id_parse(&c, text, len), 0);
		assert_true(c.seq == seq && c.has_tag);
		assert_string_equal(c.tag.hex, tag.hex);
	}
}

/* Fixed: clients keep event ids over an upgrade of the gateway. */
static void test_tags(void **state)
{
	static const char created[] = "2026-11-24T10:00:00.123456789Z";
	struct sse_tag a = sse_tag_of(created, sizeof(created) - 1), b;
	char other[sizeof(created)];

	(void)state;
	assert_string_equal(a.hex, "163065");
	memcpy(other, created, sizeof(created));
	for (char digit = '0'; digit <= '8'; digit++) {
		other[28] = digit;
		b = sse_tag_of(other, sizeof(other) - 1);
		assert_string_not_equal(a.hex, b.hex);
		assert_int_equal(strlen(b.hex), SSE_TAG_LEN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_line),
		cmocka_unit_test(test_whole_frame),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_spaces_are_kept),
		cmocka_unit_test(test_line_ends),
		cmocka_unit_test(test_line_ends_at_the_edges),
		cmocka_unit_test(test_a_payload_cannot_forge_fields),
		cmocka_unit_test(test_nul_and_bom_are_kept),
		cmocka_unit_test(test_sequences),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_what_is_utf8),
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_all_short_line_mixes),
		cmocka_unit_test(test_one_mebibyte),
		cmocka_unit_test(test_opening),
		cmocka_unit_test(test_pings),
		cmocka_unit_test(test_expired),
		cmocka_unit_test(test_gap),
		cmocka_unit_test(test_longest_short_ones),
		cmocka_unit_test(test_cursor_format),
		cmocka_unit_test(test_good_cursors),
		cmocka_unit_test(test_bad_cursors),
		cmocka_unit_test(test_cursors_come_back),
		cmocka_unit_test(test_tags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
