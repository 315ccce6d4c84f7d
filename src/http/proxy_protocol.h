/* The header of the PROXY protocol, versions 1 and 2 (HAProxy's
 * doc/proxy-protocol.txt): the client's address, sent by a proxy before the
 * first request. Fed in any cut; the TLVs of version 2 are skipped. A
 * connection without a valid header is rejected. */
#ifndef SLUICE_PROXY_PROTOCOL_H
#define SLUICE_PROXY_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

enum proxy_verdict {
	PROXY_MORE,
	PROXY_READY,
	PROXY_REJECT, /* final */
};

/* Longest line of version 1, with CR LF; fixed part of version 2; the same with
 * the addresses that are kept. */
enum { PROXY_V1_MAX = 107, PROXY_V2_HEAD = 16, PROXY_V2_KEPT = 16 + 36 };

struct proxy_protocol {
	size_t len;  /* bytes in `bytes` */
	size_t skip; /* version 2: bytes still to skip */
	uint8_t verdict;
	bool has_address; /* READY: `address` is the client's. Otherwise (LOCAL,
			     UNKNOWN, other families) the socket's address is */
	struct address address;
	uint8_t bytes[PROXY_V1_MAX + 1];
};

/* `p` starts zeroed. *used: bytes of the header; those after them are the
 * client's. */
enum proxy_verdict proxy_protocol_feed(struct proxy_protocol *p,
				       const void *bytes, size_t len,
				       size_t *used);

#endif
