/* The keys of --auth jwt: read at the start, at SIGHUP, and when the file has
 * changed, which is looked at once a second by a thread of its own
 * (key_file.h). A file that is broken, half written or gone leaves the keys
 * that there were.
 */
#include "gateway/gateway_config.h"
#include "gateway/gateway_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"

enum { KEYS_LOOK_MS = 1000 };

static const char *keys_path(const struct options *o)
{
	return o->jwt_secret != NULL ? o->jwt_secret : o->jwt_key;
}

static void take_read_keys(struct sluice *gw)
{
	const struct jwks *keys = gw->key_file.keys;
	size_t n = jwks_count(keys), faulty;
	const char *why;

	gw->tokens.keys = keys;
	gw->keys_error[0] = '\0';
	metric_set(&gw->metrics, METRIC_JWT_KEYS, n);
	LOG(&gw->log, LOG_INFO, "keys read",
	    LOG_STR("file", keys_path(&gw->options)), LOG_U64("keys", n),
	    LOG_U64("passed_over", jwks_passed_over(keys)));
	faulty = jwks_faulty(keys, &why);
	if (faulty > 0)
		LOG(&gw->log, LOG_WARN,
		    "keys skipped, the others of the set are used",
		    LOG_STR("file", keys_path(&gw->options)),
		    LOG_U64("keys", faulty), LOG_STR("first", why));
}

/* It is tried again every second, and logged when the reason is another one. */
static void note_failure(struct sluice *gw, const char *what)
{
	metric_add(&gw->metrics, METRIC_JWT_KEY_FAILURES, 1);
	if (strcmp(what, gw->keys_error) == 0)
		return;
	snprintf(gw->keys_error, sizeof(gw->keys_error), "%s", what);
	LOG(&gw->log, LOG_ERROR,
	    "can't read the keys, going on with the old ones",
	    LOG_STR("file", keys_path(&gw->options)), LOG_STR("error", what));
}

static void on_looked(uv_async_t *wakeup)
{
	struct sluice *gw = CONTAINER_OF((struct handles *)wakeup->data,
					 struct sluice, handles);
	char what[JWKS_FILE_ERROR_MAX];

	if (gw->key_file.watch == NULL)
		return;
	switch (jwks_file_take(&gw->key_file, what)) {
	case JWKS_FILE_READ:
		take_read_keys(gw);
		break;
	case JWKS_FILE_FAILED:
		note_failure(gw, what);
		break;
	case JWKS_FILE_SAME:
	case JWKS_FILE_PENDING:
		break;
	}
}

static void set_jwt_rules(struct sluice *gw)
{
	const struct options *o = &gw->options;

	gw->tokens = (struct conn_tokens){
		.rules = gateway_jwt_rules(o),
		.places = {.cookie = o->jwt_cookie, .query = o->jwt_query},
	};
}

int gateway_open_keys(struct sluice *gw, char *err)
{
	const struct options *o = &gw->options;
	bool secret = o->jwt_secret != NULL;
	char what[JWKS_FILE_ERROR_MAX];
	int rc;

	gw->keys_due_ms = UINT64_MAX;
	if (o->auth != AUTH_JWT)
		return 0;
	rc = uv_async_init(gw->loop, &gw->keys_bell, on_looked);
	if (rc < 0)
		return rc;
	handles_add(&gw->handles, (uv_handle_t *)&gw->keys_bell);
	rc = jwks_file_open(&gw->key_file, keys_path(o),
			    secret ? JWKS_SECRET : JWKS_PUBLIC, &gw->keys_bell,
			    what);
	if (rc < 0) {
		snprintf(err, SLUICE_ERROR_MAX, "%s: %s: %s",
			 secret ? "--jwt-secret" : "--jwt-key", keys_path(o),
			 what);
		return rc;
	}
	set_jwt_rules(gw);
	take_read_keys(gw);
	gw->keys_due_ms = uv_now(gw->loop) + KEYS_LOOK_MS;
	return 0;
}

void gateway_close_keys(struct sluice *gw)
{
	gw->keys_due_ms = UINT64_MAX;
	gw->tokens.keys = NULL;
	jwks_file_close(&gw->key_file);
	if (gw->keys_bell.loop != NULL)
		handles_close(&gw->handles, (uv_handle_t *)&gw->keys_bell);
}

void gateway_read_keys(struct sluice *gw)
{
	if (gw->key_file.watch == NULL)
		return;
	/* Whoever asks is told, if it is the same as the last time, too. */
	gw->keys_error[0] = '\0';
	jwks_file_look(&gw->key_file, true);
}

void gateway_look_at_keys(struct sluice *gw, uint64_t now_ms)
{
	if (gw->keys_due_ms > now_ms)
		return;
	gw->keys_due_ms = now_ms + KEYS_LOOK_MS;
	jwks_file_look(&gw->key_file, false);
}
