#include "upstream/nats_connect.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nats/nats.h>
#include <uv.h>

#include "base/check.h"
#include "upstream/nats_reason.h"

struct nats_connect {
	struct nats_connect *next; /* in `abandoned` */
	uv_mutex_t lock;	   /* of conn, done, is_abandoned */
	uv_thread_t thread;
	struct nats_options *options;
	natsOptions *nats_options;
	natsConnection *conn; /* the result */
	char error[NATS_CONNECT_ERROR_MAX];
	char *server; /* its URL, without userinfo */
	char *host;
	struct mailbox *wake;
	bool done;
	bool is_abandoned; /* the thread frees it */
};

/* Abandoned connects of the whole process, to bound their number in programs
 * that start and stop gateways. This lock is taken before that of a connect. */
static struct {
	pthread_mutex_t lock;
	struct nats_connect *first;
} abandoned = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Without nats.c's place in its source: "(conn.c:773): text". */
static const char *skip_source_place(const char *text)
{
	const char *end = strstr(text, "): ");

	return *text == '(' && end != NULL ? end + 3 : text;
}

void nats_connect_error(char *err, int status)
{
	const char *text = nats_GetLastError(NULL);

	if (text == NULL || *text == '\0')
		text = natsStatus_GetText((natsStatus)status);
	snprintf(err, NATS_CONNECT_ERROR_MAX, "%s", skip_source_place(text));
}

static void free_connect(struct nats_connect *c)
{
	natsConnection_Destroy(c->conn);
	natsOptions_Destroy(c->nats_options);
	nats_options_unref(c->options);
	uv_mutex_destroy(&c->lock);
	free(c->server);
	free(c->host);
	free(c);
}

/* ---- the thread ---------------------------------------------------------- */

static void free_abandoned(struct nats_connect *c)
{
	struct nats_connect **at = &abandoned.first;

	pthread_mutex_lock(&abandoned.lock);
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	pthread_mutex_unlock(&abandoned.lock);
	free_connect(c);
}

static void run_connect(void *arg)
{
	struct nats_connect *c = arg;
	natsConnection *conn = NULL;
	natsStatus status = natsConnection_Connect(&conn, c->nats_options);
	bool is_abandoned;

	if (status != NATS_OK) {
		nats_connect_error(c->error, (int)status);
		nats_reason_find(c->server, c->host, c->error,
				 sizeof(c->error));
	}
	uv_mutex_lock(&c->lock);
	c->conn = conn;
	c->done = true;
	is_abandoned = c->is_abandoned;
	if (!is_abandoned)
		mailbox_wake(c->wake);
	uv_mutex_unlock(&c->lock);
	if (is_abandoned)
		free_abandoned(c);
	nats_ReleaseThreadMemory();
}

/* ---- the worker ---------------------------------------------------------- */

struct nats_connect *nats_connect_new(const struct nats_servers_item *server,
				      struct nats_options *o,
				      struct __natsOptions *nats_options,
				      struct mailbox *wake, char *err)
{
	struct nats_connect *c = calloc(1, sizeof(*c));

	if (c != NULL) {
		c->server = strdup(server->url);
		c->host = strdup(server->host);
	}
	if (c == NULL || c->server == NULL || c->host == NULL ||
	    uv_mutex_init(&c->lock) < 0) {
		if (c != NULL) {
			free(c->server);
			free(c->host);
		}
		free(c);
		natsOptions_Destroy(nats_options);
		snprintf(err, NATS_CONNECT_ERROR_MAX, "out of memory");
		return NULL;
	}
	c->options = nats_options_ref(o);
	c->nats_options = nats_options;
	c->wake = wake;
	if (uv_thread_create(&c->thread, run_connect, c) == 0)
		return c;
	free_connect(c);
	snprintf(err, NATS_CONNECT_ERROR_MAX,
		 "cannot start a thread to connect");
	return NULL;
}

bool nats_connect_done(struct nats_connect *c)
{
	bool done;

	uv_mutex_lock(&c->lock);
	done = c->done;
	uv_mutex_unlock(&c->lock);
	return done;
}

const char *nats_connect_server(const struct nats_connect *c)
{
	return c->server;
}

struct __natsConnection *nats_connect_finish(struct nats_connect *c, char *err)
{
	natsConnection *conn;

	MUST(nats_connect_done(c));
	uv_thread_join(&c->thread);
	conn = c->conn;
	c->conn = NULL;
	snprintf(err, NATS_CONNECT_ERROR_MAX, "%s", c->error);
	free_connect(c);
	return conn;
}

void nats_connect_abandon(struct nats_connect *c)
{
	bool done;

	pthread_mutex_lock(&abandoned.lock);
	uv_mutex_lock(&c->lock);
	done = c->done;
	c->is_abandoned = !done;
	if (!done) {
		c->next = abandoned.first;
		abandoned.first = c;
		pthread_detach(c->thread);
	}
	uv_mutex_unlock(&c->lock);
	pthread_mutex_unlock(&abandoned.lock);
	if (!done)
		return;
	uv_thread_join(&c->thread);
	free_connect(c);
}

unsigned nats_connect_abandoned(const char *server)
{
	unsigned n = 0;

	pthread_mutex_lock(&abandoned.lock);
	for (const struct nats_connect *c = abandoned.first; c != NULL;
	     c = c->next)
		n += server == NULL || strcmp(c->server, server) == 0;
	pthread_mutex_unlock(&abandoned.lock);
	return n;
}
