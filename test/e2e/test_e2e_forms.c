/* Headers of any bytes, by a real server: live, by replays' consumers, and by
 * STREAM.MSG.GET a message looks the same, in all forms. */
#include "e2e.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raw_publisher.h"

#define VERSION "NATS/1.0\r\n"

static struct gateway_proc other; /* starts later: its buffer is empty */

static void start_other(struct e2e *f)
{
	static const char *const args[] = {"--event-header", "Type", NULL};

	gateway_proc_start(&other, f->nats.url, args);
	gateway_proc_wait_ready(&other);
}

static int stop_other(void **state)
{
	gateway_proc_stop(&other);
	gateway_proc_finish(&other);
	return e2e_teardown(state);
}

static struct sse_client *open_at(struct e2e *f, const char *address,
				  const char *id, const char *query)
{
	struct sse_client *c = e2e_client(f);

	sse_client_stream(c, address, id, query);
	sse_client_wait_any_id(c);
	return c;
}

static void publish_block(struct e2e *f, const char *id, const char *block,
			  size_t len, const char *data)
{
	char subject[64];

	snprintf(subject, sizeof(subject), "events.%s", id);
	raw_publish(f->nats.port, subject, block, len, data, strlen(data));
}

/* ---- each hostile block -------------------------------------------------- */

static const struct {
	const char *block;
	size_t len;
	const char *type; /* of the raw event */
	const char *headers;
} blocks[] = {
#define BLOCK(lines, type, headers)                                           \
	{                                                                     \
		VERSION lines "\r\n", sizeof(VERSION lines "\r\n") - 1, type, \
			headers                                               \
	}
	BLOCK("Trace: a\r\n", "message", "\"headers\":{\"Trace\":[\"a\"]},"),
	BLOCK("Type: order\r\ntype: x\r\nA:\r\nType: y\r\n", "order",
	      "\"headers\":{\"Type\":[\"order\",\"y\"],\"type\":[\"x\"],"
	      "\"A\":[\"\"]},"),
	BLOCK("Type: order\rid: 1\r\n", "message",
	      "\"headers\":{\"Type\":[\"order\\rid: 1\"]},"),
	BLOCK("Type: order\n\ndata: x\r\n", "message",
	      "\"headers\":{\"Type\":[\"order\\n\\ndata: x\"]},"),
	BLOCK("Type: base64\r\n", "message",
	      "\"headers\":{\"Type\":[\"base64\"]},"),
	BLOCK("Type: a\r\n b\r\n", "message",
	      "\"headers\":{\"Type\":[\"a\\r\\n b\"]},"),
	BLOCK("A: \0\x01\x1f\x7f\"\\\r\n", "message",
	      "\"headers\":{\"A\":[\"\\u0000\\u0001\\u001f\x7f\\\"\\\\\"]},"),
	BLOCK("A: \xff\r\nA: b\r\nB: \xc3\xbc\r\n", "message",
	      "\"headers\":{\"B\":[\"\xc3\xbc\"]},"
	      "\"headers_base64\":{\"A\":[\"/w==\",\"Yg==\"]},"),
	BLOCK("nAtS-Msg-Id: \xff\r\n\xff: a\r\nno colon\r\n: a\r\n", "message",
	      ""),
	BLOCK("", "message", ""),
	{"\0\xff\r\n", 4, "message", ""},
	{"Type: order\r\n\r\n", 15, "message", ""},
	{VERSION "Type: order", 21, "order",
	 "\"headers\":{\"Type\":[\"order\"]},"},
};

enum { BLOCKS = sizeof(blocks) / sizeof(blocks[0]) };

/* The JSON form of message `i`, whose sequence is i + 1. */
static void assert_shown(const struct sse_event *ev, size_t i)
{
	const char *at = strstr(ev->data, "\"id\":\"");
	char want[256];

	assert_non_null(at);
	snprintf(want, sizeof(want), "\"id\":\"%s\",%s\"data\":\"payload\"}",
		 ev->id, blocks[i].headers);
	assert_string_equal(at, want);
	assert_string_equal(ev->type, blocks[i].type);
	assert_int_equal(sse_id_seq(ev->id), i + 1);
}

