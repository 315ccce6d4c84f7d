/* Subscriptions of several subjects: what they receive from the buffer, how
 * they share a selection, and the subscriptions of an identity. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "hub_selection_rig.h"

static struct rig rig;

static int setup(void **state)
{
	struct hub_config cfg = rig_config();

	rig_start(&rig, &cfg);
	rig_live(&rig, 1, 10);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	rig_finish(*state);
	return 0;
}

static struct rig_client *follow(struct rig *r, const char *id,
				 const char *patterns)
{
	struct rig_client *c =
		open_selection(r, id, patterns,
			       (struct hub_open){.start = START_NEW});

	bytes_clear(&c->got);
	return c;
}

static size_t count(const struct rig *r, const char *id)
{
	return hub_subscriptions_of(r->hub, span_of(id));
}

/* ---- events -------------------------------------------------------------- */

static void events_of_all_patterns_come_in_order_and_once(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = follow(r, "a", "ev.a ev.* ev.b");

	rig_publish(r, "ev.b", 11, "x");
	rig_publish(r, "ev.a", 12, "y");
	rig_publish(r, "ev.c", 13, "z");
	rig_flush(r);
	assert_int_equal(c->writes, 2); /* the opening, and these */
	assert_got(c, "data: x\nid: 11-@\n\ndata: y\nid: 12-@\n\n"
		      "data: z\nid: 13-@\n\n");
}

static void other_subjects_do_not_come(void **state)
{
	struct rig *r = *state;
	struct rig_client *two = follow(r, "a", "ev.a ev.b");
	struct rig_client *denied = follow(r, "a", "ev.* ! ev.a");

	rig_publish(r, "ev.c", 11, "x");
	rig_flush(r);
	assert_got(two, "");
	assert_got(denied, "data: x\nid: 11-@\n\n");
	rig_publish(r, "ev.a", 12, "y");
	rig_publish(r, "ev.b", 13, "z");
	rig_flush(r);
	assert_got(two, "data: y\nid: 12-@\n\ndata: z\nid: 13-@\n\n");
	assert_got(denied, "data: z\nid: 13-@\n\n");
}

static void resume_reads_the_selection_from_the_buffer(void **state)
{
	struct rig *r = *state;
	struct hub_open how = {.start = START_RESUME, .seq = 11, .text = "11"};
	struct rig_client *c;

	rig_publish(r, "ev.a", 11, "x");
	rig_publish(r, "ev.b", 12, "y");
	rig_publish(r, "ev.c", 13, "z");
	rig_flush(r);
	c = open_selection(r, "a", "ev.a ev.c", how);
	rig_flush(r);
	assert_got(c, "retry: 3000\nevent: system\n"
		      "data: {\"system\": \"open\"}\nid: 11\n\n"
		      "data: z\nid: 13-@\n\n");
	c = open_selection(r, "a", "ev.*", how);
	rig_flush(r);
	assert_got(c, "retry: 3000\nevent: system\n"
		      "data: {\"system\": \"open\"}\nid: 11\n\n"
		      "data: y\nid: 12-@\n\ndata: z\nid: 13-@\n\n");
	expect_no_request(&r->src);
}

/* The subject in a line is the message's. */
static void lines_of_json_name_the_subject(void **state)
{
	struct rig *r = *state;
	struct rig_client *all =
		open_selection(r, "a", "ev.*",
			       (struct hub_open){.ndjson = true});
	struct rig_client *two =
		open_selection(r, "a", "ev.a ev.c",
			       (struct hub_open){.ndjson = true});

	rig_publish(r, "ev.a", 11, "x");
	rig_publish(r, "ev.b", 12, "y");
	rig_publish(r, "ev.c", 13, "z");
	rig_flush(r);
	assert_non_null(strstr(bytes_text(&all->got), "\"subject\":\"ev.b\""));
	assert_non_null(strstr(bytes_text(&all->got), "\"subject\":\"ev.c\""));
	/* not the lines that were made for the other one, from ev.a on */
	assert_null(strstr(bytes_text(&two->got), "\"subject\":\"ev.b\""));
	assert_non_null(strstr(bytes_text(&two->got), "\"subject\":\"ev.c\""));
}

static void blocked_subscription_goes_on_where_it_was(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = follow(r, "a", "ev.a ev.b");

	c->room = 4;
	for (uint64_t seq = 11; seq <= 13; seq++)
		rig_publish(r, seq == 12 ? "ev.c" : "ev.b", seq, "x");
	rig_flush(r);
	assert_got(c, "data");
	rig_drain(r, c, SIZE_MAX);
	assert_got(c, ": x\nid: 11-@\n\ndata: x\nid: 13-@\n\n");
}

/* A cursor far behind does not hold up the loop: it goes on at the next flush.
 */
