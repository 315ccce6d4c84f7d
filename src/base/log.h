/* Log lines for operators: logfmt ("text") or JSON, one line an event, to a
 * sink. Values are escaped: nothing that a client sends can forge a line or a
 * field. Only the shell (conn, nats_source, gateway, main) logs, and only on
 * the loop's thread; core returns errors.
 *
 *	LOGGING(lg, LOGGING_INFO, "stream opened",
 *		LOG_STR("id", id), LOG_U64("seq", seq));
 *
 *	time=2026-11-24T10:00:00.123Z level=info msg="stream opened" id=42 seq=7
 */
#ifndef SLUICE_LOG_H
#define SLUICE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum logging_level {
	LOGGING_ERROR,
	LOGGING_WARN,
	LOGGING_INFO,
	LOGGING_DEBUG,
};

enum logging_format { LOGGING_TEXT, LOGGING_JSON };

enum logging_kind {
	LOGGING_F_END,
	LOGGING_F_STR, /* NUL-terminated; NULL prints as an empty value */
	LOGGING_F_MEM, /* pointer and length */
	LOGGING_F_U64,
	LOGGING_F_I64,
	LOGGING_F_BOOL,
};

struct logging_field {
	enum logging_kind kind;
	const char *key;
	const char *text;
	size_t len;
	uint64_t number;
};

#define LOG_STR(k, v) \
	((struct logging_field){.kind = LOGGING_F_STR, .key = (k), .text = (v)})
#define LOG_MEM(k, p, n)                                   \
	((struct logging_field){.kind = LOGGING_F_MEM,     \
				.key = (k),                \
				.text = (const char *)(p), \
				.len = (n)})
#define LOG_U64(k, v)                                  \
	((struct logging_field){.kind = LOGGING_F_U64, \
				.key = (k),            \
				.number = (uint64_t)(v)})
#define LOG_I64(k, v)                                  \
	((struct logging_field){.kind = LOGGING_F_I64, \
				.key = (k),            \
				.number = (uint64_t)(int64_t)(v)})
#define LOG_BOOL(k, v)                                  \
	((struct logging_field){.kind = LOGGING_F_BOOL, \
				.key = (k),             \
				.number = (v) ? 1 : 0})
#define LOG_END ((struct logging_field){.kind = LOGGING_F_END})

/* Gets one whole line with its '\n'. */
typedef void (*logging_sink)(void *arg, const char *line, size_t len);

struct logging {
	enum logging_format format;
	enum logging_level level;
	logging_sink sink;
	void *arg;
	/* Wall clock in nanoseconds since 1970 (UTC); NULL: clock_gettime. */
	uint64_t (*now_ns)(void *arg);
};

/* Prints to standard error. */
void logging_init(struct logging *lg, enum logging_format format,
		  enum logging_level level);

/* `fields` ends with LOG_END. A line longer than 4 KiB has its longest values
 * cut, and says so with "...". */
void logging_write(const struct logging *lg, enum logging_level level,
		   const char *msg, const struct logging_field *fields);

static inline bool logging_on(const struct logging *lg,
			      enum logging_level level)
{
	return lg != NULL && level <= lg->level;
}

#define LOGGING(lg, lvl, msg, ...)                                       \
	do {                                                             \
		if (logging_on((lg), (lvl)))                             \
			logging_write((lg), (lvl), (msg),                \
				      (const struct logging_field[]){    \
					      __VA_ARGS__ __VA_OPT__(, ) \
						      LOG_END});         \
	} while (0)

/* "error", "warn", "info", "debug"; -EINVAL for any other word. */
int logging_level_parse(const char *word, enum logging_level *ret);
/* "text" or "json". */
int logging_format_parse(const char *word, enum logging_format *ret);

#endif
