/* --auth jwt with keys and tokens of OpenSSL's command line: every kind of key,
 * keys that change while streams are open, streams that end with their token,
 * and that no token is ever in a log. */
#include "e2e.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "openssl_tokens.h"
#include "temp_folder.h"
#include "test_clock.h"

enum { TOKEN_BYTES = OPENSSL_TOKEN_MAX, WAIT_MS = 15000, POLL_MS = 10 };

static struct temp_folder folder;

static int setup(void **state)
{
	return e2e_setup(state) != 0 ? -1 : temp_folder_make(&folder);
}

static int teardown(void **state)
{
	temp_folder_remove(&folder);
	return e2e_teardown(state);
}

#define JWT_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

/* ---- keys and tokens ------------------------------------------------------
 */

static void make_key(const char *alg)
{
	openssl_tokens_make_key(&folder, alg);
}

static void make_token(char *out, const char *alg, const char *claims)
{
	openssl_tokens_sign(&folder, out, alg, NULL, claims);
}

/* The file becomes the file "key", at once, as deployments do it. */
static void put_file(const char *name)
{
	char from[160], next[160], command[512];

	snprintf(from, sizeof(from), "%s", temp_folder_path(&folder, name));
	snprintf(next, sizeof(next), "%s", temp_folder_path(&folder, "next"));
	snprintf(command, sizeof(command), "cp %s %s", from, next);
	assert_int_equal(system(command), 0);
	assert_int_equal(rename(next, temp_folder_path(&folder, "key")), 0);
}

static void put_key(const char *alg)
{
	char name[32];

	snprintf(name, sizeof(name), "%s.pub", alg);
	put_file(name);
}

/* Tokens with and without exp are taken. */
static void start_with(struct e2e *f, const char *option, const char *more,
		       const char *value)
{
	e2e_gateway(f, "--auth", "jwt", "--jwt-allow-no-exp", option,
		    temp_folder_path(&folder, "key"), more, value, NULL);
}

static void start(struct e2e *f, const char *more, const char *value)
{
	start_with(f, "--jwt-key", more, value);
}

/* Until the log has said it n times. */
static void wait_said(struct e2e *f, const char *text, int n)
{
	uint64_t deadline = test_deadline_ms(WAIT_MS);

	while (e2e_count_in_log(f, text) < n) {
		if (test_now_ms() > deadline)
			fail_msg("not %d times in the log: %s", n, text);
		usleep(POLL_MS * 1000);
	}
}

/* Until this many reads have failed. */
static void wait_failures(struct e2e *f, double n)
{
	uint64_t deadline = test_now_ms() + WAIT_MS;

	while (gateway_proc_metric(&f->gw, "sluice_jwt_key_failures_total") <
	       n) {
		assert_true(test_now_ms() < deadline);
		usleep(POLL_MS * 1000);
	}
}

/* ---- asking ---------------------------------------------------------------
 */

static struct sse_client *ask(struct e2e *f, const char *token)
{
	struct sse_client *c = e2e_client(f);
	char headers[TOKEN_BYTES + 64];

	snprintf(headers, sizeof(headers), "Authorization: Bearer %s\r\n",
		 token);
	sse_client_get(c, f->gw.address, "/api/v1/events", headers);
	sse_client_wait_head(c);
	return c;
}

static struct sse_client *opens(struct e2e *f, const char *token)
{
	struct sse_client *c = ask(f, token);

	assert_int_equal(c->status, 200);
	sse_client_wait_any_id(c);
	return c;
}

static void is_refused(struct e2e *f, const char *token, const char *why)
{
	struct sse_client *c = ask(f, token);

	assert_int_equal(c->status, 401);
	sse_client_wait_reply(c);
	if (strstr(bytes_text(&c->body), why) == NULL)
		fail_msg("%s", bytes_text(&c->body));
}

/* ---- tests ----------------------------------------------------------------
 */

