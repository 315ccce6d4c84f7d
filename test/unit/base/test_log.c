/* Log lines in both formats: escapes, limits, and that no value forges a
 * field. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/log.h"

enum { LIMIT = 4096 };

struct sink {
	char line[2 * LIMIT];
	size_t len;
	unsigned lines;
};

static void keep(void *arg, const char *line, size_t len)
{
	struct sink *s = arg;

	assert_true(len < sizeof(s->line));
	memcpy(s->line, line, len);
	s->line[len] = '\0';
	s->len = len;
	s->lines++;
}

static uint64_t noon(void *arg)
{
	(void)arg;
	return 1795514400123456789u; /* 2026-11-24T10:00:00.123Z */
}

static struct log log_to(struct sink *s, enum log_format format)
{
	memset(s, 0, sizeof(*s));
	return (struct log){.format = format,
			    .level = LOG_INFO,
			    .sink = keep,
			    .arg = s,
			    .now_ns = noon};
}

#define T "time=2026-11-24T10:00:00.123Z "
#define J "{\"time\":\"2026-11-24T10:00:00.123Z\","

static void text_is_logfmt(void **state)
{
	struct sink s;
	struct log lg = log_to(&s, LOG_TEXT);

	(void)state;
	LOG(&lg, LOG_INFO, "subscription opened", LOG_STR("id", "42"),
	    LOG_U64("seq", UINT64_MAX), LOG_I64("rc", -2),
	    LOG_BOOL("last", true), LOG_MEM("ua", "curl/8 xyz", 6),
	    LOG_STR("none", NULL));
	assert_string_equal(s.line,
			    T "level=info msg=\"subscription opened\" id=42 "
			      "seq=18446744073709551615 rc=-2 "
			      "last=true ua=curl/8 none=\"\"\n");
	LOG(&lg, LOG_ERROR, "plain");
	assert_string_equal(s.line, T "level=error msg=plain\n");
	assert_int_equal(s.lines, 2);
}

static void text_values_forge_nothing(void **state)
{
	struct sink s;
	struct log lg = log_to(&s, LOG_TEXT);

	(void)state;
	LOG(&lg, LOG_INFO, "m", LOG_MEM("a", "x\nlevel=error\0\x1b[31m", 19),
	    LOG_STR("b", "say \"hi\" \\ \t\r"), LOG_STR("c", "k=v"),
	    LOG_STR("d", "\xc3\xa4\x7f"));
	assert_string_equal(s.line,
			    T "level=info msg=m "
			      "a=\"x\\nlevel=error\\x00\\x1b[31m\" "
			      "b=\"say \\\"hi\\\" \\\\ \\t\\r\" c=\"k=v\" "
			      "d=\"\\xc3\\xa4\\x7f\"\n");
}

static void json_is_json(void **state)
{
	struct sink s;
	struct log lg = log_to(&s, LOG_JSON);

	(void)state;
	LOG(&lg, LOG_WARN, "a \"b\"", LOG_STR("id", "42"), LOG_U64("seq", 7),
	    LOG_I64("rc", -2), LOG_BOOL("last", false), LOG_STR("none", NULL));
	assert_string_equal(s.line, J "\"level\":\"warn\",\"msg\":"
				      "\"a \\\"b\\\"\",\"id\":\"42\","
				      "\"seq\":7,\"rc\":-2,\"last\":false,"
				      "\"none\":\"\"}\n");
}

/* Every byte, and every pair that begins a UTF-8 sequence, gives a line that
 * a JSON parser accepts. */
static void json_holds_for_any_bytes(void **state)
{
	struct sink s;
	struct log lg = log_to(&s, LOG_JSON);

	(void)state;
	for (unsigned i = 0; i < 65536; i++) {
		unsigned char v[6] = {(unsigned char)(i >> 8), (unsigned char)i,
				      0x80, 0xBF, 'z'};
		json_t *json;

		LOG(&lg, LOG_INFO, "m", LOG_MEM("v", v, 5));
		assert_null(memchr(s.line, '\n', s.len - 1));
		json = json_loadb(s.line, s.len, JSON_ALLOW_NUL, NULL);
		assert_non_null(json);
		assert_non_null(json_object_get(json, "v"));
		json_decref(json);
	}
}

static void json_keeps_good_utf8_only(void **state)
{
	struct sink s;
	struct log lg = log_to(&s, LOG_JSON);

	(void)state;
	LOG(&lg, LOG_INFO, "m", LOG_STR("ok", "\xc3\xa4\xe2\x82\xac"),
	    LOG_STR("c1", "\xc2\x9b"), LOG_STR("bad", "\xc3("),
	    LOG_MEM("cut", "\xe2\x82\xac", 2), LOG_STR("ctl", "\x01\x7f"));
	assert_string_equal(s.line, J "\"level\":\"info\",\"msg\":\"m\","
				      "\"ok\":\"\xc3\xa4\xe2\x82\xac\","
				      "\"c1\":\"\\u009b\",\"bad\":\"\\ufffd(\","
				      "\"cut\":\"\\ufffd\\ufffd\","
				      "\"ctl\":\"\\u0001\\u007f\"}\n");
}

