/* Credentials, TLS, prefixes, and settings that are rejected at the start. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <nats/version.h>
#include <uv.h>

#include "base/check.h"
#include "nats/nkey.h"
#include "nats_jwt.h"
#include "nats_server.h"
#include "readable_of.h"
#include "source_spy.h"

struct fixture {
	uv_loop_t loop;
	struct nats_server nats;
	const char *server;
	struct nats_settings settings;
	struct spy spy;
	char dir[64]; /* of the test's files */
	char path[6][128];
};

static const struct request_id request = {3, 9};
static const char stream[] = "{\"name\":\"EV\",\"subjects\":[\"ev.>\"]}";

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	*state = f;
	assert_int_equal(uv_loop_init(&f->loop), 0);
	strcpy(f->dir, "/tmp/sluice-auth-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->settings = (struct nats_settings){
		.servers = &f->server,
		.n_servers = 1,
		.stream = "EV",
		.readable = readable_of("ev.*"),
	};
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[128];

	spy_finish(&f->spy);
	readable_unref(f->settings.readable);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	nats_server_stop(&f->nats);
	snprintf(command, sizeof(command), "rm -rf %s", f->dir);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

/* A file in the test's folder; its path lives as long as the fixture. */
static const char *write_file(struct fixture *f, size_t slot, const char *name,
			      const char *text)
{
	FILE *file;

	assert_in_range(slot, 0, 5);
	snprintf(f->path[slot], sizeof(f->path[slot]), "%s/%s", f->dir, name);
	file = fopen(f->path[slot], "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	return f->path[slot];
}

static void serve(struct fixture *f, const char *config)
{
	nats_server_start(&f->nats, config);
	f->server = f->nats.url;
}

/* The session opens, and JetStream responds: there is no such stream. */
static void assert_connects(struct fixture *f)
{
	spy_start(&f->spy, &f->loop, &f->settings);
	spy_wait(&f->spy, JETSTREAM_UP);
	assert_int_equal(f->spy.js->ops->info(f->spy.js, request), 0);
	assert_int_equal(spy_wait(&f->spy, JETSTREAM_INFO)->err,
			 JETSTREAM_ERR_NO_STREAM);
	spy_finish(&f->spy);
}

static void assert_rejected(struct fixture *f, const char *why)
{
	spy_start(&f->spy, &f->loop, &f->settings);
	spy_wait_note(&f->spy, 0, "failed ");
	if (strstr(f->spy.notes, why) == NULL)
		fail_msg("\"%s\" is not in: %s", why, f->spy.notes);
	assert_int_equal(f->spy.n_events, 0);
	spy_finish(&f->spy);
}

static void no_event(void *arg, const struct jetstream_event *ev)
{
	(void)arg;
	(void)ev;
	fail();
}

static void no_call(void *arg)
{
	(void)arg;
	fail();
}

static void no_note(void *arg, const struct nats_status *n)
{
	(void)arg;
	(void)n;
	fail();
}

static void assert_wrong(struct fixture *f, const struct nats_settings *s,
			 int rc, const char *says)
{
	const struct nats_source_cbs cbs = {.on_event = no_event,
					    .on_flush = no_call,
					    .on_status = no_note,
					    .on_closed = no_call};
	struct nats_source *source = NULL;
	char err[NATS_SOURCE_ERROR_MAX];

	assert_int_equal(nats_source_new(&source, &f->loop, s, &cbs, err), rc);
	if (strstr(err, says) == NULL)
		fail_msg("\"%s\" is not in: %s", says, err);
	assert_null(strstr(err, "secret"));
	assert_null(source);
	uv_run(&f->loop, UV_RUN_NOWAIT);
}

/* ---- user, password, token ----------------------------------------------- */

static void a_user_has_a_password(void **state)
{
	struct fixture *f = *state;

	serve(f, "authorization { user: ann, password: \"p@ss:w%rd\" }");
	f->settings.user = "ann";
	f->settings.password = "p@ss:w%rd";
	assert_connects(f);
	f->settings.password = "wrong-secret";
	assert_rejected(f, "Authorization Violation");
	f->settings.user = NULL;
	f->settings.password = NULL;
	assert_rejected(f, "Authorization Violation");
}

static void errors_do_not_contain_the_secret(void **state)
{
	struct fixture *f = *state;
	char url[128];

	serve(f, "authorization { user: ann, password: right }");
	snprintf(url, sizeof(url), "nats://ann:wrong-secret@127.0.0.1:%d",
		 f->nats.port);
	f->server = url;
	spy_start(&f->spy, &f->loop, &f->settings);
	spy_wait_note(&f->spy, 0, "failed nats://127.0.0.1:");
	assert_null(strstr(f->spy.notes, "secret"));
	assert_null(strstr(f->spy.notes, "ann"));
}

static void a_password_may_have_any_byte(void **state)
{
	struct fixture *f = *state;

	serve(f, "authorization { user: \"a\\\"b\", "
		 "password: \"q\\\"u\\\\o\\nte\" }");
	f->settings.user = "a\"b";
	f->settings.password = "q\"u\\o\nte";
	assert_connects(f);
}

static void credentials_may_be_in_the_url(void **state)
{
	struct fixture *f = *state;
	char url[128];

	serve(f, "authorization { user: ann, password: \"p@s/s%\" }");
	snprintf(url, sizeof(url), "nats://ann:p%%40s%%2Fs%%25@127.0.0.1:%d",
		 f->nats.port);
	f->server = url;
	assert_connects(f);
	/* they take precedence over the options */
	f->settings.user = "bob";
	f->settings.password = "x";
	assert_connects(f);
}

static void a_token_in_each_option(void **state)
{
	struct fixture *f = *state;
	char url[128];

	serve(f, "authorization { token: \"s3cret\" }");
	f->settings.token = "s3cret";
	assert_connects(f);
	f->settings.token = NULL;
	f->settings.user = "s3cret";
	assert_connects(f);
	f->settings.user = NULL;
	assert_rejected(f, "Authorization Violation");
	snprintf(url, sizeof(url), "s3cret@127.0.0.1:%d", f->nats.port);
	f->server = url;
	assert_connects(f);
}

/* ---- nkeys, JWT ---------------------------------------------------------- */

static const char seed[] =
	"SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";

static void an_nkey(void **state)
{
	struct fixture *f = *state;
	char config[256], public_key[NKEY_PUBLIC_MAX];
	struct nkey key;

	assert_int_equal(nkey_find(&key, seed, strlen(seed)), 0);
	nkey_public(&key, public_key);
	snprintf(config, sizeof(config),
		 "authorization { users: [ { nkey: %s } ] }", public_key);
	serve(f, config);
	f->settings.nkey = write_file(f, 0, "seed", seed);
	assert_connects(f);
	f->settings.nkey = NULL;
	assert_rejected(f, "Authorization Violation");
}

/* With a byte-order mark, and CR LF at the ends of the lines. */
static const char *write_windows_file(struct fixture *f, const char *text)
{
	char *to = malloc(2 * strlen(text) + 4), *end = to;
	const char *path;

	assert_non_null(to);
	end = stpcpy(end, "\xef\xbb\xbf");
	for (; *text != '\0'; text++) {
		if (*text == '\n')
			*end++ = '\r';
		*end++ = *text;
	}
	*end = '\0';
	path = write_file(f, 1, "windows", to);
	free(to);
	return path;
}

static void a_jwt_in_each_option(void **state)
{
	struct fixture *f = *state;
	struct nats_jwt jwt;
	char *creds;

	nats_jwt_make(&jwt);
	serve(f, jwt.config);
	f->settings.user_jwt = jwt.user;
	f->settings.user_seed = jwt.user_seed;
	assert_connects(f);
	f->settings.user_seed = seed; /* another user's */
	assert_rejected(f, "Authorization Violation");
	f->settings.user_jwt = NULL;
	f->settings.user_seed = NULL;
	assert_true(asprintf(&creds,
			     "-----BEGIN NATS USER JWT-----\n%s\n"
			     "------END NATS USER JWT------\n\n"
			     "-----BEGIN USER NKEY SEED-----\n%s\n"
			     "------END USER NKEY SEED------\n",
			     jwt.user, jwt.user_seed) > 0);
	f->settings.creds = write_file(f, 0, "creds", creds);
	assert_connects(f);
	/* As an editor on Windows writes them. */
	f->settings.creds = write_windows_file(f, creds);
	free(creds);
	assert_connects(f);
}

static void a_bearer_needs_no_seed(void **state)
{
	struct fixture *f = *state;
	struct nats_jwt jwt;

	nats_jwt_make(&jwt);
	serve(f, jwt.config);
	f->settings.user_jwt = jwt.bearer;
	assert_connects(f);
	f->settings.user_jwt = jwt.user;
	assert_rejected(f, "Authorization Violation");
}

/* ---- TLS ----------------------------------------------------------------- */

/* ca.pem, cert.pem and key.pem for a name; a client's cert is the server's. */
static void make_certificates(struct fixture *f, const char *san)
{
	char command[1024];

	snprintf(command, sizeof(command),
		 "cd %s && openssl req -x509 -newkey ec -pkeyopt "
		 "ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out "
		 "ca.pem -subj /CN=ca -days 2 2>/dev/null && "
		 "openssl req -x509 -newkey ec -pkeyopt "
		 "ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out "
		 "cert.pem -subj /CN=server -days 2 -CA ca.pem -CAkey ca.key "
		 "-addext subjectAltName=%s 2>/dev/null",
		 f->dir, san);
	if (system(command) != 0)
		fail_msg("openssl failed: %s", command);
	snprintf(f->path[0], sizeof(f->path[0]), "%s/ca.pem", f->dir);
	snprintf(f->path[1], sizeof(f->path[1]), "%s/cert.pem", f->dir);
	snprintf(f->path[2], sizeof(f->path[2]), "%s/key.pem", f->dir);
}

static void serve_tls(struct fixture *f, const char *more)
{
	char config[1024];

	snprintf(config, sizeof(config),
		 "tls { cert_file: \"%s\", key_file: \"%s\", %s }", f->path[1],
		 f->path[2], more);
	serve(f, config);
}

static void tls_with_a_ca(void **state)
{
	struct fixture *f = *state;

	make_certificates(f, "IP:127.0.0.1");
	serve_tls(f, "");
	f->settings.tlsca = f->path[0];
	assert_connects(f);
	/* the system's CAs do not include this one */
	f->settings.tlsca = NULL;
	assert_rejected(f, "certificate");
}

static void tls_by_a_name(void **state)
{
	struct fixture *f = *state;
	char url[128];

	make_certificates(f, "DNS:localhost");
	serve_tls(f, "");
	f->settings.tlsca = f->path[0];
	assert_rejected(f, "mismatch");
	snprintf(url, sizeof(url), "tls://localhost:%d", f->nats.port);
	f->server = url;
	assert_connects(f);
}

static void tls_with_another_ca(void **state)
{
	struct fixture *f = *state;
	char ca[sizeof(f->path[0]) + 8], command[512];

	make_certificates(f, "IP:127.0.0.1");
	snprintf(ca, sizeof(ca), "%s.old", f->path[0]);
	snprintf(command, sizeof(command), "mv %s %s", f->path[0], ca);
	assert_int_equal(system(command), 0);
	make_certificates(f, "IP:127.0.0.1");
	serve_tls(f, "");
	f->settings.tlsca = ca;
	assert_rejected(f, "certificate");
}

static void tls_with_a_client_certificate(void **state)
{
	struct fixture *f = *state;
	char more[256];

	make_certificates(f, "IP:127.0.0.1");
	snprintf(more, sizeof(more), "ca_file: \"%s\", verify: true",
		 f->path[0]);
	serve_tls(f, more);
	f->settings.tlsca = f->path[0];
	f->settings.tlscert = f->path[1];
	f->settings.tlskey = f->path[2];
	assert_connects(f);
	f->settings.tlscert = NULL;
	f->settings.tlskey = NULL;
	spy_start(&f->spy, &f->loop, &f->settings);
	spy_wait_note(&f->spy, 0, "failed ");
	assert_int_equal(f->spy.n_events, 0);
}

/* Encrypted after the start: OpenSSL must not ask on the terminal. */
static void a_key_that_becomes_encrypted(void **state)
{
	struct fixture *f = *state;
	char command[512];

	make_certificates(f, "IP:127.0.0.1");
	f->server = "nats://127.0.0.1:1";
	f->settings.tlscert = f->path[1];
	f->settings.tlskey = f->path[2];
	spy_start(&f->spy, &f->loop, &f->settings);
	spy_wait_note(&f->spy, 0, "failed ");
	assert_null(strstr(f->spy.notes, "encrypted"));
	snprintf(command, sizeof(command),
		 "cd %s && openssl pkey -aes256 -passout pass:x -in key.pem "
		 "-out new.pem && mv new.pem key.pem",
		 f->dir);
	assert_int_equal(system(command), 0);
	spy_wait_note(&f->spy, 0, "it is encrypted");
	spy_finish(&f->spy);
	/* It is rejected at the start, too. */
	make_certificates(f, "IP:127.0.0.1");
	snprintf(command, sizeof(command),
		 "cd %s && openssl pkey -traditional -aes256 -passout pass:x "
		 "-in key.pem -out new.pem && "
		 "sed 's/: 4,/:4 , /' new.pem > key.pem",
		 f->dir);
	assert_int_equal(system(command), 0);
	assert_wrong(f, &f->settings, -EINVAL, "it is encrypted");
}

/* With TLS configured, credentials are never sent in clear. */
static void tls_is_never_dropped(void **state)
{
	struct fixture *f = *state;
	char url[128];

	serve(f, NULL);
	snprintf(url, sizeof(url), "tls://127.0.0.1:%d", f->nats.port);
	f->server = url;
	assert_rejected(f, " Secure Connection");
}

/* ---- the server's reason ------------------------------------------------- */

struct rejecting_server {
	uv_thread_t thread;
	int fd;
	const char *greeting;
};

/* Two connections: that of nats.c, and that of nats_reason. */
static void send_greetings(void *arg)
{
	struct rejecting_server *d = arg;

	for (int i = 0; i < 2; i++) {
		int fd = accept(d->fd, NULL, NULL);

		MUST(fd >= 0);
		MUST(send(fd, d->greeting, strlen(d->greeting), MSG_NOSIGNAL) >
		     0);
		shutdown(fd, SHUT_WR);
		while (recv(fd, (char[256]){0}, 256, 0) > 0)
			;
		close(fd);
	}
}

static void the_servers_reason_is_reported(void **state)
{
	static const char info[] =
		"INFO {\"server_id\":\"X\",\"version\":\"2.10.0\","
		"\"max_payload\":1048576,\"headers\":true,\"proto\":1}\r\n";
	static const char error[] = "-ERR 'maximum connections exceeded'\r\n";
	static const struct {
		bool info, error;
		const char *says;
	} list[] = {
		{true, true, "maximum connections exceeded"},
		{false, true, "maximum connections exceeded"},
		{true, false, "closed the connection without a reason"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		struct sockaddr_in at = {.sin_family = AF_INET};
		socklen_t len = sizeof(at);
		struct rejecting_server d = {
			.fd = socket(AF_INET, SOCK_STREAM, 0)};
		char text[512], url[64];

		at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		assert_int_equal(bind(d.fd, (struct sockaddr *)&at, len), 0);
		assert_int_equal(listen(d.fd, 8), 0);
		assert_int_equal(getsockname(d.fd, (void *)&at, &len), 0);
		snprintf(text, sizeof(text), "%s%s", list[i].info ? info : "",
			 list[i].error ? error : "");
		snprintf(url, sizeof(url), "nats://127.0.0.1:%d",
			 ntohs(at.sin_port));
		d.greeting = text;
		f->server = url;
		assert_int_equal(uv_thread_create(&d.thread, send_greetings,
						  &d),
				 0);
		assert_rejected(f, list[i].says);
		uv_thread_join(&d.thread);
		close(d.fd);
	}
}

/* ---- prefixes ------------------------------------------------------------ */

/* A user with no other permissions, on a stream that an admin creates. */
static void the_documented_permissions_are_enough(void **state)
{
	static const char config[] =
		"authorization { users: [\n"
		" { user: admin, password: x }\n"
		" { user: gw, password: x, permissions: {\n"
		"  publish: [\"$JS.API.STREAM.INFO.EV\",\n"
		"   \"$JS.API.STREAM.MSG.GET.EV\",\n"
		"   \"$JS.API.CONSUMER.CREATE.EV.>\",\n"
		"   \"$JS.API.CONSUMER.MSG.NEXT.EV.>\",\n"
		"   \"$JS.API.CONSUMER.DELETE.EV.*\"],\n"
		"  subscribe: [\"_INBOX_gw.>\"] } } ] }";
	const struct jetstream_consumer c = {.request = request,
					     .start_seq = 1,
					     .filter = "ev.*",
					     .inactive_ms = 60000};
	const struct jetstream_pull pull = {.request = request,
					    .batch = 1,
					    .expires_ms = 10000};
	struct fixture *f = *state;
	struct nats_admin *admin;
	struct jetstream *js;
	char url[128];

	serve(f, config);
	snprintf(url, sizeof(url), "nats://admin:x@127.0.0.1:%d", f->nats.port);
	admin = nats_admin_open(url);
	nats_admin_stream(admin, stream);
	nats_admin_publish(admin, "ev.alice", "a", 1);
	f->settings.user = "gw";
	f->settings.password = "x";
	f->settings.inbox_prefix = "_INBOX_gw";
	spy_start(&f->spy, &f->loop, &f->settings);
	spy_wait(&f->spy, JETSTREAM_UP);
	js = f->spy.js;
	js->ops->info(js, request);
	assert_int_equal(spy_wait(&f->spy, JETSTREAM_INFO)->err, 0);
	js->ops->get_next(js, request, 1, "ev.alice");
	assert_int_equal(spy_wait(&f->spy, JETSTREAM_FOUND)->err, 0);
	js->ops->create(js, &c);
	assert_int_equal(spy_wait(&f->spy, JETSTREAM_CREATED)->err, 0);
	js->ops->pull(js, &pull);
	assert_int_equal(spy_wait(&f->spy, JETSTREAM_MESSAGE)->msg.seq, 1);
	js->ops->delete_consumer(js, request);
	while (nats_admin_stream_number(admin, "EV", "state.consumer_count") !=
	       0)
		spy_turn(&f->spy);
	assert_null(strstr(f->spy.notes, "error"));
	spy_finish(&f->spy);
	/* another inbox is not permitted, which is reported */
	f->settings.inbox_prefix = NULL;
	spy_start(&f->spy, &f->loop, &f->settings);
	spy_wait_note(&f->spy, 0, "error nats://127.0.0.1:");
	spy_wait_note(&f->spy, 0, "ermissions Violation");
	nats_admin_close(admin);
}

static void the_api_of_a_domain(void **state)
{
	struct fixture *f = *state;

	serve(f, "jetstream { domain: hub }");
	f->settings.js_domain = "hub";
	assert_connects(f);
	f->settings.js_domain = NULL;
	f->settings.js_api_prefix = "$JS.hub.API";
	assert_connects(f);
	f->settings.js_api_prefix = "$JS.nowhere.API";
	spy_start(&f->spy, &f->loop, &f->settings);
	spy_wait(&f->spy, JETSTREAM_UP);
	f->spy.js->ops->info(f->spy.js, request);
	assert_int_equal(spy_wait(&f->spy, JETSTREAM_INFO)->err,
			 JETSTREAM_ERR_NO_RESPONDERS);
	f->spy.js->ops->get_last(f->spy.js, request, "ev.alice");
	assert_int_equal(spy_wait(&f->spy, JETSTREAM_FOUND)->err,
			 JETSTREAM_ERR_NO_RESPONDERS);
}

/* ---- rejected settings --------------------------------------------------- */

static void wrong_settings_are_named(void **state)
{
	struct fixture *f = *state;
	const char *none = "/nowhere/file";
	const char *junk = write_file(f, 0, "junk", "hello\n");
	const char *cert =
		write_file(f, 1, "cert", "-----BEGIN CERTIFICATE-----\n");
	const char *pkcs8 =
		write_file(f, 2, "pkcs8",
			   "-----BEGIN ENCRYPTED PRIVATE KEY-----\n");
	const char *old = write_file(f, 3, "old",
				     "-----BEGIN EC PRIVATE KEY-----\n"
				     "Proc-Type: 4,ENCRYPTED\n");
	const char *url = "nats://127.0.0.1";
	const struct {
		struct nats_settings s;
		int rc;
		const char *says;
	} wrong[] = {
		{{.stream = NULL}, -EINVAL, "--stream"},
		{{.stream = "a.b"}, -EINVAL, "--stream"},
		{{.stream = "EV", .creds = none}, -ENOENT, "--creds"},
		{{.stream = "EV", .creds = junk}, -EINVAL, "--creds"},
		{{.stream = "EV", .nkey = none}, -ENOENT, "--nkey"},
		{{.stream = "EV", .nkey = junk}, -EINVAL, "--nkey"},
		{{.stream = "EV", .tlsca = none}, -ENOENT, "--tlsca"},
		{{.stream = "EV", .tlsca = junk}, -EINVAL, "--tlsca"},
		{{.stream = "EV", .tlscert = junk}, -EINVAL, "--tlskey"},
		{{.stream = "EV", .tlscert = junk, .tlskey = junk},
		 -EINVAL,
		 "--tlscert"},
		{{.stream = "EV", .tlscert = f->dir, .tlskey = junk},
		 -EISDIR,
		 "--tlscert"},
		{{.stream = "EV", .tlscert = cert, .tlskey = pkcs8},
		 -EINVAL,
		 "it is encrypted"},
		{{.stream = "EV", .tlscert = cert, .tlskey = old},
		 -EINVAL,
		 "it is encrypted"},
		{{.stream = "EV", .user_jwt = "x", .user_seed = "secret"},
		 -EINVAL,
		 "seed"},
		{{.stream = "EV", .js_domain = "a", .js_api_prefix = "b"},
		 -EINVAL,
		 "--js-domain"},
		{{.stream = "EV", .js_domain = "a b"}, -EINVAL, "--js-domain"},
		{{.stream = "EV", .js_api_prefix = "a..b"},
		 -EINVAL,
		 "--js-api-prefix"},
		{{.stream = "EV", .inbox_prefix = "a.>"},
		 -EINVAL,
		 "--inbox-prefix"},
	};
	static const char *const urls[] = {
		"ws://127.0.0.1",
		"wss://127.0.0.1",
		"http://127.0.0.1",
		"nats://a:secret@",
		"nats://a:secret%zz@127.0.0.1",
		"nats://a:secret%0@127.0.0.1",
		"nats://a:secret%00@127.0.0.1",
		"nats://127.0.0.1:0",
		"nats://127.0.0.1:70000",
		"nats://[::1",
		"",
	};

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct nats_settings s = wrong[i].s;

		s.servers = &url;
		s.n_servers = 1;
		assert_wrong(f, &s, wrong[i].rc, wrong[i].says);
	}
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		f->server = urls[i];
		assert_wrong(f, &f->settings, -EINVAL, "--server");
	}
}

