#include "upstream/nats_worker.h"

#include <stdio.h>

#include <sodium.h>

#include "upstream/nats_codec.h"
#include "upstream/nats_sender.h"
#include "upstream/nats_session.h"

/* connect -> serve -> free -> pause -> connect ...
 *
 * After a session that lasted, each server is tried once without a pause. Then
 * pauses double from PAUSE_MIN_MS to PAUSE_MAX_MS: a restarted server must be
 * found soon, and a thousand gateways must not keep it from starting. A session
 * that ends within LASTED_MS counts as a failure: otherwise a gateway with an
 * expired account would reconnect without pauses. */

enum {
	PAUSE_MIN_MS = 100,
	PAUSE_MAX_MS = 2000,
	LASTED_MS = 2000,
	/* Most connects end earlier, by nats.c's own timeouts. */
	CONNECT_MAX_MS = 10000,
	/* For a connect in progress when the gateway ends. Most return in this
	 * time, and leave no thread behind. */
	CONNECT_LAST_MS = 2500,
	/* Between two polls, for callbacks of nats.c that get lost (they need
	 * memory). */
	POLL_MS = 2000,
};

static uint64_t monotonic_now_ms(void)
{
	return uv_hrtime() / 1000000;
}

static bool is_stopping(const struct nats_worker *w)
{
	return __atomic_load_n(&w->stop, __ATOMIC_ACQUIRE);
}

static void post_status(struct nats_worker *w, enum nats_status_kind kind,
			const char *server, const char *text)
{
	nats_codec_status(w->events, kind, server, text, MAILBOX_WAIT);
}

/* Without a session, commands are dropped. */
static void take_commands(struct nats_worker *w, struct nats_session *s)
{
	const struct mailbox_message *l;
	struct mailbox_batch batch;
	bool open = s != NULL;

	while (mailbox_take(w->commands, &batch)) {
		while ((l = mailbox_next(&batch)) != NULL)
			open = open && nats_session_send(s, l);
		mailbox_return(w->commands, &batch);
	}
}

static void drop_outbox(struct nats_worker *w)
{
	struct mailbox_batch batch;

	if (mailbox_take(w->outbox, &batch))
		mailbox_return(w->outbox, &batch);
}

/* False when the connection takes no more, or the worker is to stop. */
static bool send_outbox_piece(struct nats_worker *w, struct nats_sender *sender)
{
	int rc = 1;

	while (rc > 0 && !is_stopping(w))
		rc = nats_sender_send(sender);
	return rc == 0;
}

/* JetStream's commands go first, also between two pieces. What is left of a
 * batch when the connection is lost was not sent and is not sent later. */
static void send_outbox(struct nats_worker *w, struct nats_session *s)
{
	struct nats_sender *sender = nats_session_sender(s);
	struct mailbox_batch batch;
	bool open = true, any;

	any = mailbox_take(w->outbox, &batch);
	while (any && open &&
	       nats_sender_take(sender, &batch, monotonic_now_ms())) {
		open = send_outbox_piece(w, sender);
		take_commands(w, s);
	}
	if (any)
		mailbox_return(w->outbox, &batch);
	if (open && !is_stopping(w))
		nats_sender_flush(sender, any);
}

/* Returns early when the worker is stopped. */
static void pause_until_ms(struct nats_worker *w, uint64_t until_ms)
{
	uint64_t now = monotonic_now_ms();

	while (now < until_ms && !is_stopping(w)) {
		mailbox_wait(w->commands, until_ms - now);
		take_commands(w, NULL);
		drop_outbox(w);
		now = monotonic_now_ms();
	}
}

/* ---- connecting ---------------------------------------------------------- */

/* Waits until the connect has ended. False with `err`: there is no session. */
static bool await_session_open(struct nats_worker *w, struct nats_session *s,
			       char *err)
{
	uint64_t until = monotonic_now_ms() + CONNECT_MAX_MS;
	bool last = false;

	for (;;) {
		enum nats_session_state state = nats_session_poll(s, err);
		uint64_t now = monotonic_now_ms();

		if (state != NATS_SESSION_CONNECTING)
			return state == NATS_SESSION_OPEN;
		if (is_stopping(w) && !last) {
			last = true;
			until = now + CONNECT_LAST_MS;
		}
		if (now >= until)
			break;
		/* mailbox_wait() returns at once when the mailbox is closed. */
		if (last)
			uv_sleep(1);
		else
			mailbox_wait(w->commands, until - now);
		take_commands(w, NULL);
	}
	snprintf(err, NATS_SESSION_ERROR_MAX, "timeout");
	return false;
}

/* A server is retried once while a connect hangs: it may have been replaced. */
static void report_hung_connect(struct nats_worker *w, const char *server)
{
	bool last = nats_hung_count(&w->hung, server) >= NATS_HUNG_PER_SERVER;

	post_status(w, NATS_STATUS_HUNG, server,
		    last ? "when a connect returns"
			 : "when the connect returns, or in 5 minutes");
}

_Static_assert(NATS_HUNG_RETRY_MS == 5 * 60 * 1000, "see the text above");

static struct nats_session *connect_to_server(
	struct nats_worker *w, const struct nats_servers_item *server)
{
	char err[NATS_SESSION_ERROR_MAX] = "";
	struct nats_session *s = nats_session_new(w->options, server, w->events,
						  w->commands, &w->hung, err);
	size_t hung = w->hung.n;

