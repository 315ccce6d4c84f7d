/* Three real nats-servers in a JetStream cluster on the loopback. Each goes to
 * the others through fault proxies, so that one can be cut off: it lives on,
 * and so do its clients, but nothing passes between it and the others.
 *
 * Every call fails the test when it takes too long. */
#ifndef TEST_NATS_CLUSTER_H
#define TEST_NATS_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "fault_proxy.h"
#include "nats_server.h"

enum { NATS_CLUSTER_NODES = 3 };

struct nats_cluster {
	struct nats_server nodes[NATS_CLUSTER_NODES];
	/* What node i connects to in order to reach node j. */
	struct fault_proxy routes[NATS_CLUSTER_NODES][NATS_CLUSTER_NODES];
	bool cut[NATS_CLUSTER_NODES];
	char urls[256]; /* of all, with commas between */
};

/* Until the nodes have a leader. Zeroed is a start. */
void nats_cluster_start(struct nats_cluster *c);
/* Zeroed, or started half-way, is fine. */
void nats_cluster_stop(struct nats_cluster *c);

/* Makes a stream; until all its replicas are there. The nodes may not know each
 * other yet: asks again. */
void nats_cluster_stream(struct nats_cluster *c, const char *name,
			 const char *config_json);

/* Ends the node, see nats_server_kill(). */
void nats_cluster_kill(struct nats_cluster *c, int node, int sig);
/* Starts it again, until it answers. */
void nats_cluster_again(struct nats_cluster *c, int node);
/* No byte passes between it and the others any more, as if it were lost on the
 * way: connections stay open, and new ones come to nothing. */
void nats_cluster_cut(struct nats_cluster *c, int node);
/* What was held on the way is lost, and the connections with it. */
void nats_cluster_heal(struct nats_cluster *c, int node);

/* The stream's leader by the word of those that run and are not cut off: a
 * node's number, or -1 while there is none. */
int nats_cluster_leader(struct nats_cluster *c, const char *stream);
/* Until it has one, which is returned: another than `but` (-1: any). */
int nats_cluster_wait_leader(struct nats_cluster *c, const char *stream,
			     int but);
/* Until it has a leader, all its replicas have caught up with it, and every
 * node (none may be down or cut off) says so. */
void nats_cluster_wait_whole(struct nats_cluster *c, const char *stream);
/* Whether all replicas hold the same messages from sequence `from` to `to`;
 * prints those that they don't. The stream has "allow_direct": a node answers
 * with what its own replica has. Run it when the stream is whole. */
bool nats_cluster_same(struct nats_cluster *c, const char *stream,
		       uint64_t from, uint64_t to);
/* Until this node is the stream's leader: asks others to step down. */
void nats_cluster_lead(struct nats_cluster *c, const char *stream, int node);

#endif
