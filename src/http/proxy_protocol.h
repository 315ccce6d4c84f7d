/* The preface of a connection by the PROXY protocol, versions 1 and 2
 * (HAProxy's doc/proxy-protocol.txt): who is behind the proxy. Fed in any cut;
 * the TLVs of version 2 are passed over. Nothing is guessed: without a preface
 * that is good the connection is none of ours. */
#ifndef SLUICE_PROXY_PROTOCOL_H
#define SLUICE_PROXY_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

enum proxy_verdict {
	PROXY_MORE,
	PROXY_READY,
	PROXY_REJECT, /* and so it stays */
};

/* A line of version 1 with its CR LF, at most; the fixed part of version 2, and
 * what of its addresses is wanted. */
enum { PROXY_V1_MAX = 107, PROXY_V2_HEAD = 16, PROXY_V2_KEPT = 16 + 36 };

struct proxy_protocol {
	size_t len;  /* bytes in `bytes` */
	size_t skip; /* version 2: still to be passed over */
	uint8_t verdict;
	bool has_address; /* READY: `address` is the client's; else (LOCAL,
			     UNKNOWN, other families) the socket's own holds */
	struct address address;
	uint8_t bytes[PROXY_V1_MAX + 1];
};

/* Zeroed is ready to be fed. Takes bytes; *used says how many are the
 * preface's, what is left is the client's. */
enum proxy_verdict proxy_protocol_feed(struct proxy_protocol *p,
				       const void *bytes, size_t len,
				       size_t *used);

#endif
