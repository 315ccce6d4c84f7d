/* Both forms of the ack reply subject are read; anything else is an error. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "nats/js_ack.h"

static const char ack_v1[] = "$JS.ACK.EV.gw_1_2.1.7.5.1795495913468126784.3";
static const char ack_v2[] =
	"$JS.ACK.hub.Ab12.EV.gw_1_2.1.7.5.1795495913468126784.3";
static const char ack_v2_long[] =
	"$JS.ACK._.Ab12.EV.gw_1_2.1.7.5.1795495913468126784.3.x9";

static void both_forms_of_the_ack_subject_are_read(void **state)
{
	const char *const forms[] = {ack_v1, ack_v2, ack_v2_long};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct js_ack a;

		assert_int_equal(js_ack_parse(&a, forms[i], strlen(forms[i])),
				 0);
		assert_int_equal(a.consumer_len, 6);
		assert_memory_equal(a.consumer, "gw_1_2", 6);
		assert_int_equal(a.delivered, 1);
		assert_int_equal(a.stream_seq, 7);
		assert_int_equal(a.consumer_seq, 5);
		assert_true(a.time_ns == 1795495913468126784);
		assert_int_equal(a.pending, 3);
	}
}

static void other_ack_subjects_are_rejected(void **state)
{
	static const char *const bad[] = {
		"",
		".",
		"$JS.ACK",
		"_INBOX.x",
		"$JS.ACK.EV.c.1.7.5.9",	    /* 8 */
		"$JS.ACK._.EV.c.1.7.5.9.3", /* 10 */
		"$JS.ACK.EV..1.7.5.9.3",    /* empty token */
		"$JS.ACK.EV.c.1.7.5.9.",
		".$JS.ACK.EV.c.1.7.5.9",
		"$JS.NAK.EV.c.1.7.5.9.3",
		"$js.ACK.EV.c.1.7.5.9.3",
		"$JS.ACK.EV.c.1.-7.5.9.3",
		"$JS.ACK.EV.c.1.+7.5.9.3",
		"$JS.ACK.EV.c.1.7x.5.9.3",
		"$JS.ACK.EV.c.1.7:.5.9.3",
		"$JS.ACK.EV.c.1. 7.5.9.3",
		"$JS.ACK.EV.c.1.18446744073709551616.5.9.3",
		"$JS.ACK.EV.c.1.99999999999999999999.5.9.3",
		"$JS.ACK.EV.c.1.000000000000000000007.5.9.3",
	};
	struct js_ack a;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(js_ack_parse(&a, bad[i], strlen(bad[i])),
				 -EINVAL);
	assert_int_equal(
		js_ack_parse(&a, "$JS.ACK.EV.c.1.18446744073709551615.5.9.3",
			     strlen("$JS.ACK.EV.c.1.18446744073709551615.5.9."
				    "3")),
		0);
	assert_true(a.stream_seq == UINT64_MAX);
	/* The length counts, not a NUL. */
	assert_int_equal(js_ack_parse(&a, ack_v1, strlen(ack_v1) - 2), -EINVAL);
	assert_int_equal(js_ack_parse(&a, "$JS.ACK.EV.c.1.7.5.9.\0", 22),
			 -EINVAL);
}

static void feed_copy(const char *bytes, size_t len, size_t at, char c)
{
	char *copy = malloc(len == 0 ? 1 : len);
	struct js_ack ack;

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	if (at < len)
		copy[at] = c;
	js_ack_parse(&ack, copy, len);
	free(copy);
}

/* Each cut and each odd byte, in an allocation of its own, so that ASan sees a
 * read beyond the end. */
static void every_cut_and_mutation_is_survived(void **state)
{
	static const char odd[] = {'\0', '.', '9', '-', '$', '\xff'};
	const char *const good[] = {ack_v1, ack_v2, ack_v2_long};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		size_t len = strlen(good[i]);

		for (size_t cut = 0; cut <= len; cut++)
			feed_copy(good[i], cut, cut, 0);
		for (size_t at = 0; at < len; at++)
			for (size_t k = 0; k < ARRAY_LEN(odd); k++)
				feed_copy(good[i], len, at, odd[k]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_forms_of_the_ack_subject_are_read),
		cmocka_unit_test(other_ack_subjects_are_rejected),
		cmocka_unit_test(every_cut_and_mutation_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
