/* Clients of live subscriptions that read slowly, or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core_rig.h"
#include "sse_decoder.h"

enum { BEHIND = 2000, MEMORY = 100000 };

static struct core_rig r;

static const struct core_hub_config cfg = {
	.ping_ms = CORE_PING_MS,
	.retry_ms = 3000,
	.open_timeout_ms = CORE_OPEN_MS,
	.behind_max = BEHIND,
	.memory_max = MEMORY,
};

static int begin_rig(void **state)
{
	(void)state;
	core_rig_begin(&r, &cfg);
	return 0;
}

static int end_rig(void **state)
{
	(void)state;
	core_rig_end(&r);
	return 0;
}

static void open_active(size_t client, const char *pattern,
			const struct core_open *open)
{
	assert_int_equal(core_rig_open(&r, client, pattern, open), 0);
	core_rig_serve(&r);
	core_rig_take(&r, client);
}

static void publish(const char *subject, const char *data)
{
	core_rig_publish(&r, subject, subject, data);
	core_rig_run(&r);
}

static size_t used_bytes(void)
{
	core_hub_gauges(r.hub);
	return r.metrics.value[METRIC_CORE_BYTES];
}

/* ---- the middle of a frame ----------------------------------------------- */

static void a_cut_frame_goes_on(void **state)
{
	(void)state;
	open_active(0, "a.b", NULL);
	r.clients[0].room = 8;
	publish("a.b", "0123456789");
	publish("a.b", "next");
	assert_string_equal(core_rig_take(&r, 0), "data: 01");
	core_rig_drain(&r, 0, 3);
	assert_string_equal(core_rig_take(&r, 0), "234");
	core_rig_drain(&r, 0, SIZE_MAX);
	assert_string_equal(core_rig_take(&r, 0), "56789\n\ndata: next\n\n");
	assert_int_equal(used_bytes(), 0);
}

static void a_head_may_be_cut(void **state)
{
	(void)state;
	r.clients[0].room = 2;
	core_rig_open(&r, 0, "a.b", NULL);
	core_rig_serve(&r);
	publish("a.b", "x");
	assert_string_equal(bytes_text(&r.clients[0].out), "HE");
	core_rig_drain(&r, 0, SIZE_MAX);
	assert_string_equal(bytes_text(&r.clients[0].out),
			    "HEAD\nretry: 3000\nevent: system\n"
			    "data: {\"system\": \"open\"}\n\ndata: x\n\n");
}

static void its_owner_gets_the_rest_at_the_end(void **state)
{
	struct buf rest;

	(void)state;
	open_active(0, "a.b", NULL);
	r.clients[0].room = 8;
	publish("a.b", "0123");
	buf_init(&rest, 100);
	assert_int_equal(core_hub_close(r.hub, &r.clients[0].s, &rest), 0);
	assert_int_equal(buf_unread(&rest), 4);
	assert_memory_equal(buf_data(&rest), "23\n\n", 4);
	buf_finish(&rest);
	assert_int_equal(used_bytes(), 0);
}

static void a_failed_write_ends_it(void **state)
{
	(void)state;
	open_active(0, "a.b", NULL);
	open_active(1, "a.b", NULL);
	r.clients[0].is_broken = true;
	publish("a.b", "x");
	publish("a.b", "y");
	core_rig_advance(&r, CORE_PING_MS);
	assert_int_equal(r.clients[0].writes, 2); /* with the opening */
	assert_int_equal(used_bytes(), 0);
}

/* ---- too far behind ------------------------------------------------------ */

static void publish_many(const char *subject, size_t n)
{
	char text[101];

	memset(text, 'x', 100);
	text[100] = '\0';
	for (size_t i = 0; i < n; i++)
		publish(subject, text);
}

static void a_slow_client_misses_messages(void **state)
{
	(void)state;
	open_active(0, "a.b", NULL);
	open_active(1, "a.b", NULL);
	r.clients[0].room = 0;
	publish_many("a.b", 100);
	assert_true(used_bytes() < 2 * BEHIND * 2);
	core_rig_drain(&r, 0, SIZE_MAX);
	assert_non_null(strstr(core_rig_take(&r, 0),
			       "event: gap\ndata: {\"system\":\"gap\","
			       "\"reason\":\"slow\",\"dropped\":"));
	assert_int_equal(r.clients[0].s.events +
				 r.metrics.value[METRIC_CORE_DROPPED],
			 100);
	assert_int_equal(r.clients[1].s.events, 100);
	assert_int_equal(used_bytes(), 0);
}

static void a_burst_is_not_slow(void **state)
{
	char text[101];

	(void)state;
	memset(text, 'x', 100);
	text[100] = '\0';
	open_active(0, "a.b", NULL);
	for (int i = 0; i < 100; i++)
		core_rig_publish(&r, "a.b", "a.b", text);
	core_rig_run(&r);
	assert_int_equal(r.clients[0].s.events, 100);
	assert_int_equal(r.metrics.value[METRIC_CORE_DROPPED], 0);
}

static void a_message_beyond_the_bound_is_no_loss(void **state)
{
	static char text[2 * BEHIND + 1];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	open_active(0, "a.b", NULL);
	publish("a.b", text);
	assert_int_equal(r.clients[0].s.events, 1);
}

static void a_skipped_gap_is_reported(void **state)
{
	(void)state;
	open_active(0, "a.b", NULL);
	r.clients[0].room = 0;
	publish("a.b", "x");
	fake_publisher_down(&r.fake);
	core_rig_run(&r);
	fake_publisher_clear(&r.fake);
	fake_publisher_up(&r.fake);
	core_rig_run(&r);
	core_rig_serve(&r);
	publish_many("a.b", 16);
	publish("a.b", "end");
	core_rig_drain(&r, 0, SIZE_MAX);
	assert_non_null(strstr(core_rig_take(&r, 0), "\"away\""));
}

