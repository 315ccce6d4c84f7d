#include "press.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stamp.h"

int press_init(struct press *p, const struct press_config *cfg)
{
	static const char filling[] = "the quick brown fox jumps over it. ";

	*p = (struct press){.cfg = *cfg};
	if (cfg->bytes < STAMP_LEN || cfg->n_ids == 0)
		return -EINVAL;
	p->payload = malloc(cfg->bytes);
	if (p->payload == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < cfg->bytes; i++)
		p->payload[i] = filling[i % strlen(filling)];
	return 0;
}

void press_finish(struct press *p)
{
	free(p->payload);
	p->payload = NULL;
}

void press_begin(struct press *p)
{
	p->begun_ns = stamp_now();
}

bool press_is_over(const struct press *p)
{
	return p->n == p->cfg.messages;
}

uint64_t press_wait_ns(const struct press *p)
{
	uint64_t due, now;

	if (p->cfg.rate == 0)
		return 0;
	due = p->begun_ns +
	      (uint64_t)((double)p->n * 1e9 / (double)p->cfg.rate);
	now = stamp_now();
	return due <= now ? 0 : due - now;
}

unsigned press_make(struct press *p)
{
	struct stamp s = {.number = p->cfg.first + p->n / p->cfg.n_ids,
			  .ns = stamp_now()};
	unsigned id = (unsigned)(p->cfg.first_id + p->n % p->cfg.n_ids);

	stamp_put(p->payload, &s);
	p->n++;
	return id;
}
