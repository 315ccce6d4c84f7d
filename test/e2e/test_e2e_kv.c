/* Entries of key-value buckets over HTTP, on a real server: reads, conditions,
 * writes, lists, rights, and a counter that loses no increment. */
#include "e2e.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_writer.h"

enum {
	WITH_TTL = 21100, /* the first server that knows Nats-TTL */
	WITH_MIRRORS = 21100,
	WRITERS = 64,
	INCREMENTS = 4, /* of each */
};

static const char *const buckets[] = {"cfg", "nod", "tiny", "mir", "ttl"};

static void make_bucket(struct e2e *f, const char *name, const char *more)
{
	char json[1024];

	snprintf(json, sizeof(json),
		 "{\"name\": \"KV_%s\", \"subjects\": [\"$KV.%s.>\"], "
		 "\"discard\": \"new\", \"allow_rollup_hdrs\": true, "
		 "\"deny_delete\": true, \"num_replicas\": 1, "
		 "\"retention\": \"limits\", \"storage\": \"file\", %s}",
		 name, name, more);
	nats_admin_stream(f->admin, json);
}

static int setup(void **state)
{
	struct e2e *f;

	if (e2e_setup(state) != 0)
		return -1;
	f = *state;
	make_bucket(f, "cfg",
		    "\"max_msgs_per_subject\": 5, \"allow_direct\": true");
	make_bucket(f, "nod", "\"max_msgs_per_subject\": 1");
	return 0;
}

static int teardown(void **state)
{
	struct e2e *f = *state;
	char subject[64];

	for (size_t i = 0; i < sizeof(buckets) / sizeof(buckets[0]); i++) {
		snprintf(subject, sizeof(subject), "STREAM.DELETE.KV_%s",
			 buckets[i]);
		nats_admin_try(f->admin, subject, "");
	}
	return e2e_teardown(state);
}

static void start(struct e2e *f)
{
	e2e_gateway(f, "--auth", "none", "--subject", "events.*", "--allow-sub",
		    "$KV.*.>", "--allow-pub", "$KV.*.>", "--publish-timeout",
		    "2s", NULL);
}

/* `path` below /api/v1/kv; `headers` and `body` may be NULL. */
static const struct sse_client *ask(struct e2e *f, const char *method,
				    const char *path, const char *headers,
				    const char *body)
{
	char target[512];

	snprintf(target, sizeof(target), "/api/v1/kv%s", path);
	return http_write(f, method, target, headers, body == NULL ? "" : body,
			  body == NULL ? 0 : strlen(body));
}

static void expect(struct e2e *f, int status, const char *part,
		   const char *method, const char *path, const char *headers,
		   const char *body)
{
	ask(f, method, path, headers, body);
	http_expect(status, part);
}

static void get(struct e2e *f, int status, const char *part, const char *path)
{
	expect(f, status, part, "GET", path, NULL, NULL);
}

/* The body of GET is exactly this. */
static void get_exactly(struct e2e *f, const char *path, const char *accept,
			const char *body)
{
	char header[64];
	const struct sse_client *c;

	snprintf(header, sizeof(header), "Accept: %s\r\n", accept);
	c = ask(f, "GET", path, header, NULL);
	http_expect(200, "");
	assert_string_equal(bytes_text((struct bytes *)&c->body), body);
}

#define JSON   "application/json"
#define NDJSON "application/x-ndjson"
#define VALUE  "application/octet-stream"

/* ---- reads --------------------------------------------------------------- */

static void a_value_has_its_revision(void **state)
{
	struct e2e *f = *state;
	const struct sse_client *c;

	start(f);
	expect(f, 200, "{\"revision\":1}", "PUT", "/cfg/a.b", NULL, "one");
	expect(f, 200, "{\"revision\":2}", "PUT", "/cfg/a.b", NULL, "two");
	c = ask(f, "GET", "/cfg/a%2Eb", NULL, NULL);
	http_expect(200, "two");
	sse_client_assert_header(c, "Content-Type", VALUE);
	sse_client_assert_header(c, "X-Content-Type-Options", "nosniff");
	sse_client_assert_header(c, "ETag", "\"2\"");
	sse_client_assert_header(c, "Nats-Revision", "2");
	get(f, 200, "two", "/cfg/a.b?read=leader");
	get(f, 200, "one", "/cfg/a.b?revision=1");
	get(f, 200, "one", "/cfg/a.b?revision=1&read=leader");
	get(f, 404, "does not have this revision", "/cfg/a.b?revision=3");
	get(f, 404, "key \\\"a\\\" does not exist", "/cfg/a");
	get(f, 404, "bucket \\\"nope\\\" does not exist", "/nope/a");
	expect(f, 200, "\"revision\":2,", "GET", "/cfg/a.b",
	       "Accept: " JSON "\r\n", NULL);
	http_expect(200, "\"operation\":\"PUT\",\"value\":\"two\"}");
}

