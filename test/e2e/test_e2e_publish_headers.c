/* Headers that control what a server does with a message, on the server in
 * PATH: the client sets those of the contract and no others, in no form, and no
 * header of a client switches a precondition or a key off. nats-server before
 * 2.11.15 looks at the first place where the name of a control header stands.
 */
#include "e2e.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_writer.h"

/* In the spelling of the server, which is case-sensitive. */
static const char *const names[] = {
	"Nats-Msg-Id",
	"Nats-Expected-Stream",
	"Nats-Expected-Last-Sequence",
	"Nats-Expected-Last-Subject-Sequence",
	"Nats-Expected-Last-Subject-Sequence-Subject",
	"Nats-Expected-Last-Msg-Id",
	"Nats-Rollup",
	"Nats-TTL",
	"Nats-Batch-Id",
	"Nats-Batch-Sequence",
	"Nats-Batch-Commit",
	"Nats-Fast-Batch-Id",
	"Nats-Schedule",
	"Nats-Schedule-Target",
	"Nats-Schedule-TTL",
	"Nats-Schedule-Source",
	"Nats-Schedule-Next",
	"Nats-Scheduler",
	"Nats-Incr",
	"Nats-Counter-Sources",
	"Nats-Trace-Dest",
	"Nats-Trace-Only",
	"Nats-Trace-Hop",
	"Nats-Marker-Reason",
	"Nats-Required-Api-Level",
	"Nats-Stream-Source",
	"Nats-Request-Info",
	"KV-Operation",
};

enum { NAMES = sizeof(names) / sizeof(names[0]), TEXT_MAX = 256 };

static void start(struct e2e *f)
{
	e2e_make_stream(f, "\"allow_rollup_hdrs\": true");
	e2e_gateway(f, "--allow-pub", "events.*", "--allow-pub", "other.*",
		    NULL);
}

static long long n_stored(struct e2e *f)
{
	return e2e_stream_number(f, "state.messages");
}

/* @: the name; each is behind an identity. */
static void fill_in(char *out, const char *form, const char *name)
{
	size_t n = 0;

	for (; *form != '\0'; form++) {
		if (*form == '@')
			n += (size_t)snprintf(out + n, TEXT_MAX - n, "%s",
					      name);
		else
			out[n++] = *form;
		assert_true(n < TEXT_MAX - 1);
	}
	out[n] = '\0';
}

static void lower(char *text)
{
	for (; *text != '\0'; text++)
		*text = (char)tolower(*text);
}

/* ---- rejected ------------------------------------------------------------ */

/* Is it one of those that the contract allows, in its own form? */
static bool is_allowed(const char *name)
{
	return strcmp(name, "Nats-Expected-Last-Sequence") == 0 ||
	       strcmp(name, "Nats-Expected-Last-Subject-Sequence") == 0 ||
	       strcmp(name, "Nats-TTL") == 0;
}

/* "Nats-TTL" in a longer name becomes "X-Nats-Ttl", which no server takes for
 * it. */
static bool is_harmless(const char *form, const char *name)
{
	return (strcmp(form, "NatsH-X-@: 1\r\n") == 0 ||
		strcmp(form, "NatsH-NatsH-@: 1\r\n") == 0) &&
	       (strstr(name, "TTL") != NULL || name[0] == 'K');
}

/* Before the precondition and behind it. */
static void expect_rejected(struct e2e *f, const char *line)
{
	static const char real[] = "If-Match: \"0\"\r\n";
	char headers[2 * TEXT_MAX];

	snprintf(headers, sizeof(headers), "%s%s", line, real);
	http_post(f, 400, "header ", "", headers, "x");
	snprintf(headers, sizeof(headers), "%s%s", real, line);
	http_post(f, 400, "header ", "", headers, "x");
	http_post(f, 400, "header ", "", line, "x");
}

