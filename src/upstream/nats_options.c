#include "upstream/nats_options.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nats/nats.h>

#include "base/printable.h"
#include "nats/nkey.h"
#include "nats/readable.h"
#include "nats/subject.h"
#include "upstream/secret_file.h"

enum {
	CONNECT_MS = 2000,
	/* The connection is lost when two are unanswered, after 12 s. */
	PING_MS = 4000,
	PINGS_OUT = 2,
	/* For a write to a server that does not read, and so for a call that
	 * waits for nats.c's lock. */
	WRITE_MS = 2500,
};

/* ---- checks -------------------------------------------------------------- */

static int reject_setting(char *err, const char *text)
{
	snprintf(err, NATS_OPTIONS_ERROR_MAX, "%s", text);
	return -EINVAL;
}

static int check_nkey_seed(const struct nats_settings *s, char *err)
{
	char shown[160];
	struct nkey key;
	int rc;

	if (s->user_seed != NULL) {
		if (nkey_find(&key, s->user_seed, strlen(s->user_seed)) < 0)
			return reject_setting(err,
					      "the user's seed is not an nkey "
					      "seed of a user (\"SU...\")");
		nkey_wipe(&key);
	}
	if (s->nkey == NULL)
		return 0;
	rc = secret_file_read_nkey(&key, s->nkey);
	if (rc == 0) {
		nkey_wipe(&key);
		return 0;
	}
	printable_text(shown, sizeof(shown), s->nkey);
	snprintf(err, NATS_OPTIONS_ERROR_MAX,
		 "--nkey: wrong value \"%s\" (%s); takes the path of a file "
		 "with a user's seed (\"SU...\")",
		 shown, rc == -EINVAL ? "no such seed in it" : strerror(-rc));
	return rc;
}

static int check_secret_files(const struct nats_settings *s, char *err)
{
	int rc = secret_file_check(SECRET_FILE_CREDS, s->creds, err);

	if (rc == 0)
		rc = check_nkey_seed(s, err);
	if (rc == 0)
		rc = secret_file_check(SECRET_FILE_CA, s->tlsca, err);
	if (rc == 0)
		rc = secret_file_check(SECRET_FILE_CERT, s->tlscert, err);
	if (rc == 0)
		rc = secret_file_check(SECRET_FILE_KEY, s->tlskey, err);
	return rc;
}

static int check_nats_option(const struct nats_settings *s, char *err)
{
	if (s->stream == NULL || !subject_stream_name_ok(s->stream))
		return reject_setting(err,
				      "--stream: not the name of a stream");
	if (s->js_domain != NULL && s->js_api_prefix != NULL)
		return reject_setting(err,
				      "--js-domain and --js-api-prefix exclude "
				      "each other");
	/* One token of a subject: the rules are those of a stream's name. */
	if (s->js_domain != NULL && !subject_stream_name_ok(s->js_domain))
		return reject_setting(err,
				      "--js-domain: not the name of a domain");
	if (s->js_api_prefix != NULL && !subject_prefix_ok(s->js_api_prefix))
		return reject_setting(
			err, "--js-api-prefix: not a subject's prefix");
	if (s->inbox_prefix != NULL && !subject_prefix_ok(s->inbox_prefix))
		return reject_setting(err,
				      "--inbox-prefix: not a subject's prefix");
	if ((s->tlscert == NULL) != (s->tlskey == NULL))
		return reject_setting(err,
				      "--tlscert and --tlskey must be given "
				      "together");
#if NATS_VERSION_NUMBER < 0x030900
	if (s->tlsfirst)
		return reject_setting(err,
				      "--tlsfirst: needs nats.c 3.9 or later; "
				      "this program has " NATS_VERSION_STRING);
#endif
	return check_secret_files(s, err);
}

/* ---- life ---------------------------------------------------------------- */

static int copy_setting(char **ret, const char *text)
{
	if (text == NULL)
		return 0;
	*ret = strdup(text);
	return *ret == NULL ? -ENOMEM : 0;
}

