#include "upstream/nats_servers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "nats/server_url.h"

/* nats.c does not get URLs with a scheme or userinfo, because its versions
 * differ: before 3.13 they ignore tls://, before 3.9 they do not decode an
 * escaped password. */

static const char default_url[] = "nats://127.0.0.1:4222";

/* ---- one URL ------------------------------------------------------------- */

void nats_servers_item_finish(struct nats_servers_item *it)
{
	if (it->password != NULL)
		sodium_memzero(it->password, strlen(it->password));
	if (it->user != NULL)
		sodium_memzero(it->user, strlen(it->user));
	free(it->url);
	free(it->host);
	free(it->user);
	free(it->password);
	free(it->tls_name);
	*it = (struct nats_servers_item){0};
}

static int parse_server_item(struct nats_servers_item *ret, bool *tls,
			     const char *url)
{
	struct server_url parts;
	int rc = server_url_parse(&parts, url);

	if (rc < 0)
		return rc;
	*tls = parts.tls;
	*ret = (struct nats_servers_item){
		.url = parts.url,
		.host = parts.host,
		.user = parts.user,
		.password = parts.password,
	};
	return 0;
}

/* ---- the list ------------------------------------------------------------ */

static void shuffle_servers(struct nats_servers *s)
{
	for (size_t i = s->n; i > 1; i--) {
		size_t j = randombytes_uniform((uint32_t)i);
		struct nats_servers_item it = s->items[i - 1];

		s->items[i - 1] = s->items[j];
		s->items[j] = it;
	}
}

static int add_configured_server(struct nats_servers *s, const char *url,
				 char *err)
{
	char shown[160];
	bool tls;
	int rc = -EINVAL;

	if (s->n == NATS_SERVERS_MAX) {
		snprintf(err, NATS_SERVERS_ERROR_MAX,
			 "--server: more than %d servers", NATS_SERVERS_MAX);
		return -EINVAL;
	}
	rc = parse_server_item(&s->items[s->n], &tls, url);
	if (rc < 0) {
		const char *fault = server_url_fault(url);

		server_url_hide_userinfo(url, shown, sizeof(shown));
		snprintf(err, NATS_SERVERS_ERROR_MAX,
			 "--server: wrong value \"%s\": %s", shown,
			 rc == -ENOMEM	 ? "out of memory"
			 : fault != NULL ? fault
					 : "a wrong escape before the '@'");
		return rc;
	}
	s->items[s->n++].configured = true;
	s->tls = s->tls || tls;
	return 0;
}

int nats_servers_init(struct nats_servers *s, const char *const *urls, size_t n,
		      char *err)
{
	int rc = 0;

	memset(s, 0, sizeof(*s));
	if (urls == NULL || n == 0)
		return add_configured_server(s, default_url, err);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = add_configured_server(s, urls[i], err);
	if (rc < 0)
		nats_servers_finish(s);
	else
		shuffle_servers(s);
	return rc;
}

void nats_servers_finish(struct nats_servers *s)
{
	for (size_t i = 0; i < s->n; i++)
		nats_servers_item_finish(&s->items[i]);
	s->n = 0;
}

static int copy_url_part(char **ret, const char *text)
{
	if (text == NULL)
		return 0;
	*ret = strdup(text);
	return *ret == NULL ? -ENOMEM : 0;
}

int nats_servers_next(struct nats_servers *s, struct nats_servers_item *ret)
{
	struct nats_servers_item to = {0};
	const struct nats_servers_item *from;

	if (s->next >= s->n)
		s->next = 0;
	from = &s->items[s->next++];
	to.configured = from->configured;
	if (copy_url_part(&to.url, from->url) < 0 ||
	    copy_url_part(&to.host, from->host) < 0 ||
	    copy_url_part(&to.user, from->user) < 0 ||
	    copy_url_part(&to.password, from->password) < 0 ||
	    copy_url_part(&to.tls_name, from->tls_name) < 0) {
		nats_servers_item_finish(&to);
		return -ENOMEM;
	}
	*ret = to;
	return 0;
}

/* ---- discovered ---------------------------------------------------------- */

static bool is_known_server(const struct nats_servers *s, const char *url)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->items[i].url, url) == 0)
			return true;
	return false;
}

static bool is_ip_literal(const char *host)
{
	struct in6_addr address;

	return inet_pton(AF_INET, host, &address) == 1 ||
	       inet_pton(AF_INET6, host, &address) == 1;
}

/* A cluster announces addresses, while its certificates have names: the others
 * are expected to have the name of the server that announced them. They get its
 * credentials, too. */
static int inherit_credentials(struct nats_servers_item *it,
			       const struct nats_servers_item *from)
{
	const char *name = from->tls_name;

	if (name == NULL && !is_ip_literal(from->host))
		name = from->host;
	if (is_ip_literal(it->host) && copy_url_part(&it->tls_name, name) < 0)
		return -ENOMEM;
	if (it->user != NULL)
		return 0;
	if (copy_url_part(&it->user, from->user) < 0)
		return -ENOMEM;
	return copy_url_part(&it->password, from->password);
}

/* The next server stays the next one. */
static void drop_discovered(struct nats_servers *s)
{
	size_t kept = 0, next = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (!s->items[i].configured) {
			nats_servers_item_finish(&s->items[i]);
			continue;
		}
		if (i < s->next)
			next = kept + 1;
		s->items[kept++] = s->items[i];
	}
	s->n = kept;
	s->next = next;
}

static void add_discovered(struct nats_servers *s,
			   const struct nats_servers_item *from,
			   const char *url)
{
	struct nats_servers_item it;
	bool tls;

	if (s->n == NATS_SERVERS_MAX || parse_server_item(&it, &tls, url) < 0)
		return;
	if (is_known_server(s, it.url) || inherit_credentials(&it, from) < 0)
		nats_servers_item_finish(&it);
	else
		s->items[s->n++] = it;
}

void nats_servers_discovered(struct nats_servers *s,
			     const struct nats_servers_item *from,
			     const char *const *urls, size_t n)
{
	struct nats_servers found = {0};

	if (n == 0)
		return;
	for (size_t i = 0; i < n; i++)
		add_discovered(&found, from, urls[i]);
	drop_discovered(s);
	for (size_t i = 0; i < found.n; i++) {
		if (s->n == NATS_SERVERS_MAX ||
		    is_known_server(s, found.items[i].url))
			nats_servers_item_finish(&found.items[i]);
		else
			s->items[s->n++] = found.items[i];
	}
}