static void tls_first_is_never_ignored(void **state)
{
	struct fixture *f = *state;

	make_certificates(f, "IP:127.0.0.1");
	f->settings.tlsfirst = true;
	f->settings.tlsca = f->path[0];
#if NATS_VERSION_NUMBER >= 0x030900
	serve_tls(f, "handshake_first: true");
	assert_connects(f);
#else
	f->server = "nats://127.0.0.1";
	assert_wrong(f, &f->settings, -EINVAL, "--tlsfirst");
#endif
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_user_has_a_password),
		TEST(errors_do_not_contain_the_secret),
		TEST(a_password_may_have_any_byte),
		TEST(credentials_may_be_in_the_url),
		TEST(a_token_in_each_option),
		TEST(an_nkey),
		TEST(a_jwt_in_each_option),
		TEST(a_bearer_needs_no_seed),
		TEST(tls_with_a_ca),
		TEST(tls_by_a_name),
		TEST(tls_with_another_ca),
		TEST(tls_with_a_client_certificate),
		TEST(a_key_that_becomes_encrypted),
		TEST(tls_is_never_dropped),
		TEST(the_servers_reason_is_reported),
		TEST(the_documented_permissions_are_enough),
		TEST(the_api_of_a_domain),
		TEST(wrong_settings_are_named),
		TEST(tls_first_is_never_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