static void another_keys_revision_is_none(void **state)
{
	struct e2e *f = *state;

	start(f);
	expect(f, 200, "", "PUT", "/cfg/mine", NULL, "a");
	expect(f, 200, "", "PUT", "/cfg/secret", NULL, "b");
	get(f, 404, "does not have this revision", "/cfg/mine?revision=2");
	get(f, 404, "does not have this revision",
	    "/cfg/mine?revision=2&read=leader");
}

static void conditions_of_reads(void **state)
{
	struct e2e *f = *state;

	start(f);
	expect(f, 200, "", "PUT", "/cfg/a", NULL, "v");
	expect(f, 304, "", "GET", "/cfg/a", "If-None-Match: \"1\"\r\n", NULL);
	expect(f, 304, "", "GET", "/cfg/a", "If-None-Match: *\r\n", NULL);
	expect(f, 200, "v", "GET", "/cfg/a", "If-None-Match: \"2\"\r\n", NULL);
	expect(f, 412, "\"current\":1", "GET", "/cfg/a", "If-Match: \"2\"\r\n",
	       NULL);
	expect(f, 404, "", "GET", "/cfg/b", "If-None-Match: *\r\n", NULL);
}

static void a_bucket_without_direct_get(void **state)
{
	struct e2e *f = *state;

	start(f);
	expect(f, 200, "", "PUT", "/nod/a", NULL, "v");
	get(f, 200, "v", "/nod/a");
	get(f, 200, "v", "/nod/a?revision=1");
	get(f, 404, "does not exist", "/nod/b");
	expect(f, 204, "", "DELETE", "/nod/a", NULL, NULL);
	get(f, 404, "is deleted", "/nod/a");
}

static void any_bytes_are_a_value(void **state)
{
	struct e2e *f = *state;
	static const char bytes[] = "\0\xff\r\n\r\nHTTP/1.1 200\r\n";
	const struct sse_client *c;
	char *large = malloc(500000);

	start(f);
	http_write(f, "PUT", "/api/v1/kv/cfg/bin", NULL, bytes, sizeof(bytes));
	http_expect(200, "");
	c = ask(f, "GET", "/cfg/bin", NULL, NULL);
	assert_int_equal(c->body.len, sizeof(bytes));
	assert_memory_equal(c->body.at, bytes, sizeof(bytes));
	expect(f, 200, "\"encoding\":\"base64\",\"value\":\"AP8NCg0K", "GET",
	       "/cfg/bin", "Accept: " JSON "\r\n", NULL);
	expect(f, 200, "", "PUT", "/cfg/empty", NULL, "");
	c = ask(f, "GET", "/cfg/empty", NULL, NULL);
	http_expect(200, "");
	assert_int_equal(c->body.len, 0);
	memset(large, 'x', 500000);
	http_write(f, "PUT", "/api/v1/kv/cfg/large", NULL, large, 500000);
	http_expect(200, "");
	c = ask(f, "GET", "/cfg/large", NULL, NULL);
	assert_int_equal(c->body.len, 500000);
	free(large);
}

/* Its entries have the subjects of the bucket. */
static void a_mirror_is_read_and_not_written(void **state)
{
	struct e2e *f = *state;

	/* Mirrors of 2.9.10 and 2.10.27 stay empty here. */
	if (f->nats.version < WITH_MIRRORS)
		return;
	start(f);
	expect(f, 200, "", "PUT", "/cfg/a", NULL, "v");
	nats_admin_stream(f->admin,
			  "{\"name\": \"KV_mir\", \"mirror\": {\"name\": "
			  "\"KV_cfg\"}, \"retention\": \"limits\", "
			  "\"max_msgs_per_subject\": 5, \"num_replicas\": 1, "
			  "\"allow_direct\": true, \"storage\": \"file\"}");
	for (int i = 0; i < 100000; i++)
		if (nats_admin_stream_number(f->admin, "KV_mir",
					     "state.last_seq") == 1)
			break;
	get(f, 200, "v", "/mir/a");
	get_exactly(f, "/mir", JSON, "[\"a\"]\n");
	get_exactly(f, "/mir?filter=b.>", JSON, "[]\n");
	expect(f, 409, "is a mirror of \\\"cfg\\\"", "PUT", "/mir/a", NULL,
	       "w");
}

