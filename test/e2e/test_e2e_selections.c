/* Older messages of several patterns, and the newest one of each subject, on a
 * real server: exactly once and in order against what the stream has, while
 * consumers are deleted, subjects are purged and the server is killed. */
#include "e2e.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openssl_tokens.h"
#include "temp_folder.h"

enum {
	ROUNDS = 1000, /* of messages on 8 subjects */
	EACH = 3,      /* messages of a subject in a round, without those that
			  are purged */
	SUBJECTS = 5000,
};

/* About 200 bytes, so that a client that does not read is a slow one. */
static char prefix[201];

/* ---- what a client gets -------------------------------------------------- */

enum { CLIENTS = 4, SEQS = 32 * 1024 };

/* The sequences of its messages; the events themselves are not kept. */
struct follower {
	struct sse_client *client;
	uint64_t seqs[SEQS];
	size_t n;
	bool gap;
	char last[32]; /* the last message's data, as far as it fits */
};

static struct follower followers[CLIENTS];
static size_t n_followers;

static void on_event(void *arg, const struct sse_event *ev)
{
	struct follower *w = arg;

	w->gap |= strcmp(ev->type, "gap") == 0;
	if (!sse_event_is_message(ev))
		return;
	assert_true(w->n < SEQS);
	w->seqs[w->n++] = sse_id_seq(ev->id);
	snprintf(w->last, sizeof(w->last), "%s", ev->data);
}

/* Its socket holds little: it is slow when the test does not wait for it. */
static struct follower *follow(struct e2e *f, const char *query,
			       const char *header)
{
	struct follower *w = &followers[n_followers++];
	char target[512];

	assert_true(n_followers <= CLIENTS);
	*w = (struct follower){.client = e2e_client(f)};
	w->client->sink = on_event;
	w->client->sink_arg = w;
	w->client->rcvbuf = 65536;
	w->client->maxseg = 1400;
	snprintf(target, sizeof(target), "/api/v1/events?%s", query);
	sse_client_get(w->client, f->gw.address, target, header);
	sse_client_wait_head(w->client);
	if (w->client->status != 200)
		fail_msg("%s", sse_client_describe(w->client));
	return w;
}

static bool has_messages(const struct sse_client *c, void *arg)
{
	return c->n_messages >= *(size_t *)arg;
}

static void wait_for(struct follower *w, size_t n)
{
	if (!sse_client_until(w->client, has_messages, &n, SSE_CLIENT_WAIT_MS))
		fail_msg("%zu of %zu messages; %s", w->n, n,
			 sse_client_describe(w->client));
}

static int setup(void **state)
{
	struct e2e *f;

	if (e2e_setup(state) != 0)
		return -1;
	f = *state;
	n_followers = 0;
	memset(prefix, 'x', sizeof(prefix) - 1);
	e2e_delete_stream(f);
	nats_admin_stream(f->admin,
			  "{\"name\": \"Events\", \"subjects\": [\"events.>\"],"
			  "\"storage\": \"file\"}");
	f->has_stream = true;
	return 0;
}

/* ---- what the stream has ------------------------------------------------- */

struct expected {
	bool (*selects)(const char *subject);
	unsigned long long *seqs;
	size_t n, cap;
};

static void on_stored(void *arg, unsigned long long seq, const char *subject,
		      const char *data, size_t len)
{
	struct expected *x = arg;

	(void)data;
	(void)len;
	if (!x->selects(subject))
		return;
	if (x->n == x->cap) {
		x->cap = x->cap == 0 ? 1024 : x->cap * 2;
		x->seqs = realloc(x->seqs, x->cap * sizeof(*x->seqs));
		assert_non_null(x->seqs);
	}
	x->seqs[x->n++] = seq;
}

/* Its messages are those, and nothing was missing. */
static void expect_stored(struct e2e *f, struct follower *w,
			  bool (*selects)(const char *subject))
{
	struct expected x = {.selects = selects};

	nats_admin_read(f->admin, "Events", "events.>", on_stored, &x);
	assert_true(x.n > 0);
	wait_for(w, x.n);
	assert_int_equal(w->n, x.n);
	assert_false(w->gap);
	for (size_t i = 0; i < x.n; i++)
		if (w->seqs[i] != x.seqs[i])
			fail_msg("message %zu is %llu, expected %llu", i,
				 (unsigned long long)w->seqs[i], x.seqs[i]);
	free(x.seqs);
}

/* ---- what happens to the server ------------------------------------------ */

