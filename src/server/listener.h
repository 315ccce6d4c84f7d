/* The listening sockets of one address: "HOST:PORT", "[V6]:PORT" or
 * "unix:PATH". Accepts a bounded number of connections a turn of the loop. When
 * descriptors run out, or accept4() goes on failing, it pauses, with the
 * clients waiting in the kernel's queue, and resumes by itself. */
#ifndef SLUICE_LISTENER_H
#define SLUICE_LISTENER_H

#include <stdbool.h>
#include <stddef.h>

struct address;
struct uv_loop_s;
struct listener;

/* All on the loop's thread. */
struct listener_cbs {
	/* A connection: non-blocking, close-on-exec, TCP_NODELAY, keep-alive.
	 * The descriptor is the callee's. `from`: whose it is, by accept();
	 * none of a Unix socket. */
	void (*on_accept)(void *arg, int fd, const struct address *from);
	/* accept4() failed (negative errno), and accepting pauses. `first`:
	 * since the last connection. May be NULL. */
	void (*on_trouble)(void *arg, int err, bool first);
	void (*on_closed)(void *arg); /* its memory is freed after this */
	void *arg;
};

enum {
	LISTENER_ERROR_MAX = 256,
	LISTENER_ADDRESS_MAX = 128,
	LISTENER_SOCKETS_MAX = 8, /* addresses of one name */
	LISTENER_MODE_UMASK = -1,
};

struct listener_how {
	/* Other processes of the same user may listen on this very port, and
	 * the kernel gives each of them its share of the connections
	 * (SO_REUSEPORT). Of a Unix socket there is only one. */
	bool shared;
	/* Permissions of a Unix socket's file; LISTENER_MODE_UMASK: those that
	 * the umask leaves. */
	int mode;
};

/* It listens when this returns 0. The loop is borrowed. A negative errno with
 * `err` ("can't listen on 127.0.0.1:80: permission denied"): nothing is left
 * but handles that close in the loop's next turn.
 *
 * A name is looked up here, which may block, and never later. All its addresses
 * are listened on, with one port, but for those that this machine does not
 * have. An IPv6 socket takes IPv6 alone, so that 0.0.0.0:P and [::]:P go
 * together.
 *
 * A Unix socket's path on which no process listens any more is taken over, and
 * removed at the end. Gateways hold a lock on its directory from the probe
 * until they listen: so none takes another's fresh socket for a stale one. */
int listener_new(struct listener **ret, struct uv_loop_s *loop,
		 const char *address, const struct listener_how *how,
		 const struct listener_cbs *cbs, char *err);
/* A socket that listens already; it is the listener's when this returns 0. Its
 * path, if it has one, stays. */
int listener_adopt(struct listener **ret, struct uv_loop_s *loop, int fd,
		   const struct listener_cbs *cbs, char *err);
/* Of socket `i`: "127.0.0.1:8080", "[::1]:8080", "unix:/run/x": with the port
 * that 0 became. `out` has LISTENER_ADDRESS_MAX bytes. False beyond the last.
 */
bool listener_address_of(const struct listener *l, size_t i, char *out);
/* Of the first one. */
void listener_address(const struct listener *l, char *out);
/* All its sockets are Unix sockets, or on loopback addresses. */
bool listener_is_local(const struct listener *l);
/* Asynchronous; twice is a no-op. */
void listener_close(struct listener *l);

#endif