static void long_lines_lose_their_longest_values(void **state)
{
	static char big[20000], half[1000];
	struct sink s;

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	memset(half, 'y', sizeof(half) - 1);
	for (int json = 0; json < 2; json++) {
		struct log lg = log_to(&s, json ? LOG_JSON : LOG_TEXT);

		LOG(&lg, LOG_INFO, "short", LOG_STR("a", big),
		    LOG_STR("half", half), LOG_STR("b", big),
		    LOG_U64("last", 7));
		assert_true(s.len <= LIMIT);
		assert_true(s.len > LIMIT - 64);
		assert_int_equal(s.line[s.len - 1], '\n');
		assert_non_null(strstr(s.line, half));
		assert_non_null(strstr(s.line, "xxx..."));
		assert_non_null(
			strstr(s.line, json ? "\"last\":7}" : " last=7\n"));
		assert_non_null(strstr(s.line, "short"));
	}
}

/* Escapes are never cut in the middle. */
static void cuts_between_escapes(void **state)
{
	static char big[9000];
	struct sink s;
	struct log lg = log_to(&s, LOG_JSON);

	(void)state;
	memset(big, 1, sizeof(big) - 1);
	for (size_t pad = 0; pad < 12; pad++) {
		json_t *json;

		LOG(&lg, LOG_INFO, "m", LOG_MEM("pad", "------------", pad),
		    LOG_STR("a", big));
		assert_true(s.len <= LIMIT);
		json = json_loadb(s.line, s.len, JSON_ALLOW_NUL, NULL);
		assert_non_null(json);
		json_decref(json);
	}
}

static void too_many_fields_end_the_line_early(void **state)
{
	struct log_field f[301];
	struct sink s;
	struct log lg = log_to(&s, LOG_JSON);
	json_t *json;

	(void)state;
	for (int i = 0; i < 300; i++)
		f[i] = LOG_STR("a_rather_long_key", "v");
	f[300] = LOG_END;
	log_write(&lg, LOG_INFO, "m", f);
	assert_true(s.len <= LIMIT);
	json = json_loadb(s.line, s.len, JSON_ALLOW_NUL, NULL);
	assert_non_null(json);
	json_decref(json);
}

static void level_decides(void **state)
{
	struct sink s;
	struct log lg = log_to(&s, LOG_TEXT);

	(void)state;
	LOG(&lg, LOG_DEBUG, "quiet");
	log_write(&lg, LOG_DEBUG, "quiet", (struct log_field[]){LOG_END});
	assert_int_equal(s.lines, 0);
	lg.level = LOG_DEBUG;
	LOG(&lg, LOG_DEBUG, "loud");
	assert_int_equal(s.lines, 1);
	lg.level = LOG_ERROR;
	LOG(&lg, LOG_WARN, "quiet");
	assert_int_equal(s.lines, 1);
	LOG((struct log *)NULL, LOG_ERROR, "nowhere");
}

static void words_of_options(void **state)
{
	enum log_level level = LOG_DEBUG;
	enum log_format format = LOG_JSON;

	(void)state;
	assert_int_equal(log_level_parse("error", &level), 0);
	assert_int_equal(level, LOG_ERROR);
	assert_int_equal(log_level_parse("warn", &level), 0);
	assert_int_equal(level, LOG_WARN);
	assert_int_equal(log_level_parse("info", &level), 0);
	assert_int_equal(level, LOG_INFO);
	assert_int_equal(log_level_parse("debug", &level), 0);
	assert_int_equal(level, LOG_DEBUG);
	assert_int_equal(log_level_parse("Debug", &level), -EINVAL);
	assert_int_equal(log_level_parse("", &level), -EINVAL);
	assert_int_equal(level, LOG_DEBUG);
	assert_int_equal(log_format_parse("text", &format), 0);
	assert_int_equal(format, LOG_TEXT);
	assert_int_equal(log_format_parse("json", &format), 0);
	assert_int_equal(format, LOG_JSON);
	assert_int_equal(log_format_parse("xml", &format), -EINVAL);
}

/* The default sink and clock: one whole line on standard error. */
static void goes_to_standard_error(void **state)
{
	struct log lg;
	char got[256] = "";
	int pipe_fds[2], saved = dup(STDERR_FILENO);

	(void)state;
	assert_int_equal(pipe(pipe_fds), 0);
	log_init(&lg, LOG_TEXT, LOG_INFO);
	assert_int_equal(dup2(pipe_fds[1], STDERR_FILENO), STDERR_FILENO);
	LOG(&lg, LOG_INFO, "hello");
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	assert_true(read(pipe_fds[0], got, sizeof(got) - 1) > 0);
	assert_int_equal(strncmp(got, "time=20", 7), 0);
	assert_string_equal(got + strlen(T), "level=info msg=hello\n");
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	close(saved);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_logfmt),
		cmocka_unit_test(text_values_forge_nothing),
		cmocka_unit_test(json_is_json),
		cmocka_unit_test(json_holds_for_any_bytes),
		cmocka_unit_test(json_keeps_good_utf8_only),
		cmocka_unit_test(long_lines_lose_their_longest_values),
		cmocka_unit_test(cuts_between_escapes),
		cmocka_unit_test(too_many_fields_end_the_line_early),
		cmocka_unit_test(level_decides),
		cmocka_unit_test(words_of_options),
		cmocka_unit_test(goes_to_standard_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
