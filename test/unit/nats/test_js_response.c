/* Responses of the JetStream API: what is read, what is an error, and that no
 * cut or mutated one is taken for a good one. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/json_depth.h"
#include "nats/js_response.h"
#include "readable_of.h"
#include "nats/message_headers.h"

/* Responses of nats-server 2.9.10. */
static const char info_answer[] =
	"{\"type\":\"io.nats.jetstream.api.v1.stream_info_response\","
	"\"total\":0,\"offset\":0,\"limit\":0,\"config\":{\"name\":\"EV\","
	"\"subjects\":[\"ev.*\"],\"retention\":\"limits\","
	"\"max_consumers\":-1,\"max_msgs\":-1,\"max_bytes\":-1,\"max_age\":0,"
	"\"max_msgs_per_subject\":-1,\"max_msg_size\":-1,\"discard\":\"old\","
	"\"storage\":\"memory\",\"num_replicas\":1,"
	"\"duplicate_window\":120000000000,\"allow_direct\":false},"
	"\"created\":\"2026-11-24T04:51:53.465579471Z\",\"state\":{"
	"\"messages\":2,\"bytes\":45,\"first_seq\":1,"
	"\"first_ts\":\"2026-11-24T04:51:53.468126784Z\",\"last_seq\":2,"
	"\"last_ts\":\"2026-11-24T04:51:53.46854244Z\",\"num_subjects\":1,"
	"\"consumer_count\":0}}";
static const char found_answer[] =
	"{\"type\":\"io.nats.jetstream.api.v1.stream_msg_get_response\","
	"\"message\":{\"subject\":\"ev.1\",\"seq\":1,\"data\":\"aGVsbG8=\","
	"\"time\":\"2026-11-24T04:51:53.468126784Z\"}}";
static const char none_answer[] =
	"{\"type\":\"io.nats.jetstream.api.v1.stream_msg_get_response\","
	"\"error\":{\"code\":404,\"err_code\":10037,"
	"\"description\":\"no message found\"}}";
static const char created_answer[] =
	"{\"type\":\"io.nats.jetstream.api.v1.consumer_create_response\","
	"\"stream_name\":\"EV\",\"name\":\"c1\","
	"\"created\":\"2026-11-24T04:51:53.473077117Z\",\"config\":{"
	"\"name\":\"c1\",\"deliver_policy\":\"by_start_sequence\","
	"\"opt_start_seq\":1,\"ack_policy\":\"none\"},"
	"\"delivered\":{\"consumer_seq\":0,\"stream_seq\":0},"
	"\"num_waiting\":0,\"num_pending\":2}";
/* ---- STREAM.INFO --------------------------------------------------------- */

static struct js_info info_of_bytes(const char *json, size_t len,
				    const char *template)
{
	struct readable *readable = readable_of(template);
	struct js_info in;

	js_info_parse(&in, json, len, readable);
	readable_unref(readable);
	return in;
}

static struct js_info info_of(const char *json, const char *template)
{
	return info_of_bytes(json, strlen(json), template);
}

static struct js_info info_with(const char *config, const char *state)
{
	char json[1024];

	snprintf(json, sizeof(json),
		 "{\"config\":{%s},\"created\":\"2026-11-24T04:51:53Z\","
		 "\"state\":{%s}}",
		 config, state);
	return info_of(json, "ev.*");
}

static void stream_info_is_read(void **state)
{
	struct js_info in = info_of(info_answer, "ev.*");

	(void)state;
	assert_int_equal(in.error.err, 0);
	assert_int_equal(in.first_seq, 1);
	assert_int_equal(in.last_seq, 2);
	assert_int_equal(in.messages, 2);
	assert_string_equal(in.created, "2026-11-24T04:51:53.465579471Z");
	assert_int_equal(in.created_len, strlen(in.created));
	assert_true(in.filter_covers_all);
	assert_false(in.work_queue);
	assert_false(info_of(info_answer, "ev.x").filter_covers_all);
}

#define CONFIG "\"subjects\":[\"ev.*\"],\"retention\":\"limits\""
#define STATE  "\"messages\":1,\"first_seq\":1,\"last_seq\":1"