static void delete_consumers(struct e2e *f)
{
	char *names = nats_admin_api(f->admin, "CONSUMER.NAMES.Events", NULL);
	char *at = strstr(names, "\"consumers\":[");

	assert_non_null(at);
	at += strlen("\"consumers\":[");
	while (*at == '"') {
		char *end = strchr(at + 1, '"'), subject[256];

		assert_non_null(end);
		snprintf(subject, sizeof(subject),
			 "CONSUMER.DELETE.Events.%.*s", (int)(end - at - 1),
			 at + 1);
		nats_admin_try(f->admin, subject, NULL);
		at = end[1] == ',' ? end + 2 : end + 1;
	}
	free(names);
}

static void kill_server(struct e2e *f)
{
	nats_admin_close(f->admin);
	nats_server_kill(&f->nats, SIGKILL);
	nats_server_again(&f->nats);
	f->admin = nats_admin_open(f->nats.url);
}

/* "{\"filter\": ...}" */
static void purge(struct e2e *f, const char *json)
{
	free(nats_admin_api(f->admin, "STREAM.PURGE.Events", json));
}

/* ---- several patterns ---------------------------------------------------- */

static const char patterns[] =
	"subject=events.a.%3E&subject=events.*.x&subject=events.b.*";

/* The patterns, less events.a.x and events.*.z. */
static bool is_selected(const char *subject)
{
	return strcmp(subject, "events.a.y") == 0 ||
	       strcmp(subject, "events.b.x") == 0 ||
	       strcmp(subject, "events.b.y") == 0 ||
	       strcmp(subject, "events.c.x") == 0;
}

static void publish_history(struct e2e *f)
{
	static const char *const subjects[] = {"events.a.x", "events.a.y",
					       "events.a.z", "events.b.x",
					       "events.b.y", "events.b.z",
					       "events.c.x", "events.c.y"};

	for (int i = 0; i < ROUNDS; i++) {
		size_t first = (size_t)i % 8, n = i / 100 % 3 == 1 ? 4 : 8;

		for (size_t j = 0; j < n; j++)
			nats_admin_publish_many(f->admin,
						subjects[(first + j) % 8],
						prefix, EACH);
		nats_admin_publish_many(f->admin, "events.purged", "p", 1);
	}
}

static const char *header_of_token(struct temp_folder *folder)
{
	static char header[OPENSSL_TOKEN_MAX + 32];
	char token[OPENSSL_TOKEN_MAX];

	openssl_tokens_make_key(folder, "ES256");
	openssl_tokens_sign(folder, token, "ES256", NULL,
			    "\"sub\": \"alice\", \"exp\": \"+3600\", "
			    "\"nats\": {\"sub\": {\"allow\": [\"events.>\"], "
			    "\"deny\": [\"events.a.x\", \"events.*.z\"]}}");
	snprintf(header, sizeof(header), "Authorization: Bearer %s\r\n", token);
	return header;
}

static void history_comes_once_and_in_order(void **state)
{
	struct temp_folder folder;
	struct e2e *f = *state;
	struct follower *c;
	const char *header;
	char query[256];

	publish_history(f);
	assert_int_equal(temp_folder_make(&folder), 0);
	header = header_of_token(&folder);
	e2e_gateway(f, "--auth", "jwt", "--jwt-key",
		    temp_folder_path(&folder, "ES256.pub"), NULL);
	snprintf(query, sizeof(query), "deliver=all&%s", patterns);
	c = follow(f, query, header);
	wait_for(c, 500);
	delete_consumers(f);
	purge(f, "{\"filter\": \"events.purged\"}");
	wait_for(c, 3000);
	kill_server(f);
	wait_for(c, 6000);
	delete_consumers(f);
	expect_stored(f, c, is_selected);
	/* and what is new */
	publish_history(f);
	expect_stored(f, c, is_selected);
	temp_folder_remove(&folder);
}

static bool is_of_wildcards(const char *subject)
{
	return strncmp(subject, "events.a.", 9) == 0 ||
	       strncmp(subject, "events.b.", 9) == 0 ||
	       strcmp(subject, "events.c.x") == 0;
}