/* ---- writes -------------------------------------------------------------- */

static void creates(void **state)
{
	struct e2e *f = *state;
	const struct sse_client *c;

	start(f);
	c = ask(f, "POST", "/cfg/a/b", NULL, "1");
	http_expect(201, "{\"revision\":1}");
	sse_client_assert_header(c, "Location", "/api/v1/kv/cfg/a/b");
	sse_client_assert_header(c, "ETag", "\"1\"");
	get(f, 200, "1", "/cfg/a%2Fb");
	expect(f, 409, "\"current\":1", "POST", "/cfg/a/b", NULL, "2");
	expect(f, 412, "\"current\":1", "PUT", "/cfg/a/b",
	       "If-None-Match: *\r\n", "2");
	/* over a deleted key, and over a purged one */
	expect(f, 204, "", "DELETE", "/cfg/a/b", NULL, NULL);
	get(f, 404, "is deleted", "/cfg/a/b");
	expect(f, 201, "{\"revision\":3}", "POST", "/cfg/a/b", NULL, "3");
	expect(f, 204, "", "DELETE", "/cfg/a/b?purge=1", NULL, NULL);
	expect(f, 200, "{\"revision\":5}", "PUT", "/cfg/a/b",
	       "If-None-Match: *\r\n", "5");
	get(f, 200, "5", "/cfg/a/b");
	get(f, 404, "", "/cfg/a/b?revision=1");
}

static void compares_and_sets(void **state)
{
	struct e2e *f = *state;

	start(f);
	expect(f, 412, "\"current\":0", "PUT", "/cfg/a", "If-Match: \"7\"\r\n",
	       "x");
	expect(f, 200, "", "PUT", "/cfg/a", NULL, "1");
	expect(f, 200, "{\"revision\":2}", "PUT", "/cfg/a",
	       "If-Match: \"1\"\r\n", "2");
	expect(f, 412, "\"err_code\":10071,\"current\":2", "PUT", "/cfg/a",
	       "If-Match: \"1\"\r\n", "3");
	expect(f, 412, "\"current\":2", "DELETE", "/cfg/a",
	       "If-Match: \"1\"\r\n", NULL);
	get(f, 200, "2", "/cfg/a");
	expect(f, 204, "", "DELETE", "/cfg/a?purge=1", "If-Match: \"2\"\r\n",
	       NULL);
	get(f, 404, "is deleted", "/cfg/a");
	expect(f, 204, "", "DELETE", "/cfg/never", NULL, NULL);
	expect(f, 400, "If-Match", "PUT", "/cfg/a", "If-Match: *\r\n", "x");
	expect(f, 400, "", "PUT", "/cfg/a", "If-Match: 1\r\n", "x");
	expect(f, 404, "bucket \\\"nope\\\" does not exist", "PUT", "/nope/a",
	       NULL, "x");
}

static void a_deleted_bucket_is_missing_at_once(void **state)
{
	struct e2e *f = *state;

	start(f);
	expect(f, 200, "", "PUT", "/cfg/a", NULL, "1");
	get(f, 200, "1", "/cfg/a");
	free(nats_admin_api(f->admin, "STREAM.DELETE.KV_cfg", ""));
	get(f, 404, "bucket \\\"cfg\\\" does not exist", "/cfg/a");
	expect(f, 404, "bucket \\\"cfg\\\" does not exist", "PUT", "/cfg/a",
	       NULL, "x");
	get(f, 404, "bucket \\\"cfg\\\" does not exist", "/cfg");
}

static void limits_of_a_bucket(void **state)
{
	struct e2e *f = *state;

	make_bucket(f, "tiny",
		    "\"max_msgs_per_subject\": 1, \"max_msg_size\": 100, "
		    "\"max_msgs\": 2, \"allow_direct\": true");
	start(f);
	expect(f, 413, "\"err_code\":10054", "PUT", "/tiny/a", NULL,
	       "0123456789012345678901234567890123456789"
	       "0123456789012345678901234567890123456789");
	expect(f, 200, "", "PUT", "/tiny/a", NULL, "1");
	expect(f, 200, "", "PUT", "/tiny/b", NULL, "1");
	expect(f, 507, "\"err_code\":10077", "PUT", "/tiny/c", NULL, "1");
}

