/* The keys of --auth jwt: read at the start, at SIGHUP, and when the file has
 * changed, which is looked at once a second. A file that is broken, half
 * written or gone leaves the keys that there were. */
#include "gateway_inside.h"

#include <stdio.h>

enum { KEYS_LOOK_MS = 1000 };

static uint64_t wall_ms(void)
{
	uv_timeval64_t now;

	if (uv_gettimeofday(&now) < 0)
		return UINT64_MAX / 2; /* everything has expired */
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_usec / 1000;
}

static void take_keys(struct sluice *gw)
{
	size_t n = jwt_keys_count(gw->key_file.keys);

	gw->tokens.keys = gw->key_file.keys;
	metric_set(&gw->metrics, METRIC_JWT_KEYS, n);
	LOGGING(&gw->log, LOGGING_INFO, "keys read",
		LOG_STR("file", gw->key_file.path), LOG_U64("keys", n),
		LOG_U64("passed_over",
			jwt_keys_passed_over(gw->key_file.keys)));
}

static void set_rules(struct sluice *gw)
{
	const struct options *o = &gw->options;

	gw->tokens = (struct conn_tokens){
		.rules = jwt_rules_of(o),
		.places = {.cookie = o->jwt_cookie, .query = o->jwt_query},
		.wall_ms = wall_ms,
	};
}

int gateway_open_keys(struct sluice *gw, char *err)
{
	char what[KEY_FILE_ERROR_MAX];
	int rc;

	gw->keys_due_ms = UINT64_MAX;
	if (gw->options.auth != AUTH_JWT)
		return 0;
	gw->key_file.path = gw->options.jwt_key;
	rc = key_file_read(&gw->key_file, what);
	if (rc < 0) {
		snprintf(err, SLUICE_ERROR_MAX, "--jwt-key: %s: %s",
			 gw->key_file.path, what);
		return rc;
	}
	set_rules(gw);
	take_keys(gw);
	gw->keys_due_ms = uv_now(gw->loop) + KEYS_LOOK_MS;
	return 0;
}

int gateway_read_keys(struct sluice *gw)
{
	char what[KEY_FILE_ERROR_MAX];
	int rc;

	if (gw->options.auth != AUTH_JWT)
		return 0;
	rc = key_file_read(&gw->key_file, what);
	if (rc == 0) {
		take_keys(gw);
		return 0;
	}
	metric_add(&gw->metrics, METRIC_JWT_KEY_FAILURES, 1);
	LOGGING(&gw->log, LOGGING_ERROR,
		"can't read the keys, going on with the old ones",
		LOG_STR("file", gw->key_file.path), LOG_STR("error", what));
	return rc;
}

void gateway_look_at_keys(struct sluice *gw, uint64_t now_ms)
{
	if (gw->keys_due_ms > now_ms)
		return;
	gw->keys_due_ms = now_ms + KEYS_LOOK_MS;
	if (key_file_changed(&gw->key_file))
		gateway_read_keys(gw);
}
