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
	struct nats_connect *next; /* in `ended` */
	uv_mutex_t lock;	   /* of conn, done, left */
	uv_thread_t thread;
	struct nats_options *options;
	natsOptions *nats_options;
	natsConnection *conn; /* the result */
	char error[NATS_CONNECT_ERROR_MAX];
	char *server; /* its URL, without secrets */
	char *host;
	struct mailbox *wake;
	uint64_t hung_ms; /* since when the worker does not wait for it */
	bool done;
	bool left; /* the thread frees */
};

/* Of the whole process: those whose gateway has ended. No gateway waits for
 * them; it is their number that must have a bound, for programs that start and
 * stop gateways. The lock is taken before that of a dial. */
static struct {
	pthread_mutex_t lock;
	struct nats_connect *first;
} ended = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* "(conn.c:773): text" is for the library's own people. */
static const char *without_place(const char *text)
{
	const char *end = strstr(text, "): ");

	return *text == '(' && end != NULL ? end + 3 : text;
}

void nats_connect_error(char *err, int status)
{
	const char *text = nats_GetLastError(NULL);

	if (text == NULL || *text == '\0')
		text = natsStatus_GetText((natsStatus)status);
	snprintf(err, NATS_CONNECT_ERROR_MAX, "%s", without_place(text));
}

static void free_connect(struct nats_connect *d)
{
	natsConnection_Destroy(d->conn);
	natsOptions_Destroy(d->nats_options);
	nats_options_unref(d->options);
	uv_mutex_destroy(&d->lock);
	free(d->server);
	free(d->host);
	free(d);
}

/* With the lock of `ended`. */
static void unlink_ended(struct nats_connect *d)
{
	struct nats_connect **at = &ended.first;

	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
}

static void end_left(struct nats_connect *d)
{
	pthread_mutex_lock(&ended.lock);
	unlink_ended(d);
	pthread_mutex_unlock(&ended.lock);
	free_connect(d);
}

static void run_connect(void *arg)
{
	struct nats_connect *d = arg;
	natsConnection *conn = NULL;
	natsStatus status = natsConnection_Connect(&conn, d->nats_options);
	bool left;

	if (status != NATS_OK) {
		nats_connect_error(d->error, (int)status);
		nats_reason_find(d->server, d->host, d->error,
				 sizeof(d->error));
	}
	uv_mutex_lock(&d->lock);
	d->conn = conn;
	d->done = true;
	left = d->left;
	if (!left)
		mailbox_wake(d->wake);
	uv_mutex_unlock(&d->lock);
	if (left)
		end_left(d);
	nats_ReleaseThreadMemory();
}

struct nats_connect *nats_connect_new(const struct nats_servers_item *server,
				      struct nats_options *o,
				      struct __natsOptions *nats_options,
				      struct mailbox *wake, char *err)
{
	struct nats_connect *d = calloc(1, sizeof(*d));

	if (d != NULL) {
		d->server = strdup(server->url);
		d->host = strdup(server->host);
	}
	if (d == NULL || d->server == NULL || d->host == NULL ||
	    uv_mutex_init(&d->lock) < 0) {
		if (d != NULL) {
			free(d->server);
			free(d->host);
		}
		free(d);
		natsOptions_Destroy(nats_options);
		snprintf(err, NATS_CONNECT_ERROR_MAX, "out of memory");
		return NULL;
	}
	d->options = nats_options_ref(o);
	d->nats_options = nats_options;
	d->wake = wake;
	if (uv_thread_create(&d->thread, run_connect, d) == 0)
		return d;
	free_connect(d);
	snprintf(err, NATS_CONNECT_ERROR_MAX, "no thread to connect with");
	return NULL;
}

bool nats_connect_done(struct nats_connect *d)
{
	bool done;

	uv_mutex_lock(&d->lock);
	done = d->done;
	uv_mutex_unlock(&d->lock);
	return done;
}

struct __natsConnection *nats_connect_end(struct nats_connect *d, char *err)
{
	natsConnection *conn;

	MUST(nats_connect_done(d));
	uv_thread_join(&d->thread);
	conn = d->conn;
	d->conn = NULL;
	snprintf(err, NATS_CONNECT_ERROR_MAX, "%s", d->error);
	free_connect(d);
	return conn;
}

/* ---- those that hang ----------------------------------------------------- */

/* Joined and freed if it is done, else left to its thread. */
static void leave(struct nats_connect *d)
{
	bool done;

	pthread_mutex_lock(&ended.lock);
	uv_mutex_lock(&d->lock);
	done = d->done;
	d->left = !done;
	if (!done) {
		d->next = ended.first;
		ended.first = d;
		pthread_detach(d->thread);
	}
	uv_mutex_unlock(&d->lock);
	pthread_mutex_unlock(&ended.lock);
	if (!done)
		return;
	uv_thread_join(&d->thread);
	free_connect(d);
}

void nats_hung_add(struct nats_hung *h, struct nats_connect *d, uint64_t now_ms)
{
	if (h->n == NATS_HUNG_MAX || nats_connect_done(d)) {
		leave(d);
		return;
	}
	d->hung_ms = now_ms;
	h->dials[h->n++] = d;
}

bool nats_hung_skips(const struct nats_hung *h, const char *server,
		     uint64_t now_ms)
{
	uint64_t last_ms = 0;
	unsigned n = 0;

	for (size_t i = 0; i < h->n; i++) {
		if (strcmp(h->dials[i]->server, server) != 0)
			continue;
		n++;
		if (h->dials[i]->hung_ms > last_ms)
			last_ms = h->dials[i]->hung_ms;
	}
	if (n >= NATS_HUNG_PER_SERVER ||
	    (n > 0 && now_ms - last_ms < NATS_HUNG_AGAIN_MS))
		return true;
	return nats_hung_ended(server) >= NATS_HUNG_ENDED_MAX;
}

bool nats_hung_take(struct nats_hung *h, char *out, size_t size)
{
	for (size_t i = 0; i < h->n; i++) {
		struct nats_connect *d = h->dials[i];

		if (!nats_connect_done(d))
			continue;
		snprintf(out, size, "%s", d->server);
		h->dials[i] = h->dials[--h->n];
		leave(d);
		return true;
	}
	return false;
}

void nats_hung_finish(struct nats_hung *h)
{
	while (h->n > 0)
		leave(h->dials[--h->n]);
}

unsigned nats_hung_ended(const char *server)
{
	unsigned n = 0;

	pthread_mutex_lock(&ended.lock);
	for (const struct nats_connect *d = ended.first; d != NULL; d = d->next)
		n += server == NULL || strcmp(d->server, server) == 0;
	pthread_mutex_unlock(&ended.lock);
	return n;
}