/* One gateway, whose file is one key after the other. */
static void every_kind_of_key(void **state)
{
	static const char *const algs[] = {"RS256", "ES256", "EdDSA",
					   "Ed25519"};
	static const char claims[] = "\"sub\": \"alice\", \"exp\": \"+3600\"";
	struct e2e *f = *state;
	char token[TOKEN_BYTES], last[TOKEN_BYTES], link[160];
	struct sse_client *first = NULL;

	for (int i = 0; i < 4; i++) {
		make_key(algs[i]);
		put_key(algs[i]);
		if (i == 0)
			start(f, NULL, NULL);
		else
			wait_said(f, "msg=\"keys read\"", i + 1);
		make_token(token, algs[i], claims);
		if (i == 0)
			first = opens(f, token);
		else
			opens(f, token);
		if (i > 0)
			is_refused(f, last, "the token's ");
		strcpy(last, token);
		if (strcmp(algs[i], "RS256") != 0)
			continue;
		/* The same key, in the other way. */
		snprintf(link, sizeof(link), "%s",
			 temp_folder_path(&folder, "PS256"));
		assert_int_equal(symlink(temp_folder_path(&folder, "RS256"),
					 link),
				 0);
		make_token(token, "PS256", claims);
		opens(f, token);
	}
	/* A removed key ends no subscription. */
	e2e_publish(f, "alice", "on");
	e2e_expect(first, 1, "on");
	gateway_proc_wait_metric(
		&f->gw,
		"sluice_requests_rejected_total{reason=\"bad_signature\"}", 3);
	gateway_proc_wait_metric(&f->gw, "sluice_jwt_keys", 1);
}

static void a_stream_ends_with_its_token(void **state)
{
	struct e2e *f = *state;
	char token[TOKEN_BYTES];
	const struct sse_event *ev;
	struct sse_client *c;
	char *log;

	make_key("HS256");
	put_key("HS256");
	start_with(f, "--jwt-secret", "--jwt-leeway", "0");
	make_token(token, "HS256", "\"sub\": \"alice\", \"exp\": \"+2.5\"");
	c = opens(f, token);
	e2e_publish(f, "alice", "a");
	e2e_expect(c, 1, "a");
	ev = sse_client_wait_event(c, "system", 1);
	assert_string_equal(ev->data, "{\"system\": \"expired\"}");
	e2e_publish(f, "alice", "b");
	e2e_expect(c, 2, "b");
	sse_client_wait_reply(c);
	assert_true(c->last_chunk);
	assert_int_equal(c->n_messages, 2);
	gateway_proc_wait_metric(
		&f->gw,
		"sluice_subscriptions_closed_total{reason=\"token_expired\"}",
		1);
	is_refused(f, token, "expired");
	log = gateway_proc_log(&f->gw);
	assert_non_null(
		strstr(log,
		       "msg=\"subscription closed\" reason=token_expired"));
	free(log);
}

static void a_broken_file_leaves_the_old_keys(void **state)
{
	static const char broken[] = "-----BEGIN PUBLIC KEY-----\nMCow";
	static const char failed[] =
		"cannot read the keys, keeping the previous ones";
	struct e2e *f = *state;
	char token[TOKEN_BYTES], other[TOKEN_BYTES];

	make_key("ES256");
	put_key("ES256");
	start(f, NULL, NULL);
	make_token(token, "ES256", "\"sub\": \"alice\"");
	opens(f, token);
	temp_folder_write(&folder, "key", broken, strlen(broken));
	wait_said(f, failed, 1);
	opens(f, token);
	assert_int_equal(unlink(temp_folder_path(&folder, "key")), 0);
	wait_said(f, failed, 2);
	opens(f, token);
	wait_failures(f, 2);
	make_key("EdDSA");
	make_token(other, "EdDSA", "\"sub\": \"alice\"");
	is_refused(f, other, "fit no key");
	put_key("EdDSA");
	wait_said(f, "msg=\"keys read\"", 2);
	opens(f, other);
	is_refused(f, token, "fit no key");
}

