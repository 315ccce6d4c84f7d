#include "upstream/nats_source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "base/check.h"
#include "loop/handles.h"
#include "loop/mailbox.h"
#include "upstream/nats_codec.h"
#include "upstream/nats_publisher.h"
#include "upstream/nats_publisher_codec.h"
#include "upstream/nats_worker.h"

/* The loop's side. Down: each request becomes a command for the worker. Up: a
 * wakeup, and the mailbox's messages become events, slice by slice. After
 * SLICE_NS the rest waits for the next iteration, so that clients are accepted
 * and read in between.
 *
 * The end: the mailboxes close (which wakes their waiters), the worker ends and
 * wakes the loop a last time, its thread is joined, the wakeup closed. */

enum {
	COMMANDS_CAP = 4 * 1024 * 1024,
	EVENTS_CAP = 8 * 1024 * 1024,
	SLICE_MESSAGES = 512,
	SLICE_BYTES = 256 * 1024,
};

static const uint64_t slice_ns = 5000000;

struct nats_source {
	struct jetstream jetstream;
	struct nats_source_cbs cbs;
	struct nats_worker worker;
	struct mailbox commands;
	struct mailbox events;
	struct nats_publisher publisher;
	struct handles handles;
	uv_async_t wakeup;
	uv_idle_t worker_wakeup;    /* active: the outbox has messages */
	struct mailbox_batch batch; /* being read */
	uint64_t session;	    /* number of the open one; 0: none */
	bool reading;		    /* `batch` is to be returned */
	bool in_callbacks;	    /* which may close the source */
	bool closing;
};

/* ---- down: requests ------------------------------------------------------ */