static int copy_api_prefix(struct nats_options *o,
			   const struct nats_settings *s)
{
	if (s->js_domain == NULL)
		return copy_setting(&o->api_prefix, s->js_api_prefix != NULL
							    ? s->js_api_prefix
							    : "$JS.API");
	if (asprintf(&o->api_prefix, "$JS.%s.API", s->js_domain) >= 0)
		return 0;
	o->api_prefix = NULL;
	return -ENOMEM;
}

static int copy_all_settings(struct nats_options *o,
			     const struct nats_settings *s)
{
	const struct {
		char **to;
		const char *from;
	} texts[] = {
		{&o->name, s->name == NULL ? "sluice" : s->name},
		{&o->user, s->user},
		{&o->password, s->password},
		{&o->token, s->token},
		{&o->creds, s->creds},
		{&o->nkey, s->nkey},
		{&o->user_jwt, s->user_jwt},
		{&o->user_seed, s->user_seed},
		{&o->tlsca, s->tlsca},
		{&o->tlscert, s->tlscert},
		{&o->tlskey, s->tlskey},
		{&o->inbox_prefix,
		 s->inbox_prefix == NULL ? "_INBOX" : s->inbox_prefix},
		{&o->stream, s->stream},
		{&o->event_header, s->event_header},
	};
	int rc = copy_api_prefix(o, s);

	for (size_t i = 0; rc == 0 && i < sizeof(texts) / sizeof(*texts); i++)
		rc = copy_setting(texts[i].to, texts[i].from);
	return rc;
}

int nats_options_new(struct nats_options **ret, const struct nats_settings *s,
		     bool tls, char *err)
{
	struct nats_options *o;
	int rc = check_nats_option(s, err);

	if (rc < 0)
		return rc;
	o = calloc(1, sizeof(*o));
	if (o == NULL)
		return -ENOMEM;
	o->refs = 1;
	o->readable = readable_ref(s->readable);
	o->tlsfirst = s->tlsfirst;
	o->tls = tls || s->tlsca != NULL || s->tlscert != NULL || s->tlsfirst;
	rc = copy_all_settings(o, s);
	if (rc < 0) {
		nats_options_unref(o);
		return rc;
	}
	*ret = o;
	return 0;
}

struct nats_options *nats_options_ref(struct nats_options *o)
{
	__atomic_add_fetch(&o->refs, 1, __ATOMIC_RELAXED);
	return o;
}