static void time_to_live(void **state)
{
	struct e2e *f = *state;

	start(f);
	expect(f, 400, "ttl", "PUT", "/cfg/a?ttl=1h", NULL, "x");
	expect(f, 422, "time to live", "POST", "/cfg/a?ttl=1h", NULL, "x");
	if (f->nats.version < WITH_TTL)
		return;
	make_bucket(f, "ttl",
		    "\"max_msgs_per_subject\": 1, \"allow_msg_ttl\": true, "
		    "\"allow_direct\": true");
	expect(f, 201, "", "POST", "/ttl/long?ttl=1h", NULL, "x");
	expect(f, 201, "", "POST", "/ttl/short?ttl=1s", NULL, "x");
	for (int i = 0; i < 100; i++) {
		const struct sse_client *c =
			ask(f, "GET", "/ttl/short", NULL, NULL);

		if (c->status == 404)
			break;
	}
	while (nats_admin_stream_number(f->admin, "KV_ttl", "state.messages") !=
	       1)
		;
	get(f, 404, "does not exist", "/ttl/short");
	get(f, 200, "x", "/ttl/long");
}

static void headers_for_messages_are_rejected(void **state)
{
	static const char *const lines[] = {"Nats-Rollup: all\r\n",
					    "KV-Operation: PURGE\r\n",
					    "NatsH-Nats-Rollup: all\r\n",
					    "Nats-TTL: never\r\n",
					    "Idempotency-Key: a\r\n"};
	struct e2e *f = *state;

	start(f);
	expect(f, 200, "", "PUT", "/cfg/a", NULL, "1");
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		expect(f, 400, "is not allowed", "PUT", "/cfg/b", lines[i],
		       "x");
	assert_int_equal(nats_admin_stream_number(f->admin, "KV_cfg",
						  "state.messages"),
			 1);
}

/* ---- lists --------------------------------------------------------------- */

static void keys_are_sorted(void **state)
{
	struct e2e *f = *state;

	start(f);
	get_exactly(f, "/cfg", JSON, "[]\n");
	get_exactly(f, "/cfg", NDJSON, "");
	expect(f, 200, "", "PUT", "/cfg/b", NULL, "1");
	expect(f, 200, "", "PUT", "/cfg/a.y", NULL, "1");
	expect(f, 200, "", "PUT", "/cfg/a.x", NULL, "1");
	expect(f, 200, "", "PUT", "/cfg/b", NULL, "2");
	expect(f, 200, "", "PUT", "/cfg/gone", NULL, "1");
	expect(f, 204, "", "DELETE", "/cfg/gone", NULL, NULL);
	get_exactly(f, "/cfg", JSON, "[\"a.x\",\"a.y\",\"b\"]\n");
	get_exactly(f, "/cfg?filter=a.*", JSON, "[\"a.x\",\"a.y\"]\n");
	get_exactly(f, "/cfg?filter=zz", JSON, "[]\n");
	get_exactly(f, "", JSON, "[\"cfg\",\"nod\"]\n");
	get(f, 400, "filter", "/cfg?filter=a..b");
	assert_int_equal(nats_admin_stream_number(f->admin, "KV_cfg",
						  "state.consumer_count"),
			 0);
}

static void entries_and_history(void **state)
{
	struct e2e *f = *state;
	const struct sse_client *c;
	const char *body;

	start(f);
	expect(f, 200, "", "PUT", "/cfg/a", NULL, "1");
	expect(f, 200, "", "PUT", "/cfg/b", NULL, "2");
	expect(f, 200, "", "PUT", "/cfg/a", NULL, "3");
	expect(f, 204, "", "DELETE", "/cfg/b", NULL, NULL);
	c = ask(f, "GET", "/cfg", "Accept: " NDJSON "\r\n", NULL);
	http_expect(200, "\"key\":\"a\",\"revision\":3,");
	body = bytes_text((struct bytes *)&c->body);
	assert_non_null(strstr(body, "\"value\":\"3\"}\n{\"bucket\":\"cfg\","
				     "\"key\":\"b\",\"revision\":4,"));
	assert_null(strstr(body, "\"revision\":1,"));
	expect(f, 200, "\"operation\":\"PUT\"}\n", "GET",
	       "/cfg?values=0&deletes=0", "Accept: " NDJSON "\r\n", NULL);
	assert_null(strstr(bytes_text((struct bytes *)&c->body), "DEL"));
	ask(f, "GET", "/cfg/a", "Accept: " NDJSON "\r\n", NULL);
	http_expect(200, "\"revision\":1,");
	http_expect(200, "\"value\":\"1\"}\n{\"bucket\":\"cfg\",\"key\":\"a\","
			 "\"revision\":3,");
	expect(f, 404, "does not exist", "GET", "/cfg/zz",
	       "Accept: " NDJSON "\r\n", NULL);
	expect(f, 501, "watch", "GET", "/cfg", "Accept: text/event-stream\r\n",
	       NULL);
}

