#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nats/kv_entry.h"

#define BLOCK(lines) span_of("NATS/1.0\r\n" lines "\r\n")

static void expect_operation(struct span block, const char *name)
{
	assert_string_equal(kv_operation_name(kv_operation_of(block)), name);
}

static void operations(void **state)
{
	(void)state;
	expect_operation((struct span){NULL, 0}, "PUT");
	expect_operation(BLOCK(""), "PUT");
	expect_operation(BLOCK("KV-Operation: DEL\r\n"), "DEL");
	expect_operation(BLOCK("KV-Operation:PURGE\r\nNats-Rollup: sub\r\n"),
			 "PURGE");
	expect_operation(BLOCK("KV-Operation: PUT\r\n"), "PUT");
	expect_operation(BLOCK("Nats-Rollup: sub\r\n"), "PUT");
	expect_operation(BLOCK("Nats-Marker-Reason: MaxAge\r\n"), "PURGE");
	expect_operation(BLOCK("Nats-Marker-Reason: Purge\r\n"), "PURGE");
	expect_operation(BLOCK("Nats-Marker-Reason: Remove\r\n"), "DEL");
	expect_operation(BLOCK("Nats-Marker-Reason: Other\r\n"), "PUT");
	expect_operation(BLOCK("Nats-Marker-Reason: MaxAge\r\n"
			       "KV-Operation: DEL\r\n"),
			 "DEL");
}

/* A publisher's bytes: only the exact header is an operation. */
static void what_only_looks_like_one(void **state)
{
	(void)state;
	expect_operation(BLOCK("kv-operation: DEL\r\n"), "PUT");
	expect_operation(BLOCK("KV-Operation: del\r\n"), "PUT");
	expect_operation(BLOCK("KV-Operation: DELX\r\n"), "PUT");
	expect_operation(BLOCK("KV-Operation: DE\r\n"), "PUT");
	expect_operation(BLOCK("X-KV-Operation: DEL\r\n"), "PUT");
	expect_operation(BLOCK("A: KV-Operation: DEL\r\n"), "PUT");
	expect_operation(BLOCK("A: b\r\n KV-Operation: DEL\r\n"), "PUT");
	expect_operation(BLOCK("\r\nKV-Operation: DEL\r\n"), "PUT");
	expect_operation(BLOCK("KV-Operation: PUT\r\nKV-Operation: DEL\r\n"),
			 "PUT");
	expect_operation(span_of("KV-Operation: DEL\r\n\r\n"), "PUT");
}

static void entries(void **state)
{
	struct kv_entry e;

	(void)state;
	assert_true(kv_entry_init(&e, span_of("$KV.cfg.a.b"), BLOCK(""),
				  span_of("v")));
	assert_memory_equal(e.name.key.at, "a.b", 3);
	assert_int_equal(e.value.len, 1);
	assert_true(e.revision == 0 && e.time_ns == 0);
	assert_true(kv_entry_has_value(&e));
	assert_true(kv_entry_init(&e, span_of("$KV.cfg.a"),
				  BLOCK("KV-Operation: DEL\r\n"), span_of("")));
	assert_false(kv_entry_has_value(&e));
	assert_true(kv_entry_init(&e, span_of("$KV.cfg.a"),
				  BLOCK("Nats-Marker-Reason: MaxAge\r\n"),
				  span_of("")));
	assert_false(kv_entry_has_value(&e));
	assert_false(kv_entry_init(&e, span_of("events.a"), BLOCK(""),
				   span_of("v")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operations),
		cmocka_unit_test(what_only_looks_like_one),
		cmocka_unit_test(entries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