static void no_form_of_a_control_header_is_taken(void **state)
{
	static const char *const forms[] = {
		"NatsH-@: 1\r\n",      "NatsH-X-@: 1\r\n",
		"NatsH-@-X: 1\r\n",    "NatsH-NatsH-@: 1\r\n",
		"NatsH-X: @\r\n",      "NatsH-X: @: 1\r\n",
		"NatsH-X: a, @:1\r\n", "NatsH-X: \t@\r\n",
		"NatsH-X: x@x\r\n",    "NatsH-X: y\r\nNatsH-X: @: 1\r\n",
	};
	struct e2e *f = *state;

	start(f);
	for (size_t i = 0; i < NAMES; i++) {
		char line[TEXT_MAX];

		for (size_t j = 0; j < sizeof(forms) / sizeof(forms[0]); j++) {
			if (is_harmless(forms[j], names[i]))
				continue;
			fill_in(line, forms[j], names[i]);
			expect_rejected(f, line);
		}
		fill_in(line, "NatsH-@: 1\r\n", names[i]);
		lower(line);
		expect_rejected(f, line);
		fill_in(line, "@-X: 1\r\n", names[i]);
		expect_rejected(f, line);
		if (is_allowed(names[i]))
			continue;
		fill_in(line, "@: 1\r\n", names[i]);
		expect_rejected(f, line);
		lower(line);
		expect_rejected(f, line);
	}
	assert_int_equal(n_stored(f), 0);
	assert_int_equal(e2e_stream_number(f, "state.last_seq"), 0);
}

/* The composed Nats-Msg-Id is <identity>.<key>. */
static void keys_and_identities_name_no_control_header(void **state)
{
	struct e2e *f = *state;

	start(f);
	for (size_t i = 0; i < NAMES; i++) {
		char line[TEXT_MAX], target[TEXT_MAX];

		fill_in(line, "Idempotency-Key: @\r\n", names[i]);
		http_post(f, 400, "", "", line, "x");
		fill_in(line, "Idempotency-Key: \"a @: 1\"\r\n", names[i]);
		http_post(f, 400, "", "", line, "x");
		fill_in(line, "user_id: @\r\nIdempotency-Key: k\r\n", names[i]);
		fill_in(target, "/api/v1/events?subject=events.@", names[i]);
		http_write(f, "POST", target, line, "x", 1);
		http_expect(400, "");
	}
	assert_int_equal(n_stored(f), 0);
}

static void lines_of_batches_neither(void **state)
{
	static const char *const forms[] = {
		"{\"headers\":{\"@\":[\"1\"]},\"data\":\"x\"}\n",
		"{\"headers\":{\"X-@\":[\"1\"]},\"data\":\"x\"}\n",
		"{\"headers\":{\"@-X\":[\"1\"]},\"data\":\"x\"}\n",
		"{\"headers\":{\"X\":[\"@\"]},\"data\":\"x\",\"expect\":0}\n",
		"{\"headers\":{\"X\":[\"a\",\"b @: 1\"]},\"data\":\"x\"}\n",
		"{\"headers\":{\"X\":[\"@\"]},\"data\":\"x\",\"key\":\"k\"}\n",
		"{\"key\":\"a@\",\"data\":\"x\"}\n",
	};
	struct e2e *f = *state;

	start(f);
	for (size_t i = 0; i < NAMES; i++) {
		for (size_t j = 0; j < sizeof(forms) / sizeof(forms[0]); j++) {
			char line[TEXT_MAX];

			fill_in(line, forms[j], names[i]);
			http_write(f, "POST", "/api/v1/events",
				   "user_id: alice\r\n"
				   "Content-Type: application/x-ndjson\r\n",
				   line, strlen(line));
			http_expect(207, "{\"status\":400,");
		}
	}
	assert_int_equal(n_stored(f), 0);
}

/* ---- accepted ------------------------------------------------------------ */

/* What is like a control header, and what stands around it in the block. */
static const char *const decoys[] = {
	"",
	"NatsH-X: nats-expected-last-subject-sequence: 1\r\n"
	"NatsH-Y: NATS-MSG-ID: 1\r\n",
	"NatsH-X: Expected-Last-Subject-Sequence\r\n"
	"NatsH-Y: ats-Msg-Id\r\nNatsH-Z: Nats-Expecte\r\n",
	"NatsH-Expected-Last-Subject-Sequence: 1\r\nNatsH-Msg-Id: 1\r\n",
	"NatsH-X-Nats: Nats-\r\nNatsH-Nats: Nats\r\n",
	"NatsH-X:\r\nNatsH-Y: \r\n",
	"NatsH-A: 1\r\nNatsH-B: 1\r\nNatsH-C: 1\r\nNatsH-D: 1\r\n"
	"NatsH-E: 1\r\nNatsH-F: 1\r\nNatsH-G: 1\r\nNatsH-H: 1\r\n"
	"NatsH-I: 1\r\nNatsH-J: 1\r\nNatsH-K: 1\r\nNatsH-L: 1\r\n",
	"NatsH-X: \xc3\xa4 \xff\r\n",
	"NatsH-X-Nats-TTL: 1h\r\nNatsH-X-KV-Operation: DEL\r\n",
	"NatsH-Status: 503\r\nNatsH-Description: no\r\n",
};