/* More than the gateway requests at once, by number and by bytes. */
static void lists_longer_than_a_batch(void **state)
{
	struct e2e *f = *state;
	const struct sse_client *c;
	size_t lines = 0;
	char *large = malloc(600001), subject[64];

	start(f);
	memset(large, 'x', 600000);
	large[600000] = '\0';
	for (int i = 0; i < 1500; i++) {
		snprintf(subject, sizeof(subject), "$KV.cfg.k%d", i);
		nats_admin_publish(f->admin, subject, large,
				   i % 500 == 0 ? 600000 : 1000);
	}
	c = ask(f, "GET", "/cfg", "Accept: " NDJSON "\r\n", NULL);
	http_expect(200, "");
	for (size_t i = 0; i < c->body.len; i++)
		lines += c->body.at[i] == '\n';
	assert_int_equal(lines, 1500);
	free(large);
}

/* ---- rights -------------------------------------------------------------- */

static void rights_are_those_of_the_subject(void **state)
{
	static const char alice[] = "user_id: alice\r\n";
	static const char lines[] = "user_id: alice\r\nAccept: " NDJSON "\r\n";
	struct e2e *f = *state;

	e2e_gateway(f, "--allow-sub", "$KV.cfg.{id}.>", "--allow-sub",
		    "$KV.cfg.*.public", "--allow-sub", ">", "--allow-pub",
		    "$KV.cfg.{id}.*", "--allow-pub", ">", NULL);
	nats_admin_publish(f->admin, "$KV.cfg.bob.x", "b", 1);
	nats_admin_publish(f->admin, "$KV.cfg.bob.public", "p", 1);
	expect(f, 200, "", "PUT", "/cfg/alice.x", alice, "a");
	expect(f, 200, "a", "GET", "/cfg/alice.x", alice, NULL);
	expect(f, 200, "p", "GET", "/cfg/bob.public", alice, NULL);
	expect(f, 403, "is not allowed", "GET", "/cfg/bob.x", alice, NULL);
	expect(f, 403, "is not allowed", "GET", "/nod/x", alice, NULL);
	expect(f, 403, "is not allowed", "PUT", "/cfg/bob.x", alice, "c");
	expect(f, 403, "is not allowed", "PUT", "/cfg/alice.x.y", alice, "c");
	expect(f, 403, "is not allowed", "DELETE", "/cfg/bob.public", alice,
	       NULL);
	expect(f, 403, "is not allowed", "GET", "/cfg/bob.x", lines, NULL);
	expect(f, 200, "[\"alice.x\",\"bob.public\"]\n", "GET", "/cfg", alice,
	       NULL);
	expect(f, 200, "[]\n", "GET", "/cfg?filter=bob.x", alice, NULL);
	expect(f, 200, "[]\n", "GET", "/nope", alice, NULL);
	expect(f, 200, "[\"cfg\"]\n", "GET", "", alice, NULL);
	expect(f, 200, "\"key\":\"bob.public\"", "GET", "/cfg", lines, NULL);
	expect(f, 400, "user_id", "GET", "/cfg/alice.x", NULL, NULL);
}

