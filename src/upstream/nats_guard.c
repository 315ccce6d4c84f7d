#include "upstream/nats_guard.h"

#include <pthread.h>
#include <stddef.h>

/* Those of the whole process. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t idle; /* the `busy` of one became 0 */
	struct nats_guard *first;
	uint64_t last_number;
} guards = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.idle = PTHREAD_COND_INITIALIZER,
};

void nats_guard_register(struct nats_guard *g)
{
	pthread_mutex_lock(&guards.lock);
	g->number = ++guards.last_number;
	g->next = guards.first;
	guards.first = g;
	pthread_mutex_unlock(&guards.lock);
}

void nats_guard_unregister(struct nats_guard *g)
{
	struct nats_guard **at = &guards.first;

	pthread_mutex_lock(&guards.lock);
	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	while (g->busy > 0)
		pthread_cond_wait(&guards.idle, &guards.lock);
	pthread_mutex_unlock(&guards.lock);
}

void *nats_guard_argument(const struct nats_guard *g)
{
	return (void *)(uintptr_t)g->number;
}

struct nats_guard *nats_guard_enter(void *arg)
{
	struct nats_guard *g;

	pthread_mutex_lock(&guards.lock);
	g = guards.first;
	while (g != NULL && g->number != (uintptr_t)arg)
		g = g->next;
	if (g != NULL)
		g->busy++;
	pthread_mutex_unlock(&guards.lock);
	return g;
}

void nats_guard_leave(struct nats_guard *g)
{
	pthread_mutex_lock(&guards.lock);
	if (--g->busy == 0)
		pthread_cond_broadcast(&guards.idle);
	pthread_mutex_unlock(&guards.lock);
}
