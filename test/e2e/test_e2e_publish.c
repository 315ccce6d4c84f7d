/* Each error that a real JetStream reports for a message, made to happen; what
 * preconditions and keys do. The server in PATH decides which of them it
 * knows. */
#include "e2e.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_writer.h"
#include "test_clock.h"

enum { WITH_TTL = 21100 }; /* the first server that knows Nats-TTL */

static void start(struct e2e *f)
{
	e2e_gateway(f, "--allow-pub", ">", "--publish-timeout", "2s", NULL);
}

static long long n_stored(struct e2e *f)
{
	return e2e_stream_number(f, "state.messages");
}

/* ---- stored -------------------------------------------------------------- */

static void a_message_is_stored_and_comes_to_its_subscriber(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;
	char id[64];

	start(f);
	c = e2e_open(f, "alice", NULL);
	http_post(f, 201, "\"stream\":\"Events\",\"subject\":\"events.alice\"",
		  "", "NatsH-x: y\r\n", "hello");
	assert_int_equal(http_number("seq"), 1);
	e2e_expect(c, 1, "hello");
	snprintf(id, sizeof(id), "\"id\":\"%s\"", sse_client_last_id(c));
	http_expect(201, id);
	http_post(f, 201, "\"seq\":2", "", NULL, "");
	e2e_expect(c, 2, "");
	assert_int_equal(n_stored(f), 2);
}

/* ---- preconditions ------------------------------------------------------- */

static void preconditions_hold(void **state)
{
	struct e2e *f = *state;

	start(f);
	http_post(f, 201, "\"seq\":1", "", "If-None-Match: *\r\n", "a");
	http_post(f, 201, "\"seq\":2", "?subject=events.bob", NULL, "b");
	http_post(f, 201, "\"seq\":3", "", "If-Match: \"1\"\r\n", "c");
	http_post(f, 201, "\"seq\":4", "",
		  "Nats-Expected-Last-Subject-Sequence: 3\r\n", "d");
	http_post(f, 201, "\"seq\":5", "", "Nats-Expected-Last-Sequence: 4\r\n",
		  "e");
	assert_int_equal(n_stored(f), 5);
}

static void a_failed_precondition_names_the_present_sequence(void **state)
{
	static const char now[] = "\"err_code\":10071,\"current\":1}";
	struct e2e *f = *state;

	start(f);
	http_post(f, 201, "\"seq\":1", "", NULL, "a");
	http_post(f, 412, now, "", "If-Match: \"7\"\r\n", "b");
	sse_client_assert_header(
		http_write(f, "POST", "/api/v1/events",
			   "user_id: alice\r\nIf-None-Match: *\r\n", "b", 1),
		"Content-Type", "application/problem+json");
	http_expect(412, now);
	http_post(f, 409, now, "", "Nats-Expected-Last-Subject-Sequence: 0\r\n",
		  "b");
	http_post(f, 409, now, "",
		  "Nats-Expected-Last-Sequence: 18446744073709"
		  "551615\r\n",
		  "b");
	assert_int_equal(n_stored(f), 1);
}

static void a_subject_of_another_stream(void **state)
{
	struct e2e *f = *state;

	start(f);
	nats_admin_try(f->admin, "STREAM.DELETE.Other", NULL);
	nats_admin_stream(f->admin, "{\"name\": \"Other\", \"subjects\": "
				    "[\"other.*\"], \"storage\": \"memory\"}");
	http_post(f, 409, "\"err_code\":10060", "?subject=other.x", NULL, "a");
	http_post(f, 412, "\"err_code\":10060", "?subject=other.x",
		  "If-Match: \"0\"\r\n", "a");
	assert_int_equal(nats_admin_stream_number(f->admin, "Other",
						  "state.messages"),
			 0);
	nats_admin_try(f->admin, "STREAM.DELETE.Other", NULL);
}

/* ---- keys ---------------------------------------------------------------- */

static void a_repeated_key_is_a_duplicate(void **state)
{
	static const char key[] = "Idempotency-Key: \"k 1\"\r\n";
	struct e2e *f = *state;

	start(f);
	http_post(f, 201, "\"seq\":1", "", key, "a");
	http_post(f, 200, "\"seq\":1,", "", key, "another text");
	http_expect(200, "\"duplicate\":true");
	http_post(f, 422, "another message", "?subject=events.bob", key, "a");
	/* The same key of another client is another key. */
	http_write(f, "POST", "/api/v1/events",
		   "user_id: bob\r\nIdempotency-Key: k 1\r\n", "a", 1);
	http_expect(201, "\"seq\":2");
	assert_int_equal(n_stored(f), 2);
}

/* Its message is gone, so the subject cannot be compared. */
static void the_key_of_a_deleted_message(void **state)
{
	static const char key[] = "Idempotency-Key: k\r\n";
	struct e2e *f = *state;

	start(f);
	http_post(f, 201, "\"seq\":1", "", key, "a");
	free(nats_admin_api(f->admin, "STREAM.MSG.DELETE.Events",
			    "{\"seq\": 1}"));
	http_post(f, 200, "\"duplicate\":true", "", key, "a");
	assert_int_equal(n_stored(f), 0);
}

/* ---- limits of the stream ------------------------------------------------ */

