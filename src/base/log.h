/* Log lines for operators: logfmt ("text") or JSON, one line an event, to a
 * sink. Values are escaped: nothing that a client sends can forge a line or a
 * field. Only the shell (conn, nats_source, gateway, main) logs, and only on
 * the loop's thread; core returns errors.
 *
 *	LOG(lg, LOG_INFO, "subscription opened",
 *		LOG_STR("id", id), LOG_U64("seq", seq));
 *
 *	time=2026-11-24T10:00:00.123Z level=info msg="subscription opened" id=42
 *seq=7
 */
#ifndef SLUICE_LOG_H
#define SLUICE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level {
	LOG_ERROR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG,
};

enum log_format { LOG_TEXT, LOG_JSON };

enum log_kind {
	LOG_KIND_END,
	LOG_KIND_STR, /* NUL-terminated; NULL prints as an empty value */
	LOG_KIND_MEM, /* pointer and length */
	LOG_KIND_U64,
	LOG_KIND_I64,
	LOG_KIND_BOOL,
};

struct log_field {
	enum log_kind kind;
	const char *key;
	const char *text;
	size_t len;
	uint64_t number;
};

#define LOG_STR(k, v) \
	((struct log_field){.kind = LOG_KIND_STR, .key = (k), .text = (v)})
#define LOG_MEM(k, p, n)                               \
	((struct log_field){.kind = LOG_KIND_MEM,      \
			    .key = (k),                \
			    .text = (const char *)(p), \
			    .len = (n)})
#define LOG_U64(k, v)                             \
	((struct log_field){.kind = LOG_KIND_U64, \
			    .key = (k),           \
			    .number = (uint64_t)(v)})
#define LOG_I64(k, v)                             \
	((struct log_field){.kind = LOG_KIND_I64, \
			    .key = (k),           \
			    .number = (uint64_t)(int64_t)(v)})
#define LOG_BOOL(k, v)                             \
	((struct log_field){.kind = LOG_KIND_BOOL, \
			    .key = (k),            \
			    .number = (v) ? 1 : 0})
#define LOG_END ((struct log_field){.kind = LOG_KIND_END})

/* Gets one whole line with its '\n'. */
typedef void (*log_sink)(void *arg, const char *line, size_t len);

struct log {
	enum log_format format;
	enum log_level level;
	log_sink sink;
	void *arg;
	/* Wall clock in nanoseconds since 1970 (UTC); NULL: clock_gettime. */
	uint64_t (*now_ns)(void *arg);
};

/* Prints to standard error. */
void log_init(struct log *lg, enum log_format format, enum log_level level);

/* `fields` ends with LOG_END. A line longer than 4 KiB has its longest values
 * cut, and says so with "...". */
void log_write(const struct log *lg, enum log_level level, const char *msg,
	       const struct log_field *fields);

static inline bool log_on(const struct log *lg, enum log_level level)
{
	return lg != NULL && level <= lg->level;
}

#define LOG(lg, lvl, msg, ...)                                       \
	do {                                                         \
		if (log_on((lg), (lvl)))                             \
			log_write((lg), (lvl), (msg),                \
				  (const struct log_field[]){        \
					  __VA_ARGS__ __VA_OPT__(, ) \
						  LOG_END});         \
	} while (0)

/* "error", "warn", "info", "debug"; -EINVAL for any other word. */
int log_level_parse(const char *word, enum log_level *ret);
/* "text" or "json". */
int log_format_parse(const char *word, enum log_format *ret);

#endif
