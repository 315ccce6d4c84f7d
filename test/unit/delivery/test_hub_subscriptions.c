/* The hub's lists of subscriptions: a dirty one may wait for something else as
 * well, a blocked or failed one is in no list, and the counters add up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "delivery/hub_subscriptions.h"

struct fixture {
	struct event_buffer *buffer;
	struct hub_subscriptions all;
	struct cursor cursor;
};

static int setup(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	assert_int_equal(event_buffer_new(&f.buffer, 4096), 0);
	event_buffer_reset(f.buffer, 10);
	hub_subscriptions_init(&f.all, f.buffer, NULL);
	hub_subscriptions_add(&f.all, &f.cursor);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	event_buffer_free(f->buffer);
	return 0;
}

static void assert_sound(const struct fixture *f)
{
	assert_null(hub_subscriptions_check(&f->all));
}

static void dirty_one_keeps_its_place_in_the_line(void **state)
{
	struct fixture *f = *state;

	hub_subscriptions_start_at(&f->all, &f->cursor, 5);
	hub_subscriptions_settle(&f->all, &f->cursor);
	hub_subscriptions_mark_dirty(&f->all, &f->cursor);
	hub_subscriptions_mark_dirty(&f->all, &f->cursor);
	assert_ptr_equal(f->all.dirty.next, &f->cursor.dirty);
	assert_ptr_equal(f->all.evicted.next, &f->cursor.queue);
	assert_int_equal(f->all.n_evicted, 1);
	assert_sound(f);
}

static void blocked_one_is_in_no_list(void **state)
{
	struct fixture *f = *state;

	hub_subscriptions_start_at(&f->all, &f->cursor, 5);
	hub_subscriptions_settle(&f->all, &f->cursor);
	hub_subscriptions_mark_dirty(&f->all, &f->cursor);
	hub_subscriptions_set_blocked(&f->all, &f->cursor, true);
	assert_int_equal(f->all.n_slow, 1);
	hub_subscriptions_mark_dirty(&f->all, &f->cursor);
	hub_subscriptions_wait_for_replay(&f->all, &f->cursor);
	assert_true(list_empty(&f->all.dirty));
	assert_true(list_empty(&f->all.evicted));
	assert_int_equal(f->all.n_evicted, 0);
	assert_sound(f);
}

static void failed_one_is_in_no_list(void **state)
{
	struct fixture *f = *state;

	hub_subscriptions_wait_for_info(&f->all, &f->cursor);
	hub_subscriptions_mark_dirty(&f->all, &f->cursor);
	hub_subscriptions_set_failed(&f->all, &f->cursor);
	hub_subscriptions_mark_dirty(&f->all, &f->cursor);
	assert_true(list_empty(&f->all.dirty));
	assert_true(list_empty(&f->all.waiting));
	assert_sound(f);
}

static void removed_one_leaves_nothing(void **state)
{
	struct fixture *f = *state;

	hub_subscriptions_start_at(&f->all, &f->cursor, 10);
	hub_subscriptions_settle(&f->all, &f->cursor);
	assert_int_equal(f->all.in_state[CURSOR_LIVE], 1);
	list_push_back(&f->all.pings, &f->cursor.ping);
	hub_subscriptions_remove(&f->all, &f->cursor);
	assert_true(list_empty(&f->all.dirty) && list_empty(&f->all.pings));
	assert_int_equal(f->all.n, 0);
	assert_int_equal(f->all.in_state[CURSOR_LIVE], 0);
	assert_sound(f);
}

static void check_sees_what_does_not_add_up(void **state)
{
	struct fixture *f = *state;

	assert_sound(f);
	f->all.n++;
	assert_non_null(hub_subscriptions_check(&f->all));
	f->all.n--;
	hub_subscriptions_wait_for_replay(&f->all, &f->cursor);
	f->cursor.listed = LISTED_WAITING;
	assert_non_null(hub_subscriptions_check(&f->all));
	f->cursor.listed = LISTED_EVICTED;
	f->all.n_evicted++;
	assert_non_null(hub_subscriptions_check(&f->all));
	f->all.n_evicted--;
	assert_sound(f);
	hub_subscriptions_mark_dirty(&f->all, &f->cursor);
	f->cursor.blocked = true;
	assert_non_null(hub_subscriptions_check(&f->all));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(dirty_one_keeps_its_place_in_the_line),
		TEST(blocked_one_is_in_no_list),
		TEST(failed_one_is_in_no_list),
		TEST(removed_one_leaves_nothing),
		TEST(check_sees_what_does_not_add_up),
	};
#undef TEST

	return cmocka_run_group_tests_name("hub_subscriptions", tests, NULL,
					   NULL);
}