static void blocks_of_any_bytes_live(void **state)
{
	struct e2e *f = *state;
	struct sse_client *raw, *json;

	e2e_gateway(f, "--event-header", "Type", NULL);
	raw = e2e_open(f, "alice", NULL);
	json = e2e_open(f, "alice", "format=json");
	for (size_t i = 0; i < BLOCKS; i++)
		publish_block(f, "alice", blocks[i].block, blocks[i].len,
			      "payload");
	for (size_t i = 0; i < BLOCKS; i++) {
		const struct sse_event *ev =
			sse_client_wait_event(raw, NULL, i + 1);

		assert_string_equal(ev->data, "payload");
		assert_string_equal(ev->type, blocks[i].type);
		assert_shown(sse_client_wait_event(json, NULL, i + 1), i);
	}
}

static void blocks_of_any_bytes_replayed(void **state)
{
	struct e2e *f = *state;
	struct sse_client *raw, *json;

	for (size_t i = 0; i < BLOCKS; i++)
		publish_block(f, "alice", blocks[i].block, blocks[i].len,
			      "payload");
	e2e_gateway(f, "--event-header", "Type", NULL);
	raw = e2e_open(f, "alice", "deliver=all");
	json = e2e_open(f, "alice", "deliver=all&format=json");
	for (size_t i = 0; i < BLOCKS; i++) {
		assert_string_equal(
			sse_client_wait_event(raw, NULL, i + 1)->type,
			blocks[i].type);
		assert_shown(sse_client_wait_event(json, NULL, i + 1), i);
	}
}

static void blocks_of_any_bytes_as_the_last_message(void **state)
{
	struct e2e *f = *state;
	char id[16];

	for (size_t i = 0; i < BLOCKS; i++) {
		snprintf(id, sizeof(id), "u%zu", i);
		publish_block(f, id, blocks[i].block, blocks[i].len, "payload");
	}
	e2e_gateway(f, "--event-header", "Type", NULL);
	for (size_t i = 0; i < BLOCKS; i++) {
		struct sse_client *c;

		snprintf(id, sizeof(id), "u%zu", i);
		c = e2e_open(f, id, "deliver=last&format=json");
		assert_shown(sse_client_wait_event(c, NULL, 1), i);
	}
}

/* ---- random blocks ------------------------------------------------------- */

static size_t random_block(char *out, size_t max, unsigned *seed)
{
	static const char *const parts[] = {"\r\n", "\r\n",	"\r",
					    "\n",   ":",	": ",
					    " ",    "A",	"Type",
					    "b",    "\xff",	"\"",
					    "\\",   "\xc3\xbc", "Nats-",
					    "\x01"};
	size_t len = strlen(VERSION);

	memcpy(out, VERSION, len);
	for (;;) {
		const char *part;

		*seed = *seed * 1103515245u + 12345u;
		if ((*seed >> 16) % 24 == 0 || len + 16 > max)
			return len;
		part = parts[(*seed >> 20) %
			     (sizeof(parts) / sizeof(parts[0]))];
		memcpy(out + len, part, strlen(part));
		len += strlen(part);
	}
}

/* Two gateways, and a script: every event, its name and its object. */
static void random_blocks_look_the_same_everywhere(void **state)
{
	enum { MESSAGES = 200 };
	struct e2e *f = *state;
	struct sse_client *live, *replayed, *lines;
	unsigned seed = 7;
	char block[256], text[16];

	e2e_gateway(f, "--event-header", "Type", NULL);
	live = e2e_open(f, "alice", "format=json");
	for (int i = 0; i < MESSAGES; i++) {
		size_t len = random_block(block, sizeof(block), &seed);

		snprintf(text, sizeof(text), "m-%d", i);
		publish_block(f, "alice", block, len, text);
	}
	start_other(f);
	replayed = open_at(f, other.address, "alice",
			   "deliver=all&format=json&json=1");
	lines = e2e_client(f);
	sse_client_get(lines, other.address,
		       "/api/v1/events?deliver=all&limit=200",
		       "user_id: alice\r\nAccept: application/x-ndjson\r\n");
	sse_client_wait_reply(lines);
	for (size_t i = 0; i < MESSAGES; i++) {
		const struct sse_event *a =
			sse_client_wait_event(live, NULL, i + 1);
		const struct sse_event *b =
			sse_client_wait_event(replayed, NULL, i + 1);

		assert_string_equal(a->data, b->data);
		assert_string_equal(a->type, b->type);
		assert_string_equal(a->id, b->id);
		assert_non_null(strstr(bytes_text(&lines->body), a->data));
	}
}

