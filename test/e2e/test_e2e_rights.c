/* Which subjects a client reads, on a real server: templates, wildcards,
 * requests for subjects, claims of tokens, hidden subjects, and no identities.
 */
#include "e2e.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openssl_tokens.h"
#include "temp_folder.h"

static struct temp_folder folder;

static const char stream[] =
	"{\"name\": \"Events\", \"subjects\": [\"events.>\", \"news.>\", "
	"\"rooms.>\", \"$EV.>\", \"_INBOX.stored\"], "
	"\"retention\": \"limits\", \"num_replicas\": 1, "
	"\"storage\": \"file\"}";

static int setup(void **state)
{
	struct e2e *f;

	if (e2e_setup(state) != 0)
		return -1;
	f = *state;
	e2e_delete_stream(f);
	nats_admin_stream(f->admin, stream);
	f->has_stream = true;
	return temp_folder_make(&folder);
}

static int teardown(void **state)
{
	temp_folder_remove(&folder);
	return e2e_teardown(state);
}

static uint64_t publish(struct e2e *f, const char *subject)
{
	return nats_admin_publish(f->admin, subject, subject, strlen(subject));
}

/* `query` and `headers` may be NULL. */
static struct sse_client *ask(struct e2e *f, const char *query,
			      const char *headers)
{
	struct sse_client *c = e2e_client(f);
	char target[512];

	snprintf(target, sizeof(target), "/api/v1/events%s%s",
		 query == NULL ? "" : "?", query == NULL ? "" : query);
	sse_client_get(c, f->gw.address, target, headers);
	sse_client_wait_head(c);
	return c;
}

static struct sse_client *open_with(struct e2e *f, const char *query,
				    const char *headers)
{
	struct sse_client *c = ask(f, query, headers);

	if (c->status != 200)
		fail_msg("%s: %s", query, sse_client_describe(c));
	sse_client_wait_any_id(c);
	return c;
}

static void expect_403(struct e2e *f, const char *query, const char *headers,
		       const char *text)
{
	struct sse_client *c = ask(f, query, headers);

	assert_int_equal(c->status, 403);
	sse_client_wait_reply(c);
	if (strstr(bytes_text(&c->body), text) == NULL)
		fail_msg("%s", bytes_text(&c->body));
}

/* Its messages from number `first` on are these subjects, by their payload. */
static void expect_subjects(struct sse_client *c, size_t first,
			    const char *const *subjects)
{
	size_t n = 0;

	for (; subjects[n] != NULL; n++)
		e2e_expect(c, first + n, subjects[n]);
	assert_int_equal(c->n_messages, first + n - 1);
}

#define SUBJECTS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* ---- templates ----------------------------------------------------------- */

static void own_events_and_announcements(void **state)
{
	struct e2e *f = *state;
	struct sse_client *alice, *bob;
	char *last;

	publish(f, "news.eu");
	publish(f, "events.bob");
	e2e_gateway(f, "--subject", "events.{id}", "--subject", "news.>",
		    "--allow-sub", "rooms.*.{id}", NULL);
	publish(f, "events.alice");
	alice = e2e_open(f, "alice", "deliver=all");
	bob = e2e_open(f, "bob", "deliver=all");
	publish(f, "rooms.7.alice");
	publish(f, "news.us.sport");
	publish(f, "events.alice.x");
	publish(f, "events.alice");
	publish(f, "events.bob");
	publish(f, "news.end");
	expect_subjects(alice, 1,
			SUBJECTS("news.eu", "events.alice", "news.us.sport",
				 "events.alice", "news.end"));
	expect_subjects(bob, 1,
			SUBJECTS("news.eu", "events.bob", "news.us.sport",
				 "events.bob", "news.end"));

	/* All of it is resumed, also by another gateway. */
	last = strdup(sse_client_message(alice, 1)->id);
	sse_client_close(alice);
	gateway_proc_stop(&f->gw);
	gateway_proc_finish(&f->gw);
	e2e_gateway(f, "--subject", "events.{id},news.>", NULL);
	alice = e2e_resume(f, "alice", last);
	expect_subjects(alice, 1,
			SUBJECTS("news.us.sport", "events.alice", "news.end"));
	free(last);
}

static void a_request_chooses_among_the_rights(void **state)
{
	static const char alice[] = "user_id: alice\r\n";
	struct e2e *f = *state;
	struct sse_client *rooms, *one;

	publish(f, "rooms.7.bob");
	publish(f, "rooms.7.alice");
	e2e_gateway(f, "--subject", "events.{id}", "--allow-sub",
		    "rooms.*.{id}", "--allow-sub", "news.>", NULL);
	rooms = open_with(f,
			  "deliver=all&subject=rooms.*.alice&subject=news.eu.>",
			  alice);
	one = open_with(f, "deliver=all&subject=rooms.8.alice", alice);
	publish(f, "rooms.8.alice");
	publish(f, "news.us.x");
	publish(f, "news.eu.x");
	publish(f, "events.alice");
	publish(f, "rooms.9.alice");
	expect_subjects(rooms, 1,
			SUBJECTS("rooms.7.alice", "rooms.8.alice", "news.eu.x",
				 "rooms.9.alice"));
	expect_subjects(one, 1, SUBJECTS("rooms.8.alice"));
	expect_403(f, "subject=rooms.7.*", alice, "\"rooms.7.*\"");
	expect_403(f, "subject=events.%3E", alice, "\"events.>\"");
}

