/* What the hub makes once for many subscriptions, and what it does when memory
 * is short. Linked with --wrap: ndjson_encode() is counted, and realloc() (of
 * struct buf) and calloc() (of replays) fail on demand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "http/ndjson.h"
#include "hub_rig.h"

static size_t encoded;
static size_t failed;
static bool realloc_fails;
static bool calloc_fails;

void __real_ndjson_encode(const struct ndjson_line *l, uint8_t *out);
void __wrap_ndjson_encode(const struct ndjson_line *l, uint8_t *out);
void *__real_realloc(void *at, size_t size);
void *__wrap_realloc(void *at, size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void __wrap_ndjson_encode(const struct ndjson_line *l, uint8_t *out)
{
	encoded++;
	__real_ndjson_encode(l, out);
}

void *__wrap_realloc(void *at, size_t size)
{
	failed += realloc_fails;
	return realloc_fails ? NULL : __real_realloc(at, size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	failed += calloc_fails;
	return calloc_fails ? NULL : __real_calloc(n, size);
}

static struct rig rig;

static int setup(void **state)
{
	struct hub_config cfg = rig_config();

	encoded = failed = 0;
	realloc_fails = calloc_fails = false;
	rig_start(&rig, &cfg);
	rig_live(&rig, 1, 10);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	realloc_fails = calloc_fails = false;
	rig_finish(*state);
	return 0;
}

static struct rig_client *open_lines(struct rig *r, struct hub_open how)
{
	how.id = "a";
	how.id_len = 1;
	how.ndjson = true;
	return rig_open_with(r, &how, SIZE_MAX);
}

static void publish(struct rig *r, uint64_t from, uint64_t to)
{
	for (uint64_t seq = from; seq <= to; seq++)
		rig_publish(r, "ev.a", seq, "x");
}

static size_t lines_of(struct rig_client *c)
{
	const char *text = bytes_text(&c->got);
	size_t n = 0;

	while ((text = strstr(text, "\"data\":\"x\"")) != NULL) {
		text++;
		n++;
	}
	bytes_clear(&c->got);
	return n;
}

/* ---- once for many ------------------------------------------------------- */

static void lines_are_made_once_for_each_form(void **state)
{
	static const struct hub_open forms[] = {{.limit = 0},
						{.chunked = true},
						{.json = true}};
	struct rig *r = *state;
	struct rig_client *c[12];

	for (size_t i = 0; i < ARRAY_LEN(c); i++)
		c[i] = open_lines(r, forms[i / 4]);
	publish(r, 11, 13);
	rig_flush(r);
	assert_int_equal(encoded, 3 * ARRAY_LEN(forms));
	for (size_t i = 0; i < ARRAY_LEN(c); i++) {
		assert_int_equal(c[i]->writes, 1);
		assert_int_equal(lines_of(c[i]), 3);
	}
}

static void limit_takes_a_part_of_the_lines(void **state)
{
	struct rig *r = *state;
	struct rig_client *all = open_lines(r, (struct hub_open){.limit = 0});
	struct rig_client *few = open_lines(r, (struct hub_open){.limit = 5});

	publish(r, 11, 13);
	rig_flush(r);
	assert_int_equal(encoded, 3);
	assert_int_equal(lines_of(few), 3);
	publish(r, 14, 17);
	rig_flush(r);
	assert_int_equal(encoded, 7);
	assert_int_equal(lines_of(few), 2);
	assert_int_equal(lines_of(all), 7);
}

/* Lines made for a client that wanted fewer, or before the last message. */
static void what_is_missing_is_made(void **state)
{
	struct rig *r = *state;
	struct rig_client *few = open_lines(r, (struct hub_open){.limit = 2});
	struct rig_client *all = open_lines(r, (struct hub_open){.limit = 0});

	publish(r, 11, 14);
	rig_flush(r);
	assert_int_equal(lines_of(few), 2);
	assert_int_equal(lines_of(all), 4);
	assert_int_equal(encoded, 4);
	publish(r, 15, 15);
	all->room = 4;
	rig_flush(r);
	assert_true(all->cursor.blocked);
	all = rig_resume(r, "b", "15-@");
	all = open_lines(r,
			 (struct hub_open){.start = START_RESUME, .seq = 14});
	assert_int_equal(encoded, 5);
	publish(r, 16, 16);
	rig_close(r, all);
	all = open_lines(r,
			 (struct hub_open){.start = START_RESUME, .seq = 14});
	assert_int_equal(lines_of(all), 2);
	assert_int_equal(all->writes, 1);
	assert_int_equal(encoded, 7);
}

/* ---- short of memory ----------------------------------------------------- */

/* No retry before the next tick; all lines are there afterwards. */
static void lines_wait_for_memory(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = open_lines(r, (struct hub_open){.limit = 0});
	size_t tries;

	publish(r, 11, 13);
	realloc_fails = true;
	hub_tick(r->hub, r->now_ms);
	hub_flush(r->hub, r->now_ms, 1000);
	assert_int_equal(failed, 1);
	assert_false(hub_flush(r->hub, r->now_ms, 1000));
	assert_int_equal(failed, 1);
	assert_int_equal(c->cursor.state, CURSOR_EVICTED);
	for (tries = 2; tries < 5; tries++) {
		assert_int_equal(hub_next_ms(r->hub), r->now_ms + 100);
		rig_pass(r, 100);
		assert_int_equal(failed, tries);
	}
	assert_int_equal(r->metrics.value[METRIC_SUBSCRIPTIONS_EVICTED], 0);
	assert_got(c, "");
	realloc_fails = false;
	rig_pass(r, 100);
	assert_int_equal(lines_of(c), 3);
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
	expect_no_request(&r->src);
}

/* No replay is running whose timeouts would wake the hub. */
static void replay_waits_for_memory(void **state)
{
	struct rig *r = *state;
	struct rig_client *c;

	rig_open(r, "a", START_NEW); /* the subject has its entry */
	hub_tick(r->hub, r->now_ms);
	calloc_fails = true;
	c = rig_resume(r, "a", "5-@");
	assert_int_equal(failed, 1);
	assert_int_equal(c->cursor.state, CURSOR_EVICTED);
	assert_int_equal(hub_next_ms(r->hub), r->now_ms + 100);
	calloc_fails = false;
	rig_flush(r);
	expect_no_request(&r->src);
	rig_pass(r, 100);
	assert_int_equal(c->cursor.state, CURSOR_REPLAY);
	rig_probe(r, 6, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(lines_are_made_once_for_each_form),
		TEST(limit_takes_a_part_of_the_lines),
		TEST(what_is_missing_is_made),
		TEST(lines_wait_for_memory),
		TEST(replay_waits_for_memory),
	};

	return cmocka_run_group_tests_name("hub_memory", tests, NULL, NULL);
}