static void far_position_is_reached_in_steps(void **state)
{
	enum { FRAMES = SELECTION_SCAN_MAX * 3 / 2 };
	struct rig *r = *state;
	struct hub_open how = {.start = START_RESUME, .seq = 10, .text = "10"};
	struct rig_client *c;

	rig_publish(r, "ev.a", 11, "x");
	for (uint64_t seq = 12; seq < FRAMES; seq++)
		rig_publish(r, "ev.b", seq, "");
	if (event_buffer_floor(hub_buffer(r->hub)) > 10)
		fail_msg("the buffer is too small for this test");
	rig_flush(r);
	c = open_selection(r, "a", "*.a", how);
	assert_null(strstr(bytes_text(&c->got), "data: x"));
	bytes_clear(&c->got);
	rig_flush(r);
	assert_got(c, "data: x\nid: 11-@\n\n");
	assert_int_equal(cursor_covered(&c->cursor, hub_buffer(r->hub)),
			 FRAMES - 1);
}

static void limit_counts_messages_of_all_subjects(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = open_selection(r, "a", "ev.a ev.b",
					      (struct hub_open){.limit = 2});

	bytes_clear(&c->got);
	rig_publish(r, "ev.a", 11, "x");
	rig_publish(r, "ev.c", 12, "y");
	rig_publish(r, "ev.b", 13, "z");
	rig_publish(r, "ev.b", 14, "z");
	rig_flush(r);
	assert_got(c, "data: x\nid: 11-@\n\ndata: z\nid: 13-@\n\n");
	assert_true(c->done);
}

/* ---- identities ---------------------------------------------------------- */

static void own_subject_alone_costs_no_selection(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = follow(r, "a", "ev.a");

	assert_false(c->cursor.wide);
	assert_true(follow(r, "b", "ev.a")->cursor.wide);
	assert_true(follow(r, "a", "ev.a ! ev.a")->cursor.wide);
	assert_int_equal(count(r, "a"), 2);
}

static void subscriptions_of_an_identity_are_counted_and_found(void **state)
{
	struct rig *r = *state;
	struct rig_client *own = follow(r, "a", "ev.a");
	struct rig_client *wide = follow(r, "a", "ev.*");
	struct rig_client *other = follow(r, "b", "ev.*");
	struct rig_client *foreign = follow(r, "b", "ev.a");
	struct cursor *found[4];

	assert_int_equal(count(r, "a"), 2);
	assert_int_equal(count(r, "b"), 2);
	assert_int_equal(count(r, "c"), 0);
	assert_int_equal(hub_find_subscriptions(r->hub, span_of("a"), found, 4),
			 2);
	assert_ptr_equal(found[0], &own->cursor);
	assert_ptr_equal(found[1], &wide->cursor);
	assert_int_equal(hub_find_subscriptions(r->hub, span_of("b"), found, 1),
			 2);
	assert_ptr_equal(found[0], &other->cursor);
	assert_memory_equal(hub_identity(r->hub, &foreign->cursor).at, "b", 1);
	assert_memory_equal(hub_identity(r->hub, &own->cursor).at, "a", 1);
	rig_close(r, wide);
	rig_close(r, wide);
	assert_int_equal(count(r, "a"), 1);
	assert_true(wide->cursor.more == NULL && !wide->cursor.wide);
}

static void selection_is_shared(void **state)
{
	struct rig *r = *state;
	struct rig_client *a = follow(r, "a", "ev.b ev.c");
	struct rig_client *b = follow(r, "b", "ev.c ev.b ev.b");

	assert_ptr_equal(a->cursor.more->selection, b->cursor.more->selection);
	rig_close(r, a);
	rig_publish(r, "ev.c", 11, "x");
	rig_flush(r);
	assert_got(b, "data: x\nid: 11-@\n\n");
}

/* ---- without identities -------------------------------------------------- */

static int setup_without_identities(void **state)
{
	struct hub_config cfg = rig_config();

	cfg.no_own_subject = true;
	rig_start(&rig, &cfg);
	rig_live(&rig, 1, 10);
	*state = &rig;
	return 0;
}

static void literal_subject_without_identity_costs_no_selection(void **state)
{
	struct rig *r = *state;
	struct rig_client *one = follow(r, "", "ev.a");
	struct rig_client *two = follow(r, "", "ev.a ev.b");

	assert_false(one->cursor.wide);
	assert_true(two->cursor.wide);
	assert_int_equal(hub_identity(r->hub, &one->cursor).len, 0);
	assert_int_equal(hub_identity(r->hub, &two->cursor).len, 0);
	rig_publish(r, "ev.a", 11, "x");
	rig_flush(r);
	assert_got(one, "data: x\nid: 11-@\n\n");
	assert_got(two, "data: x\nid: 11-@\n\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(events_of_all_patterns_come_in_order_and_once),
		TEST(other_subjects_do_not_come),
		TEST(resume_reads_the_selection_from_the_buffer),
		TEST(lines_of_json_name_the_subject),
		TEST(blocked_subscription_goes_on_where_it_was),
		TEST(far_position_is_reached_in_steps),
		TEST(limit_counts_messages_of_all_subjects),
		TEST(own_subject_alone_costs_no_selection),
		TEST(subscriptions_of_an_identity_are_counted_and_found),
		TEST(selection_is_shared),
		cmocka_unit_test_setup_teardown(
			literal_subject_without_identity_costs_no_selection,
			setup_without_identities, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