/* What no template names takes no memory. */
static void only_readable_messages_are_stored(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	e2e_gateway(f, "--subject", "events.{id}", "--subject", "news.*.x",
		    NULL);
	c = e2e_open(f, "alice", NULL);
	publish(f, "news.eu.x");
	publish(f, "news.eu.y");
	publish(f, "rooms.7");
	publish(f, "events.alice.x");
	publish(f, "$EV.x");
	publish(f, "events.alice");
	expect_subjects(c, 1, SUBJECTS("news.eu.x", "events.alice"));
	gateway_proc_wait_metric(&f->gw, "sluice_buffer_frames", 2);
}

/* ---- hidden subjects ----------------------------------------------------- */

static void hidden_subjects_are_no_events(void **state)
{
	static const char alice[] = "user_id: alice\r\n";
	struct e2e *f = *state;
	struct sse_client *c;

	publish(f, "$EV.x");
	publish(f, "news.eu");
	publish(f, "_INBOX.stored");
	e2e_gateway(f, "--subject", ">", "--allow-sub", "$EV.>", NULL);
	c = e2e_open(f, "alice", "deliver=all");
	publish(f, "_INBOX.stored");
	publish(f, "$EV.y");
	publish(f, "news.us");
	expect_subjects(c, 1, SUBJECTS("news.eu", "news.us"));
	expect_403(f, "subject=$EV.x", alice, "\"$EV.x\" is not allowed");
	expect_403(f, "subject=%24JS.%3e", alice, "\"$JS.>\" is not allowed");
	expect_403(f, "subject=_INBOX.stored", alice, "is not allowed");
}

/* ---- tokens -------------------------------------------------------------- */

static const char *header_of(const char *rights)
{
	static char header[OPENSSL_TOKEN_MAX + 64];
	char claims[1024], token[OPENSSL_TOKEN_MAX];

	snprintf(claims, sizeof(claims),
		 "\"sub\": \"alice\", \"exp\": \"+3600\", \"nats\": %s",
		 rights);
	openssl_tokens_sign(&folder, token, "ES256", NULL, claims);
	snprintf(header, sizeof(header), "Authorization: Bearer %s\r\n", token);
	return header;
}

static void tokens_allow_and_deny(void **state)
{
	struct e2e *f = *state;
	struct sse_client *all, *rooms;

	openssl_tokens_make_key(&folder, "ES256");
	publish(f, "rooms.7.private");
	publish(f, "rooms.7.x");
	publish(f, "$EV.x");
	e2e_gateway(f, "--auth", "jwt", "--jwt-key",
		    temp_folder_path(&folder, "ES256.pub"), NULL);
	all = open_with(f, "deliver=all&subject=%3E",
			header_of("{\"sub\": {\"allow\": [\">\"], \"deny\": "
				  "[\"rooms.*.private\", \"news.us\"]}}"));
	rooms = open_with(f, "deliver=all&subject=rooms.7.%3E",
			  header_of("{\"sub\": {\"allow\": [\"rooms.7.>\"]}}"));
	publish(f, "events.bob");
	publish(f, "rooms.8.private");
	publish(f, "news.us");
	publish(f, "$EV.y");
	publish(f, "news.eu");
	publish(f, "rooms.7.end");
	expect_subjects(all, 1,
			SUBJECTS("rooms.7.x", "events.bob", "news.eu",
				 "rooms.7.end"));
	expect_subjects(rooms, 1,
			SUBJECTS("rooms.7.private", "rooms.7.x",
				 "rooms.7.end"));
	expect_403(f, "subject=news.us",
		   header_of("{\"sub\": {\"allow\": [\">\"], \"deny\": "
			     "[\"news.*\"]}}"),
		   "\"news.us\" is denied");
	expect_403(f, NULL, header_of("{\"sub\": {\"deny\": [\">\"]}}"),
		   "all subjects");
	expect_403(f, NULL, header_of("{\"sub\": {\"deny\": \"news.us\"}}"),
		   "nats");
	/* The token could have named all of them. */
	gateway_proc_wait_metric(&f->gw, "sluice_buffer_frames", 5);
}

/* ---- no identities ------------------------------------------------------- */

static void nothing_identifies_a_client(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c, *other;

	publish(f, "news.eu");
	e2e_gateway(f, "--auth", "none", "--subject", "news.>", NULL);
	c = open_with(f, "deliver=all", NULL);
	other = open_with(f, "deliver=all",
			  "user_id: alice\r\nuser_id: bob\r\n"
			  "Authorization: Bearer x\r\n");
	publish(f, "events.alice");
	publish(f, "news.us");
	expect_subjects(c, 1, SUBJECTS("news.eu", "news.us"));
	expect_subjects(other, 1, SUBJECTS("news.eu", "news.us"));
	expect_403(f, "subject=events.alice", "user_id: alice\r\n",
		   "\"events.alice\" is not allowed");
}

#define RIGHTS_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGHTS_TEST(own_events_and_announcements),
		RIGHTS_TEST(a_request_chooses_among_the_rights),
		RIGHTS_TEST(only_readable_messages_are_stored),
		RIGHTS_TEST(hidden_subjects_are_no_events),
		RIGHTS_TEST(tokens_allow_and_deny),
		RIGHTS_TEST(nothing_identifies_a_client),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
