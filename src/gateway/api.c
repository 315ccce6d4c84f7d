/* The public functions of include/sluice.h. */
#include "sluice.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/config.h"
#include "gateway/gateway.h"
#include "version.h"

struct sluice_options {
	struct options options;
};

const char *sluice_version(void)
{
	return SLUICE_VERSION;
}

int sluice_options_new(struct sluice_options **ret)
{
	struct sluice_options *o = calloc(1, sizeof(*o));
	int rc;

	if (o == NULL)
		return -ENOMEM;
	rc = options_init(&o->options);
	if (rc < 0) {
		free(o);
		return rc;
	}
	*ret = o;
	return 0;
}

void sluice_options_free(struct sluice_options *o)
{
	if (o == NULL)
		return;
	options_finish(&o->options);
	free(o);
}

int sluice_options_set(struct sluice_options *o, const char *name,
		       const char *value, char *err)
{
	return options_set(&o->options, OPTIONS_FLAG, name, value, err);
}

int sluice_options_load(struct sluice_options *o, char *err)
{
	return config_load(&o->options, environ, NULL, err);
}

int sluice_start(struct sluice **ret, struct uv_loop_s *loop,
		 const struct sluice_options *o, char *err)
{
	return gateway_start(ret, loop, &o->options, NULL, 0, err);
}

int sluice_address(const struct sluice *gw, size_t index, char *out,
		   size_t size)
{
	return gateway_address(gw, index, out, size);
}

int sluice_ready(const struct sluice *gw)
{
	const char *why;

	return gateway_ready(gw, &why);
}

size_t sluice_subscriptions(const struct sluice *gw)
{
	return gateway_subscriptions(gw);
}

int sluice_reopen(struct sluice *gw)
{
	gateway_reopen(gw);
	return 0;
}

void sluice_drain(struct sluice *gw, sluice_done_cb done, void *arg)
{
	gateway_drain(gw, done, arg);
}

void sluice_stop(struct sluice *gw, sluice_done_cb done, void *arg)
{
	gateway_stop(gw, done, arg);
}
