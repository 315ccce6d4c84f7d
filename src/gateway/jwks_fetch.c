/* The thread sleeps between fetches. During one it runs libcurl's multi
 * interface: the loop can wake its poll, so a stop does not wait for a server
 * that hangs. */
#include "gateway/jwks_fetch.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <sodium.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/decimal.h"
#include "http/cache_control.h"
#include "version.h"

enum {
	POLL_MS = 60000, /* a stop wakes it, and so do libcurl's timers */
	DIGEST_BYTES = 16,
};

struct jwks_fetch {
	uv_mutex_t lock; /* of the fields down to `result` */
	uv_cond_t requested;
	uv_async_t *wakeup;
	bool wanted;
	bool stopped;
	bool ended; /* the thread touches nothing any more */
	bool has_result;
	struct jwks_fetched result;

	uv_thread_t thread;
	char *url;
	char *authorities;
	/* The thread's; the loop wakes it. */
	CURLM *multi;
	uint8_t digest[DIGEST_BYTES]; /* of the last good response */
	bool has_digest;
};

/* ---- a transfer ---------------------------------------------------------- */

struct transfer {
	CURL *easy;
	struct buf body;
	size_t header_bytes;
	const char *fault; /* of what the callbacks reject */
	char text[CURL_ERROR_SIZE];
};

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	int rc = buf_put(&t->body, bytes, size * n);

	if (rc < 0)
		t->fault = rc == -ENOBUFS ? "the response has more than 1 MiB"
					  : "out of memory";
	return rc < 0 ? 0 : size * n;
}

/* libcurl limits each line, and in some versions not their sum. */
static size_t on_header(char *bytes, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	(void)bytes;
	t->header_bytes += size * n;
	if (t->header_bytes <= JWKS_FETCH_HEADER_BYTES)
		return size * n;
	t->fault = "the header of the response has more than 64 KiB";
	return 0;
}

#define SET(option, value)                                          \
	do {                                                        \
		if (rc == CURLE_OK)                                 \
			rc = curl_easy_setopt(easy, option, value); \
	} while (0)

static CURLcode set_transfer_limits(CURL *easy)
{
	CURLcode rc = CURLE_OK;

	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)JWKS_FETCH_CONNECT_MS);
	SET(CURLOPT_TIMEOUT_MS, (long)JWKS_FETCH_MS);
	SET(CURLOPT_MAXREDIRS, (long)JWKS_FETCH_HOPS);
	SET(CURLOPT_FOLLOWLOCATION, 1L);
	SET(CURLOPT_PROTOCOLS_STR, "https");
	SET(CURLOPT_REDIR_PROTOCOLS_STR, "https");
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	/* "": also no proxy of the environment. */
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NOSIGNAL, 1L);
	/* Without it the end of a transfer waits for a resolver that hangs. It
	 * is a thread of libcurl, which frees itself. */
	SET(CURLOPT_QUICK_EXIT, 1L);
	return rc;
}

/* Besides the file the folder of the system's authorities would count. */
static CURLcode set_transfer_authorities(CURL *easy, const char *file)
{
	CURLcode rc = CURLE_OK;

	if (file == NULL)
		return rc;
	SET(CURLOPT_CAINFO, file);
	SET(CURLOPT_CAPATH, (char *)NULL);
	return rc;
}

static CURLcode set_transfer(struct transfer *t, const struct jwks_fetch *f)
{
	CURL *easy = t->easy;
	CURLcode rc = set_transfer_limits(easy);

	if (rc == CURLE_OK)
		rc = set_transfer_authorities(easy, f->authorities);
	SET(CURLOPT_URL, f->url);
	SET(CURLOPT_USERAGENT, "sluice/" SLUICE_VERSION);
	SET(CURLOPT_ERRORBUFFER, t->text);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, (void *)t);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, (void *)t);
	return rc;
}

static bool is_fetch_stopped(struct jwks_fetch *f)
{
	bool stopped;

	uv_mutex_lock(&f->lock);
	stopped = f->stopped;
	uv_mutex_unlock(&f->lock);
	return stopped;
}

static CURLcode transfer_result(struct jwks_fetch *f, const struct transfer *t)
{
	const CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(f->multi, &left)) != NULL)
		if (message->msg == CURLMSG_DONE &&
		    message->easy_handle == t->easy)
			return message->data.result;
	return CURLE_ABORTED_BY_CALLBACK;
}

