/* A listening socket: "HOST:PORT", "[V6]:PORT" or "unix:PATH". Takes a bounded
 * number of connections a turn of the loop. When descriptors run out it pauses,
 * with the clients waiting in the kernel's queue, and goes on by itself. */
#ifndef SLUICE_LISTENER_H
#define SLUICE_LISTENER_H

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
	/* accept() failed for want of descriptors or memory (negative errno):
	 * said once until a connection has come again. May be NULL. */
	void (*on_trouble)(void *arg, int err);
	void (*on_closed)(void *arg); /* its memory is freed after this */
	void *arg;
};

enum { LISTENER_ERROR_MAX = 256, LISTENER_ADDRESS_MAX = 128 };

/* It listens when this returns 0. The loop is borrowed. A negative errno with
 * `err` ("listen on 127.0.0.1:80: permission denied"): nothing is left but a
 * handle that closes in the loop's next turn. Of a name with several addresses
 * the first one that works is taken. A unix socket's path that nobody listens
 * on any more is taken over, and removed at the end. */
int listener_new(struct listener **ret, struct uv_loop_s *loop,
		 const char *address, const struct listener_cbs *cbs,
		 char *err);
/* The same; other processes of the same user may listen on this very port, and
 * the kernel gives each of them its share of the connections (SO_REUSEPORT). Of
 * a Unix socket there is only one. */
int listener_new_shared(struct listener **ret, struct uv_loop_s *loop,
			const char *address, const struct listener_cbs *cbs,
			char *err);
/* A socket that listens already; it is the listener's when this returns 0. Its
 * path, if it has one, stays. */
int listener_adopt(struct listener **ret, struct uv_loop_s *loop, int fd,
		   const struct listener_cbs *cbs, char *err);
/* "127.0.0.1:8080", "[::1]:8080", "unix:/run/x": with the port that 0 became.
 * LISTENER_ADDRESS_MAX bytes. */
void listener_address(const struct listener *l, char *out);
/* Asynchronous; twice is a no-op. */
void listener_close(struct listener *l);

#endif
