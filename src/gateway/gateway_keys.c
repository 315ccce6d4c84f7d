#include "gateway/gateway_keys.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "gateway/gateway_config.h"
#include "sluice.h"

enum { KEYS_CHECK_MS = 1000 };

static const char *keys_path(const struct options *o)
{
	return o->jwt_secret != NULL ? o->jwt_secret : o->jwt_key;
}

static void use_read_keys(struct gateway_keys *k)
{
	const struct jwks *keys = k->file.keys;
	const char *path = keys_path(k->options), *why;
	size_t n = jwks_count(keys), faulty;

	k->tokens.keys = keys;
	k->logged_error[0] = '\0';
	metric_set(k->metrics, METRIC_JWT_KEYS, n);
	LOG(k->log, LOG_INFO, "keys read", LOG_STR("file", path),
	    LOG_U64("keys", n), LOG_U64("ignored", jwks_ignored(keys)));
	faulty = jwks_faulty(keys, &why);
	if (faulty > 0)
		LOG(k->log, LOG_WARN,
		    "keys skipped, the others of the set are used",
		    LOG_STR("file", path), LOG_U64("keys", faulty),
		    LOG_STR("first", why));
}

/* The read is retried every second, and logged when the reason changes. */
static void log_failed_read(struct gateway_keys *k, const char *reason)
{
	metric_add(k->metrics, METRIC_JWT_KEY_FAILURES, 1);
	if (strcmp(reason, k->logged_error) == 0)
		return;
	snprintf(k->logged_error, sizeof(k->logged_error), "%s", reason);
	LOG(k->log, LOG_ERROR,
	    "cannot read the keys, keeping the previous ones",
	    LOG_STR("file", keys_path(k->options)), LOG_STR("error", reason));
}

static void on_file_checked(uv_async_t *wakeup)
{
	struct gateway_keys *k = CONTAINER_OF((struct handles *)wakeup->data,
					      struct gateway_keys, handles);
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

static void on_handles_gone(struct handles *h)
{
	struct gateway_keys *k = CONTAINER_OF(h, struct gateway_keys, handles);

	k->on_closed(k->arg);
}

static int open_keys_file(struct gateway_keys *k, char *err)
{
	const struct options *o = k->options;
	bool secret = o->jwt_secret != NULL;
	char reason[JWKS_FILE_ERROR_MAX];
	int rc = jwks_file_open(&k->file, keys_path(o),
				secret ? JWKS_SECRET : JWKS_PUBLIC, &k->wakeup,
				reason);

	if (rc < 0)
		snprintf(err, SLUICE_ERROR_MAX, "%s: %s: %s",
			 secret ? "--jwt-secret" : "--jwt-key", keys_path(o),
			 reason);
	return rc;
}

int gateway_keys_open(struct gateway_keys *k, struct uv_loop_s *loop, char *err)
{
	const struct options *o = k->options;
	int rc;

	k->next_check_ms = UINT64_MAX;
	if (o->auth != AUTH_JWT)
		return 0;
	handles_init(&k->handles, on_handles_gone);
	rc = uv_async_init(loop, &k->wakeup, on_file_checked);
	if (rc < 0)
		return rc;
	handles_add(&k->handles, (uv_handle_t *)&k->wakeup);
	rc = open_keys_file(k, err);
	if (rc < 0)
		return rc;
	k->tokens = (struct conn_tokens){
		.rules = gateway_jwt_rules(o),
		.sources = {.cookie = o->jwt_cookie, .query = o->jwt_query},
	};
	use_read_keys(k);
	k->next_check_ms = uv_now(loop) + KEYS_CHECK_MS;
	return 0;
}

bool gateway_keys_is_open(const struct gateway_keys *k)
{
	return k->handles.open > 0;
}

void gateway_keys_close(struct gateway_keys *k)
{
	k->next_check_ms = UINT64_MAX;
	k->tokens.keys = NULL;
	jwks_file_close(&k->file);
	if (!gateway_keys_is_open(k))
		return;
	handles_end(&k->handles);
	handles_close(&k->handles, (uv_handle_t *)&k->wakeup);
}

void gateway_keys_reload(struct gateway_keys *k)
{
	if (k->file.watch == NULL)
		return;
	/* The request gets a line even if the reason is still the same. */
	k->logged_error[0] = '\0';
	jwks_file_check(&k->file, true);
}

void gateway_keys_tick(struct gateway_keys *k, uint64_t now_ms)
{
	if (k->next_check_ms > now_ms)
		return;
	k->next_check_ms = now_ms + KEYS_CHECK_MS;
	jwks_file_check(&k->file, false);
}

uint64_t gateway_keys_next_ms(const struct gateway_keys *k)
{
	return k->next_check_ms;
}
