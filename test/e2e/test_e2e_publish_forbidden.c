/* Subjects that no client may publish to: a subscriber to everything sees
 * nothing of them. */
#include "e2e.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nats/nats.h>

#include "http_writer.h"
#include "openssl_tokens.h"
#include "temp_folder.h"

enum { WAIT_MS = 5000, TARGET_MAX = 16384 };

static struct temp_folder folder;

/* ---- a subscriber to everything ------------------------------------------ */

struct watcher {
	natsConnection *conn;
	natsSubscription *sub;
};

static void must(natsStatus rc)
{
	if (rc != NATS_OK)
		fail_msg("%s (%s)", natsStatus_GetText(rc),
			 nats_GetLastError(NULL));
}

static void watch(struct watcher *w, struct e2e *f)
{
	w->conn = nats_server_dial(f->nats.url, WAIT_MS);
	assert_non_null(w->conn);
	must(natsConnection_SubscribeSync(&w->sub, w->conn, ">"));
	must(natsSubscription_SetPendingLimits(w->sub, -1, -1));
	must(natsConnection_Flush(w->conn));
}

/* Of the messages until "ok.end" none but that one has the text "hostile". */
static void expect_nothing_hostile(struct watcher *w, struct e2e *f,
				   const char *headers)
{
	char lines[OPENSSL_TOKEN_MAX + 64];

	snprintf(lines, sizeof(lines), "user_id: alice\r\n%s", headers);
	http_write(f, "PUT", "/api/v1/subjects/ok.end", lines, "hostile", 7);
	http_expect(204, "");
	for (;;) {
		natsMsg *msg = NULL;
		const char *subject;
		bool is_end, is_hostile;

		must(natsSubscription_NextMsg(&msg, w->sub, WAIT_MS));
		subject = natsMsg_GetSubject(msg);
		is_end = strcmp(subject, "ok.end") == 0;
		is_hostile = natsMsg_GetDataLength(msg) == 7 &&
			     memcmp(natsMsg_GetData(msg), "hostile", 7) == 0;
		if (is_hostile && !is_end)
			fail_msg("a message to %s", subject);
		if (natsMsg_GetReply(msg) != NULL &&
		    strstr(natsMsg_GetReply(msg), "hostile") != NULL)
			fail_msg("a reply subject: %s", natsMsg_GetReply(msg));
		natsMsg_Destroy(msg);
		if (is_end)
			break;
	}
	natsSubscription_Destroy(w->sub);
	natsConnection_Destroy(w->conn);
}

/* ---- the requests -------------------------------------------------------- */

/* By each way in which a request names a subject. */
static const struct route {
	const char *method, *before, *behind;
} routes[] = {
	{"POST", "/api/v1/events?subject=", ""},
	{"PUT", "/api/v1/subjects/", ""},
	{"POST", "/api/v1/subjects/", "?timeout=100ms"},
	{"POST", "/api/v1/subjects/", "?replies=2&timeout=100ms"},
	{"PUT", "/api/v1/subjects/ok.x?reply=", ""},
};

enum { ROUTES = sizeof(routes) / sizeof(routes[0]) };

static void expect_error(struct e2e *f, const struct route *r,
			 const char *subject, const char *headers, int status)
{
	char *target = malloc(TARGET_MAX), lines[OPENSSL_TOKEN_MAX + 64];
	const struct sse_client *c;

	assert_non_null(target);
	snprintf(target, TARGET_MAX, "%s%s%s", r->before, subject, r->behind);
	snprintf(lines, sizeof(lines),
		 "user_id: alice\r\nAccept: application/x-ndjson\r\n%s",
		 headers);
	c = http_write(f, r->method, target, lines, "hostile", 7);
	if (status == 0 ? c->status < 400 || c->status > 499
			: c->status != status)
		fail_msg("%s %.200s: %s", r->method, target,
			 sse_client_describe(c));
	free(target);
}

static void expect_error_everywhere(struct e2e *f, const char *subject,
				    const char *headers, int status)
{
	for (size_t i = 0; i < ROUTES; i++)
		expect_error(f, &routes[i], subject, headers, status);
}