/* What gets into the place of a file of keys, by a download that fails or a
 * shell that writes UTF-16: HMAC by its bytes verifies no token. */
static void no_file_becomes_a_secret(void **state)
{
	static const char *const makes[] = {
		"printf '<html>\\r\\n<head><title>503 Service Temporarily "
		"Unavailable</title></head>\\r\\n</html>\\r\\n'",
		"printf '<?xml "
		"version=\"1.0\"?><Error><Code>AccessDenied</Code>"
		"<Message>Access Denied</Message></Error>'",
		"iconv -t UTF-16 set.json",
		"iconv -t UTF-16 ES256.pub",
		"printf 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
	};
	static const char set[] =
		"{\"keys\": [{\"kty\": \"OKP\", \"crv\": \"Ed25519\", \"x\": "
		"\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";
	struct e2e *f = *state;
	char token[TOKEN_BYTES], forged[TOKEN_BYTES], command[1024];

	make_key("ES256");
	temp_folder_write(&folder, "set.json", set, strlen(set));
	put_key("ES256");
	start(f, NULL, NULL);
	make_token(token, "ES256", "\"sub\": \"alice\"");
	for (int i = 0; i < 5; i++) {
		snprintf(command, sizeof(command), "cd %s && %s >HS256",
			 folder.path, makes[i]);
		assert_int_equal(system(command), 0);
		put_file("HS256");
		wait_said(f, "it is neither PEM nor JWKS", i + 1);
		make_token(forged, "HS256", "\"sub\": \"victim\"");
		is_refused(f, forged, "fit no key");
		opens(f, token);
		put_key("ES256");
		wait_said(f, "msg=\"keys read\"", i + 2);
	}
	gateway_proc_wait_metric(&f->gw, "sluice_jwt_keys", 1);
}

/* A revoked key must not stay good because a read has failed once. */
static void a_read_that_fails_is_tried_again(void **state)
{
	struct e2e *f = *state;
	char token[TOKEN_BYTES], other[TOKEN_BYTES], command[512];

	make_key("ES256");
	make_key("EdDSA");
	put_key("ES256");
	start(f, NULL, NULL);
	make_token(token, "ES256", "\"sub\": \"alice\"");
	opens(f, token);
	/* A folder in its place: open() succeeds, and read() fails. The key
	 * that follows is found though nothing says that it is another file
	 * than the one that could not be read. */
	snprintf(command, sizeof(command),
		 "cd %s && mkdir dir && ln -s dir bad && mv -T bad key",
		 folder.path);
	assert_int_equal(system(command), 0);
	wait_said(f, "cannot read the keys", 1);
	wait_failures(f, 3);
	assert_int_equal(e2e_count_in_log(f, "cannot read the keys"), 1);
	put_key("EdDSA");
	wait_said(f, "msg=\"keys read\"", 2);
	make_token(other, "EdDSA", "\"sub\": \"alice\"");
	opens(f, other);
	is_refused(f, token, "fit no key");
}

static void sighup_reads_it_again(void **state)
{
	struct e2e *f = *state;
	char token[TOKEN_BYTES];

	make_key("HS256");
	put_key("HS256");
	start_with(f, "--jwt-secret", NULL, NULL);
	wait_said(f, "msg=\"keys read\"", 1);
	gateway_proc_signal(&f->gw, SIGHUP);
	wait_said(f, "msg=\"keys read\"", 2);
	make_token(token, "HS256", "\"sub\": \"alice\"");
	opens(f, token);
}

/* A Secret of Kubernetes: "key" leads to "now/key", and "now" to a folder,
 * which is another one from one moment to the next. */
