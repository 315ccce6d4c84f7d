/* Names of consumers that belong to a request, and what a reply subject with
 * such a name says. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "nats/consumer_name.h"

static uint64_t request_of(const char *name)
{
	char reply[256];
	uint64_t id = 0;

	snprintf(reply, sizeof(reply), "$JS.ACK.KV_b.%s.1.7.1.1000.2", name);
	return consumer_name_request(&id, reply) == 0 ? id : 0;
}

static void a_name_has_its_request(void **state)
{
	static const uint64_t ids[] = {1, 4711, UINT64_MAX};
	char name[CONSUMER_NAME_MAX], other[CONSUMER_NAME_MAX];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		consumer_name_format(name, ids[i]);
		consumer_name_format(other, ids[i]);
		assert_string_not_equal(name, other);
		assert_null(strpbrk(name, ".*> "));
		assert_true(request_of(name) == ids[i]);
	}
}

static void other_names_have_none(void **state)
{
	uint64_t id;

	(void)state;
	assert_int_equal(request_of("sluice_request_0123456789abcdef_5"), 5);
	assert_int_equal(request_of("sluice_request_0123456789abcdef_"), 0);
	assert_int_equal(request_of("sluice_request_0123456789abcdef5"), 0);
	assert_int_equal(request_of("sluice_request_0123456789abcdef_5x"), 0);
	assert_int_equal(request_of("sluice_request_01234_5"), 0);
	assert_int_equal(request_of("x.sluice_request_0123456789abcdef_5"), 0);
	assert_int_equal(request_of("sluice_3nRzAxxJ1uDCZcTbXxJrgd_1_2"), 0);
	assert_int_equal(consumer_name_request(&id, NULL), -EINVAL);
	assert_int_equal(consumer_name_request(&id, ""), -EINVAL);
	assert_int_equal(
		consumer_name_request(&id, "sluice_request_0123456789abcdef_5"),
		-EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_has_its_request),
		cmocka_unit_test(other_names_have_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
