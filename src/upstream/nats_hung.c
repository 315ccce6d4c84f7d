#include "upstream/nats_hung.h"

#include <stdio.h>
#include <string.h>

void nats_hung_add(struct nats_hung *h, struct nats_connect *c, uint64_t now_ms)
{
	if (h->n == NATS_HUNG_MAX || nats_connect_done(c)) {
		nats_connect_abandon(c);
		return;
	}
	h->items[h->n++] = (struct nats_hung_connect){c, now_ms};
}

static bool is_hung_to(const struct nats_hung_connect *item, const char *server)
{
	return strcmp(nats_connect_server(item->connect), server) == 0;
}

unsigned nats_hung_count(const struct nats_hung *h, const char *server)
{
	unsigned n = 0;

	for (size_t i = 0; i < h->n; i++)
		n += is_hung_to(&h->items[i], server);
	return n;
}

bool nats_hung_skips(const struct nats_hung *h, const char *server,
		     uint64_t now_ms)
{
	if (nats_hung_count(h, server) >= NATS_HUNG_PER_SERVER)
		return true;
	for (size_t i = 0; i < h->n; i++)
		if (is_hung_to(&h->items[i], server) &&
		    now_ms - h->items[i].since_ms < NATS_HUNG_RETRY_MS)
			return true;
	return nats_connect_abandoned(server) >= NATS_HUNG_ABANDONED_MAX;
}

bool nats_hung_take_returned(struct nats_hung *h, char *out, size_t size)
{
	for (size_t i = 0; i < h->n; i++) {
		struct nats_connect *c = h->items[i].connect;

		if (!nats_connect_done(c))
			continue;
		snprintf(out, size, "%s", nats_connect_server(c));
		h->items[i] = h->items[--h->n];
		nats_connect_abandon(c);
		return true;
	}
	return false;
}

void nats_hung_finish(struct nats_hung *h)
{
	while (h->n > 0)
		nats_connect_abandon(h->items[--h->n].connect);
}
