/* HOST:PORT, [V6]:PORT and unix:PATH. */
#ifndef SLUICE_HOSTPORT_H
#define SLUICE_HOSTPORT_H

#include <stddef.h>
#include <stdint.h>

/* NULL when good, else what is wrong (static text). */

/* HOST:PORT, [V6]:PORT (port 0 to 65535) or unix:PATH (at most 107 bytes, what
 * sockaddr_un takes on Linux). */
const char *hostport_fault(const char *text);

/* Takes HOST:PORT or [V6]:PORT apart; `*port` points into `address`. -EINVAL
 * for what is neither, and for a host that does not fit `size` bytes. */
int hostport_split(const char *address, char *host, size_t size,
		   const char **port);

/* A host's name or address without a port: of --admin-host. */
const char *hostport_host_fault(const char *name);

/* NULL for a good port of at least `least`, else what is wrong (static text).
 */
const char *hostport_port_fault(const char *text, uint64_t least);
/* Moves *text behind a host, with or without brackets. NULL, or what is wrong
 * (static text). */
const char *hostport_take_host(const char **text);

#endif
