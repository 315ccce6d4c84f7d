/* The listening sockets of one address: "HOST:PORT", "[V6]:PORT" or
 * "unix:PATH". Accepts a bounded number of connections in each iteration of the
 * loop. When descriptors run out, or accept4() keeps failing, accepting pauses,
 * and resumes by itself; clients wait in the kernel's queue. */
#ifndef SLUICE_LISTENER_H
#define SLUICE_LISTENER_H

#include <stdbool.h>
#include <stddef.h>

#include "server/unix_socket.h"

struct address;
struct uv_loop_s;
struct listener;

/* Called on the loop's thread. */
struct listener_cbs {
	/* A connection: non-blocking, close-on-exec, TCP_NODELAY, keep-alive.
	 * The callee owns the descriptor. `from`: the peer's address; none for
	 * a Unix socket. */
	void (*on_accept)(void *arg, int fd, const struct address *from);
	/* accept4() failed (negative errno), and accepting pauses. `first`: the
	 * first failure since the last connection. May be NULL. */
	void (*on_accept_error)(void *arg, int err, bool first);
	void (*on_closed)(void *arg); /* freed after this */
	void *arg;
};

enum {
	LISTENER_ERROR_MAX = 256,
	LISTENER_ADDRESS_MAX = 128,
	LISTENER_SOCKETS_MAX = 8, /* addresses of one name */
	LISTENER_MODE_UMASK = UNIX_SOCKET_MODE_UMASK,
};

struct listener_how {
	/* SO_REUSEPORT: other processes of the same user may listen on the same
	 * port, and the kernel spreads the connections. Not for Unix sockets.
	 */
	bool shared;
	/* Permissions of a Unix socket's file; LISTENER_MODE_UMASK: those
	 * that the umask leaves. */
	int mode;
};

/* It listens when this returns 0. The loop is borrowed. A negative errno with
 * `err` ("cannot listen on 127.0.0.1:80: permission denied"): only handles are
 * left, which close in the next iteration of the loop.
 *
 * A name is resolved here, which may block, and never later. It listens on all
 * addresses of the name, with one port, except those that this machine does not
 * have. An IPv6 socket accepts IPv6 alone: 0.0.0.0:P and [::]:P go together.
 *
 * The path of a Unix socket is taken over when no process listens on it any
 * more (unix_socket.h), and removed at the end. */
int listener_new(struct listener **ret, struct uv_loop_s *loop,
		 const char *address, const struct listener_how *how,
		 const struct listener_cbs *cbs, char *err);
/* Takes a socket that listens already, when this returns 0. Its path, if it has
 * one, is not removed at the end. */
int listener_adopt(struct listener **ret, struct uv_loop_s *loop, int fd,
		   const struct listener_cbs *cbs, char *err);
/* Address of socket `i`: "127.0.0.1:8080", "[::1]:8080", "unix:/run/x", with
 * the port that the kernel chose for 0. `out` has LISTENER_ADDRESS_MAX bytes.
 * False beyond the last. */
bool listener_address_of(const struct listener *l, size_t i, char *out);
/* Address of the first socket. */
void listener_address(const struct listener *l, char *out);
/* True when all sockets are Unix sockets or on loopback addresses. */
bool listener_is_local(const struct listener *l);
/* Asynchronous; twice is a no-op. */
void listener_close(struct listener *l);

#endif