/* nats-server before 2.10 lets consumers with wildcards skip messages then. */
static void purges_of_another_subject_lose_nothing(void **state)
{
	struct e2e *f = *state;
	struct follower *c;
	char query[256];

	publish_history(f);
	e2e_gateway(f, "--allow-sub", "events.>", NULL);
	snprintf(query, sizeof(query), "deliver=all&%s", patterns);
	c = follow(f, query, "user_id: alice\r\n");
	for (size_t n = 500; n <= 5000; n += 500) {
		wait_for(c, n);
		nats_admin_publish(f->admin, "events.purged", "p", 1);
		purge(f, n % 1000 == 0 ? "{\"filter\": \"events.purged\"}"
				       : "{\"filter\": \"events.purged\", "
					 "\"keep\": 3}");
	}
	expect_stored(f, c, is_of_wildcards);
}

/* ---- deliver=last -------------------------------------------------------- */

static void publish_subjects(struct e2e *f, const char *data)
{
	char subject[64];

	for (int i = 0; i < SUBJECTS; i++) {
		snprintf(subject, sizeof(subject), "events.s.%d",
			 i * 7 % SUBJECTS);
		nats_admin_publish(f->admin, subject, data, strlen(data));
	}
}

/* The newest of each subject: those of the second half of the stream. */
static void expect_newest(struct follower *w)
{
	wait_for(w, SUBJECTS);
	assert_int_equal(w->n, SUBJECTS);
	assert_false(w->gap);
	for (size_t i = 0; i < SUBJECTS; i++)
		assert_int_equal(w->seqs[i], SUBJECTS + 1 + i);
}

static void newest_message_of_each_subject(void **state)
{
	struct e2e *f = *state;
	struct follower *slow, *quick, *resumed;
	char query[128];

	publish_subjects(f, "older");
	publish_subjects(f, prefix);
	/* nats-server before 2.11 no longer finds the newest one then. */
	e2e_publish(f, "s.gone", "gone");
	free(nats_admin_api(f->admin, "STREAM.MSG.DELETE.Events",
			    "{\"seq\": 10001}"));
	e2e_gateway(f, "--allow-sub", "events.>", NULL);
	slow = follow(f, "deliver=last&subject=events.s.*",
		      "user_id: alice\r\n");
	sse_client_wait_any_id(slow->client);
	quick = follow(f, "deliver=last&subject=events.s.*&subject=events.b",
		       "user_id: bob\r\n");
	expect_newest(quick);
	wait_for(slow, 300);
	delete_consumers(f);
	wait_for(slow, 1000);
	kill_server(f);
	expect_newest(slow);
	e2e_publish(f, "s.7", "new");
	for (int i = 0; i < 2; i++) {
		struct follower *w = i == 0 ? slow : quick;

		wait_for(w, SUBJECTS + 1);
		assert_string_equal(w->last, "new");
	}
	/* An event id inside of the snapshot is one like any other. */
	snprintf(query, sizeof(query), "subject=events.s.*&lastEventId=%s",
		 e2e_id(SUBJECTS + 100, sse_client_last_id(slow->client)));
	resumed = follow(f, query, "user_id: carol\r\n");
	wait_for(resumed, SUBJECTS - 100 + 1);
	for (size_t i = 0; i < SUBJECTS - 100; i++)
		assert_int_equal(resumed->seqs[i], SUBJECTS + 101 + i);
}

/* Many of them do not fit what a pull asks for. */
static void newest_messages_of_many_sizes(void **state)
{
	enum { N = 1500, SIZE_MAX_BYTES = 3000 };
	static char data[SIZE_MAX_BYTES];
	struct e2e *f = *state;
	struct follower *w;
	char subject[64];

	memset(data, 'x', sizeof(data));
	for (size_t i = 0; i < N; i++) {
		snprintf(subject, sizeof(subject), "events.s.%zu", i);
		nats_admin_publish(f->admin, subject, data,
				   1 + i * 997 % SIZE_MAX_BYTES);
	}
	e2e_gateway(f, "--allow-sub", "events.>", NULL);
	w = follow(f, "deliver=last&subject=events.s.*", "user_id: alice\r\n");
	e2e_publish(f, "s.end", "end");
	wait_for(w, N + 1);
	for (size_t i = 0; i <= N; i++)
		assert_int_equal(w->seqs[i], i + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define SELECTIONS_TEST(fn) \
	cmocka_unit_test_setup_teardown(fn, setup, e2e_teardown)
		SELECTIONS_TEST(history_comes_once_and_in_order),
		SELECTIONS_TEST(purges_of_another_subject_lose_nothing),
		SELECTIONS_TEST(newest_message_of_each_subject),
		SELECTIONS_TEST(newest_messages_of_many_sizes),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