/* ---- hidden -------------------------------------------------------------- */

static void hidden_subjects(void **state)
{
	static const char *const subjects[] = {
		"$JS.API.STREAM.DELETE.Events",
		"%24JS.API.STREAM.PURGE.Events",
		"%24%4a%53.API.INFO",
		"$JS.ACK.Events.x.1.1.1.1.1",
		"$JS.FC.x",
		"$KV.bucket.key",
		"$O.bucket.C.x",
		"$SYS.REQ.SERVER.PING",
		"$SYS.ACCOUNT.%24G.CONNECT",
		"$SRV.PING",
		"$MQTT.x",
		"$",
		"$x",
		"%24",
		"$EV.x",
		"_INBOX",
		"_INBOX.x",
		"%5FINBOX.x.y",
		"_INB%4fX.x",
		"gw",
		"gw.x",
		"gw.hostile.1",
	};
	struct e2e *f = *state;
	struct watcher w;

	e2e_gateway(f, "--allow-pub", ">", "--allow-pub", "$KV.>",
		    "--inbox-prefix", "gw", NULL);
	watch(&w, f);
	for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++)
		expect_error_everywhere(f, subjects[i], "", 403);
	expect_nothing_hostile(&w, f, "");
	assert_int_equal(e2e_stream_number(f, "state.last_seq"), 0);
}

/* ---- malformed ----------------------------------------------------------- */

static void malformed_subjects(void **state)
{
	static const char *const subjects[] = {
		"*",
		"events.*",
		"*.x",
		"events.%2a",
		"%3e",
		"events.%3E",
		"%3E.x",
		".",
		".x",
		"x.",
		"x..y",
		"x%2e%2ey",
		"%20",
		"x%20y",
		"x.%09",
		"x%0d%0aPUB%20y%207%0d%0ahostile%0d%0a",
		"x%20reply%207%0d%0ahostile%0d%0aPUB%20y",
		"x%0a",
		"x%0d",
		"x%00",
		"x%00.y",
		"%00",
		"x%7f",
		"x%1b",
		"%c3%a4",
		"x.%ff",
		"%e2%80%ae",
		"x%",
		"x%4",
		"x%zz",
		"x%u0041",
	};
	struct e2e *f = *state;
	struct watcher w;

	e2e_gateway(f, "--allow-pub", ">", NULL);
	watch(&w, f);
	for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++)
		expect_error_everywhere(f, subjects[i], "", 400);
	expect_nothing_hostile(&w, f, "");
}

static void repeat(char *out, const char *text, size_t n)
{
	*out = '\0';
	while (n-- > 0) {
		strcpy(out, text);
		out += strlen(text);
	}
}

/* The longest subject has 255 bytes. What is cut must not be one that is
 * allowed. */
static void long_subjects(void **state)
{
	static const struct {
		const char *text;
		size_t n;
	} cases[] = {{"x", 256},    {"x", 1000},     {"x", 4096},
		     {"x", 8000},   {"x.", 128},     {"%78", 256},
		     {"%78", 2000}, {"events.", 600}};
	struct e2e *f = *state;
	char *subject = malloc(TARGET_MAX);
	struct watcher w;

	assert_non_null(subject);
	e2e_gateway(f, "--allow-pub", ">", NULL);
	watch(&w, f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		repeat(subject, cases[i].text, cases[i].n);
		expect_error_everywhere(f, subject, "", 0);
	}
	expect_nothing_hostile(&w, f, "");
	free(subject);
}

