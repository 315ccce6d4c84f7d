#include "gateway/gateway_listeners.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hostport.h"
#include "base/units.h"
#include "server/listener.h"

struct gateway_listener {
	struct gateway_listeners *all;
	struct listener *listener; /* NULL: closed, or not yet open */
	bool admin;
	bool any_port; /* port 0 was configured */
};

/* ---- callbacks ----------------------------------------------------------- */

static void on_accept(void *arg, int fd, const struct address *from)
{
	struct gateway_listener *one = arg;

	one->all->cbs.on_accept(one->all->cbs.arg, fd, from, one->admin);
}

static void on_accept_error(void *arg, int err, bool first)
{
	struct gateway_listener *one = arg;

	metric_add(one->all->metrics, METRIC_ACCEPT_ERRORS, 1);
	if (first)
		LOG(one->all->log, LOG_WARN, "cannot accept connections",
		    LOG_STR("error", strerror(-err)));
}

static void on_listener_closed(void *arg)
{
	struct gateway_listeners *l = ((struct gateway_listener *)arg)->all;

	MUST(l->open > 0);
	if (--l->open == 0)
		l->cbs.on_closed(l->cbs.arg);
}

/* ---- open ---------------------------------------------------------------- */

static bool is_any_port(const char *address)
{
	char host[LISTENER_ADDRESS_MAX];
	const char *port;

	return hostport_split(address, host, sizeof(host), &port) == 0 &&
	       strtol(port, NULL, 10) == 0;
}

/* By its address, or an inherited socket (address NULL). */
static int open_listener(struct gateway_listeners *l, const char *address,
			 int fd, bool admin, char *err)
{
	struct gateway_listener *one = &l->items[l->n];
	const struct options *o = l->options;
	struct listener_cbs cbs = {
		.on_accept = on_accept,
		.on_accept_error = on_accept_error,
		.on_closed = on_listener_closed,
		.arg = one,
	};
	struct listener_how how = {
		.shared = o->reuse_port && !admin,
		.mode = LISTENER_MODE_UMASK,
	};
	int rc;

	if (!admin && o->listen_mode != NULL)
		MUST(units_mode(o->listen_mode, &how.mode) == 0);
	one->all = l;
	one->admin = admin;
	one->any_port = address != NULL && is_any_port(address);
	if (address == NULL)
		rc = listener_adopt(&one->listener, l->loop, fd, &cbs, err);
	else
		rc = listener_new(&one->listener, l->loop, address, &how, &cbs,
				  err);
	if (rc < 0)
		return rc;
	l->n++;
	l->open++;
	return 0;
}

/* Inherited sockets of the kind take the place of the option's addresses. */
static int open_listeners_of_kind(struct gateway_listeners *l,
				  const struct systemd_socket *sockets,
				  size_t n, bool admin, char *err)
{
	const struct options_strings *addresses =
		admin ? &l->options->admin_listen : &l->options->listen;
	size_t before = l->n;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++)
		if (sockets[i].admin == admin)
			rc = open_listener(l, NULL, sockets[i].fd, admin, err);
	if (rc < 0 || l->n > before)
		return rc;
	for (size_t i = 0; rc == 0 && i < addresses->n; i++)
		rc = open_listener(l, addresses->items[i], -1, admin, err);
	return rc;
}

int gateway_listeners_open(struct gateway_listeners *l,
			   const struct systemd_socket *sockets, size_t n,
			   char *err)
{
	const struct options *o = l->options;
	int rc;

	l->items =
		calloc(o->listen.n + o->admin_listen.n + n, sizeof(*l->items));
	if (l->items == NULL)
		return -ENOMEM;
	rc = open_listeners_of_kind(l, sockets, n, false, err);
	l->n_public = l->n;
	if (rc == 0)
		rc = open_listeners_of_kind(l, sockets, n, true, err);
	return rc;
}

/* ---- the end ------------------------------------------------------------- */

void gateway_listeners_close(struct gateway_listeners *l)
{
	for (size_t i = 0; i < l->n; i++) {
		listener_close(l->items[i].listener);
		l->items[i].listener = NULL;
	}
}

void gateway_listeners_finish(struct gateway_listeners *l)
{
	free(l->items);
	l->items = NULL;
}

/* ---- addresses ----------------------------------------------------------- */

/* The port that port 0 became is found in this line only: it is logged at every
 * level. */
void gateway_listeners_log(const struct gateway_listeners *l)
{
	char address[LISTENER_ADDRESS_MAX];
	struct log log = *l->log;

	for (size_t i = 0; i < l->n; i++) {
		const struct gateway_listener *one = &l->items[i];

		log.level = l->log->level;
		if (one->any_port && log.level < LOG_INFO)
			log.level = LOG_INFO;
		for (size_t k = 0;
		     listener_address_of(one->listener, k, address); k++)
			LOG(&log, LOG_INFO, "listening",
			    LOG_STR("address", address),
			    LOG_STR("listener",
				    one->admin ? "admin" : "public"));
	}
}

int gateway_listeners_address(const struct gateway_listeners *l, size_t index,
			      char *out, size_t size)
{
	char address[LISTENER_ADDRESS_MAX];

	if (index >= l->n_public || l->items[index].listener == NULL)
		return -ENOENT;
	listener_address(l->items[index].listener, address);
	snprintf(out, size, "%s", address);
	return 0;
}

bool gateway_listeners_admin_is_local(const struct gateway_listeners *l)
{
	for (size_t i = l->n_public; i < l->n; i++)
		if (!listener_is_local(l->items[i].listener))
			return false;
	return true;
}