static void upstream_drops_are_a_gap(void **state)
{
	struct publisher_event e = {.kind = PUBLISHER_MESSAGE,
				    .subject = {"a.b", 3},
				    .data = {"x", 1},
				    .dropped = 12};

	(void)state;
	open_active(0, "a.b", NULL);
	e.id = core_rig_id(&r, "a.b");
	fake_publisher_post(&r.fake, &e);
	core_rig_run(&r);
	assert_string_equal(core_rig_take(&r, 0),
			    "event: gap\ndata: {\"system\":\"gap\","
			    "\"reason\":\"slow\",\"dropped\":12}\n\n"
			    "data: x\n\n");
	assert_int_equal(r.metrics.value[METRIC_CORE_DROPPED], 12);
}

/* ---- the memory of all --------------------------------------------------- */

static void all_together_are_bounded(void **state)
{
	static char text[BEHIND - 100];
	char subject[16];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	for (size_t i = 0; i < CORE_CLIENTS; i++) {
		snprintf(subject, sizeof(subject), "a.%zu", i);
		open_active(i, subject, NULL);
		r.clients[i].room = 1; /* in the middle of its first frame */
	}
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < CORE_CLIENTS; i++) {
			snprintf(subject, sizeof(subject), "a.%zu", i);
			publish(subject, text);
			assert_true(used_bytes() <= MEMORY);
		}
	}
	/* Frames that were begun, of the oldest, had to go. */
	assert_true(r.clients[0].failed);
	assert_true(r.clients[0].s.is_cut);
	assert_false(r.clients[CORE_CLIENTS - 1].failed);
}

/* ---- exactly what was delivered ------------------------------------------ */

enum { RANDOM_CLIENTS = 12, RANDOM_STEPS = 4000 };

struct reader {
	struct sse_decoder decoder;
	long last;	 /* number of the newest message; -1: none */
	uint64_t missed; /* as the gaps say */
	bool is_gap;	 /* just before */
	uint64_t got;
};

static struct reader readers[RANDOM_CLIENTS];

static void on_reader_event(void *arg, const struct sse_event *ev)
{
	struct reader *reader = arg;
	long number;

	assert_string_equal(ev->id, "");
	if (strcmp(ev->type, "gap") == 0) {
		const char *at = strstr(ev->data, "\"dropped\":");

		assert_non_null(at);
		reader->missed += strtoull(at + 10, NULL, 10);
		reader->is_gap = true;
		return;
	}
	if (strcmp(ev->type, "system") == 0 || ev->data[0] == '{')
		return;
	number = strtol(ev->data, NULL, 10);
	/* In order, once, and none missing but those of the gap. */
	if (!reader->is_gap)
		assert_int_equal(number, reader->last + 1);
	assert_true(number > reader->last);
	reader->is_gap = false;
	reader->last = number;
	reader->got++;
}

static void feed_reader(size_t i)
{
	struct bytes *out = &r.clients[i].out;

	sse_decoder_feed(&readers[i].decoder, bytes_text(out), out->len);
	bytes_clear(out);
}

static void begin_readers(void)
{
	for (size_t i = 0; i < RANDOM_CLIENTS; i++) {
		readers[i] = (struct reader){
			.decoder = {.on_event = on_reader_event,
				    .arg = &readers[i]},
			.last = -1,
		};
		core_rig_open(&r, i, "a.b", NULL);
		core_rig_serve(&r);
		bytes_clear(&r.clients[i].out); /* its head */
	}
}

static void take_random_step(unsigned *seed, long *published)
{
	size_t client = (size_t)rand_r(seed) % RANDOM_CLIENTS;
	char text[400];

	switch (rand_r(seed) % 4) {
	case 0:
		core_rig_drain(&r, client, (size_t)rand_r(seed) % 300);
		break;
	case 1:
		core_rig_drain(&r, client, SIZE_MAX);
		break;
	default:
		memset(text, ' ', sizeof(text));
		snprintf(text + rand_r(seed) % 300, 32, "%ld", (*published)++);
		core_rig_publish(&r, "a.b", "a.b",
				 text + strspn(text, " ") % 8);
		if (rand_r(seed) % 3 == 0)
			core_rig_run(&r);
		break;
	}
	feed_reader(client);
}

static void nothing_is_lost_without_a_gap(void **state)
{
	unsigned seed = 7;
	long published = 0;

	(void)state;
	begin_readers();
	for (int i = 0; i < RANDOM_STEPS; i++)
		take_random_step(&seed, &published);
	core_rig_run(&r);
	for (size_t i = 0; i < RANDOM_CLIENTS; i++) {
		core_rig_drain(&r, i, SIZE_MAX);
		feed_reader(i);
		assert_int_equal(readers[i].got + readers[i].missed, published);
		assert_int_equal(readers[i].got, r.clients[i].s.events);
		sse_decoder_finish(&readers[i].decoder);
	}
	assert_true(r.metrics.value[METRIC_CORE_DROPPED] > 0);
	assert_int_equal(used_bytes(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_rig, end_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_cut_frame_goes_on),
		TEST(a_head_may_be_cut),
		TEST(its_owner_gets_the_rest_at_the_end),
		TEST(a_failed_write_ends_it),
		TEST(a_slow_client_misses_messages),
		TEST(a_burst_is_not_slow),
		TEST(a_message_beyond_the_bound_is_no_loss),
		TEST(a_skipped_gap_is_reported),
		TEST(upstream_drops_are_a_gap),
		TEST(all_together_are_bounded),
		TEST(nothing_is_lost_without_a_gap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
