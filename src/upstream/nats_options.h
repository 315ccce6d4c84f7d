/* The settings of the NATS side, checked, and the natsOptions made of them. */
#ifndef SLUICE_NATS_OPTIONS_H
#define SLUICE_NATS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "upstream/nats_servers.h"

struct __natsOptions; /* natsOptions */
struct readable;

/* As the options give them; NULL or 0: not given. Borrowed. */
struct nats_settings {
	const char *const *servers; /* URLs: nats://, tls://, host:port */
	size_t n_servers;
	const char *name; /* connection's name: "sluice" and the version */
	const char *user;
	const char *password; /* NULL: the user is a token */
	const char *token;
	const char *creds;
	const char *nkey; /* path of a seed file */
	const char *user_jwt;
	const char *user_seed;
	const char *tlsca;
	const char *tlscert;
	const char *tlskey;
	bool tlsfirst;
	const char *inbox_prefix;
	const char *js_domain;
	const char *js_api_prefix;
	const char *stream;
	const char *event_header;  /* that names events */
	struct readable *readable; /* its copy takes a reference */
};

enum { NATS_OPTIONS_ERROR_MAX = 512 };

/* A checked copy of the settings, shared by threads: each connect has a
 * reference, also an abandoned one. */
struct nats_options {
	unsigned refs;
	bool tls;
	bool tlsfirst;
	char *name;
	char *user;
	char *password;
	char *token;
	char *creds;
	char *nkey;
	char *user_jwt;
	char *user_seed;
	char *tlsca;
	char *tlscert;
	char *tlskey;
	char *inbox_prefix; /* "_INBOX" */
	char *api_prefix;   /* "$JS.API" */
	char *stream;
	char *event_header;
	struct readable *readable;
};

/* For the loop's thread: does not call nats.c. `tls`: a server's URL is tls://.
 * -EINVAL, or the error of reading a file, with `err` (NATS_OPTIONS_ERROR_MAX
 * bytes), which names the option; -ENOMEM. */
int nats_options_new(struct nats_options **ret,
		     const struct nats_settings *settings, bool tls, char *err);
struct nats_options *nats_options_ref(struct nats_options *o);
/* Wipes the secrets with the last reference; returns NULL. */
struct nats_options *nats_options_unref(struct nats_options *o);

/* natsOptions for one server, to natsOptions_Destroy(). They borrow `o`, also
 * for the connect. NULL with `err`: nats.c rejects a file's content. */
struct __natsOptions *nats_options_build(struct nats_options *o,
					 const struct nats_servers_item *server,
					 char *err);

#endif