static CURLcode run_transfer(struct jwks_fetch *f, struct transfer *t)
{
	CURLMcode rc = curl_multi_add_handle(f->multi, t->easy);
	CURLcode ret;
	int running = 1;

	if (rc != CURLM_OK)
		return CURLE_FAILED_INIT;
	while (rc == CURLM_OK && running > 0 && !is_fetch_stopped(f)) {
		rc = curl_multi_perform(f->multi, &running);
		if (rc == CURLM_OK && running > 0)
			rc = curl_multi_poll(f->multi, NULL, 0, POLL_MS, NULL);
	}
	ret = transfer_result(f, t);
	curl_multi_remove_handle(f->multi, t->easy);
	return ret;
}

/* ---- the response -------------------------------------------------------- */

/* NULL: none. Valid until the next call. */
static const char *response_header(CURL *easy, const char *name, size_t index,
				   size_t *n)
{
	struct curl_header *header;

	*n = 0;
	if (curl_easy_header(easy, name, index, CURLH_HEADER, -1, &header) !=
	    CURLHE_OK)
		return NULL;
	*n = header->amount;
	return header->value;
}

/* Time in caches on the way; 0: none, or not a number. */
static uint64_t response_age_s(CURL *easy)
{
	size_t n;
	const char *value = response_header(easy, "Age", 0, &n);
	uint64_t s;

	return value != NULL && decimal_parse(&s, value, strlen(value)) == 0
		       ? s
		       : 0;
}

static uint64_t response_lifetime_s(CURL *easy)
{
	uint64_t least = UINT64_MAX, age_s = response_age_s(easy);
	size_t n = 1;

	for (size_t i = 0; i < n; i++) {
		const char *value =
			response_header(easy, "Cache-Control", i, &n);
		uint64_t s = value == NULL ? UINT64_MAX
					   : cache_control_lifetime_s(value);

		least = s < least ? s : least;
	}
	if (least == UINT64_MAX || least <= age_s)
		return least == UINT64_MAX ? least : 0;
	return least - age_s;
}

static void describe_transfer_fault(const struct transfer *t, CURLcode rc,
				    char *err)
{
	const char *text = t->fault;

	/* The URL itself is https://. */
	if (text == NULL && rc == CURLE_UNSUPPORTED_PROTOCOL)
		text = "redirected to a URL that is not https://";
	if (text == NULL)
		text = t->text[0] != '\0' ? t->text : curl_easy_strerror(rc);
	snprintf(err, JWKS_FETCH_ERROR_MAX, "%s", text);
}

static bool is_same_response(struct jwks_fetch *f, const struct transfer *t)
{
	uint8_t digest[DIGEST_BYTES];
	bool same;

	crypto_generichash(digest, sizeof(digest), buf_data(&t->body),
			   buf_unread(&t->body), NULL, 0);
	same = f->has_digest && memcmp(digest, f->digest, DIGEST_BYTES) == 0;
	memcpy(f->digest, digest, DIGEST_BYTES);
	f->has_digest = true;
	return same;
}

static void read_response(struct jwks_fetch *f, struct transfer *t,
			  struct jwks_fetched *ret)
{
	char fault[JWKS_ERROR_MAX] = "";
	long status = 0;
	int rc;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200) {
		snprintf(ret->err, sizeof(ret->err),
			 "the response has the status %ld", status);
		return;
	}
	rc = jwks_new(&ret->keys, JWKS_PUBLIC, buf_data(&t->body),
		      buf_unread(&t->body), fault);
	if (rc < 0) {
		snprintf(ret->err, sizeof(ret->err), "%s",
			 fault[0] != '\0' ? fault : strerror(-rc));
		return;
	}
	ret->lifetime_s = response_lifetime_s(t->easy);
	ret->unchanged = is_same_response(f, t);
}

/* A fresh handle: no connection is kept, and the authorities are read again. */
static void fetch_keys(struct jwks_fetch *f, struct jwks_fetched *ret)
{
	struct transfer t = {.easy = curl_easy_init()};
	CURLcode rc = CURLE_FAILED_INIT;

	*ret = (struct jwks_fetched){.lifetime_s = UINT64_MAX};
	buf_init(&t.body, JWKS_FETCH_BYTES);
	if (t.easy != NULL && f->multi != NULL)
		rc = set_transfer(&t, f);
	if (rc == CURLE_OK)
		rc = run_transfer(f, &t);
	if (rc == CURLE_OK)
		read_response(f, &t, ret);
	else
		describe_transfer_fault(&t, rc, ret->err);
	curl_easy_cleanup(t.easy);
	/* It may have oct keys. */
	if (t.body.data != NULL)
		explicit_bzero(t.body.data, t.body.cap);
	buf_finish(&t.body);
}

