/* Peers that went away without a word: a machine that lost its power or its
 * network sends neither FIN nor reset, and its connection would stay open. */
#ifndef SLUICE_DEAD_PEER_H
#define SLUICE_DEAD_PEER_H

#include <stdbool.h>
#include <stdint.h>

/* True when the peer of a socket that is pinged every `ping_ms` is gone. Always
 * false for a Unix socket. */
bool dead_peer_is_gone(int fd, uint64_t ping_ms);

#endif
