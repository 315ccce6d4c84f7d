/* What the poller promises whatever the kernel has found: no watcher is called
 * after poller_remove(), and a turn has an end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <uv.h>

#include "loop/poller.h"

enum { SEATS = 400 };

struct rig;

struct seat {
	struct rig *rig;
	int fds[2]; /* [0] is watched */
	int calls;
	unsigned last;
	bool watched;
	void (*on_call)(struct seat *seat);
};

struct rig {
	uv_loop_t loop;
	struct poller *poller;
	struct seat seats[SEATS];
	int closed;
};

static void on_events(void *watcher, unsigned events)
{
	struct seat *seat = watcher;

	seat->calls++;
	seat->last = events;
	if (seat->on_call != NULL)
		seat->on_call(seat);
}

static void on_closed(void *arg)
{
	((struct rig *)arg)->closed++;
}

static void open_seat(struct rig *rig, int i)
{
	struct seat *seat = &rig->seats[i];

	seat->rig = rig;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
				    seat->fds),
			 0);
	assert_int_equal(poller_add(rig->poller, seat->fds[0], seat), 0);
	seat->watched = true;
}

static void leave(struct seat *seat)
{
	if (!seat->watched)
		return;
	seat->watched = false;
	poller_remove(seat->rig->poller, seat->fds[0]);
	close(seat->fds[0]);
	close(seat->fds[1]);
}

static void turn(struct rig *rig)
{
	uv_run(&rig->loop, UV_RUN_NOWAIT);
}

static int calls(const struct rig *rig)
{
	int n = 0;

	for (int i = 0; i < SEATS; i++)
		n += rig->seats[i].calls;
	return n;
}

static int set_up(void **state)
{
	static struct rig rig;
	const struct poller_cbs cbs = {on_events, on_closed, &rig};

	memset(&rig, 0, sizeof(rig));
	assert_int_equal(uv_loop_init(&rig.loop), 0);
	assert_int_equal(poller_new(&rig.poller, &rig.loop, &cbs), 0);
	*state = &rig;
	return 0;
}

static int tear_down(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < SEATS; i++)
		leave(&rig->seats[i]);
	if (rig->poller != NULL)
		poller_close(rig->poller);
	uv_run(&rig->loop, UV_RUN_DEFAULT);
	assert_int_equal(rig->closed, 1);
	assert_int_equal(uv_loop_close(&rig->loop), 0);
	return 0;
}

static void what_is_asked_for_is_told(void **state)
{
	struct rig *rig = *state;
	struct seat *seat = &rig->seats[0];

	open_seat(rig, 0);
	turn(rig);
	assert_int_equal(seat->calls, 0);
	assert_int_equal(write(seat->fds[1], "x", 1), 1);
	turn(rig);
	assert_int_equal(seat->calls, 1);
	assert_int_equal(seat->last, POLLER_IN);
	poller_change(rig->poller, seat->fds[0], POLLER_OUT);
	turn(rig);
	assert_int_equal(seat->last, POLLER_OUT);
	poller_change(rig->poller, seat->fds[0], 0);
	turn(rig);
	assert_int_equal(seat->calls, 2);
	/* What is not watched costs its owner an error, and no other watcher.
	 */
	assert_int_equal(poller_change(rig->poller, seat->fds[1], POLLER_IN),
			 -ENOENT);
	assert_int_equal(poller_add(rig->poller, seat->fds[0], seat), -EEXIST);
}

/* Nothing was asked for, and yet the end of both sides is reported: the watcher
 * has to do something about it, or is called in each iteration. */
static void an_end_is_told_unasked(void **state)
{
	struct rig *rig = *state;
	struct seat *seat = &rig->seats[0];

	open_seat(rig, 0);
	poller_change(rig->poller, seat->fds[0], 0);
	shutdown(seat->fds[1], SHUT_RDWR);
	turn(rig);
	assert_int_equal(seat->calls, 1);
	assert_int_equal(seat->last, POLLER_IN | POLLER_OUT);
}

static void drop_the_others(struct seat *seat)
{
	for (int i = 0; i < 3; i++)
		if (&seat->rig->seats[i] != seat)
			leave(&seat->rig->seats[i]);
}

static void who_was_removed_meanwhile_is_not_called(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < 3; i++) {
		open_seat(rig, i);
		rig->seats[i].on_call = drop_the_others;
		assert_int_equal(write(rig->seats[i].fds[1], "x", 1), 1);
	}
	turn(rig);
	assert_int_equal(calls(rig), 1);
}

/* As a child process does between fork() and exec(). */
static void a_socket_held_open_elsewhere_is_nobodys(void **state)
{
	struct rig *rig = *state;
	struct seat *seat = &rig->seats[0];
	int held, peer;

	open_seat(rig, 0);
	held = dup(seat->fds[0]);
	peer = dup(seat->fds[1]);
	assert_int_equal(write(peer, "x", 1), 1);
	leave(seat);
	turn(rig);
	assert_int_equal(seat->calls, 0);
	close(held);
	close(peer);
}

static void a_turn_is_bounded_and_all_have_theirs(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < SEATS; i++) {
		open_seat(rig, i);
		assert_int_equal(write(rig->seats[i].fds[1], "x", 1), 1);
	}
	turn(rig);
	assert_in_range(calls(rig), 1, SEATS - 1);
	turn(rig);
	for (int i = 0; i < SEATS; i++)
		assert_in_range(rig->seats[i].calls, 1, 2);
}

static void close_all(struct seat *seat)
{
	struct rig *rig = seat->rig;

	for (int i = 0; i < SEATS; i++)
		leave(&rig->seats[i]);
	poller_close(rig->poller);
	rig->poller = NULL;
}

static void it_may_be_closed_by_who_is_called(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < 3; i++) {
		open_seat(rig, i);
		rig->seats[i].on_call = close_all;
		assert_int_equal(write(rig->seats[i].fds[1], "x", 1), 1);
	}
	turn(rig);
	assert_int_equal(calls(rig), 1);
	assert_int_equal(rig->closed, 1);
}

#define POLLER_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		POLLER_TEST(what_is_asked_for_is_told),
		POLLER_TEST(an_end_is_told_unasked),
		POLLER_TEST(who_was_removed_meanwhile_is_not_called),
		POLLER_TEST(a_socket_held_open_elsewhere_is_nobodys),
		POLLER_TEST(a_turn_is_bounded_and_all_have_theirs),
		POLLER_TEST(it_may_be_closed_by_who_is_called),
	};

	return cmocka_run_group_tests_name("poller", tests, NULL, NULL);
}