/* ---- the thread ---------------------------------------------------------- */

/* False: stopped. */
static bool wait_for_fetch(struct jwks_fetch *f)
{
	bool stopped;

	uv_mutex_lock(&f->lock);
	while (!f->wanted && !f->stopped)
		uv_cond_wait(&f->requested, &f->lock);
	f->wanted = false;
	stopped = f->stopped;
	uv_mutex_unlock(&f->lock);
	return !stopped;
}

static void run_fetch_thread(void *arg)
{
	struct jwks_fetch *f = arg;
	struct jwks_fetched fetched;
	sigset_t all;

	/* SIGPIPE above all: OpenSSL writes to sockets without MSG_NOSIGNAL. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	while (wait_for_fetch(f)) {
		fetch_keys(f, &fetched);
		uv_mutex_lock(&f->lock);
		f->result = fetched;
		f->has_result = true;
		uv_async_send(f->wakeup);
		uv_mutex_unlock(&f->lock);
	}
	uv_mutex_lock(&f->lock);
	f->ended = true;
	uv_async_send(f->wakeup);
	uv_mutex_unlock(&f->lock);
}

/* ---- the loop ------------------------------------------------------------ */

static void free_fetch_parts(struct jwks_fetch *f)
{
	curl_multi_cleanup(f->multi);
	jwks_free(f->result.keys);
	free(f->authorities);
	if (f->url != NULL)
		explicit_bzero(f->url, strlen(f->url));
	free(f->url);
	free(f);
}

static struct jwks_fetch *new_fetch_parts(const struct jwks_fetch_config *cfg)
{
	struct jwks_fetch *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->wakeup = cfg->wakeup;
	f->url = strdup(cfg->url);
	f->multi = curl_multi_init();
	if (cfg->authorities != NULL)
		f->authorities = strdup(cfg->authorities);
	if (f->url != NULL && f->multi != NULL &&
	    (cfg->authorities == NULL || f->authorities != NULL))
		return f;
	free_fetch_parts(f);
	return NULL;
}

static int start_fetch_thread(struct jwks_fetch *f)
{
	int rc = uv_mutex_init(&f->lock);

	if (rc < 0)
		return rc;
	rc = uv_cond_init(&f->requested);
	if (rc == 0) {
		rc = uv_thread_create(&f->thread, run_fetch_thread, f);
		if (rc < 0)
			uv_cond_destroy(&f->requested);
	}
	if (rc < 0)
		uv_mutex_destroy(&f->lock);
	return rc;
}

int jwks_fetch_new(struct jwks_fetch **ret, const struct jwks_fetch_config *cfg)
{
	struct jwks_fetch *f = NULL;
	int rc = -ENOMEM;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -ENOMEM;
	f = new_fetch_parts(cfg);
	if (f != NULL)
		rc = start_fetch_thread(f);
	if (rc == 0) {
		*ret = f;
		return 0;
	}
	if (f != NULL)
		free_fetch_parts(f);
	curl_global_cleanup();
	return rc;
}

void jwks_fetch_begin(struct jwks_fetch *f)
{
	uv_mutex_lock(&f->lock);
	f->wanted = true;
	uv_cond_signal(&f->requested);
	uv_mutex_unlock(&f->lock);
}

bool jwks_fetch_take(struct jwks_fetch *f, struct jwks_fetched *ret)
{
	bool has_result;

	uv_mutex_lock(&f->lock);
	has_result = f->has_result;
	if (has_result) {
		*ret = f->result;
		f->result = (struct jwks_fetched){0};
		f->has_result = false;
	}
	uv_mutex_unlock(&f->lock);
	return has_result;
}

/* The thread frees nothing: the multi handle is there to be woken. */
void jwks_fetch_stop(struct jwks_fetch *f)
{
	uv_mutex_lock(&f->lock);
	f->stopped = true;
	uv_cond_signal(&f->requested);
	uv_mutex_unlock(&f->lock);
	curl_multi_wakeup(f->multi);
}

bool jwks_fetch_has_ended(struct jwks_fetch *f)
{
	bool ended;

	uv_mutex_lock(&f->lock);
	ended = f->ended;
	uv_mutex_unlock(&f->lock);
	return ended;
}

void jwks_fetch_free(struct jwks_fetch *f)
{
	if (f == NULL)
		return;
	uv_thread_join(&f->thread);
	uv_cond_destroy(&f->requested);
	uv_mutex_destroy(&f->lock);
	free_fetch_parts(f);
	curl_global_cleanup();
}
