/* The listeners of one gateway: the public ones first, then the admin's. */
#ifndef SLUICE_GATEWAY_LISTENERS_H
#define SLUICE_GATEWAY_LISTENERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"
#include "base/log.h"
#include "base/metrics.h"
#include "config/options.h"
#include "gateway/systemd.h"

struct uv_loop_s;
struct gateway_listener;

struct gateway_listeners_cbs {
	/* The descriptor belongs to the callee. */
	void (*on_accept)(void *arg, int fd, const struct address *from,
			  bool admin);
	void (*on_closed)(void *arg); /* all of them */
	void *arg;
};

/* Everything is borrowed and must outlive the listeners. */
struct gateway_listeners {
	struct uv_loop_s *loop;
	const struct options *options;
	const struct log *log;
	struct metrics *metrics;
	struct gateway_listeners_cbs cbs;
	/* From here on set by gateway_listeners_open(). */
	struct gateway_listener *items;
	size_t n;
	size_t n_public;
	size_t open; /* not yet closed */
};

/* Opens `n` inherited sockets, and the addresses of --listen and --admin-listen
 * for the kinds that have none. A negative errno with `err` (may stay empty):
 * the first `l->n` are open. Ends in on_closed unless `l->n` is 0. */
int gateway_listeners_open(struct gateway_listeners *l,
			   const struct systemd_socket *sockets, size_t n,
			   char *err);
/* Asynchronous; twice is a no-op. */
void gateway_listeners_close(struct gateway_listeners *l);
/* After on_closed, or when none was open. */
void gateway_listeners_finish(struct gateway_listeners *l);

/* Logs the address of each. */
void gateway_listeners_log(const struct gateway_listeners *l);
/* Of the public one with this index, `out` as in sluice_address(). -ENOENT
 * beyond the last, and when they are closed. */
int gateway_listeners_address(const struct gateway_listeners *l, size_t index,
			      char *out, size_t size);
/* Every admin listener is reached from this machine only. */
bool gateway_listeners_admin_is_local(const struct gateway_listeners *l);

#endif
