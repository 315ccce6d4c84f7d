#include "gateway/gateway_keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "gateway/gateway_config.h"
#include "http/https_url.h"
#include "sluice.h"

enum {
	KEYS_CHECK_MS = 1000,
	FAILED_FETCH_LOG_MS = 10000, /* between two lines */
};

static struct gateway_keys *keys_of_handle(void *data)
{
	return CONTAINER_OF((struct handles *)data, struct gateway_keys,
			    handles);
}

static const char *keys_option(const struct options *o)
{
	return o->jwt_secret != NULL ? o->jwt_secret : o->jwt_key;
}

static bool are_keys_remote(const struct options *o)
{
	return o->jwt_secret == NULL && https_url_is_url(o->jwt_key);
}

static const char *source_field(const struct gateway_keys *k)
{
	return are_keys_remote(k->options) ? "url" : "file";
}

/* ---- the keys in use ----------------------------------------------------- */

static void log_faulty_keys(struct gateway_keys *k)
{
	const char *why;
	size_t faulty = jwks_faulty(k->tokens.keys, &why);

	if (faulty > 0)
		LOG(k->log, LOG_WARN,
		    "keys skipped, the others of the set are used",
		    LOG_STR(source_field(k), k->source),
		    LOG_U64("keys", faulty), LOG_STR("first", why));
}

static void use_keys(struct gateway_keys *k, const struct jwks *keys)
{
	size_t n = jwks_count(keys);

	k->tokens.keys = keys;
	metric_set(k->metrics, METRIC_JWT_KEYS, n);
	LOG(k->log, LOG_INFO, "keys read", LOG_STR(source_field(k), k->source),
	    LOG_U64("keys", n), LOG_U64("ignored", jwks_ignored(keys)));
	log_faulty_keys(k);
}

/* ---- a file -------------------------------------------------------------- */

/* The read is retried every second, and logged when the reason changes. */
static void log_failed_read(struct gateway_keys *k, const char *reason)
{
	metric_add(k->metrics, METRIC_JWT_KEY_FAILURES, 1);
	if (strcmp(reason, k->logged_error) == 0)
		return;
	snprintf(k->logged_error, sizeof(k->logged_error), "%s", reason);
	LOG(k->log, LOG_ERROR,
	    "cannot read the keys, keeping the previous ones",
	    LOG_STR(source_field(k), k->source), LOG_STR("error", reason));
}

static void use_read_keys(struct gateway_keys *k)
{
	k->logged_error[0] = '\0';
	use_keys(k, k->file.keys);
}

static void on_file_checked(uv_async_t *wakeup)
{
	struct gateway_keys *k = keys_of_handle(wakeup->data);
	char reason[JWKS_FILE_ERROR_MAX];

	if (k->file.watch == NULL)
		return;
	switch (jwks_file_take(&k->file, reason)) {
	case JWKS_FILE_READ:
		use_read_keys(k);
		break;
	case JWKS_FILE_FAILED:
		log_failed_read(k, reason);
		break;
	case JWKS_FILE_UNCHANGED:
	case JWKS_FILE_PENDING:
		break;
	}
}

static int open_keys_file(struct gateway_keys *k, char *err)
{
	const struct options *o = k->options;
	bool secret = o->jwt_secret != NULL;
	char reason[JWKS_FILE_ERROR_MAX];
	int rc = jwks_file_open(&k->file, keys_option(o),
				secret ? JWKS_SECRET : JWKS_PUBLIC, &k->wakeup,
				reason);

	if (rc < 0) {
		snprintf(err, SLUICE_ERROR_MAX, "%s: %s: %s",
			 secret ? "--jwt-secret" : "--jwt-key", keys_option(o),
			 reason);
		return rc;
	}
	use_read_keys(k);
	k->next_check_ms = uv_now(k->loop) + KEYS_CHECK_MS;
	return 0;
}

/* ---- a URL --------------------------------------------------------------- */

static void log_failed_fetch(struct gateway_keys *k, const char *reason,
			     uint64_t now_ms)
{
	metric_add(k->metrics, METRIC_JWT_KEY_FAILURES, 1);
	k->failing = true;
	if (now_ms < k->next_log_ms)
		return;
	k->next_log_ms = now_ms + FAILED_FETCH_LOG_MS;
	LOG(k->log, LOG_WARN,
	    k->fetched != NULL
		    ? "cannot fetch the keys, keeping the previous ones"
		    : "cannot fetch the keys, not ready without them",
	    LOG_STR(source_field(k), k->source), LOG_STR("error", reason),
	    LOG_U64("retry_ms", k->schedule.retry_ms));
}

/* Of an unchanged response the keys in use are as good. */
static void use_fetched_keys(struct gateway_keys *k, struct jwks *keys,
			     bool unchanged)
{
	if (unchanged && !k->failing) {
		jwks_free(keys);
		LOG(k->log, LOG_DEBUG, "keys unchanged",
		    LOG_STR(source_field(k), k->source));
		return;
	}
	use_keys(k, keys);
	jwks_free(k->fetched);
	k->fetched = keys;
	k->failing = false;
	k->next_log_ms = 0;
}