static void hostile_names(void **state)
{
	static const char *const keys[] = {
		"/cfg/a..b",   "/cfg/.a",    "/cfg/a.",	   "/cfg/%2A",
		"/cfg/%3E",    "/cfg/a.%3E", "/cfg/a%20b", "/cfg/a%0D%0Ab",
		"/cfg/%C3%A4", "/cfg/a%00",  "/cfg/..",	   "/c%2Fg/a",
		"/c.g/a",      "/%2A/a",     "/cfg%20/a",  "/cfg/a%zz",
		"/%24JS/a",
	};
	struct e2e *f = *state;

	start(f);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		expect(f, 400, "\"status\":400", "GET", keys[i], NULL, NULL);
		expect(f, 400, "\"status\":400", "PUT", keys[i], NULL, "x");
		expect(f, 400, "\"status\":400", "DELETE", keys[i], NULL, NULL);
	}
	get(f, 404, "nothing is at", "/cfg/");
	/* what others have stored */
	nats_admin_publish(f->admin, "$KV.cfg.a\"b<c>", "x", 1);
	nats_admin_publish(f->admin, "$KV.cfg.\xff", "x", 1);
	nats_admin_publish(f->admin, "$KV.cfg.good", "x", 1);
	get_exactly(f, "/cfg", JSON, "[\"good\"]\n");
}

/* ---- a counter ----------------------------------------------------------- */

struct writer {
	struct sse_client c;
	int left;
	bool is_writing; /* PUT; otherwise GET */
};

static void send_of_writer(struct writer *w, const char *request)
{
	sse_client_send_text(&w->c, request);
}

static void ask_for_the_counter(struct writer *w)
{
	w->is_writing = false;
	send_of_writer(w, "GET /api/v1/kv/cfg/n HTTP/1.1\r\nHost: h\r\n\r\n");
}

static void increment_the_counter(struct writer *w)
{
	char request[256], tag[32], value[16];
	int n = atoi(bytes_text(&w->c.body)) + 1;

	assert_true(sse_client_header(&w->c, "ETag", tag, sizeof(tag)));
	snprintf(value, sizeof(value), "%d", n);
	snprintf(request, sizeof(request),
		 "PUT /api/v1/kv/cfg/n HTTP/1.1\r\nHost: h\r\nIf-Match: %s\r\n"
		 "Content-Length: %zu\r\n\r\n%s",
		 tag, strlen(value), value);
	w->is_writing = true;
	send_of_writer(w, request);
}

/* After a whole response. */
static void step_writer(struct writer *w)
{
	if (!w->is_writing) {
		assert_int_equal(w->c.status, 200);
		increment_the_counter(w);
	} else {
		if (w->c.status != 200 && w->c.status != 412)
			fail_msg("%s", sse_client_describe(&w->c));
		w->left -= w->c.status == 200;
		if (w->left > 0)
			ask_for_the_counter(w);
	}
	sse_client_next_reply(&w->c);
}

static void a_counter_loses_no_increment(void **state)
{
	static struct writer writers[WRITERS];
	struct e2e *f = *state;
	char last[16];
	size_t n_left;

	start(f);
	expect(f, 200, "", "PUT", "/cfg/n", NULL, "0");
	for (size_t i = 0; i < WRITERS; i++) {
		memset(&writers[i], 0, sizeof(writers[i]));
		writers[i].left = INCREMENTS;
		sse_client_connect(&writers[i].c, f->gw.address);
		ask_for_the_counter(&writers[i]);
	}
	do {
		n_left = 0;
		for (size_t i = 0; i < WRITERS; i++) {
			struct writer *w = &writers[i];

			if (w->left == 0)
				continue;
			n_left++;
			sse_client_step(&w->c, 0);
			if (w->c.state == SSE_CLIENT_DONE)
				step_writer(w);
		}
	} while (n_left > 0);
	snprintf(last, sizeof(last), "%d", WRITERS * INCREMENTS);
	get_exactly(f, "/cfg/n", VALUE, last);
	for (size_t i = 0; i < WRITERS; i++)
		sse_client_close(&writers[i].c);
}

#define KV_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		KV_TEST(a_value_has_its_revision),
		KV_TEST(another_keys_revision_is_none),
		KV_TEST(conditions_of_reads),
		KV_TEST(a_bucket_without_direct_get),
		KV_TEST(any_bytes_are_a_value),
		KV_TEST(a_mirror_is_read_and_not_written),
		KV_TEST(creates),
		KV_TEST(compares_and_sets),
		KV_TEST(a_deleted_bucket_is_missing_at_once),
		KV_TEST(limits_of_a_bucket),
		KV_TEST(time_to_live),
		KV_TEST(headers_for_messages_are_rejected),
		KV_TEST(keys_are_sorted),
		KV_TEST(entries_and_history),
		KV_TEST(lists_longer_than_a_batch),
		KV_TEST(rights_are_those_of_the_subject),
		KV_TEST(hostile_names),
		KV_TEST(a_counter_loses_no_increment),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