/* Without the characters that end a line or a token of the protocol. */
static bool is_subject_valid(const char *subject)
{
	size_t len = strlen(subject);

	if (len == 0 || len >= SUBJECT_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (subject[i] <= ' ' || subject[i] > '~')
			return false;
	return true;
}

static int post_command(struct jetstream *jetstream,
			enum nats_command_kind kind, struct nats_command *c,
			const char *subject)
{
	struct nats_source *s =
		CONTAINER_OF(jetstream, struct nats_source, jetstream);
	size_t len = offsetof(struct nats_command, subject) + 1;

	if (s->session == 0 || s->closing)
		return -ENOTCONN;
	c->session = s->session;
	c->has_subject = subject != NULL;
	c->subject[0] = '\0';
	if (subject != NULL) {
		if (!is_subject_valid(subject))
			return -EINVAL;
		strcpy(c->subject, subject);
		len += strlen(subject);
	}
	return mailbox_post(&s->commands, kind, c, len, MAILBOX_FAIL);
}

static int jetstream_info(struct jetstream *s, struct request_id request)
{
	struct nats_command c = {.request = request};

	return post_command(s, NATS_COMMAND_INFO, &c, NULL);
}

static int jetstream_get_next(struct jetstream *s, struct request_id request,
			      uint64_t seq, const char *subject)
{
	struct nats_command c = {.request = request, .seq = seq};

	return post_command(s, NATS_COMMAND_GET_NEXT, &c, subject);
}

static int jetstream_get(struct jetstream *s, struct request_id request,
			 uint64_t seq)
{
	struct nats_command c = {.request = request, .seq = seq};

	return post_command(s, NATS_COMMAND_GET, &c, NULL);
}

static int jetstream_get_last(struct jetstream *s, struct request_id request,
			      const char *subject)
{
	struct nats_command c = {.request = request};

	return post_command(s, NATS_COMMAND_GET_LAST, &c, subject);
}

static int jetstream_create(struct jetstream *s,
			    const struct jetstream_consumer *create)
{
	struct nats_command c = {
		.request = create->request,
		.seq = create->start_seq,
		.inactive_ms = create->inactive_ms,
		.last_per_subject = create->last_per_subject,
	};

	return post_command(s, NATS_COMMAND_CREATE, &c, create->filter);
}

static int jetstream_pull(struct jetstream *s,
			  const struct jetstream_pull *pull)
{
	struct nats_command c = {.request = pull->request, .pull = *pull};

	return post_command(s, NATS_COMMAND_PULL, &c, NULL);
}

static int jetstream_delete_consumer(struct jetstream *s,
				     struct request_id request)
{
	struct nats_command c = {.request = request};

	return post_command(s, NATS_COMMAND_DELETE_CONSUMER, &c, NULL);
}

static const struct jetstream_ops ops = {
	.info = jetstream_info,
	.get_next = jetstream_get_next,
	.get = jetstream_get,
	.get_last = jetstream_get_last,
	.create = jetstream_create,
	.pull = jetstream_pull,
	.delete_consumer = jetstream_delete_consumer,
};

struct jetstream *nats_source_jetstream(struct nats_source *s)
{
	return &s->jetstream;
}

struct publisher *nats_source_publisher(struct nats_source *s)
{
	return &s->publisher.base;
}

/* ---- up: events ---------------------------------------------------------- */

/* Events between UP and DOWN count, of that session only. */
static bool is_session_current(struct nats_source *s,
			       const struct nats_codec_message *m)
{
	if (m->event.kind == JETSTREAM_UP) {
		s->session = m->session;
		return true;
	}
	if (m->session != s->session)
		return false;
	if (m->event.kind == JETSTREAM_DOWN)
		s->session = 0;
	return true;
}

static void deliver_message(struct nats_source *s,
			    const struct mailbox_message *message)
{
	struct nats_codec_message m;

	if (nats_publisher_event_is(message)) {
		nats_publisher_deliver(&s->publisher, message);
		return;
	}
	nats_codec_read(&m, message);
	if (m.is_status) {
		s->cbs.on_status(s->cbs.arg, &m.status);
	} else if (is_session_current(s, &m)) {
		s->cbs.on_event(s->cbs.arg, &m.event);
		if (m.event.kind == JETSTREAM_DOWN && !s->closing)
			nats_publisher_down(&s->publisher);
	}
}

static void end_mailbox_batch(struct nats_source *s)
{
	if (s->reading)
		mailbox_return(&s->events, &s->batch);
	s->reading = false;
}

static const struct mailbox_message *next_mailbox_message(struct nats_source *s)
{
	const struct mailbox_message *m;

	for (;;) {
		if (!s->reading)
			s->reading = mailbox_take(&s->events, &s->batch);
		if (!s->reading)
			return NULL;
		m = mailbox_next(&s->batch);
		if (m != NULL)
			return m;
		end_mailbox_batch(s);
	}
}

/* False: the mailbox is empty, or the source closes. */
static bool read_mailbox_slice(struct nats_source *s)
{
	size_t bytes = 0;

	for (size_t n = 0; n < SLICE_MESSAGES && bytes < SLICE_BYTES; n++) {
		const struct mailbox_message *m = next_mailbox_message(s);

		if (m == NULL)
			return false;
		bytes += m->len;
		deliver_message(s, m);
		if (s->closing)
			return false;
	}
	return true;
}

static void read_messages(struct nats_source *s)
{
	uint64_t begin = uv_hrtime();
	bool more = true;

	s->in_callbacks = true;
	while (more && !s->closing) {
		more = read_mailbox_slice(s);
		if (!s->closing)
			s->cbs.on_flush(s->cbs.arg);
		if (more && uv_hrtime() - begin >= slice_ns)
			break;
	}
	s->in_callbacks = false;
	if (more && !s->closing)
		uv_async_send(&s->wakeup);
}

/* ---- life ---------------------------------------------------------------- */

static void close_wakeup(struct nats_source *s)
{
	handles_end(&s->handles);
	handles_close(&s->handles, (uv_handle_t *)&s->worker_wakeup);
	handles_close(&s->handles, (uv_handle_t *)&s->wakeup);
}

static void close_after_worker(struct nats_source *s)
{
	if (!s->closing || s->in_callbacks || s->handles.ending ||
	    !nats_worker_done(&s->worker))
		return;
	nats_worker_finish(&s->worker);
	close_wakeup(s);
}

static void on_wakeup(uv_async_t *wakeup)
{
	struct nats_source *s =
		CONTAINER_OF(wakeup, struct nats_source, wakeup);

	if (!s->closing)
		read_messages(s);
	close_after_worker(s);
}

/* Called by the mailbox under its lock, until it is closed, and by the worker
 * at its end. */
static void wake_loop(void *arg)
{
	struct nats_source *s = arg;

	uv_async_send(&s->wakeup);
}

static void on_worker_wakeup(uv_idle_t *worker_wakeup)
{
	struct nats_source *s =
		CONTAINER_OF(worker_wakeup, struct nats_source, worker_wakeup);

	uv_idle_stop(worker_wakeup);
	mailbox_wake(&s->commands);
}

/* Called by the outbox under its lock, in the thread of the loop. All messages
 * of an iteration wake the worker once, and leave together. */
static void wake_worker(void *arg)
{
	struct nats_source *s = arg;

	uv_idle_start(&s->worker_wakeup, on_worker_wakeup);
}

static void free_nats_source(struct nats_source *s)
{
	end_mailbox_batch(s);
	mailbox_finish(&s->events);
	mailbox_finish(&s->commands);
	nats_publisher_finish(&s->publisher);
	free(s);
}

static void on_handles_gone(struct handles *h)
{
	struct nats_source *s = CONTAINER_OF(h, struct nats_source, handles);
	struct nats_source_cbs cbs = s->cbs;

	free_nats_source(s);
	if (cbs.on_closed != NULL)
		cbs.on_closed(cbs.arg);
}

static int start_worker(struct nats_source *s, struct uv_loop_s *loop)
{
	int rc = mailbox_init(&s->commands, COMMANDS_CAP, NULL, NULL);

	if (rc < 0)
		goto fail_source;
	rc = mailbox_init(&s->events, EVENTS_CAP, wake_loop, s);
	if (rc < 0)
		goto fail_commands;
	rc = nats_publisher_init(&s->publisher, wake_worker, s);
	if (rc < 0)
		goto fail_events;
	handles_init(&s->handles, on_handles_gone);
	rc = uv_async_init(loop, &s->wakeup, on_wakeup);
	if (rc < 0)
		goto fail_publisher;
	handles_add(&s->handles, (uv_handle_t *)&s->wakeup);
	uv_idle_init(loop, &s->worker_wakeup);
	handles_add(&s->handles, (uv_handle_t *)&s->worker_wakeup);
	s->worker.commands = &s->commands;
	s->worker.outbox = &s->publisher.outbox;
	s->worker.events = &s->events;
	s->worker.on_done = wake_loop;
	s->worker.arg = s;
	rc = nats_worker_start(&s->worker);
	if (rc == 0)
		return 0;
	s->cbs.on_closed = NULL;
	close_wakeup(s); /* frees */
	return rc;
fail_publisher:
	nats_publisher_finish(&s->publisher);
fail_events:
	mailbox_finish(&s->events);
fail_commands:
	mailbox_finish(&s->commands);
fail_source:
	free(s);
	return rc;
}

int nats_source_new(struct nats_source **ret, struct uv_loop_s *loop,
		    const struct nats_settings *settings,
		    const struct nats_source_cbs *cbs, char *err)
{
	struct nats_source *s = calloc(1, sizeof(*s));
	struct nats_options *options = NULL;
	struct nats_servers servers;
	int rc = -ENOMEM;

	snprintf(err, NATS_SOURCE_ERROR_MAX, "out of memory");
	if (s == NULL)
		return rc;
	rc = nats_servers_init(&servers, settings->servers, settings->n_servers,
			       err);
	if (rc < 0)
		goto fail;
	rc = nats_options_new(&options, settings, servers.tls, err);
	if (rc < 0)
		goto fail_servers;
	s->jetstream.ops = &ops;
	s->cbs = *cbs;
	s->publisher.on_event = cbs->on_publisher_event;
	s->publisher.arg = cbs->arg;
	s->worker.servers = servers;
	s->worker.options = options;
	/* Takes the servers and the options over if it succeeds. */
	rc = start_worker(s, loop);
	if (rc == 0) {
		*ret = s;
		return 0;
	}
	snprintf(err, NATS_SOURCE_ERROR_MAX, "NATS: cannot start a thread: %s",
		 uv_strerror(rc));
	nats_options_unref(options);
	nats_servers_finish(&servers);
	return rc;
fail_servers:
	nats_servers_finish(&servers);
fail:
	free(s);
	return rc;
}

unsigned nats_source_hung(const struct nats_source *s)
{
	return nats_worker_hung(&s->worker);
}

void nats_source_close(struct nats_source *s)
{
	if (s == NULL || s->closing)
		return;
	s->closing = true;
	nats_publisher_close(&s->publisher);
	mailbox_close(&s->events);
	nats_worker_stop(&s->worker);
}
