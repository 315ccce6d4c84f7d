#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "nats/publish_error.h"

static struct js_pub_ack error_ack(int err, int code)
{
	struct js_pub_ack ack = {.error = {.err = err, .code = code}};

	strcpy(ack.error.text, "the text");
	return ack;
}

/* The table of the contract. */
static void errors_of_jetstream(void **state)
{
	static const struct {
		int err, code, status, conditional;
		bool retry;
	} rows[] = {
		{10071, 400, 409, 412, false},
		{10164, 400, 409, 412, false},
		{10060, 400, 409, 412, false},
		{10070, 400, 409, 412, false},
		{10158, 409, 409, 409, false},
		{10210, 429, 429, 429, true},
		{10211, 429, 429, 429, true},
		{10037, 404, 404, 404, false},
		{10059, 404, 404, 404, false},
		{10054, 400, 413, 413, false},
		{10165, 400, 422, 422, false},
		{10166, 400, 422, 422, false},
		{10168, 400, 422, 422, false},
		{10169, 400, 422, 422, false},
		{10170, 400, 422, 422, false},
		{10171, 400, 422, 422, false},
		{10172, 400, 422, 422, false},
		{10077, 503, 507, 507, false},
		{10047, 500, 507, 507, false},
		{10002, 400, 507, 507, false},
		{10097, 400, 431, 431, false},
		{10109, 400, 409, 409, false},
		{10111, 400, 409, 409, false},
		{10174, 400, 501, 501, false},
		{10176, 400, 503, 503, true},
		{10199, 400, 413, 413, false},
		{10201, 400, 409, 409, false},
		{10023, 503, 503, 503, true},
		{10008, 503, 503, 503, true},
		{10039, 503, 503, 503, true},
		{10076, 503, 503, 503, true},
		/* Codes without a row. */
		{10167, 400, 502, 502, false},
		{10999, 503, 503, 503, true},
		{10998, 429, 429, 429, true},
		{999999, 0, 502, 502, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct js_pub_ack ack = error_ack(rows[i].err, rows[i].code);
		struct publish_error e;

		publish_error_of_ack(&e, &ack, false);
		if (e.status != rows[i].status)
			fail_msg("%d: %d", rows[i].err, e.status);
		assert_int_equal(e.err_code, rows[i].err);
		assert_int_equal(e.retry_after, rows[i].retry);
		assert_false(e.is_unknown || e.has_current);
		assert_string_equal(e.detail, "the text");
		assert_true(strlen(e.what) > 0);
		publish_error_of_ack(&e, &ack, true);
		assert_int_equal(e.status, rows[i].conditional);
	}
}

static void what_jetstream_reports_goes_on(void **state)
{
	struct js_pub_ack ack = error_ack(10071, 400);
	struct publish_error e;

	(void)state;
	ack.has_current = true;
	ack.current = 9;
	publish_error_of_ack(&e, &ack, true);
	assert_true(e.has_current && e.current == 9);
	/* No err_code: `err` is the code. */
	ack = error_ack(503, 503);
	publish_error_of_ack(&e, &ack, false);
	assert_int_equal(e.status, 503);
	assert_int_equal(e.err_code, 0);
	ack = error_ack(JS_JSON_MALFORMED, 0);
	publish_error_of_ack(&e, &ack, true);
	assert_int_equal(e.status, 502);
	assert_int_equal(e.err_code, 0);
	assert_true(e.is_unknown);
}

static void failures(void **state)
{
	static const struct {
		enum publish_failure failure;
		int status;
		bool retry, unknown;
	} rows[] = {
		{PUBLISH_AWAY, 503, true, false},
		{PUBLISH_BUSY, 503, true, false},
		{PUBLISH_NO_RESPONDERS, 503, true, false},
		{PUBLISH_DENIED, 403, false, false},
		{PUBLISH_TOO_LARGE, 413, false, false},
		{PUBLISH_NO_ACK, 504, false, true},
		{PUBLISH_NO_REPLY, 504, false, true},
		{PUBLISH_BAD_ACK, 502, false, true},
		{PUBLISH_OTHER_MESSAGE, 422, false, false},
		{PUBLISH_NO_TTL, 422, false, false},
		{PUBLISH_NO_BATCH, 501, false, false},
	};

	(void)state;
	assert_int_equal(ARRAY_LEN(rows), PUBLISH_FAILURES);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct publish_error e;

		publish_error_of(&e, rows[i].failure);
		if (e.status != rows[i].status)
			fail_msg("%zu: %d", i, e.status);
		assert_int_equal(e.retry_after, rows[i].retry);
		assert_int_equal(e.is_unknown, rows[i].unknown);
		assert_int_equal(e.err_code, 0);
		assert_true(strlen(e.what) > 0);
		assert_string_equal(e.detail, "");
	}
}

static void errors_of_services(void **state)
{
	static const struct {
		const char *code;
		int status;
	} rows[] = {
		{"400", 400}, {"404", 404},  {"599", 599},   {"399", 502},
		{"600", 502}, {"", 502},     {"-400", 502},  {"400 ", 502},
		{"200", 502}, {"0400", 400}, {"40000", 502}, {"x", 502},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct publish_error e;

		publish_error_of_service(&e, rows[i].code, strlen(rows[i].code),
					 "no stock");
		if (e.status != rows[i].status)
			fail_msg("\"%s\": %d", rows[i].code, e.status);
		assert_string_equal(e.detail, "no stock");
		assert_false(e.is_unknown || e.retry_after || e.has_current);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_of_jetstream),
		cmocka_unit_test(what_jetstream_reports_goes_on),
		cmocka_unit_test(failures),
		cmocka_unit_test(errors_of_services),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
