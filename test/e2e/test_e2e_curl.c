/* What a script sees: curl reads lines of JSON, and comes to an end by itself.
 */
#include "e2e.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include <jansson.h>

#include "test_clock.h"

enum { BIG = 900 * 1024 };

static FILE *curl(struct e2e *f, const char *options, const char *query)
{
	char command[512];
	FILE *out;

	snprintf(command, sizeof(command),
		 "curl -sN --max-time 60 -H 'user_id: alice' "
		 "-H 'Accept: application/x-ndjson' %s "
		 "'http://%s/api/v1/events?%s'",
		 options, f->gw.address, query);
	out = popen(command, "r");
	assert_non_null(out);
	return out;
}

/* The next line; NULL at the end. To be freed. */
static char *next_line(FILE *from)
{
	char *line = NULL;
	size_t cap = 0;

	if (getline(&line, &cap, from) > 0)
		return line;
	free(line);
	return NULL;
}

/* As curl says it: 0 for a body that came whole. */
static void assert_end(FILE *from)
{
	char *line = next_line(from);
	int status;

	if (line != NULL)
		fail_msg("one line too many: %s", line);
	status = pclose(from);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static json_t *read_object(const char *line)
{
	json_error_t error;
	json_t *object = json_loads(line, JSON_ALLOW_NUL, &error);

	if (!json_is_object(object))
		fail_msg("%s: %.200s", error.text, line);
	return object;
}

static const char *text_in(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	if (text == NULL)
		fail_msg("no %s", name);
	return text;
}

/* ---- history ------------------------------------------------------------- */

/* Within a minute of now, in UTC with nanoseconds. */
static void assert_is_now(const char *text)
{
	struct tm tm = {0};
	time_t then;

	assert_int_equal(strlen(text), 30);
	assert_string_equal(text + 29, "Z");
	assert_non_null(strptime(text, "%Y-%m-%dT%H:%M:%S.", &tm));
	then = timegm(&tm);
	assert_true(then > time(NULL) - 60 && then < time(NULL) + 60);
}

/* Messages "old-FIRST" and so on, of which every second one is alice's. The
 * last one's id, to be freed. */
static char *expect_old(FILE *from, size_t first, size_t n)
{
	char *id = NULL;

	for (size_t i = first; i < first + n; i++) {
		char *line = next_line(from), want[32];
		json_t *o;

		assert_non_null(line);
		o = read_object(line);
		snprintf(want, sizeof(want), "old-%zu", i);
		assert_string_equal(text_in(o, "data"), want);
		assert_string_equal(text_in(o, "subject"), "events.alice");
		assert_is_now(text_in(o, "time"));
		assert_int_equal(json_integer_value(json_object_get(o, "seq")),
				 i + 1);
		assert_int_equal(sse_id_seq(text_in(o, "id")), i + 1);
		free(id);
		id = strdup(text_in(o, "id"));
		json_decref(o);
		free(line);
	}
	assert_end(from);
	return id;
}

static void history_in_pieces_of_a_limit(void **state)
{
	struct e2e *f = *state;
	char *id, header[64];

	e2e_publish_many(f, "alice", "old", 300);
	e2e_gateway(f, NULL);
	id = expect_old(curl(f, "", "deliver=all&limit=10"), 0, 10);
	snprintf(header, sizeof(header), "-H 'Last-Event-ID: %s'", id);
	free(id);
	id = expect_old(curl(f, header, "limit=200"), 10, 200);
	snprintf(header, sizeof(header), "lastEventId=%s&limit=90", id);
	free(id);
	free(expect_old(curl(f, "--http1.0", header), 210, 90));
	free(expect_old(curl(f, "", "deliver=last&limit=1"), 299, 1));
}

/* ---- payloads ------------------------------------------------------------ */

#define BYTES(literal) literal, sizeof(literal) - 1

static const struct payload {
	const char *data;
	size_t len;
	const char *text; /* as a string; NULL: it is base64 */
	const char *json; /* with json=1; NULL: the same string */
} payloads[] = {
	{BYTES(""), "", NULL},
	{BYTES("hello"), "hello", NULL},
	{BYTES("a\r\nb\nc\rd\r\n"), "a\r\nb\nc\rd\r\n", NULL},
	{BYTES("\r"), "\r", NULL},
	{BYTES("data: x\n\nid: 9\n"), "data: x\n\nid: 9\n", NULL},
	{BYTES("{\"a\": [1,\r\n 2]}"), "{\"a\": [1,\r\n 2]}", "{\"a\":[1,2]}"},
	{BYTES("17"), "17", "17"},
	{BYTES("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f", NULL},
	{BYTES("\xff\xfe\x00"), NULL, NULL},
};

enum { PAYLOADS = sizeof(payloads) / sizeof(payloads[0]) };

static void publish_all(struct e2e *f)
{
	for (size_t i = 0; i < PAYLOADS; i++)
		nats_admin_publish(f->admin, "events.alice", payloads[i].data,
				   payloads[i].len);
}

static void expect_payload(const char *line, const struct payload *p, bool json)
{
	json_t *o = read_object(line), *data = json_object_get(o, "data");

	if (p->text == NULL) {
		assert_string_equal(text_in(o, "encoding"), "base64");
		assert_string_equal(text_in(o, "data"), "//4A");
	} else if (json && p->json != NULL) {
		json_t *want = json_loads(p->json, JSON_DECODE_ANY, NULL);

		assert_true(json_equal(data, want));
		json_decref(want);
	} else {
		assert_null(json_object_get(o, "encoding"));
		assert_string_equal(text_in(o, "data"), p->text);
	}
	json_decref(o);
}

/* The lines that a client of the live stream got, and those of its replay by
 * another gateway, are the same, byte for byte. */
static void live_and_replay_are_the_same(void **state, const char *more,
					 bool json)
{
	struct e2e *f = *state;
	char query[100], *lines[PAYLOADS], *line;
	FILE *from;

	e2e_gateway(f, NULL);
	snprintf(query, sizeof(query), "limit=%d%s&system=1", PAYLOADS, more);
	from = curl(f, "", query);
	line = next_line(from);
	assert_non_null(strstr(line, "{\"system\":\"open\",\"id\":\"0-"));
	free(line);
	publish_all(f);
	for (size_t i = 0; i < PAYLOADS; i++) {
		lines[i] = next_line(from);
		assert_non_null(lines[i]);
		expect_payload(lines[i], &payloads[i], json);
	}
	assert_end(from);
	gateway_proc_stop(&f->gw);
	e2e_gateway(f, NULL);
	snprintf(query, sizeof(query), "limit=%d%s&deliver=all", PAYLOADS,
		 more);
	from = curl(f, "", query);
	for (size_t i = 0; i < PAYLOADS; i++) {
		line = next_line(from);
		assert_non_null(line);
		assert_string_equal(line, lines[i]);
		free(line);
		free(lines[i]);
	}
	assert_end(from);
}

static void payloads_as_strings(void **state)
{
	live_and_replay_are_the_same(state, "", false);
}

static void payloads_as_json(void **state)
{
	live_and_replay_are_the_same(state, "&json=1", true);
}

/* Six bytes for each of the payload, to a client that takes its time. */
static void a_big_one_to_a_slow_client(void **state)
{
	struct e2e *f = *state;
	char *big = malloc(BIG), *line;
	FILE *from;
	json_t *o;

	memset(big, 1, BIG);
	e2e_gateway(f, NULL);
	from = curl(f, "--limit-rate 4M", "limit=2&system=1");
	free(next_line(from));
	nats_admin_publish(f->admin, "events.alice", big, BIG);
	e2e_publish(f, "alice", "behind");
	line = next_line(from);
	assert_non_null(line);
	assert_true(strlen(line) > (size_t)6 * BIG);
	o = read_object(line);
	assert_int_equal(json_string_length(json_object_get(o, "data")), BIG);
	assert_memory_equal(text_in(o, "data"), big, BIG);
	json_decref(o);
	free(line);
	line = next_line(from);
	assert_non_null(strstr(line, "\"data\":\"behind\"}"));
	free(line);
	assert_end(from);
	free(big);
}

/* ---- time ---------------------------------------------------------------- */

static void a_timeout_ends_it(void **state)
{
	struct e2e *f = *state;
	uint64_t begun;

	e2e_gateway(f, NULL);
	begun = test_now_ms();
	assert_end(curl(f, "", "timeout=400ms"));
	assert_true(test_now_ms() - begun >= 400);
	gateway_proc_wait_log(&f->gw, "reason=timeout");
	e2e_publish(f, "alice", "x");
	free(expect_old(curl(f, "", "timeout=400ms"), 0, 0));
	assert_int_equal(e2e_count_in_log(f, "reason=limit"), 0);
	assert_end(curl(f, "-o /dev/null", "deliver=all&limit=1"));
	gateway_proc_wait_log(&f->gw, "reason=limit");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		E2E_TEST(history_in_pieces_of_a_limit),
		E2E_TEST(payloads_as_strings),
		E2E_TEST(payloads_as_json),
		E2E_TEST(a_big_one_to_a_slow_client),
		E2E_TEST(a_timeout_ends_it),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