static unsigned level_with(const char *more)
{
	char config[512];

	snprintf(config, sizeof(config), CONFIG "%s", more);
	return info_with(config, STATE).api_level;
}

/* Servers before 2.11 return metadata as they were written. */
static void the_api_level_is_the_servers_own(void **state)
{
#define TTL   ",\"allow_msg_ttl\":false"
#define LEVEL ",\"metadata\":{\"_nats.level\":"

	(void)state;
	assert_int_equal(level_with(TTL LEVEL "\"1\"}"), 1);
	assert_int_equal(level_with(TTL LEVEL
				    "\"5\",\"_nats.ver\":\"2.15.1\"}"),
			 5);
	assert_int_equal(level_with(TTL), 0);
	assert_int_equal(level_with(LEVEL "\"5\"}"), 0);
	assert_int_equal(level_with(TTL LEVEL "5}"), 0);
	assert_int_equal(level_with(TTL LEVEL "\"\"}"), 0);
	assert_int_equal(level_with(TTL LEVEL "\"-1\"}"), 0);
	assert_int_equal(level_with(TTL LEVEL "\"1x\"}"), 0);
	assert_int_equal(level_with(TTL LEVEL "\"4294967297\"}"), 0);
	assert_int_equal(level_with(TTL ",\"metadata\":[]"), 0);
}

static void an_empty_stream_begins_behind_its_end(void **state)
{
	struct js_info in;

	(void)state;
	in = info_with(CONFIG, "\"messages\":0,\"first_seq\":0,\"last_seq\":0");
	assert_int_equal(in.error.err, 0);
	assert_int_equal(in.first_seq, 1);
	in = info_with(CONFIG, "\"messages\":0,\"first_seq\":3,\"last_seq\":2");
	assert_int_equal(in.first_seq, 3);
	in = info_with(CONFIG, "\"messages\":0,\"first_seq\":0,\"last_seq\":9");
	assert_int_equal(in.first_seq, 10);
}

/* `field` is appended. */
static struct js_info info_in(const char *field)
{
	char json[1024];

	snprintf(json, sizeof(json),
		 "{\"config\":{" CONFIG
		 "},\"created\":\"2026-11-24T04:51:53Z\","
		 "\"state\":{" STATE "},%s}",
		 field);
	return info_of(json, "ev.*");
}

/* Nothing else could come: no matter where the subjects come from. */
static void the_filter_for_all_covers_all(void **state)
{
	struct js_info in = info_of("{\"config\":{\"mirror\":{\"name\":\"X\"},"
				    "\"retention\":\"limits\"},"
				    "\"created\":\"2026-11-24T04:51:53Z\","
				    "\"state\":{" STATE "}}",
				    ">");

	(void)state;
	assert_int_equal(in.error.err, 0);
	assert_true(in.filter_covers_all);
	assert_false(in.filter_matches_none);
}

/* The filter `*.1` overlaps the stream's subjects, and no template does. */
static void only_readable_subjects_are_matched(void **state)
{
	char *subjects[] = {(char *)"a.1", (char *)"b.1"};
	struct readable_source src = {.subjects = subjects, .n_subjects = 2};
	struct readable *r;
	struct js_info in;

	(void)state;
	assert_int_equal(readable_new(&r, &src), 0);
	assert_string_equal(readable_filter(r), "*.1");
	js_info_parse(&in, info_answer, strlen(info_answer), r);
	assert_true(in.filter_matches_none);
	assert_false(in.filter_covers_all);
	readable_unref(r);
}