static void a_full_stream_is_507(void **state)
{
	static const struct {
		const char *config;
		unsigned max; /* messages until it is full */
	} cases[] = {
		{"\"max_msgs\": 2, \"discard\": \"new\"", 2},
		{"\"max_bytes\": 400, \"discard\": \"new\"", 10},
		{"\"max_msgs_per_subject\": 2, \"discard\": \"new\", "
		 "\"discard_new_per_subject\": true",
		 2},
	};
	struct e2e *f = *state;

	start(f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned n = 0;

		e2e_make_stream(f, cases[i].config);
		gateway_proc_wait_ready(&f->gw);
		for (;; n++) {
			const struct sse_client *c =
				http_write(f, "POST", "/api/v1/events",
					   "user_id: alice\r\n", "text", 4);

			if (c->status != 201)
				break;
			assert_true(n < cases[i].max);
		}
		http_expect(507, "\"err_code\":10077");
		assert_true(n > 0);
		assert_int_equal(n_stored(f), n);
	}
}

static void a_message_over_the_limit_of_the_stream_is_413(void **state)
{
	struct e2e *f = *state;

	e2e_make_stream(f, "\"max_msg_size\": 100");
	start(f);
	http_post(f, 201, "\"seq\":1", "", NULL, "short");
	http_post(f, 413, "\"err_code\":10054", "", NULL,
		  "0123456789012345678901234567890123456789012345678901234567"
		  "89012345678901234567890123456789012345678901234567890");
	assert_int_equal(n_stored(f), 1);
}

static void a_sealed_stream_is_409(void **state)
{
	struct e2e *f = *state;

	start(f);
	http_post(f, 201, "\"seq\":1", "", NULL, "a");
	free(nats_admin_api(f->admin, "STREAM.UPDATE.Events",
			    "{\"name\": \"Events\", \"subjects\": "
			    "[\"events.*\"], \"retention\": \"limits\", "
			    "\"num_replicas\": 1, \"storage\": \"file\", "
			    "\"sealed\": true}"));
	http_post(f, 409, "\"err_code\":10109", "", NULL, "a");
	assert_int_equal(n_stored(f), 1);
}

static void headers_over_the_limit_are_431(void **state)
{
	struct e2e *f = *state;
	struct bytes headers = {0};

	e2e_gateway(f, "--allow-pub", ">", "--max-header-bytes", "128KiB",
		    NULL);
	for (int i = 0; i < 70000; i++) {
		if (i % 1000 == 0)
			bytes_add(&headers,
				  i == 0 ? "NatsH-A: " : "\r\nNatsH-A: ",
				  i == 0 ? 9 : 11);
		bytes_add_char(&headers, 'x');
	}
	bytes_add(&headers, "\r\n", 2);
	http_post(f, 431, "65535", "", headers.at, "a");
	bytes_free(&headers);
	/* As many as the stream stores. */
	for (int i = 0; i < 60000; i++) {
		if (i % 1000 == 0)
			bytes_add(&headers,
				  i == 0 ? "NatsH-A: " : "\r\nNatsH-A: ",
				  i == 0 ? 9 : 11);
		bytes_add_char(&headers, 'x');
	}
	bytes_add(&headers, "\r\n", 2);
	http_post(f, 201, "\"seq\":1", "", headers.at, "a");
	bytes_free(&headers);
}

/* ---- time to live -------------------------------------------------------- */

static void time_to_live(void **state)
{
	static const char ttl[] = "Nats-TTL: 1h\r\n";
	struct e2e *f = *state;

	start(f);
	if (f->nats.version < WITH_TTL) {
		http_post(f, 422, "no time to live", "", ttl, "a");
		assert_int_equal(n_stored(f), 0);
		return;
	}
	http_post(f, 422, "\"err_code\":10166", "", ttl, "a");
	assert_int_equal(n_stored(f), 0);
	e2e_make_stream(f, "\"allow_msg_ttl\": true");
	http_post(f, 201, "\"seq\":1", "", "Nats-TTL: 1\r\n", "a");
	http_post(f, 201, "\"seq\":2", "", ttl, "b");
	for (uint64_t end = test_deadline_ms(10000); n_stored(f) != 1;)
		if (test_now_ms() > end)
			fail_msg("the message does not expire");
	http_post(f, 400, "Nats-TTL", "", "Nats-TTL: never\r\n", "a");
}

/* ---- no stream ----------------------------------------------------------- */

static void no_stream_is_503(void **state)
{
	struct e2e *f = *state;

	start(f);
	e2e_delete_stream(f);
	http_post(f, 503, "Nothing answers on this subject", "", NULL, "a");
	http_write(f, "POST", "/api/v1/subjects/events.alice",
		   "user_id: alice\r\n", "a", 1);
	http_expect(503, "Nothing answers on this subject");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		E2E_TEST(a_message_is_stored_and_comes_to_its_subscriber),
		E2E_TEST(preconditions_hold),
		E2E_TEST(a_failed_precondition_names_the_present_sequence),
		E2E_TEST(a_subject_of_another_stream),
		E2E_TEST(a_repeated_key_is_a_duplicate),
		E2E_TEST(the_key_of_a_deleted_message),
		E2E_TEST(a_full_stream_is_507),
		E2E_TEST(a_message_over_the_limit_of_the_stream_is_413),
		E2E_TEST(a_sealed_stream_is_409),
		E2E_TEST(headers_over_the_limit_are_431),
		E2E_TEST(time_to_live),
		E2E_TEST(no_stream_is_503),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
