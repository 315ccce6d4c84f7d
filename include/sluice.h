/* sluice: NATS JetStream as Server-Sent Events, inside your own program.
 *
 * A gateway lives on a libuv loop of yours. All functions are called on the
 * loop's thread (sluice_options_* on any one thread). sluice_options_load() and
 * sluice_start() read files, and the second one resolves the names in "listen":
 * they take as long as these. No other function blocks.
 * Errors are negative errno values; where `err` is taken, it has
 * SLUICE_ERROR_MAX bytes and says what is wrong, with what value and what is
 * allowed. Secrets never stand in it.
 *
 * Any number of gateways may run in a process, on one loop or on several. Each
 * has its own options, logs, limits, metrics and threads. Of the process are:
 * - nats.c's threads, and that it ignores SIGPIPE;
 * - a register of NATS sessions, by which late callbacks of nats.c find theirs;
 * - connects to a NATS server that still hang when their gateway has ended: a
 *   thread and a socket each, until the server answers or closes. At most two
 *   for each server; while there are two, no gateway connects to that server.
 *
 *	struct sluice_options *o;
 *	struct sluice *gw;
 *	char err[SLUICE_ERROR_MAX];
 *
 *	sluice_options_new(&o);
 *	sluice_options_set(o, "listen", "127.0.0.1:8080", err);
 *	sluice_options_load(o, err);
 *	sluice_start(&gw, loop, o, err);
 *	sluice_options_free(o);
 *	uv_run(loop, UV_RUN_DEFAULT);
 */
#ifndef SLUICE_H
#define SLUICE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SLUICE_PUBLIC __attribute__((visibility("default")))
#else
#define SLUICE_PUBLIC
#endif

enum { SLUICE_ERROR_MAX = 512 };

struct uv_loop_s; /* uv_loop_t */
struct sluice;
struct sluice_options;

/* "0.1.0" */
SLUICE_PUBLIC const char *sluice_version(void);

/* All options at their defaults. 0 or -ENOMEM. */
SLUICE_PUBLIC int sluice_options_new(struct sluice_options **ret);
/* NULL is fine. */
SLUICE_PUBLIC void sluice_options_free(struct sluice_options *o);
/* `name` and `value` as on the command line, without the dashes:
 * "ping-interval", "15s". List options add up. Both strings are copied. -EINVAL
 * with `err`. */
SLUICE_PUBLIC int sluice_options_set(struct sluice_options *o, const char *name,
				     const char *value, char *err);
/* Takes in what the `sluice` program takes besides its command line: SLUICE_*,
 * NATS_* and the NATS CLI context (the option "context", or the selected one).
 * What sluice_options_set() has set wins. Optional; call it once, last.
 * -EINVAL, -ENOENT with `err`. */
SLUICE_PUBLIC int sluice_options_load(struct sluice_options *o, char *err);

/* Starts a gateway: it listens when this returns 0, and connects to NATS in the
 * background for ever. The loop is borrowed and must outlive the gateway; the
 * options are copied. A name in "listen" or "admin-listen" is looked up here,
 * and the lock of a Unix socket's directory waited for (2 s at most): nothing
 * blocks the loop later. On failure nothing is left but handles that close in
 * the loop's next turns: run it once before uv_loop_close(). */
SLUICE_PUBLIC int sluice_start(struct sluice **ret, struct uv_loop_s *loop,
			       const struct sluice_options *o, char *err);

/* The address of listener `index` (in the order of the option "listen"; of a
 * name with several addresses the first), as "127.0.0.1:8080", with the port
 * that port 0 became. -ENOENT beyond the last.
 * `out` has at least 128 bytes. */
SLUICE_PUBLIC int sluice_address(const struct sluice *gw, size_t index,
				 char *out, size_t size);
/* 1 when /readyz says 200, else 0. */
SLUICE_PUBLIC int sluice_ready(const struct sluice *gw);
/* Open event streams. This and the two questions above may be asked until
 * `done` below has been called. */
SLUICE_PUBLIC size_t sluice_subscriptions(const struct sluice *gw);

/* Reopens the file of the option "access-log", which may have been moved away,
 * and reads that of "jwt-key" or "jwt-secret": soon after, and the log has the
 * result. Where it fails the gateway goes on with the old ones. What the
 * `sluice` program does at SIGHUP. Returns 0. */
SLUICE_PUBLIC int sluice_reopen(struct sluice *gw);

typedef void (*sluice_done_cb)(struct sluice *gw, void *arg);

/* Ends gently: /readyz says 503 at once, the listeners stay open for the option
 * "drain-delay", then streams end spread over "drain-timeout". `done` is called
 * when the last is gone, the logs are written (or stall for a second) and all
 * is freed: `gw` is not to be used any more.
 * Calling it twice keeps the first callback. */
SLUICE_PUBLIC void sluice_drain(struct sluice *gw, sluice_done_cb done,
				void *arg);
/* Ends now: connections are closed as they are. Also in a drain, whose callback
 * is then not called. */
SLUICE_PUBLIC void sluice_stop(struct sluice *gw, sluice_done_cb done,
			       void *arg);

#ifdef __cplusplus
}
#endif

#endif
