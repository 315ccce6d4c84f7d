/* The NATS source of a gateway: how it is set up, and what it says. */
#include "gateway/gateway_internal.h"

#include "version.h"

static void on_source_event(void *arg, const struct jetstream_event *ev)
{
	struct sluice *gw = arg;

	hub_on_event(gw->hub, ev, uv_now(gw->loop));
}

static void on_source_turn(void *arg)
{
	struct sluice *gw = arg;

	gateway_flush(gw, uv_now(gw->loop));
}

/* A server that is not there is said once, until it is there again. */
static void on_failed(struct sluice *gw, const struct nats_status *status)
{
	LOG(&gw->log, gw->away ? LOG_DEBUG : LOG_WARN,
	    "can't connect to NATS, trying on",
	    LOG_STR("server", status->server), LOG_STR("error", status->text));
	gw->away = true;
	metric_add(&gw->metrics, METRIC_NATS_FAILURES, 1);
}

static void on_source_status(void *arg, const struct nats_status *status)
{
	struct sluice *gw = arg;

	switch (status->kind) {
	case NATS_STATUS_CONNECTED:
		gw->away = false;
		LOG(&gw->log, LOG_INFO, "connected to NATS",
		    LOG_STR("server", status->server));
		break;
	case NATS_STATUS_DISCONNECTED:
		LOG(&gw->log, LOG_WARN, "disconnected from NATS",
		    LOG_STR("error", status->text));
		break;
	case NATS_STATUS_FAILED:
		on_failed(gw, status);
		break;
	case NATS_STATUS_ERROR:
		LOG(&gw->log, LOG_WARN, "NATS reports an error",
		    LOG_STR("error", status->text));
		break;
	case NATS_STATUS_LAME_DUCK:
		LOG(&gw->log, LOG_INFO, "the NATS server is about to shut down",
		    LOG_STR("server", status->server));
		break;
	case NATS_STATUS_HUNG:
		LOG(&gw->log, LOG_WARN,
		    "connect to NATS hangs, skipping the server",
		    LOG_STR("server", status->server));
		break;
	case NATS_STATUS_RETURNED:
		LOG(&gw->log, LOG_INFO,
		    "hung connect to NATS returned, retrying the server",
		    LOG_STR("server", status->server));
		break;
	}
}

int gateway_open_source(struct sluice *gw, char *err)
{
	const struct options *o = &gw->options;
	char filter[SUBJECT_MAX];
	const struct nats_settings settings = {
		.servers = (const char *const *)o->server.items,
		.n_servers = o->server.n,
		.name = "sluice " SLUICE_VERSION,
		.user = o->user,
		.password = o->password,
		.token = o->token,
		.creds = o->creds,
		.nkey = o->nkey,
		.user_jwt = o->user_jwt,
		.user_seed = o->user_seed,
		.tlsca = o->tlsca,
		.tlscert = o->tlscert,
		.tlskey = o->tlskey,
		.tlsfirst = o->tlsfirst,
		.inbox_prefix = o->inbox_prefix,
		.js_domain = o->js_domain,
		.js_api_prefix = o->js_api_prefix,
		.stream = o->stream,
		.filter = filter,
	};
	const struct nats_source_cbs cbs = {
		.on_event = on_source_event,
		.on_turn = on_source_turn,
		.on_status = on_source_status,
		.on_closed = gateway_part_closed,
		.arg = gw,
	};
	int rc;

	subject_filter(&o->subject_template, filter);
	rc = nats_source_new(&gw->source, gw->loop, &settings, &cbs, err);
	if (rc == 0)
		gw->open_parts++;
	return rc;
}
