#include "gateway/gateway_nats.h"

#include "upstream/nats_source.h"
#include "version.h"

/* ---- callbacks ----------------------------------------------------------- */

static void on_source_event(void *arg, const struct jetstream_event *ev)
{
	struct gateway_nats *n = arg;

	n->cbs.on_event(n->cbs.arg, ev);
}

static void on_source_publisher_event(void *arg,
				      const struct publisher_event *ev)
{
	struct gateway_nats *n = arg;

	if (n->cbs.on_publisher_event != NULL)
		n->cbs.on_publisher_event(n->cbs.arg, ev);
}

static void on_source_flush(void *arg)
{
	struct gateway_nats *n = arg;

	n->cbs.on_flush(n->cbs.arg);
}

static void on_source_closed(void *arg)
{
	struct gateway_nats *n = arg;

	n->source = NULL;
	n->cbs.on_closed(n->cbs.arg);
}

/* One warning until the next connection: attempts that follow are of level
 * debug. */
static void log_failed_connect(struct gateway_nats *n,
			       const struct nats_status *status)
{
	LOG(n->log, n->failure_logged ? LOG_DEBUG : LOG_WARN,
	    "cannot connect to NATS, retrying",
	    LOG_STR("server", status->server), LOG_STR("error", status->text));
	n->failure_logged = true;
	metric_add(n->metrics, METRIC_NATS_FAILURES, 1);
}

static void on_source_status(void *arg, const struct nats_status *status)
{
	struct gateway_nats *n = arg;

	switch (status->kind) {
	case NATS_STATUS_CONNECTED:
		n->failure_logged = false;
		LOG(n->log, LOG_INFO, "connected to NATS",
		    LOG_STR("server", status->server));
		break;
	case NATS_STATUS_DISCONNECTED:
		LOG(n->log, LOG_WARN, "disconnected from NATS",
		    LOG_STR("error", status->text));
		break;
	case NATS_STATUS_FAILED:
		log_failed_connect(n, status);
		break;
	case NATS_STATUS_ERROR:
		LOG(n->log, LOG_WARN, "NATS reports an error",
		    LOG_STR("error", status->text));
		break;
	case NATS_STATUS_LAME_DUCK:
		LOG(n->log, LOG_INFO, "NATS server is about to shut down",
		    LOG_STR("server", status->server));
		break;
	case NATS_STATUS_HUNG:
		LOG(n->log, LOG_WARN,
		    "connect to NATS does not return, skipping the server",
		    LOG_STR("server", status->server),
		    LOG_STR("retry", status->text));
		break;
	case NATS_STATUS_RETURNED:
		LOG(n->log, LOG_INFO,
		    "hung connect to NATS returned, retrying the server",
		    LOG_STR("server", status->server));
		break;
	}
}

/* ---- the owner's calls --------------------------------------------------- */

int gateway_nats_open(struct gateway_nats *n, struct uv_loop_s *loop,
		      const struct options *o, struct readable *readable,
		      char *err)
{
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
		.event_header = o->event_header,
		.readable = readable,
	};
	const struct nats_source_cbs cbs = {
		.on_event = on_source_event,
		.on_publisher_event = on_source_publisher_event,
		.on_flush = on_source_flush,
		.on_status = on_source_status,
		.on_closed = on_source_closed,
		.arg = n,
	};

	return nats_source_new(&n->source, loop, &settings, &cbs, err);
}

struct jetstream *gateway_nats_jetstream(const struct gateway_nats *n)
{
	return nats_source_jetstream(n->source);
}

struct publisher *gateway_nats_publisher(const struct gateway_nats *n)
{
	return nats_source_publisher(n->source);
}

void gateway_nats_gauges(const struct gateway_nats *n)
{
	if (n->source != NULL)
		metric_set(n->metrics, METRIC_NATS_HUNG,
			   nats_source_hung(n->source));
}

void gateway_nats_close(struct gateway_nats *n)
{
	nats_source_close(n->source);
}
