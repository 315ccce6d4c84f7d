/* Log lines for operators, in logfmt ("text") or JSON, to a sink. Values are
 * escaped: no byte of a client can forge a line or a field. Only server,
 * upstream, gateway and main log, on the thread of the loop; pure code returns
 * errors.
 *
 *	LOG(lg, LOG_INFO, "subscription opened",
 *	    LOG_STR("id", id));
 *
 *	time=2026-11-24T10:00:00.123Z level=info msg="subscription opened" id=42
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

/* Writes one whole line, with its '\n'. */
typedef void (*log_sink)(void *arg, const char *line, size_t len);

struct log {
	enum log_format format;
	enum log_level level;
	log_sink sink;
	void *arg;
	/* Wall clock in nanoseconds since 1970 (UTC); NULL: clock_gettime(). */
	uint64_t (*now_ns)(void *arg);
};

/* Sink: standard error. */
void log_init(struct log *lg, enum log_format format, enum log_level level);

/* `fields` ends with LOG_END. Of a line longer than 4 KiB the longest values
 * are cut and end with "...". */
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

/* "error", "warn", "info" or "debug". -EINVAL. */
int log_level_parse(const char *word, enum log_level *ret);
/* "text" or "json". -EINVAL. */
int log_format_parse(const char *word, enum log_format *ret);

#endif
