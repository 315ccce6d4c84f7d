/* The list of subscriptions, parsed by jansson. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <jansson.h>

#include "http/subscriptions_json.h"

static struct subscriptions_json_entry entry(void)
{
	static const struct span subjects[] = {{"events.alice", 12},
					       {"news.>", 6}};

	return (struct subscriptions_json_entry){
		.number = 17,
		.id = {"alice and more", 5},
		.subjects = subjects,
		.n_subjects = 2,
		.address = "[::1]:4711",
		.state = "live",
		.opened = "2026-11-24T10:00:00Z",
		.age_ms = 61007,
		.slow = true,
		.sequence = 4711,
		.lag = 3,
		.unsent_bytes = 100,
		.events = 5,
		.bytes = 1234,
	};
}

static json_t *read_all(const struct buf *b)
{
	json_error_t why;
	json_t *json = json_loadb((const char *)buf_data(b), buf_unread(b),
				  JSON_REJECT_DUPLICATES, &why);

	if (json == NULL)
		fail_msg("no JSON: %s", why.text);
	return json;
}

static void a_page_is_json(void **state)
{
	struct subscriptions_json_entry e = entry();
	const char *id, *subject, *other, *address, *streamstate, *opened;
	json_int_t number, sequence, lag, unsent, events, bytes;
	json_t *json, *next;
	double age;
	struct buf b;
	int slow;

	(void)state;
	buf_init(&b, 1 << 16);
	assert_int_equal(subscriptions_json_begin(&b), 0);
	assert_int_equal(subscriptions_json_add(&b, true, &e), 0);
	e.number = 18;
	assert_int_equal(subscriptions_json_add(&b, false, &e), 0);
	assert_int_equal(subscriptions_json_end(&b, 18), 0);
	json = read_all(&b);
	assert_int_equal(json_array_size(
				 json_object_get(json, "subscriptions")),
			 2);
	next = json_object_get(json, "next");
	assert_int_equal(json_integer_value(next), 18);
	assert_int_equal(
		json_unpack(
			json,
			"{s:[{s:I,s:s,s:[s,s!],s:s,s:s,s:b,s:s,s:F,s:I,s:I,s:I,"
			"s:I,s:I!}, o]}",
			"subscriptions", "subscription", &number, "id", &id,
			"subjects", &subject, &other, "address", &address,
			"state", &streamstate, "slow", &slow, "opened", &opened,
			"age_seconds", &age, "sequence", &sequence, "lag", &lag,
			"unsent_bytes", &unsent, "events", &events, "bytes",
			&bytes, &next),
		0);
	assert_int_equal(number, 17);
	assert_string_equal(id, "alice");
	assert_string_equal(subject, "events.alice");
	assert_string_equal(other, "news.>");
	assert_string_equal(address, "[::1]:4711");
	assert_string_equal(streamstate, "live");
	assert_string_equal(opened, "2026-11-24T10:00:00Z");
	assert_true(age > 61.006 && age < 61.008);
	assert_true(slow && sequence == 4711 && lag == 3 && unsent == 100);
	assert_true(events == 5 && bytes == 1234);
	json_decref(json);
	buf_finish(&b);
}

static void an_empty_page_says_so(void **state)
{
	struct buf b;
	json_t *json;

	(void)state;
	buf_init(&b, 1 << 16);
	assert_int_equal(subscriptions_json_begin(&b), 0);
	assert_int_equal(subscriptions_json_end(&b, 0), 0);
	json = read_all(&b);
	assert_int_equal(json_array_size(
				 json_object_get(json, "subscriptions")),
			 0);
	assert_true(json_is_null(json_object_get(json, "next")));
	json_decref(json);
	buf_finish(&b);
}

/* Every byte, allowed in an identity or not. */
static void no_name_breaks_out_of_its_quotes(void **state)
{
	struct subscriptions_json_entry e = entry();
	struct span subject = span_of("events.\"},{\"\\");
	char id[126];
	struct buf b;
	json_t *json, *list;

	(void)state;
	for (size_t i = 0; i < sizeof(id); i++)
		id[i] = (char)(i + 1);
	e.id = (struct span){id, sizeof(id)};
	e.subjects = &subject;
	e.n_subjects = 1;
	buf_init(&b, 1 << 16);
	assert_int_equal(subscriptions_json_put(&b, &e), 0);
	json = read_all(&b);
	assert_int_equal(json_object_size(json), 13);
	assert_int_equal(json_string_length(json_object_get(json, "id")),
			 sizeof(id));
	assert_memory_equal(json_string_value(json_object_get(json, "id")), id,
			    sizeof(id));
	list = json_object_get(json, "subjects");
	assert_int_equal(json_array_size(list), 1);
	assert_string_equal(json_string_value(json_array_get(list, 0)),
			    subject.at);
	json_decref(json);
	buf_finish(&b);
}

static void no_identity_is_null(void **state)
{
	struct subscriptions_json_entry e = entry();
	struct buf b;
	json_t *json;

	(void)state;
	e.id = (struct span){"", 0};
	buf_init(&b, 1 << 16);
	assert_int_equal(subscriptions_json_put(&b, &e), 0);
	json = read_all(&b);
	assert_true(json_is_null(json_object_get(json, "id")));
	json_decref(json);
	buf_finish(&b);
}

static void a_full_buffer_is_said(void **state)
{
	struct subscriptions_json_entry e = entry();
	struct buf b;

	(void)state;
	for (size_t max = 0; max < 200; max++) {
		buf_init(&b, max);
		assert_true(subscriptions_json_put(&b, &e) < 0);
		assert_true(buf_unread(&b) <= max);
		buf_finish(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_is_json),
		cmocka_unit_test(an_empty_page_says_so),
		cmocka_unit_test(no_name_breaks_out_of_its_quotes),
		cmocka_unit_test(no_identity_is_null),
		cmocka_unit_test(a_full_buffer_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
