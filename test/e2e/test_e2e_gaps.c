/* Gaps that need processes or real time: limits of a real stream, cursors
 * beyond its end, streams that are recreated, a gateway that is suspended, a
 * server that lost its store. All other gaps are in test/wire/gaps.wire, which
 * e2e_wire_gaps plays with a real server. */
#include "e2e.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* The first event that is no ping is this gap; its id is first - 1. */
static void expect_gap(struct sse_client *c, const char *reason, uint64_t after,
		       uint64_t first)
{
	const struct sse_event *gap = sse_client_wait_event(c, "gap", 1);
	char want[160];

	snprintf(want, sizeof(want),
		 "{\"system\": \"gap\", \"reason\": \"%s\", \"after\": %" PRIu64
		 ", \"first\": %" PRIu64 "}",
		 reason, after, first);
	assert_string_equal(gap->data, want);
	assert_int_equal(sse_id_seq(gap->id), first - 1);
}

/* The tag of the stream as it is now; "NNN-TAG". Static. */
static const char *present_id(struct e2e *f, uint64_t seq)
{
	struct sse_client *c = e2e_open(f, "nobody", NULL);

	return e2e_id(seq, sse_client_last_id(c));
}

/* ---- a resume ------------------------------------------------------------ */

static void expired_by_limits(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;
	const char *cursor;

	e2e_make_stream(f, "\"max_msgs\": 5");
	e2e_publish_many(f, "alice", "m", 12);
	e2e_gateway(f, NULL);
	cursor = present_id(f, 3);
	c = e2e_resume(f, "alice", cursor);
	/* The client's own cursor first. */
	assert_non_null(strstr(bytes_text(&c->body), cursor));
	expect_gap(c, "expired", 3, 8);
	assert_ptr_equal(sse_client_event(c, NULL, 0),
			 sse_client_event(c, "gap", 0));
	e2e_expect(c, 1, "m-7");
	e2e_expect_marker(f, c, "alice", 6);
	assert_null(sse_client_event(c, "gap", 1));
}

static void beyond_the_end(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	e2e_publish_many(f, "alice", "m", 3);
	e2e_gateway(f, NULL);
	c = e2e_resume(f, "alice", "999999");
	expect_gap(c, "reset", 999999, 1);
	e2e_expect_many(c, 0, "m", 3);
	c = e2e_resume(f, "alice", "18446744073709551615");
	expect_gap(c, "reset", UINT64_MAX, 1);
	e2e_expect_many(c, 0, "m", 3);
}

/* ---- open streams -------------------------------------------------------- */

static void made_anew_under_open_streams(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c, *later;
	char old[64];

	e2e_publish_many(f, "alice", "old", 5);
	e2e_gateway(f, NULL);
	c = e2e_open(f, "alice", NULL);
	snprintf(old, sizeof(old), "%s", sse_client_last_id(c));
	e2e_make_stream(f, NULL);
	e2e_publish_many(f, "alice", "new", 3);
	expect_gap(c, "reset", 5, 1);
	e2e_expect_many(c, 0, "new", 3);
	assert_string_not_equal(strchr(sse_client_last_id(c), '-'),
				strchr(old, '-'));
	later = e2e_resume(f, "alice", old);
	expect_gap(later, "reset", 5, 1);
	e2e_expect_many(later, 0, "new", 3);
	e2e_expect_marker(f, c, "alice", 4);
	e2e_expect(later, 4, "marker");
}

/* Published and purged while the gateway stands still and its NATS session is
 * gone: every open subscription gets a gap. */
static void purged_past_an_open_stream(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	e2e_publish_many(f, "alice", "old", 5);
	e2e_gateway(f, NULL);
	c = e2e_open(f, "alice", NULL);
	gateway_proc_signal(&f->gw, SIGSTOP);
	nats_server_kill(&f->nats, SIGTERM);
	nats_server_again(&f->nats);
	e2e_publish_many(f, "alice", "lost", 20);
	e2e_publish_many(f, "alice", "kept", 2);
	e2e_purge(f, "{\"seq\": 26}");
	gateway_proc_signal(&f->gw, SIGCONT);
	expect_gap(c, "expired", 5, 26);
	e2e_expect_many(c, 0, "kept", 2);
	e2e_expect_marker(f, c, "alice", 3);
	assert_null(sse_client_event(c, "gap", 1));
}

/* The store is lost with its server: the stream made next is another. */
static void the_server_comes_back_empty(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	e2e_publish_many(f, "alice", "old", 5);
	e2e_gateway(f, NULL);
	c = e2e_open(f, "alice", NULL);
	nats_server_kill(&f->nats, SIGKILL);
	nats_server_empty_store(&f->nats);
	nats_server_again(&f->nats);
	f->has_stream = false;
	e2e_make_stream(f, NULL);
	e2e_publish_many(f, "alice", "new", 2);
	expect_gap(c, "reset", 5, 1);
	e2e_expect_many(c, 0, "new", 2);
	e2e_expect_marker(f, c, "alice", 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		E2E_TEST(expired_by_limits),
		E2E_TEST(beyond_the_end),
		E2E_TEST(made_anew_under_open_streams),
		E2E_TEST(purged_past_an_open_stream),
		E2E_TEST(the_server_comes_back_empty),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