static void covering_is_only_said_where_it_is_sure(void **state)
{
	static const struct {
		const char *config;
		bool covers;
	} cases[] = {
		{CONFIG, true},
		{"\"subjects\":[\"ev.1\",\"ev.2\"],\"retention\":\"limits\"",
		 true},
		{"\"subjects\":[\"ev.1\",\"x\"],\"retention\":\"limits\"",
		 false},
		{"\"subjects\":[\"ev.>\"],\"retention\":\"limits\"", false},
		{"\"subjects\":[],\"retention\":\"limits\"", false},
		{"\"subjects\":[7],\"retention\":\"limits\"", false},
		{"\"retention\":\"limits\"", false},
		{CONFIG ",\"mirror\":{\"name\":\"X\"}", false},
		{CONFIG ",\"sources\":[{\"name\":\"X\"}]", false},
		{CONFIG ",\"subject_transform\":{\"src\":\"ev.*\"}", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct js_info in = info_with(cases[i].config, STATE);

		assert_int_equal(in.error.err, 0);
		assert_int_equal(in.filter_covers_all, cases[i].covers);
	}
}

static void retention_that_deletes_is_seen(void **state)
{
	(void)state;
	assert_true(info_with("\"retention\":\"workqueue\"", STATE).work_queue);
	assert_false(info_with("\"retention\":\"interest\"", STATE).work_queue);
}

/* Responses of nats-server 2.9.10: a leader with followers, one that was cut
 * off 4 s ago, and a server without a leader. */
static void only_followed_leaders_count(void **state)
{
#define SERVER(name, ns) \
	"{\"name\":\"" name "\",\"current\":true,\"active\":" ns "}"
#define LED(replicas)                                    \
	"\"cluster\":{\"name\":\"t\",\"leader\":\"n0\"," \
	"\"replicas\":[" replicas "]}"
	static const struct {
		const char *cluster;
		bool no_leader, all_follow;
	} cases[] = {
		{LED(SERVER("n1", "492403029") "," SERVER("n2", "492392489")),
		 false, true},
		{LED(SERVER("n1", "4774466970") "," SERVER("n2", "49239248")),
		 false, false},
		{LED(SERVER("n1", "4774466970") "," SERVER("n2", "4774480747")),
		 true, false},
		{LED(SERVER("n1", "3000000000") "," SERVER("n2", "3000000000")),
		 true, false},
		{LED(SERVER("n1", "0") "," SERVER("n2", "0")), true, false},
		{LED(SERVER("n1", "-5") "," SERVER("n2", "\"1\"")), true,
		 false},
		{LED("7,null"), true, false},
		/* Five servers: the leader and two followers are the
		 * majority. */
		{LED(SERVER("n1", "1") "," SERVER("n2", "1") "," SERVER(
			 "n3", "0") "," SERVER("n4", "0")),
		 false, false},
		{LED(SERVER("n1", "1") "," SERVER("n2", "0") "," SERVER(
			 "n3", "0") "," SERVER("n4", "0")),
		 true, false},
		/* Two servers: both. */
		{LED(SERVER("n1", "1")), false, true},
		{LED(SERVER("n1", "0")), true, false},
		/* Not replicated. */
		{LED(""), false, true},
		{"\"cluster\":{\"name\":\"t\",\"leader\":\"n0\"}", false, true},
		{"\"cluster\":{\"name\":\"t\",\"leader\":\"\"}", true, false},
		{"\"cluster\":{\"name\":\"t\",\"replicas\":[" SERVER(
			 "n1", "1") "," SERVER("n2", "1") "]}",
		 true, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct js_info in = info_in(cases[i].cluster);

		assert_int_equal(in.error.err, 0);
		assert_int_equal(in.no_leader, cases[i].no_leader);
		assert_int_equal(in.all_follow, cases[i].all_follow);
	}
	/* The leader does not list a replica that it does not know. */
	for (int n = 2; n <= 3; n++) {
		char config[128];

		snprintf(config, sizeof(config),
			 "\"num_replicas\":%d,\"retention\":\"limits\"", n);
		assert_int_equal(
			info_with(config, STATE
				  "}," LED(SERVER("n1", "1")) ",\"x\":{\"y\":1")
				.all_follow,
			n == 2);
	}
	assert_false(info_of(info_answer, "ev.*").no_leader);
	assert_int_equal(info_of(info_answer, "ev.*").leader, 0);
	assert_int_equal(info_in("\"cluster\":7").error.err, 1);
}

static void leaders_are_distinguished(void **state)
{
	struct js_info a =
		info_in("\"cluster\":{\"name\":\"t\",\"leader\":\"n0\"}");
	struct js_info b =
		info_in("\"cluster\":{\"name\":\"t\",\"leader\":\"n1\"}");

	(void)state;
	assert_int_not_equal(a.leader, 0);
	assert_int_not_equal(b.leader, 0);
	assert_int_not_equal(a.leader, b.leader);
	assert_int_equal(
		a.leader,
		info_in("\"cluster\":{\"name\":\"t\",\"leader\":\"n0\"}")
			.leader);
}

/* nats-server 2.10.27 and 2.15.1 report a server's own id as leader. */
static void a_server_without_a_cluster_is_no_leader(void **state)
{
	struct js_info in =
		info_in("\"cluster\":{\"leader\":\"NDAKCZ5COEXWXESVADHOX4IMA"
			"3VOMAY2BUS222AJJYXE736FEV522TM7\"}");

	(void)state;
	assert_int_equal(in.error.err, 0);
	assert_int_equal(in.leader, 0);
	assert_false(in.no_leader);
	in = info_in("\"cluster\":{\"leader\":\"n0\","
		     "\"replicas\":[{\"name\":\"n1\",\"active\":1}]}");
	assert_int_not_equal(in.leader, 0);
}

static void stream_info_that_lacks_something_is_malformed(void **state)
{
	static const char *const bad_states[] = {
		"",
		"\"messages\":1,\"first_seq\":1",
		"\"messages\":1,\"last_seq\":1",
		"\"first_seq\":1,\"last_seq\":1",
		"\"messages\":1,\"first_seq\":0,\"last_seq\":1",
		"\"messages\":1,\"first_seq\":2,\"last_seq\":1",
		"\"messages\":-1,\"first_seq\":1,\"last_seq\":1",
		"\"messages\":1.0,\"first_seq\":1,\"last_seq\":1",
		"\"messages\":\"1\",\"first_seq\":1,\"last_seq\":1",
		"\"messages\":1,\"first_seq\":1,\"last_seq\":1,\"last_seq\":9",
		"\"messages\":1,\"first_seq\":1,"
		"\"last_seq\":18446744073709551615",
	};
	static const char *const bad[] = {
		"",
		"null",
		"[]",
		"7",
		"{}",
		"{\"error\":null}",
		"{\"error\":{}}",
		"{\"error\":{\"err_code\":1}}",
		"{\"error\":{\"err_code\":-5}}",
		"{\"config\":{" CONFIG "},\"state\":{" STATE "}}",
		"{\"config\":{" CONFIG "},\"created\":\"\","
		"\"state\":{" STATE "}}",
		"{\"config\":{" CONFIG "},\"created\":\"a b\","
		"\"state\":{" STATE "}}",
		"{\"config\":{" CONFIG "},\"created\":7,"
		"\"state\":{" STATE "}}",
		"{\"config\":{},\"created\":\"x\",\"state\":{" STATE "}}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad_states); i++)
		assert_int_equal(info_with(CONFIG, bad_states[i]).error.err, 1);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(info_of(bad[i], "ev.*").error.err, 1);
}

/* Unused fields may have values that jansson rejects. */
static void numbers_and_nuls_of_unused_fields_are_tolerated(void **state)
{
	struct js_info in;

	(void)state;
	in = info_of("{\"config\":{" CONFIG
		     ",\"description\":\"a\\u0000b\\\\u0000\","
		     "\"metadata\":{\"\\u0000\":\"\\u0000\"},"
		     "\"max_bytes\":18446744073709551615},\"created\":\"x\","
		     "\"state\":{\"messages\":1,\"first_seq\":"
		     "9223372036854775808,\"last_seq\":18446744073709551614,"
		     "\"bytes\":-18446744073709551615,\"x\":1e999}}",
		     "ev.*");
	assert_int_equal(in.error.err, 0);
	assert_true(in.first_seq == UINT64_C(9223372036854775808));
	assert_true(in.last_seq == UINT64_MAX - 1);
	in = info_of("{\"config\":{" CONFIG "},\"created\":\"x\","
		     "\"state\":{\"messages\":1,\"first_seq\":1,"
		     "\"last_seq\":18446744073709551616}}",
		     "ev.*");
	assert_int_equal(in.error.err, 1);
}

/* Unused fields must not exhaust a small stack. */
static void deep_responses_are_malformed(void **state)
{
	static char text[256];
	struct js_info in;

	(void)state;
	for (int more = 0; more < 2; more++) {
		/* the object is the first level */
		int depth = JSON_DEPTH_MAX - 1 + more;

		snprintf(text, sizeof(text),
			 "{\"x\":%.*s%.*s,\"config\":{" CONFIG
			 "},\"created\":\"x\",\"state\":{" STATE "}}",
			 depth, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
			 depth, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
		in = info_of(text, "ev.*");
		assert_int_equal(in.error.err, more);
	}
}

/* ---- errors -------------------------------------------------------------- */

static void errors_keep_their_code_and_a_printable_text(void **state)
{
	static const char forged[] = "{\"error\":{\"code\":503,"
				     "\"description\":\"a\\nb\\u001b\"}}";
	struct js_message f;
	struct js_info in;
	char json[600];

	(void)state;
	js_message_parse(&f, none_answer, strlen(none_answer), 100);
	assert_int_equal(f.error.err, 10037);
	assert_string_equal(f.error.text, "no message found");
	js_message_finish(&f);
	in = info_of(forged, "ev.*");
	assert_int_equal(in.error.err, 503);
	assert_string_equal(in.error.text, "a?b?");
	snprintf(json, sizeof(json),
		 "{\"error\":{\"code\":400,\"description\":\"%0400d\"}}", 0);
	in = info_of(json, "ev.*");
	assert_int_equal(strlen(in.error.text), sizeof(in.error.text) - 1);
}

/* ---- STREAM.MSG.GET ------------------------------------------------------ */

static int found_err(const char *message, size_t max)
{
	char json[1024];
	struct js_message f;
	int err;

	snprintf(json, sizeof(json), "{\"message\":{%s}}", message);
	js_message_parse(&f, json, strlen(json), max);
	err = f.error.err;
	js_message_finish(&f);
	return err;
}

#define MESSAGE \
	"\"subject\":\"ev.1\",\"seq\":1,\"time\":\"2026-01-01T00:00:00Z\""

static void a_stored_message_is_read(void **state)
{
	struct js_message f;

	(void)state;
	js_message_parse(&f, found_answer, strlen(found_answer), 5);
	assert_int_equal(f.error.err, 0);
	assert_int_equal(f.seq, 1);
	assert_string_equal(f.subject, "ev.1");
	assert_int_equal(f.subject_len, 4);
	assert_true(f.time_ns == 1795495913468126784);
	assert_int_equal(buf_unread(&f.data), 5);
	assert_memory_equal(buf_data(&f.data), "hello", 5);
	js_message_finish(&f);
	js_message_finish(&f);
	js_message_finish(NULL);
}

static void subjects_of_any_bytes_are_read(void **state)
{
	char long_subject[700];

	(void)state;
	assert_int_equal(
		found_err("\"subject\":\"a\\u0000\\u0001\\u007f\xef\xbf\xbd\","
			  "\"seq\":1,"
			  "\"time\":\"2026-01-01T00:00:00Z\"",
			  9),
		0);
	snprintf(long_subject, sizeof(long_subject),
		 "\"subject\":\"%0600d\",\"seq\":1,"
		 "\"time\":\"2026-01-01T00:00:00Z\"",
		 0);
	assert_int_equal(found_err(long_subject, 9), 0);
}

static void payloads_are_strict_base64_up_to_a_size(void **state)
{
	(void)state;
	assert_int_equal(found_err(MESSAGE, 0), 0);
	assert_int_equal(found_err(MESSAGE ",\"data\":\"\"", 0), 0);
	assert_int_equal(found_err(MESSAGE ",\"data\":\"QQ==\"", 1), 0);
	assert_int_equal(found_err(MESSAGE ",\"data\":\"QQ==\"", 0), 1);
	assert_int_equal(found_err(MESSAGE ",\"data\":\"QUI=\"", 2), 0);
	assert_int_equal(found_err(MESSAGE ",\"data\":\"QUI=\"", 1), 1);
	assert_int_equal(found_err(MESSAGE ",\"data\":\"QUJD\"", 3), 0);
	assert_int_equal(found_err(MESSAGE ",\"data\":\"QUJD\"", 2), 1);
	assert_int_equal(found_err(MESSAGE ",\"data\":\"QUI\"", 9), 1);
	assert_int_equal(found_err(MESSAGE ",\"data\":\"QU=I\"", 9), 1);
	assert_int_equal(found_err(MESSAGE ",\"data\":\"QU I\"", 9), 1);
	assert_int_equal(found_err(MESSAGE ",\"data\":\"-_--\"", 9), 1);
	assert_int_equal(found_err(MESSAGE ",\"data\":\"YQ\xc3\xba\"", 9), 1);
	assert_int_equal(found_err(MESSAGE ",\"data\":\"\xc3\xba\xc3\xba\"", 9),
			 1);
	assert_int_equal(found_err(MESSAGE ",\"data\":null", 9), 1);
	assert_int_equal(found_err(MESSAGE ",\"data\":7", 9), 1);
}

static void a_message_that_lacks_something_is_malformed(void **state)
{
	(void)state;
	assert_int_equal(found_err("", 9), 1);
	assert_int_equal(found_err("\"subject\":\"a\",\"seq\":1", 9), 1);
	assert_int_equal(found_err("\"subject\":\"a\","
				   "\"time\":\"2026-01-01T00:00:00Z\"",
				   9),
			 1);
	assert_int_equal(
		found_err("\"seq\":1,\"time\":\"2026-01-01T00:00:00Z\"", 9), 1);
	assert_int_equal(found_err("\"subject\":\"a\",\"seq\":0,"
				   "\"time\":\"2026-01-01T00:00:00Z\"",
				   9),
			 1);
	assert_int_equal(found_err("\"subject\":\"\",\"seq\":1,"
				   "\"time\":\"2026-01-01T00:00:00Z\"",
				   9),
			 1);
	assert_int_equal(found_err("\"subject\":7,\"seq\":1,"
				   "\"time\":\"2026-01-01T00:00:00Z\"",
				   9),
			 1);
}

static bool is_internal(const char *hdrs)
{
	char json[400];
	struct js_message f;
	bool internal;

	snprintf(json, sizeof(json),
		 "{\"message\":{\"subject\":\"a\",\"seq\":1,\"hdrs\":\"%s\","
		 "\"time\":\"2026-01-01T00:00:00Z\"}}",
		 hdrs);
	js_message_parse(&f, json, strlen(json), 99);
	assert_int_equal(f.error.err, 0);
	internal = message_headers_are_internal(
		(struct span){(const char *)buf_data(&f.headers),
			      buf_unread(&f.headers)});
	js_message_finish(&f);
	return internal;
}

static void internal_messages_are_marked(void **state)
{
	(void)state;
	/* Nats-Marker-Reason: MaxAge, Nats-Schedule: @at x */
	assert_true(is_internal("TkFUUy8xLjANCk5hdHMtTWFya2VyLVJlYXNvbjogTWF4"
				"QWdlDQoNCg=="));
	assert_true(is_internal(
		"TkFUUy8xLjANCk5hdHMtU2NoZWR1bGU6IEBhdCB4DQoNCg=="));
	/* Nats-Schedule-Target: x, A: Nats-Schedule: */
	assert_false(is_internal(
		"TkFUUy8xLjANCk5hdHMtU2NoZWR1bGUtVGFyZ2V0OiB4DQoNCg=="));
	assert_false(
		is_internal("TkFUUy8xLjANCkE6IE5hdHMtU2NoZWR1bGU6DQoNCg=="));
	assert_false(is_internal(""));
}

/* ---- CONSUMER.CREATE ----------------------------------------------------- */

static void a_created_consumer_is_read(void **state)
{
	static const char *const bad[] = {
		"{\"num_pending\":1}",
		"{\"name\":\"\",\"num_pending\":1}",
		"{\"name\":\"x\",\"num_pending\":1} x",
		"{\"name\":\"x\",\"name\":\"x\",\"num_pending\":1}",
	};
	/* The number is only for a gauge. */
	static const char *const odd[] = {
		"{\"name\":\"x\"}",
		"{\"name\":\"x\",\"num_pending\":-1}",
		"{\"name\":\"x\",\"num_pending\":18446744073709551615}",
		"{\"name\":\"x\",\"num_pending\":-18446744073709551615}",
		"{\"name\":\"x\",\"num_pending\":1e999}",
	};
	struct js_created c;

	(void)state;
	js_created_parse(&c, created_answer, strlen(created_answer));
	assert_int_equal(c.error.err, 0);
	assert_string_equal(c.name, "c1");
	assert_int_equal(c.num_pending, 2);
	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		js_created_parse(&c, odd[i], strlen(odd[i]));
		assert_int_equal(c.error.err, 0);
		assert_int_equal(c.num_pending, 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		js_created_parse(&c, bad[i], strlen(bad[i]));
		assert_int_equal(c.error.err, 1);
	}
}

/* ---- hostile bytes ------------------------------------------------------- */

static void feed_everything(const char *bytes, size_t len)
{
	struct js_message f;
	struct js_created c;

	info_of_bytes(bytes, len, "ev.*");
	js_message_parse(&f, bytes, len, 4);
	js_message_finish(&f);
	js_created_parse(&c, bytes, len);
}

/* Each in its own allocation, so that ASan sees a read beyond the end. */
static void feed_copy(const char *bytes, size_t len, size_t at, char c)
{
	char *copy = malloc(len == 0 ? 1 : len);

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	if (at < len)
		copy[at] = c;
	feed_everything(copy, len);
	free(copy);
}

static void every_cut_and_mutation_is_survived(void **state)
{
	static const char odd[] = {'\0', '"',  '{',  '}',    '.',   '9',
				   '-',	 '\\', '\n', '\x80', '\xff'};
	const char *const good[] = {info_answer, found_answer, none_answer,
				    created_answer};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		size_t len = strlen(good[i]);

		for (size_t cut = 0; cut <= len; cut++)
			feed_copy(good[i], cut, cut, 0);
		for (size_t at = 0; at < len; at++)
			for (size_t k = 0; k < ARRAY_LEN(odd); k++)
				feed_copy(good[i], len, at, odd[k]);
	}
}

/* A cut response is never taken for a whole one. */
static void cut_responses_are_rejected(void **state)
{
	(void)state;
	for (size_t cut = 0; cut < strlen(info_answer); cut++) {
		struct js_info in;

		in = info_of_bytes(info_answer, cut, "ev.*");
		assert_int_equal(in.error.err, 1);
	}
	for (size_t cut = 0; cut < strlen(none_answer); cut++) {
		struct js_message f;

		js_message_parse(&f, none_answer, cut, 100);
		assert_int_equal(f.error.err, 1);
		js_message_finish(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stream_info_is_read),
		cmocka_unit_test(an_empty_stream_begins_behind_its_end),
		cmocka_unit_test(the_api_level_is_the_servers_own),
		cmocka_unit_test(the_filter_for_all_covers_all),
		cmocka_unit_test(only_readable_subjects_are_matched),
		cmocka_unit_test(covering_is_only_said_where_it_is_sure),
		cmocka_unit_test(retention_that_deletes_is_seen),
		cmocka_unit_test(only_followed_leaders_count),
		cmocka_unit_test(leaders_are_distinguished),
		cmocka_unit_test(a_server_without_a_cluster_is_no_leader),
		cmocka_unit_test(stream_info_that_lacks_something_is_malformed),
		cmocka_unit_test(
			numbers_and_nuls_of_unused_fields_are_tolerated),
		cmocka_unit_test(deep_responses_are_malformed),
		cmocka_unit_test(errors_keep_their_code_and_a_printable_text),
		cmocka_unit_test(a_stored_message_is_read),
		cmocka_unit_test(subjects_of_any_bytes_are_read),
		cmocka_unit_test(payloads_are_strict_base64_up_to_a_size),
		cmocka_unit_test(a_message_that_lacks_something_is_malformed),
		cmocka_unit_test(internal_messages_are_marked),
		cmocka_unit_test(a_created_consumer_is_read),
		cmocka_unit_test(every_cut_and_mutation_is_survived),
		cmocka_unit_test(cut_responses_are_rejected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
