/* The buffer against a plain array: puts, consumption, growth and its cap. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

#define assert_unread(b, text)                                          \
	do {                                                            \
		assert_int_equal(buf_unread(b), strlen(text));          \
		assert_memory_equal(buf_data(b), (text), strlen(text)); \
	} while (0)

static void keeps_bytes_in_order(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	assert_null(b.data);
	assert_int_equal(buf_put(&b, "ab", 2), 0);
	assert_int_equal(buf_puts(&b, "cd"), 0);
	assert_int_equal(buf_putc(&b, 'e'), 0);
	assert_int_equal(buf_printf(&b, "%d-%s", 42, "f"), 0);
	assert_unread(&b, "abcde42-f");
	/* More than the room, and less. */
	assert_int_equal(buf_printf(&b, "%*s", 300, "x"), 0);
	assert_int_equal(buf_unread(&b), 309);
	assert_int_equal(b.data[308], 'x');
	buf_truncate(&b, 9);
	assert_int_equal(buf_printf(&b, "%s", ""), 0);
	assert_unread(&b, "abcde42-f");
	buf_consume(&b, 3);
	assert_unread(&b, "de42-f");
	assert_int_equal(buf_reserve(&b, 2), 0);
	memcpy(buf_tail(&b), "gh", 2);
	buf_added(&b, 2);
	assert_unread(&b, "de42-fgh");
	buf_clear(&b);
	assert_int_equal(buf_unread(&b), 0);
	buf_finish(&b);
}

static void rejects_puts_beyond_its_cap(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 5);
	assert_int_equal(buf_put(&b, "abc", 3), 0);
	assert_int_equal(buf_put(&b, "def", 3), -ENOBUFS);
	assert_int_equal(buf_printf(&b, "%s", "def"), -ENOBUFS);
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -ENOBUFS);
	assert_unread(&b, "abc");
	/* Full to the last byte: the NUL of printf() does not count. */
	assert_int_equal(buf_printf(&b, "%s", "de"), 0);
	assert_unread(&b, "abcde");
	assert_int_equal(b.cap, 5);
	assert_int_equal(buf_putc(&b, 'f'), -ENOBUFS);
	/* Consumed bytes make room again. */
	buf_consume(&b, 1);
	assert_int_equal(buf_putc(&b, 'f'), 0);
	assert_unread(&b, "bcdef");
	buf_finish(&b);
}

static void zeroed_is_an_empty_buffer_without_room(void **state)
{
	struct buf b = {0};

	(void)state;
	assert_int_equal(buf_putc(&b, 'a'), -ENOBUFS);
	assert_int_equal(buf_put(&b, NULL, 0), 0);
	assert_int_equal(buf_unread(&b), 0);
	buf_finish(&b);
	buf_finish(NULL);
}

static void reports_missing_memory(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX);
	assert_int_equal(buf_putc(&b, 'a'), 0);
	assert_int_equal(buf_reserve(&b, SIZE_MAX - 1), -ENOMEM);
	assert_unread(&b, "a");
	buf_finish(&b);
}

static void finish_keeps_the_cap_for_another_use(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 2);
	assert_int_equal(buf_puts(&b, "ab"), 0);
	buf_finish(&b);
	assert_null(b.data);
	assert_int_equal(buf_puts(&b, "cd"), 0);
	assert_unread(&b, "cd");
	buf_finish(&b);
}

/* Random puts and consumption, compared with a plain array. */
static void agrees_with_a_plain_array(void **state)
{
	enum { MAX = 300 };
	char model[MAX];
	size_t len = 0;
	unsigned seed = 1;
	uint8_t next = 0;
	struct buf b;

	(void)state;
	buf_init(&b, MAX);
	for (int i = 0; i < 20000; i++) {
		size_t n;

		seed = seed * 1103515245u + 12345u;
		n = (seed >> 16) % 40;
		if ((seed >> 8) % 2 == 0) {
			char bytes[40];

			for (size_t k = 0; k < n; k++)
				bytes[k] = (char)next++;
			if (len + n > MAX) {
				assert_int_equal(buf_put(&b, bytes, n),
						 -ENOBUFS);
				continue;
			}
			assert_int_equal(buf_put(&b, bytes, n), 0);
			memcpy(model + len, bytes, n);
			len += n;
		} else {
			n = n > len ? len : n;
			buf_consume(&b, n);
			memmove(model, model + n, len - n);
			len -= n;
		}
		assert_true(b.cap <= MAX);
		assert_int_equal(buf_unread(&b), len);
		assert_memory_equal(buf_data(&b), model, len);
	}
	buf_finish(&b);
}

/* A queue that is never empty must not move its bytes for every put. */
static void reuses_consumed_room(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	assert_int_equal(buf_puts(&b, "0123456789"), 0);
	for (int i = 0; i < 100000; i++) {
		assert_int_equal(buf_puts(&b, "0123456789"), 0);
		buf_consume(&b, 10);
	}
	assert_unread(&b, "0123456789");
	assert_true(b.cap <= 256);
	buf_finish(&b);
}

static void takes_back_what_was_put(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(buf_puts(&b, "0123456789"), 0);
	buf_consume(&b, 3);
	assert_int_equal(buf_puts(&b, "abc"), 0);
	buf_truncate(&b, 8);
	assert_unread(&b, "3456789a");
	buf_truncate(&b, 8);
	assert_unread(&b, "3456789a");
	buf_truncate(&b, 0);
	assert_unread(&b, "");
	assert_int_equal(buf_puts(&b, "x"), 0);
	assert_unread(&b, "x");
	buf_finish(&b);
	buf_truncate(&b, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_bytes_in_order),
		cmocka_unit_test(rejects_puts_beyond_its_cap),
		cmocka_unit_test(zeroed_is_an_empty_buffer_without_room),
		cmocka_unit_test(reports_missing_memory),
		cmocka_unit_test(finish_keeps_the_cap_for_another_use),
		cmocka_unit_test(agrees_with_a_plain_array),
		cmocka_unit_test(reuses_consumed_room),
		cmocka_unit_test(takes_back_what_was_put),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