/* ---- large blocks -------------------------------------------------------- */

/* They count for the buffer: what it cannot hold comes by replays. */
static void headers_larger_than_the_buffer(void **state)
{
	enum { BLOCK = 60000, MESSAGES = 3 }; /* JetStream takes 64 KiB */
	struct e2e *f = *state;
	char *block = malloc(BLOCK);
	struct sse_client *json, *raw;
	size_t len = strlen(VERSION);

	assert_non_null(block);
	memcpy(block, VERSION, len);
	while (len + 16 < BLOCK)
		len += (size_t)sprintf(block + len, "N%zu: \x01\r\n", len);
	e2e_gateway(f, "--buffer-size", "64KiB", NULL);
	json = e2e_open(f, "alice", "format=json");
	raw = e2e_open(f, "alice", NULL);
	for (int i = 0; i < MESSAGES; i++) {
		e2e_publish(f, "alice", "small");
		publish_block(f, "alice", block, len, "large");
	}
	for (size_t i = 0; i < MESSAGES; i++) {
		e2e_expect(raw, 2 * i + 1, "small");
		e2e_expect(raw, 2 * i + 2, "large");
		assert_true(
			strlen(sse_client_wait_message(json, 2 * i + 2)->data) >
			BLOCK);
	}
	assert_null(sse_client_event(raw, "gap", 0));
	free(block);
}

/* ---- subjects of any bytes ----------------------------------------------- */

/* NATS allows them all; the server's JSON has U+FFFD for what is not UTF-8. */
static const char *const subjects[][2] = {
	{"events.\x01\x7f", "events.\\u0001\x7f"},
	{"events.\xc3\xbc", "events.\xc3\xbc"},
	{"events.\"\\", "events.\\\"\\\\"},
	{"events.\xff\xc3", "events.\xef\xbf\xbd\xef\xbf\xbd"},
};

enum { SUBJECTS = sizeof(subjects) / sizeof(subjects[0]), LONG = 1000 };

static void publish_odd_subjects(struct e2e *f)
{
	char longest[LONG + 1] = "events.";

	memset(longest + strlen(longest), 'x', LONG - strlen(longest));
	raw_publish(f->nats.port, longest, VERSION "\r\n", 12, "a", 1);
	for (size_t i = 0; i < SUBJECTS; i++)
		raw_publish(f->nats.port, subjects[i][0], VERSION "\r\n", 12,
			    "a", 1);
}

static void expect_odd_subjects(struct sse_client *c, size_t first)
{
	const struct sse_event *ev = sse_client_wait_event(c, NULL, first + 1);
	char want[64];

	assert_true(strlen(ev->data) > LONG);
	for (size_t i = 0; i < SUBJECTS; i++) {
		snprintf(want, sizeof(want), "\"subject\":\"%s\",",
			 subjects[i][1]);
		ev = sse_client_wait_event(c, NULL, first + i + 2);
		assert_non_null(strstr(ev->data, want));
	}
}

/* In a replay, live, and when the gateway compares its newest message with the
 * stream's. */
static void subjects_of_any_bytes(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c = e2e_client(f);

	publish_odd_subjects(f);
	e2e_gateway(f, "--auth", "none", "--subject", "events.*", NULL);
	sse_client_get(c, f->gw.address,
		       "/api/v1/events?deliver=all&format=json", NULL);
	expect_odd_subjects(c, 0);
	publish_odd_subjects(f);
	expect_odd_subjects(c, SUBJECTS + 1);
	nats_server_kill(&f->nats, SIGKILL);
	nats_server_again(&f->nats);
	publish_odd_subjects(f);
	expect_odd_subjects(c, 2 * (SUBJECTS + 1));
	assert_null(sse_client_event(c, "gap", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		E2E_TEST(blocks_of_any_bytes_live),
		E2E_TEST(blocks_of_any_bytes_replayed),
		E2E_TEST(blocks_of_any_bytes_as_the_last_message),
		E2E_TEST(headers_larger_than_the_buffer),
		E2E_TEST(subjects_of_any_bytes),
		cmocka_unit_test_setup_teardown(
			random_blocks_look_the_same_everywhere, e2e_setup,
			stop_other),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
