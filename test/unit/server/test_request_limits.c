/* Limits of requests in flight: in all, by identity, by address; slots come
 * back, and so does the memory. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/request_limits.h"

#define TEXT(s) ((struct span){(s), strlen(s)})

static const struct span no_identity = {"", 0};

static struct address client(const char *text)
{
	struct address a = {0};

	if (*text != '\0')
		assert_int_equal(address_parse(&a, text, strlen(text)), 0);
	return a;
}

static void take(struct request_limits *l, struct request_slot *slot,
		 struct span id, const char *from)
{
	struct address a = client(from);
	struct http_error why;

	assert_int_equal(request_limits_acquire(l, slot, id, &a, &why), 0);
	assert_true(slot->is_taken);
}

static void must_reject(struct request_limits *l, struct span id,
			const char *from, int status, enum reject_reason reason,
			const char *text)
{
	struct request_slot slot;
	struct address a = client(from);
	size_t before = l->in_flight, parties = l->parties.n;
	struct http_error why;

	assert_int_equal(request_limits_acquire(l, &slot, id, &a, &why),
			 -EINVAL);
	assert_int_equal(why.status, status);
	assert_int_equal(why.reason, reason);
	assert_string_equal(why.text, text);
	assert_false(slot.is_taken);
	request_limits_release(l, &slot);
	assert_int_equal(l->in_flight, before);
	assert_int_equal(l->parties.n, parties);
}

static void all_requests_are_bounded(void **state)
{
	struct request_limits l;
	struct request_slot a, b;

	(void)state;
	assert_int_equal(request_limits_init(&l, 2, 0), 0);
	take(&l, &a, TEXT("alice"), "192.0.2.1");
	take(&l, &b, TEXT("alice"), "192.0.2.1");
	must_reject(&l, TEXT("bob"), "192.0.2.2", 503, REJECT_MAX_REQUESTS,
		    "too many requests in flight");
	request_limits_release(&l, &a);
	request_limits_release(&l, &a);
	assert_int_equal(l.in_flight, 1);
	take(&l, &a, TEXT("bob"), "192.0.2.2");
	request_limits_release(&l, &a);
	request_limits_release(&l, &b);
	request_limits_finish(&l);
}

static void an_identity_is_bounded_wherever_it_is(void **state)
{
	static const char text[] = "too many requests in flight for this "
				   "identity (limit 2)";
	struct request_limits l;
	struct request_slot a, b, other;

	(void)state;
	assert_int_equal(request_limits_init(&l, 9, 2), 0);
	take(&l, &a, TEXT("alice"), "192.0.2.1");
	take(&l, &b, TEXT("alice"), "192.0.2.2");
	must_reject(&l, TEXT("alice"), "192.0.2.3", 429,
		    REJECT_MAX_REQUESTS_PER_ID, text);
	take(&l, &other, TEXT("alic"), "192.0.2.1");
	request_limits_release(&l, &a);
	take(&l, &a, TEXT("alice"), "");
	must_reject(&l, TEXT("alice"), "", 429, REJECT_MAX_REQUESTS_PER_ID,
		    text);
	request_limits_release(&l, &other);
	request_limits_release(&l, &a);
	request_limits_release(&l, &b);
	assert_int_equal(l.parties.n, 0);
	request_limits_finish(&l);
}

static void without_identities_addresses_are_bounded(void **state)
{
	static const char text[] = "too many requests in flight for this "
				   "address (limit 1)";
	struct request_limits l;
	struct request_slot v4, v6, a, b;

	(void)state;
	assert_int_equal(request_limits_init(&l, 9, 1), 0);
	take(&l, &v4, no_identity, "192.0.2.1");
	must_reject(&l, no_identity, "192.0.2.1", 429,
		    REJECT_MAX_REQUESTS_PER_ID, text);
	take(&l, &v6, no_identity, "2001:db8::1");
	must_reject(&l, no_identity, "2001:db8::2", 429,
		    REJECT_MAX_REQUESTS_PER_ID, text);
	/* Unix sockets have no address. */
	take(&l, &a, no_identity, "");
	take(&l, &b, no_identity, "");
	assert_int_equal(l.parties.n, 2);
	request_limits_release(&l, &a);
	request_limits_release(&l, &b);
	request_limits_release(&l, &v4);
	request_limits_release(&l, &v6);
	request_limits_finish(&l);
}

/* An identity is 1 to 128 printable bytes: sixteen of them can be those of an
 * address. */
static void an_identity_is_no_address(void **state)
{
	struct address a = client("2a2a:2a2a:2a2a:2a2a::");
	struct request_slot by_id, by_address;
	struct request_limits l;

	(void)state;
	assert_int_equal(request_limits_init(&l, 9, 1), 0);
	take(&l, &by_address, no_identity, "2a2a:2a2a:2a2a:2a2a::");
	take(&l, &by_id, (struct span){(const char *)a.bytes, sizeof(a.bytes)},
	     "");
	assert_int_equal(l.parties.n, 2);
	request_limits_release(&l, &by_id);
	request_limits_release(&l, &by_address);
	request_limits_finish(&l);
}

static void many_parties_come_and_go(void **state)
{
	enum { N = 3000 };
	static struct request_slot slots[N];
	struct request_limits l;
	char id[16];

	(void)state;
	assert_int_equal(request_limits_init(&l, N, 2), 0);
	for (int i = 0; i < N; i++) {
		snprintf(id, sizeof(id), "id%d", i / 2);
		take(&l, &slots[i], TEXT(id), "");
	}
	assert_int_equal(l.parties.n, N / 2);
	for (int i = 0; i < N; i++)
		request_limits_release(&l, &slots[(i * 7) % N]);
	assert_int_equal(l.in_flight, 0);
	assert_int_equal(l.parties.n, 0);
	request_limits_finish(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_requests_are_bounded),
		cmocka_unit_test(an_identity_is_bounded_wherever_it_is),
		cmocka_unit_test(without_identities_addresses_are_bounded),
		cmocka_unit_test(an_identity_is_no_address),
		cmocka_unit_test(many_parties_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