/* Bytes that no URL has, a second parameter, a second segment. */
static void targets_that_are_none(void **state)
{
	static const struct {
		const char *method, *target;
	} cases[] = {
		{"POST", "/api/v1/events?subject=ok.x&subject=ok.x"},
		{"POST", "/api/v1/events?subject=ok.x&subject=$JS.API.INFO"},
		{"POST", "/api/v1/events?subject=ok.x y"},
		{"POST", "/api/v1/events?subject=ok.\xc3\xa4"},
		{"POST", "/api/v1/events?subject="},
		{"PUT", "/api/v1/subjects/"},
		{"PUT", "/api/v1/subjects"},
		{"PUT", "/api/v1/subjects/ok.x/y"},
		{"PUT", "/api/v1/subjects//ok.x"},
		{"PUT", "/api/v1/subjects/../subjects/ok.x"},
		{"PUT", "/api/v1/subjects/ok.x?reply="},
		{"PUT", "/api/v1/subjects/ok.x?reply=ok.a&reply=ok.b"},
		{"PUT", "/api/v1/subjects/ok.\xff"},
		{"PUT", "/api/v1/subjects/ok.x#y"},
		{"DELETE", "/api/v1/subjects/ok.x"},
		{"PUT", "/api/v1/events?subject=ok.x"},
	};
	struct e2e *f = *state;
	struct watcher w;

	e2e_gateway(f, "--allow-pub", ">", NULL);
	watch(&w, f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct sse_client *c =
			http_write(f, cases[i].method, cases[i].target,
				   "user_id: alice\r\n", "hostile", 7);

		if (c->status < 400 || c->status > 499)
			fail_msg("%s %s: %s", cases[i].method, cases[i].target,
				 sse_client_describe(c));
	}
	expect_nothing_hostile(&w, f, "");
}

/* ---- rights -------------------------------------------------------------- */

static void subjects_of_others(void **state)
{
	static const char *const subjects[] = {
		"events.bob",	"events.alice.x", "events",
		"events.Alice", "eventsalice",	  "events.alice%2fx",
		"other.alice",	"events.{id}",	  "x.events.alice",
	};
	struct e2e *f = *state;
	struct watcher w;

	e2e_gateway(f, "--allow-pub", "events.{id}", "--allow-pub", "ok.*",
		    NULL);
	watch(&w, f);
	for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++)
		expect_error_everywhere(f, subjects[i], "", 403);
	expect_nothing_hostile(&w, f, "");
}

static const char *token_header(const char *rights)
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

static void what_a_token_denies(void **state)
{
	static const char *const denied[] = {"secret",	    "secret.x",
					     "secret.x.y",  "a.private",
					     "b.private",   "%73ecret.x",
					     "deep.a.b.no", "$JS.API.INFO"};
	static const char rights[] =
		"{\"pub\": {\"allow\": [\">\"], \"deny\": [\"secret\", "
		"\"secret.>\", \"*.private\", \"deep.*.*.no\"]}}";
	static const char *const none[] = {
		"{\"pub\": {\"deny\": [\"x\"]}}",
		"{\"sub\": {\"allow\": [\">\"]}}",
		"{\"pub\": {\"allow\": [\"other.>\"]}}",
		"{\"pub\": {\"allow\": \"secret.>\"}}",
		"{\"pub\": {\"allow\": [\">\"], \"deny\": \"secret.>\"}}",
		"{\"pub\": {\"allow\": [\">\"], \"deny\": [7]}}",
		"{\"pub\": {\"allow\": [\">\"], \"deny\": [\"a..b\"]}}",
		"{\"pub\": {\"allow\": [\">\"], \"deny\": [\">\"]}}",
	};
	struct e2e *f = *state;
	struct watcher w;

	assert_int_equal(temp_folder_make(&folder), 0);
	openssl_tokens_make_key(&folder, "ES256");
	e2e_gateway(f, "--auth", "jwt", "--jwt-key",
		    temp_folder_path(&folder, "ES256.pub"), NULL);
	watch(&w, f);
	for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]); i++)
		expect_error_everywhere(f, denied[i], token_header(rights),
					403);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		expect_error_everywhere(f, "secret.x", token_header(none[i]),
					403);
	expect_error_everywhere(f, "ok.x", "", 401);
	expect_nothing_hostile(&w, f, token_header(rights));
	temp_folder_remove(&folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		E2E_TEST(hidden_subjects),    E2E_TEST(malformed_subjects),
		E2E_TEST(long_subjects),      E2E_TEST(targets_that_are_none),
		E2E_TEST(subjects_of_others), E2E_TEST(what_a_token_denies),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
