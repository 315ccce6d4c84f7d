#include "server/dead_peer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

enum {
	MISSED_PINGS = 2,	 /* without an acknowledgement */
	MISSED_KERNEL_TRIES = 4, /* retransmits or window probes, meanwhile */
};

/* Silence alone is no evidence: a peer that does not read (its window is
 * closed) acknowledges only the kernel's window probes, and those are rare. So
 * the kernel must also have retransmitted, or probed the window, in vain. */
bool dead_peer_is_gone(int fd, uint64_t ping_ms)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return false; /* a Unix socket */
	return info.tcpi_last_ack_recv >= MISSED_PINGS * ping_ms &&
	       (info.tcpi_retransmits >= MISSED_KERNEL_TRIES ||
		info.tcpi_probes >= MISSED_KERNEL_TRIES);
}