static void a_link_leads_to_another_file(void **state)
{
	struct e2e *f = *state;
	char token[TOKEN_BYTES], command[1024];
	const char *at = folder.path;

	make_key("ES256");
	make_key("EdDSA");
	snprintf(command, sizeof(command),
		 "cd %s && mkdir v1 v2 && cp -p ES256.pub v1/key && "
		 "cp -p EdDSA.pub v2/key && ln -s v1 now && ln -s now/key key",
		 at);
	assert_int_equal(system(command), 0);
	start(f, NULL, NULL);
	make_token(token, "ES256", "\"sub\": \"alice\"");
	opens(f, token);
	snprintf(command, sizeof(command),
		 "cd %s && ln -s v2 next && mv -T next now", at);
	assert_int_equal(system(command), 0);
	wait_said(f, "msg=\"keys read\"", 2);
	is_refused(f, token, "fit no key");
	make_token(token, "EdDSA", "\"sub\": \"alice\"");
	opens(f, token);
}

/* Whatever way a token comes, good or not: no line has a part of it. */
static void no_token_is_in_a_log(void **state)
{
#define END    "\r\n\r\n"
#define LINE   " HTTP/1.1\r\nHost: h"
#define EVENTS "/api/v1/events"
	static const struct {
		const char *before, *behind;
		bool good;
	} forms[] = {
		{"GET " EVENTS "?t=", LINE END, true},
		{"GET " EVENTS LINE "\r\nCookie: c=", END, true},
		{"GET " EVENTS "?t=", "%zz" LINE END, false},
		{"GET /nowhere?t=", LINE END, false},
		{"GET ftp://h/?t=", LINE END, false},
		{"GET http://u:", "@h/" LINE END, false},
		{"GET " EVENTS ";access_token=", LINE END, false},
		{"GET " EVENTS "?", "%zz" LINE END, false},
		{"GET /", LINE END, false},
		{"GET " EVENTS LINE "\r\nLast-Event-ID: ", END, false},
		{"PUT " EVENTS "?t=", LINE END, false},
		{"GET " EVENTS "?t=", "A" LINE END, false},
		{"GET " EVENTS LINE "\r\nAuthorization: Bearer ", ".x" END,
		 false},
		{"GET " EVENTS LINE "\r\nAuthorization: Bearer ", "\x01" END,
		 false},
	};
	struct e2e *f = *state;
	char token[TOKEN_BYTES], request[TOKEN_BYTES + 256], *log;

	make_key("HS256");
	put_key("HS256");
	e2e_gateway(f, "--auth", "jwt", "--jwt-secret",
		    temp_folder_path(&folder, "key"), "--jwt-query", "t",
		    "--jwt-allow-no-exp", "--jwt-cookie", "c", "--log-level",
		    "debug", NULL);
	make_token(token, "HS256", "\"sub\": \"alice\"");
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct sse_client *c = e2e_client(f);

		snprintf(request, sizeof(request), "%s%s%s", forms[i].before,
			 token, forms[i].behind);
		sse_client_connect(c, f->gw.address);
		sse_client_send_text(c, request);
		sse_client_wait_head(c);
		assert_int_equal(c->status == 200, forms[i].good);
		assert_null(strstr(bytes_text(&c->raw), "eyJ"));
	}
	wait_said(f, "msg=\"request rejected\"", 7);
	wait_said(f, "msg=\"subscription opened\"", 2);
	log = gateway_proc_log(&f->gw);
	assert_null(strstr(log, "eyJ"));
	free(log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		JWT_TEST(every_kind_of_key),
		JWT_TEST(a_stream_ends_with_its_token),
		JWT_TEST(a_broken_file_leaves_the_old_keys),
		JWT_TEST(no_file_becomes_a_secret),
		JWT_TEST(a_read_that_fails_is_tried_again),
		JWT_TEST(sighup_reads_it_again),
		JWT_TEST(a_link_leads_to_another_file),
		JWT_TEST(no_token_is_in_a_log),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
