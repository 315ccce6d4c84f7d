#include "nats_dial.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nats/nats.h>
#include <uv.h>

struct nats_dial {
	uv_mutex_t lock; /* of conn, done, left */
	uv_thread_t thread;
	struct nats_options *options;
	natsOptions *nats_options;
	natsConnection *conn; /* the result */
	char error[NATS_DIAL_ERROR_MAX];
	struct mailbox *wake;
	bool done;
	bool left; /* the thread frees */
};

static unsigned left_behind; /* atomic */

unsigned nats_dial_left_behind(void)
{
	return __atomic_load_n(&left_behind, __ATOMIC_RELAXED);
}

/* "(conn.c:773): text" is for the library's own people. */
static const char *without_place(const char *text)
{
	const char *end = strstr(text, "): ");

	return *text == '(' && end != NULL ? end + 3 : text;
}

void nats_dial_error(char *err, int status)
{
	const char *text = nats_GetLastError(NULL);

	if (text == NULL || *text == '\0')
		text = natsStatus_GetText((natsStatus)status);
	snprintf(err, NATS_DIAL_ERROR_MAX, "%s", without_place(text));
}

static void free_dial(struct nats_dial *d)
{
	natsConnection_Destroy(d->conn);
	natsOptions_Destroy(d->nats_options);
	nats_options_unref(d->options);
	uv_mutex_destroy(&d->lock);
	free(d);
}

static void run(void *arg)
{
	struct nats_dial *d = arg;
	natsConnection *conn = NULL;
	natsStatus status = natsConnection_Connect(&conn, d->nats_options);
	bool left;

	if (status != NATS_OK)
		nats_dial_error(d->error, (int)status);
	uv_mutex_lock(&d->lock);
	d->conn = conn;
	d->done = true;
	left = d->left;
	if (!left)
		mailbox_wake(d->wake);
	uv_mutex_unlock(&d->lock);
	if (left)
		free_dial(d);
	nats_ReleaseThreadMemory();
	if (left)
		__atomic_sub_fetch(&left_behind, 1, __ATOMIC_RELAXED);
}

struct nats_dial *nats_dial_new(struct nats_options *o,
				struct __natsOptions *nats_options,
				struct mailbox *wake, char *err)
{
	struct nats_dial *d = calloc(1, sizeof(*d));

	if (d == NULL || uv_mutex_init(&d->lock) < 0) {
		free(d);
		natsOptions_Destroy(nats_options);
		snprintf(err, NATS_DIAL_ERROR_MAX, "out of memory");
		return NULL;
	}
	d->options = nats_options_ref(o);
	d->nats_options = nats_options;
	d->wake = wake;
	if (uv_thread_create(&d->thread, run, d) == 0)
		return d;
	free_dial(d);
	snprintf(err, NATS_DIAL_ERROR_MAX, "no thread to connect with");
	return NULL;
}

bool nats_dial_done(struct nats_dial *d)
{
	bool done;

	uv_mutex_lock(&d->lock);
	done = d->done;
	uv_mutex_unlock(&d->lock);
	return done;
}

struct __natsConnection *nats_dial_end(struct nats_dial *d, char *err)
{
	natsConnection *conn;
	bool done;

	uv_mutex_lock(&d->lock);
	done = d->done;
	d->left = !done;
	if (!done) {
		__atomic_add_fetch(&left_behind, 1, __ATOMIC_RELAXED);
		pthread_detach(d->thread);
	}
	uv_mutex_unlock(&d->lock);
	if (!done)
		return NULL;
	uv_thread_join(&d->thread);
	conn = d->conn;
	d->conn = NULL;
	snprintf(err, NATS_DIAL_ERROR_MAX, "%s", d->error);
	free_dial(d);
	return conn;
}