	if (s != NULL && await_session_open(w, s, err))
		return s;
	if (!is_stopping(w))
		post_status(w, NATS_STATUS_FAILED, server->url, err);
	if (s != NULL)
		nats_session_discover(s, &w->servers, server);
	nats_session_free(s);
	if (w->hung.n > hung && !is_stopping(w))
		report_hung_connect(w, server->url);
	return NULL;
}

/* Frees hung connects that have returned, and reports their servers. */
static void report_returned_connects(struct nats_worker *w)
{
	char server[NATS_SESSION_ERROR_MAX];

	while (nats_hung_take_returned(&w->hung, server, sizeof(server)))
		post_status(w, NATS_STATUS_RETURNED, server, "");
	__atomic_store_n(&w->n_hung, (unsigned)w->hung.n, __ATOMIC_RELAXED);
}

/* ---- a session ----------------------------------------------------------- */

/* Until the session is over, or a lame duck has an alternative. */
static void serve_commands(struct nats_worker *w, struct nats_session *s,
			   const struct nats_servers_item *server, char *err)
{
	bool reported = false;

	while (!is_stopping(w)) {
		mailbox_wait(w->commands, POLL_MS);
		take_commands(w, s);
		send_outbox(w, s);
		report_returned_connects(w);
		if (nats_session_poll(s, err) != NATS_SESSION_OPEN)
			return;
		if (!nats_session_is_lame_duck(s))
			continue;
		if (!reported)
			post_status(w, NATS_STATUS_LAME_DUCK, server->url, "");
		reported = true;
		nats_session_discover(s, &w->servers, server);
		if (w->servers.n > 1) {
			snprintf(err, NATS_SESSION_ERROR_MAX,
				 "left for another server");
			return;
		}
	}
	/* Deletions of consumers, above all. */
	take_commands(w, s);
	nats_session_flush(s);
}

static void run_one_session(struct nats_worker *w, struct nats_session *s,
			    const struct nats_servers_item *server)
{
	uint64_t number = nats_session_number(s);
	char err[NATS_SESSION_ERROR_MAX] = "";

	nats_session_discover(s, &w->servers, server);
	post_status(w, NATS_STATUS_CONNECTED, server->url, "");
	if (nats_codec_session(w->events, JETSTREAM_UP, number) < 0 ||
	    nats_sender_post_up(nats_session_sender(s)) < 0)
		snprintf(err, sizeof(err), "out of memory");
	else
		serve_commands(w, s, server, err);
	nats_session_discover(s, &w->servers, server);
	nats_session_free(s);
	nats_codec_session(w->events, JETSTREAM_DOWN, number);
	post_status(w, NATS_STATUS_DISCONNECTED, server->url, err);
}

/* ---- the thread ---------------------------------------------------------- */

static uint64_t pause_after_failure(unsigned failures, size_t n_servers)
{
	uint64_t ms = PAUSE_MIN_MS;

	if (failures < n_servers)
		return 0;
	for (size_t i = n_servers; i < failures && ms < PAUSE_MAX_MS; i++)
		ms *= 2;
	if (ms > PAUSE_MAX_MS)
		ms = PAUSE_MAX_MS;
	return ms - randombytes_uniform((uint32_t)(ms / 4));
}

/* Skips a server with a hung connect, which has been reported unless it is of
 * another gateway. True when the session lasted. */
static bool try_next_server(struct nats_worker *w)
{
	struct nats_servers_item server;
	struct nats_session *s;
	uint64_t begin;

	if (nats_servers_next(&w->servers, &server) < 0)
		return false;
	report_returned_connects(w);
	if (nats_hung_skips(&w->hung, server.url, monotonic_now_ms())) {
		if (nats_hung_count(&w->hung, server.url) == 0)
			post_status(w, NATS_STATUS_FAILED, server.url,
				    "connects of earlier gateways in this "
				    "process hang");
		nats_servers_item_finish(&server);
		return false;
	}
	s = connect_to_server(w, &server);
	report_returned_connects(w);
	begin = monotonic_now_ms();
	if (s != NULL)
		run_one_session(w, s, &server);
	nats_servers_item_finish(&server);
	return s != NULL && monotonic_now_ms() - begin >= LASTED_MS;
}

static void run_worker(void *arg)
{
	struct nats_worker *w = arg;
	unsigned failures = 0;

	while (!is_stopping(w)) {
		if (try_next_server(w))
			failures = 0;
		else if (failures < 1000)
			failures++;
		pause_until_ms(w, monotonic_now_ms() +
					  pause_after_failure(failures,
							      w->servers.n));
	}
	nats_hung_finish(&w->hung);
	nats_session_release_thread();
	__atomic_store_n(&w->done, true, __ATOMIC_RELEASE);
	w->on_done(w->arg);
}

int nats_worker_start(struct nats_worker *w)
{
	return uv_thread_create(&w->thread, run_worker, w);
}

void nats_worker_stop(struct nats_worker *w)
{
	__atomic_store_n(&w->stop, true, __ATOMIC_RELEASE);
	mailbox_close(w->commands);
}

unsigned nats_worker_hung(const struct nats_worker *w)
{
	return __atomic_load_n(&w->n_hung, __ATOMIC_RELAXED);
}

bool nats_worker_done(const struct nats_worker *w)
{
	return __atomic_load_n(&w->done, __ATOMIC_ACQUIRE);
}

void nats_worker_finish(struct nats_worker *w)
{
	uv_thread_join(&w->thread);
	nats_servers_finish(&w->servers);
	w->options = nats_options_unref(w->options);
}
