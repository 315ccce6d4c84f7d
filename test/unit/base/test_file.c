/* Files are read whole, up to their limit, and without waiting. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/file.h"
#include "temp_folder.h"

enum { FILE_MAX = 1 << 20 };

static struct temp_folder folder;

static int setup(void **state)
{
	(void)state;
	return temp_folder_make(&folder);
}

static int teardown(void **state)
{
	(void)state;
	return temp_folder_remove(&folder);
}

static void a_file_is_read_whole(void **state)
{
	const char *path = temp_folder_write(&folder, "f", "a\0b\n", 4);
	char *text = NULL;
	size_t len = 0;

	(void)state;
	assert_int_equal(file_read(path, &text, &len), 0);
	assert_int_equal(len, 4);
	assert_memory_equal(text, "a\0b\n", 5);
	free(text);
	temp_folder_write(&folder, "f", "", 0);
	assert_int_equal(file_read(path, &text, &len), 0);
	assert_int_equal(len, 0);
	assert_string_equal(text, "");
	free(text);
}

static void a_file_has_an_end(void **state)
{
	static char bytes[FILE_MAX + 1];
	const char *path;
	char *text = NULL;
	size_t len = 77;

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	path = temp_folder_write(&folder, "f", bytes, FILE_MAX);
	assert_int_equal(file_read(path, &text, &len), 0);
	assert_int_equal(len, FILE_MAX);
	assert_int_equal(strlen(text), FILE_MAX);
	free(text);
	text = NULL;
	len = 77;
	temp_folder_write(&folder, "f", bytes, FILE_MAX + 1);
	assert_int_equal(file_read(path, &text, &len), -EFBIG);
	assert_int_equal(file_read("/dev/zero", &text, &len), -EFBIG);
	assert_null(text);
	assert_int_equal(len, 77);
}

static void what_is_no_file_is_an_error(void **state)
{
	char *text = NULL;
	size_t len = 77;

	(void)state;
	assert_int_equal(file_read(temp_folder_path(&folder, "none"), &text,
				   &len),
			 -ENOENT);
	assert_int_equal(file_read("", &text, &len), -ENOENT);
	assert_int_equal(file_read(folder.path, &text, &len), -EISDIR);
	assert_null(text);
	assert_int_equal(len, 77);
}

/* A FIFO without a writer does not block the start. */
static void a_fifo_is_not_waited_for(void **state)
{
	const char *path = temp_folder_path(&folder, "fifo");
	char *text = NULL;
	size_t len = 77;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(file_read(path, &text, &len), 0);
	assert_int_equal(len, 0);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_read_whole),
		cmocka_unit_test(a_file_has_an_end),
		cmocka_unit_test(what_is_no_file_is_an_error),
		cmocka_unit_test(a_fifo_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