struct nats_options *nats_options_unref(struct nats_options *o)
{
	if (o == NULL || __atomic_sub_fetch(&o->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return NULL;
	char *const texts[] = {
		o->name,       o->user,	   o->password,	    o->token,
		o->creds,      o->nkey,	   o->user_jwt,	    o->user_seed,
		o->tlsca,      o->tlscert, o->tlskey,	    o->inbox_prefix,
		o->api_prefix, o->stream,  o->event_header,
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		secret_free(texts[i]);
	readable_unref(o->readable);
	free(o);
	return NULL;
}

/* ---- natsOptions --------------------------------------------------------- */

/* After the first call that fails, SET makes no more. */
struct build {
	natsOptions *to;
	natsStatus status;
	const char *what;
};

#define SET(b, name, call)                    \
	do {                                  \
		if ((b)->status == NATS_OK) { \
			(b)->what = (name);   \
			(b)->status = (call); \
		}                             \
	} while (0)

/* For the JSON of CONNECT, in which nats.c escapes nothing. To secret_free().
 */
static char *escape_credentials(const char *text)
{
	size_t len = strlen(text);
	char *out = malloc(len * 6 + 1), *end = out;

	if (out == NULL)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '"' || c == '\\')
			end += sprintf(end, "\\%c", c);
		else if (c < 0x20)
			end += sprintf(end, "\\u%04x", c);
		else
			*end++ = (char)c;
	}
	*end = '\0';
	return out;
}

static void set_user_options(struct build *b, const char *user,
			     const char *password)
{
	char *name = escape_credentials(user);
	char *secret = password == NULL ? NULL : escape_credentials(password);

	if (name == NULL || (password != NULL && secret == NULL))
		b->status = NATS_NO_MEMORY;
	else if (secret == NULL)
		SET(b, "token", natsOptions_SetToken(b->to, name));
	else
		SET(b, "user", natsOptions_SetUserInfo(b->to, name, secret));
	secret_free(name);
	secret_free(secret);
}

/* nats.c frees the results of these two callbacks with free(). */
static natsStatus on_user_jwt(char **jwt, char **error, void *arg)
{
	const struct nats_options *o = arg;

	if (o->creds != NULL) {
		int rc = secret_file_read_jwt(jwt, o->creds);

		if (rc == 0)
			return NATS_OK;
		*error = strdup(rc == -EINVAL ? "--creds: no JWT in the file"
					      : strerror(-rc));
		return NATS_ERR;
	}
	*jwt = strdup(o->user_jwt);
	return *jwt == NULL ? NATS_NO_MEMORY : NATS_OK;
}

static int read_configured_nkey(struct nkey *ret, const struct nats_options *o)
{
	if (o->creds != NULL)
		return secret_file_read_nkey(ret, o->creds);
	if (o->nkey != NULL)
		return secret_file_read_nkey(ret, o->nkey);
	if (o->user_seed != NULL)
		return nkey_find(ret, o->user_seed, strlen(o->user_seed));
	return -ENOENT;
}

/* A JWT without a seed is a bearer JWT: its signature is empty. */
static natsStatus on_signature(char **error, unsigned char **sig, int *len,
			       const char *nonce, void *arg)
{
	const struct nats_options *o = arg;
	struct nkey key;
	int rc = read_configured_nkey(&key, o);

	if (rc < 0 && rc != -ENOENT) {
		*error = strdup("cannot read the nkey's seed");
		return NATS_ERR;
	}
	*sig = calloc(1, NKEY_SIGNATURE_LEN);
	*len = rc < 0 ? 0 : NKEY_SIGNATURE_LEN;
	if (rc == 0 && *sig != NULL)
		nkey_sign(&key, nonce == NULL ? "" : nonce,
			  nonce == NULL ? 0 : strlen(nonce), *sig);
	nkey_wipe(&key);
	return *sig == NULL ? NATS_NO_MEMORY : NATS_OK;
}

static void set_nkey_option(struct build *b, struct nats_options *o)
{
	char public_key[NKEY_PUBLIC_MAX];
	struct nkey key;

	b->what = "--nkey";
	if (secret_file_read_nkey(&key, o->nkey) < 0) {
		b->status = NATS_ERR;
		return;
	}
	nkey_public(&key, public_key);
	nkey_wipe(&key);
	SET(b, "--nkey",
	    natsOptions_SetNKey(b->to, public_key, on_signature, o));
}

/* Credentials in the server's URL take precedence, for that server. */
static void set_credentials(struct build *b, struct nats_options *o,
			    const struct nats_servers_item *server)
{
	if (server->user != NULL)
		set_user_options(b, server->user, server->password);
	else if (o->user != NULL)
		set_user_options(b, o->user, o->password);
	/* nats.c would accept one kind of line end only, and no byte-order
	 * mark. */
	else if (o->creds != NULL)
		SET(b, "--creds",
		    natsOptions_SetUserCredentialsCallbacks(b->to, on_user_jwt,
							    o, on_signature,
							    o));
	else if (o->nkey != NULL)
		set_nkey_option(b, o);
	else if (o->user_jwt != NULL)
		SET(b, "user_jwt",
		    natsOptions_SetUserCredentialsCallbacks(b->to, on_user_jwt,
							    o, on_signature,
							    o));
	if (o->token != NULL && server->user == NULL)
		set_user_options(b, o->token, NULL);
}

/* nats.c gets the checked bytes in place of the files, which may have changed
 * since: for an encrypted key OpenSSL would ask on the terminal. Negative with
 * `err`. */
static int set_certificates(struct build *b, const struct nats_options *o,
			    char *err)
{
	char *ca = NULL, *cert = NULL, *key = NULL;
	int rc = 0;

	if (o->tlsca != NULL)
		rc = secret_file_read(&ca, SECRET_FILE_CA, o->tlsca, err);
	if (rc == 0 && o->tlscert != NULL)
		rc = secret_file_read(&cert, SECRET_FILE_CERT, o->tlscert, err);
	if (rc == 0 && o->tlscert != NULL)
		rc = secret_file_read(&key, SECRET_FILE_KEY, o->tlskey, err);
	if (rc == 0 && ca != NULL)
		SET(b, "--tlsca",
		    natsOptions_SetCATrustedCertificates(b->to, ca));
	if (rc == 0 && cert != NULL)
		SET(b, "--tlscert, --tlskey",
		    natsOptions_SetCertificatesChain(b->to, cert, key));
	secret_free(ca);
	secret_free(cert);
	secret_free(key);
	return rc;
}

static int set_tls_options(struct build *b, const struct nats_options *o,
			   const struct nats_servers_item *server, char *err)
{
	const char *name =
		server->tls_name != NULL ? server->tls_name : server->host;

	if (!o->tls)
		return 0;
	SET(b, "TLS", natsOptions_SetSecure(b->to, true));
	if (set_certificates(b, o, err) < 0)
		return -EINVAL;
	SET(b, "TLS", natsOptions_SetExpectedHostname(b->to, name));
#if NATS_VERSION_NUMBER >= 0x030900
	if (o->tlsfirst)
		SET(b, "--tlsfirst", natsOptions_TLSHandshakeFirst(b->to));
#endif
	return 0;
}

static void set_session_options(struct build *b, const struct nats_options *o,
				const struct nats_servers_item *server)
{
	char *name = escape_credentials(o->name);

	if (name == NULL)
		b->status = NATS_NO_MEMORY;
	SET(b, "--server", natsOptions_SetURL(b->to, server->url));
	SET(b, "name", natsOptions_SetName(b->to, name));
	SET(b, "timeout", natsOptions_SetTimeout(b->to, CONNECT_MS));
	SET(b, "reconnect", natsOptions_SetAllowReconnect(b->to, false));
	SET(b, "ping", natsOptions_SetPingInterval(b->to, PING_MS));
	SET(b, "ping", natsOptions_SetMaxPingsOut(b->to, PINGS_OUT));
	SET(b, "write", natsOptions_SetWriteDeadline(b->to, WRITE_MS));
	/* One thread of the process delivers for all subscriptions, in place
	 * of one for each. No callback waits in it. */
	SET(b, "delivery", natsOptions_UseGlobalMessageDelivery(b->to, true));
	free(name);
}

static void set_build_error(const struct build *b, char *err)
{
	const char *text = nats_GetLastError(NULL);

	snprintf(err, NATS_OPTIONS_ERROR_MAX, "%s: %s", b->what,
		 text != NULL && *text != '\0' ? text
					       : natsStatus_GetText(b->status));
}

struct __natsOptions *nats_options_build(struct nats_options *o,
					 const struct nats_servers_item *server,
					 char *err)
{
	struct build b = {.what = "natsOptions_Create"};

	b.status = natsOptions_Create(&b.to);
	set_session_options(&b, o, server);
	set_credentials(&b, o, server);
	if (set_tls_options(&b, o, server, err) < 0) {
		natsOptions_Destroy(b.to);
		return NULL;
	}
	if (b.status == NATS_OK)
		return b.to;
	set_build_error(&b, err);
	natsOptions_Destroy(b.to);
	return NULL;
}