static void post_with(struct e2e *f, int status, const char *part,
		      const char *query, const char *decoy, const char *real)
{
	char headers[1024];

	snprintf(headers, sizeof(headers), "%s%s", decoy, real);
	http_post(f, status, part, query, headers, "x");
	snprintf(headers, sizeof(headers), "%s%s", real, decoy);
	http_post(f, status, part, query, headers, "x");
}

static void what_is_accepted_keeps_its_precondition(void **state)
{
	struct e2e *f = *state;

	start(f);
	nats_admin_try(f->admin, "STREAM.DELETE.Other", NULL);
	nats_admin_stream(f->admin, "{\"name\": \"Other\", \"subjects\": "
				    "[\"other.*\"], \"storage\": \"memory\"}");
	http_post(f, 201, "\"seq\":1,", "", NULL, "x");
	http_post(f, 201, "\"seq\":2,", "", "Idempotency-Key: k\r\n", "x");
	for (size_t i = 0; i < sizeof(decoys) / sizeof(decoys[0]); i++) {
		const char *d = decoys[i];

		post_with(f, 412, "10071", "", d, "If-Match: \"1\"\r\n");
		post_with(f, 412, "10071", "", d, "If-None-Match: *\r\n");
		post_with(f, 409, "10071", "", d,
			  "Nats-Expected-Last-Subject-Sequence: 1\r\n");
		post_with(f, 409, "10071", "", d,
			  "nats-expected-last-sequence: 1\r\n");
		post_with(f, 200, "\"seq\":2,", "", d,
			  "Idempotency-Key: k\r\n");
		post_with(f, 409, "10060", "?subject=other.x", d, "");
	}
	assert_int_equal(n_stored(f), 2);
	assert_int_equal(nats_admin_stream_number(f->admin, "Other",
						  "state.messages"),
			 0);
	nats_admin_try(f->admin, "STREAM.DELETE.Other", NULL);
}

/* Preconditions that no server would look at. */
static void preconditions_that_are_none(void **state)
{
	static const char *const lines[] = {
		"Nats-Expected-Last-Sequence:\r\n",
		"Nats-Expected-Last-Sequence: abc\r\n",
		"Nats-Expected-Last-Sequence: -1\r\n",
		"Nats-Expected-Last-Sequence: +1\r\n",
		"Nats-Expected-Last-Sequence: 1 2\r\n",
		"Nats-Expected-Last-Sequence: 18446744073709551616\r\n",
		"Nats-Expected-Last-Subject-Sequence: \r\n",
		"Nats-Expected-Last-Subject-Sequence: \"0\"\r\n",
		"Nats-Expected-Last-Subject-Sequence: 0, 0\r\n",
		"Nats-Expected-Last-Subject-Sequence: 0\r\n"
		"Nats-Expected-Last-Subject-Sequence: 0\r\n",
		"Nats-Expected-Last-Subject-Sequence: 0\r\nIf-Match: \"0\"\r\n",
		"If-Match: 0\r\n",
		"If-Match: *\r\n",
		"If-Match: W/\"0\"\r\n",
		"If-Match: \"0\", \"1\"\r\n",
		"If-Match: \"\"\r\n",
		"If-Match:\r\n",
		"If-Match: \"0\"\r\nIf-None-Match: *\r\n",
		"If-None-Match: \"0\"\r\n",
		"If-None-Match:\r\n",
		"If-None-Match: *\r\nIf-None-Match: *\r\n",
		"If-None-Match: *\r\nIdempotency-Key: k\r\n",
		"Idempotency-Key: k\r\nIdempotency-Key: k\r\n",
		"Idempotency-Key:\r\n",
		"Idempotency-Key: \"\"\r\n",
		"Idempotency-Key: a\tb\r\n",
		"Idempotency-Key: \xc3\xa4\r\n",
		"Nats-TTL: never\r\n",
		"Nats-TTL: 0\r\n",
		"Nats-TTL: -1\r\n",
		"Nats-TTL: 500ms\r\n",
		"Nats-TTL:\r\n",
		"Nats-TTL: 1h\r\nNats-TTL: 1h\r\n",
	};
	struct e2e *f = *state;

	start(f);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		http_post(f, 400, "", "", lines[i], "x");
	assert_int_equal(n_stored(f), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		E2E_TEST(no_form_of_a_control_header_is_taken),
		E2E_TEST(keys_and_identities_name_no_control_header),
		E2E_TEST(lines_of_batches_neither),
		E2E_TEST(what_is_accepted_keeps_its_precondition),
		E2E_TEST(preconditions_that_are_none),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
