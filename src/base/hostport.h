/* HOST:PORT, [V6]:PORT and unix:PATH. Each ..._fault() and hostport_take_host()
 * returns NULL for a good text, otherwise what is wrong with it (static). */
#ifndef SLUICE_HOSTPORT_H
#define SLUICE_HOSTPORT_H

#include <stddef.h>
#include <stdint.h>

/* HOST:PORT, [V6]:PORT (port 0 to 65535) or unix:PATH (at most 107 bytes, what
 * sockaddr_un takes on Linux). */
const char *hostport_fault(const char *text);

/* Splits HOST:PORT or [V6]:PORT; `*port` points into `address`. -EINVAL for
 * another form, and for a host of `size` bytes or more. */
int hostport_split(const char *address, char *host, size_t size,
		   const char **port);

/* A host without a port, as of --admin-host. */
const char *hostport_host_fault(const char *name);

/* A port of at least `least`. */
const char *hostport_port_fault(const char *text, uint64_t least);
/* Moves *text behind a host, with or without brackets. */
const char *hostport_take_host(const char **text);

#endif
