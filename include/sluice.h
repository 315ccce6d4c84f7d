/* sluice: NATS JetStream as Server-Sent Events, embedded in your own program.
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
 *
 * Threads. A gateway runs on a libuv loop of the program. Call its functions on
 * the thread of that loop; sluice_options_*() on any one thread.
 *
 * Blocking. sluice_options_load() and sluice_start() read files, and
 * sluice_start() resolves the names in "listen". No other function blocks.
 *
 * Errors. Negative errno values. Where `err` is an argument, it has
 * SLUICE_ERROR_MAX bytes and receives what is wrong, the value, and what is
 * allowed; never a secret.
 *
 * Several gateways. Any number may run in a process, on one loop or on several.
 * Each has its own options, logs, limits, metrics and threads. They share, as
 * state of the process:
 * - the threads of nats.c, and SIGPIPE, which nats.c ignores;
 * - with a URL in "jwt-key", libcurl's global state (curl_global_init(), which
 *   is safe in threads in the versions that this needs);
 * - a registry of NATS sessions, by which late callbacks of nats.c find theirs;
 * - connects to a NATS server that still hang after their gateway has ended: a
 *   thread and a socket each, until the server answers or closes. There are at
 *   most two for each server; meanwhile no gateway connects to that server. */
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

/* ---- options ------------------------------------------------------------- */

/* Creates options with all defaults. 0 or -ENOMEM. */
SLUICE_PUBLIC int sluice_options_new(struct sluice_options **ret);
/* NULL is fine. */
SLUICE_PUBLIC void sluice_options_free(struct sluice_options *o);
/* Sets an option of the command line, named without dashes: "ping-interval",
 * "15s". A list option keeps its earlier values. Both strings are copied. 0,
 * -ENOMEM, or -EINVAL with `err`. */
SLUICE_PUBLIC int sluice_options_set(struct sluice_options *o, const char *name,
				     const char *value, char *err);
/* Reads the other sources of the `sluice` program: SLUICE_*, NATS_* and the
 * NATS CLI context (the option "context", or the selected one). Values of
 * sluice_options_set() win. Optional; call it once, after all
 * sluice_options_set(). 0, or -EINVAL or -ENOENT with `err`. */
SLUICE_PUBLIC int sluice_options_load(struct sluice_options *o, char *err);

/* ---- a running gateway --------------------------------------------------- */

/* Starts a gateway. When it returns 0, the gateway listens, and connects to
 * NATS in the background, with retries for ever. The loop is borrowed and must
 * outlive the gateway; the options are copied.
 *
 * Names in "listen" and "admin-listen" are resolved here, and the lock of a
 * Unix socket's directory is awaited (at most 2 s); later nothing blocks the
 * loop.
 *
 * On failure nothing remains but handles that close in the next iterations of
 * the loop: run it once before uv_loop_close(). */
SLUICE_PUBLIC int sluice_start(struct sluice **ret, struct uv_loop_s *loop,
			       const struct sluice_options *o, char *err);

/* sluice_address(), sluice_ready() and sluice_subscriptions() may be called
 * until `done` of sluice_drain() or sluice_stop() has been called. */

/* Writes the address of listener `index`, as "127.0.0.1:8080", to `out` (at
 * least 128 bytes). The order is that of the option "listen"; of a name with
 * several addresses it is the first. Port 0 is shown as the port that the
 * system chose. 0, or -ENOENT beyond the last listener. */
SLUICE_PUBLIC int sluice_address(const struct sluice *gw, size_t index,
				 char *out, size_t size);
/* 1 when /readyz is 200, otherwise 0. */
SLUICE_PUBLIC int sluice_ready(const struct sluice *gw);
/* Number of open subscriptions. */
SLUICE_PUBLIC size_t sluice_subscriptions(const struct sluice *gw);

/* Reopens the file of the option "access-log", which may have been moved, and
 * reads or fetches the keys of "jwt-key" or "jwt-secret" again; the `sluice`
 * program does so at SIGHUP. It happens in the background; the log has the
 * result. After a failure the old file or the old keys stay in use. Returns 0.
 */
SLUICE_PUBLIC int sluice_reopen(struct sluice *gw);

/* ---- the end ------------------------------------------------------------- */

/* The gateway is freed: `gw` is no longer valid. */
typedef void (*sluice_done_cb)(struct sluice *gw, void *arg);

/* Drains: /readyz is 503 at once, the listeners stay open for the option
 * "drain-delay", then the subscriptions are closed, spread over
 * "drain-timeout". `done` is called when the last one is closed, the logs are
 * written (or stall for a second) and everything is freed. A second call is a
 * no-op. */
SLUICE_PUBLIC void sluice_drain(struct sluice *gw, sluice_done_cb done,
				void *arg);
/* Stops: all connections are closed at once. During a drain too; the callback
 * of the drain is then not called. */
SLUICE_PUBLIC void sluice_stop(struct sluice *gw, sluice_done_cb done,
			       void *arg);

#ifdef __cplusplus
}
#endif

#endif