static void end_fetch_thread(struct gateway_keys *k)
{
	if (!jwks_fetch_has_ended(k->fetch))
		return;
	jwks_fetch_free(k->fetch);
	k->fetch = NULL;
	handles_close(&k->handles, (uv_handle_t *)&k->wakeup);
}

static void on_fetch_ended(uv_async_t *wakeup)
{
	struct gateway_keys *k = keys_of_handle(wakeup->data);
	struct jwks_fetched fetched;
	uint64_t now_ms = uv_now(k->loop);

	if (k->fetch == NULL)
		return;
	if (k->closed) {
		end_fetch_thread(k);
		return;
	}
	if (!jwks_fetch_take(k->fetch, &fetched))
		return;
	metric_add(k->metrics, METRIC_JWT_KEY_FETCHES, 1);
	if (fetched.keys == NULL) {
		key_schedule_failed(&k->schedule, now_ms);
		log_failed_fetch(k, fetched.err, now_ms);
	} else {
		key_schedule_fetched(&k->schedule, now_ms, fetched.lifetime_s);
		use_fetched_keys(k, fetched.keys, fetched.unchanged);
	}
	k->on_fetched(k->arg);
}

/* conn_tokens.want_keys */
static bool want_fetched_keys(void *arg, bool again)
{
	struct gateway_keys *k = arg;

	return key_schedule_want_kid(&k->schedule, again, uv_now(k->loop),
				     CONN_WAIT_MS);
}

/* The variable that OpenSSL knows, and libcurl does not. */
static const char *authorities_file(void)
{
	const char *path = getenv("SSL_CERT_FILE");

	return path == NULL || path[0] == '\0' ? NULL : path;
}

static int open_keys_url(struct gateway_keys *k)
{
	const struct jwks_fetch_config cfg = {
		.url = k->options->jwt_key,
		.authorities = authorities_file(),
		.wakeup = &k->wakeup,
	};

	k->tokens.want_keys = want_fetched_keys;
	k->tokens.arg = k;
	key_schedule_init(&k->schedule, uv_now(k->loop));
	return jwks_fetch_new(&k->fetch, &cfg);
}

/* ---- the owner's calls --------------------------------------------------- */

static void on_handles_gone(struct handles *h)
{
	struct gateway_keys *k = keys_of_handle(h);

	k->on_closed(k->arg);
}

int gateway_keys_open(struct gateway_keys *k, struct uv_loop_s *loop, char *err)
{
	const struct options *o = k->options;
	bool remote = o->auth == AUTH_JWT && are_keys_remote(o);
	int rc;

	k->loop = loop;
	k->next_check_ms = UINT64_MAX;
	if (o->auth != AUTH_JWT)
		return 0;
	https_url_hide(keys_option(o), k->source, sizeof(k->source));
	handles_init(&k->handles, on_handles_gone);
	rc = uv_async_init(loop, &k->wakeup,
			   remote ? on_fetch_ended : on_file_checked);
	if (rc < 0)
		return rc;
	handles_add(&k->handles, (uv_handle_t *)&k->wakeup);
	k->tokens = (struct conn_tokens){
		.rules = gateway_jwt_rules(o),
		.sources = {.cookie = o->jwt_cookie, .query = o->jwt_query},
	};
	return remote ? open_keys_url(k) : open_keys_file(k, err);
}

bool gateway_keys_is_open(const struct gateway_keys *k)
{
	return k->handles.open > 0;
}

/* A fetch in progress is aborted; the handle closes when its thread has
 * ended. */
void gateway_keys_close(struct gateway_keys *k)
{
	k->next_check_ms = UINT64_MAX;
	k->closed = true;
	k->tokens.keys = NULL;
	jwks_file_close(&k->file);
	jwks_free(k->fetched);
	k->fetched = NULL;
	if (!gateway_keys_is_open(k))
		return;
	handles_end(&k->handles);
	if (k->fetch != NULL)
		jwks_fetch_stop(k->fetch);
	else
		handles_close(&k->handles, (uv_handle_t *)&k->wakeup);
}

void gateway_keys_reload(struct gateway_keys *k)
{
	/* The request gets a line even if the reason is still the same. */
	k->logged_error[0] = '\0';
	k->next_log_ms = 0;
	if (k->file.watch != NULL)
		jwks_file_check(&k->file, true);
	if (k->fetch == NULL)
		return;
	k->failing = true;
	key_schedule_request(&k->schedule, uv_now(k->loop));
}

void gateway_keys_tick(struct gateway_keys *k, uint64_t now_ms)
{
	if (k->fetch != NULL && !k->closed &&
	    key_schedule_begin(&k->schedule, now_ms))
		jwks_fetch_begin(k->fetch);
	if (k->next_check_ms > now_ms)
		return;
	k->next_check_ms = now_ms + KEYS_CHECK_MS;
	jwks_file_check(&k->file, false);
}

uint64_t gateway_keys_next_ms(const struct gateway_keys *k)
{
	if (k->fetch != NULL && !k->closed)
		return key_schedule_next_ms(&k->schedule);
	return k->next_check_ms;
}
