#include "messages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stamp.h"

int messages_init(struct messages *m, const struct messages_config *cfg)
{
	static const char filling[] = "the quick brown fox jumps over it. ";

	*m = (struct messages){.cfg = *cfg};
	if (cfg->bytes < STAMP_LEN || cfg->n_ids == 0)
		return -EINVAL;
	m->payload = malloc(cfg->bytes);
	if (m->payload == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < cfg->bytes; i++)
		m->payload[i] = filling[i % strlen(filling)];
	return 0;
}

void messages_finish(struct messages *m)
{
	free(m->payload);
	m->payload = NULL;
}

void messages_begin(struct messages *m)
{
	m->begun_ns = stamp_now();
}

bool messages_is_over(const struct messages *m)
{
	return m->n == m->cfg.messages;
}

uint64_t messages_wait_ns(const struct messages *m)
{
	uint64_t due, now;

	if (m->cfg.rate == 0)
		return 0;
	due = m->begun_ns +
	      (uint64_t)((double)m->n * 1e9 / (double)m->cfg.rate);
	now = stamp_now();
	return due <= now ? 0 : due - now;
}

unsigned messages_make(struct messages *m)
{
	struct stamp s = {.number = m->cfg.first +
				    (m->cfg.one_count ? m->n
						      : m->n / m->cfg.n_ids),
			  .ns = stamp_now()};
	unsigned id = (unsigned)(m->cfg.first_id + m->n % m->cfg.n_ids);

	stamp_put(m->payload, &s);
	m->n++;
	return id;
}
