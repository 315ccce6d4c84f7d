/* NATS CLI contexts (ADR-21; natscontext of jsm.go): where they are, which one
 * is selected, and their fields as options. An unsupported field is an error
 * with a reason, never ignored. */
#ifndef SLUICE_NATS_CONTEXT_H
#define SLUICE_NATS_CONTEXT_H

#include <stddef.h>

enum { CONTEXT_MAX_FIELDS = 24, CONTEXT_ERROR_MAX = 512 };

/* One field as an option: its name without dashes ("creds", "user-jwt",
 * "user-seed") and its value, owned. */
struct nats_context_field {
	const char *option; /* static */
	char *value;
};

struct nats_context {
	char *name; /* NULL: none selected */
	char *path; /* of its file */
	size_t n_fields;
	struct nats_context_field fields[CONTEXT_MAX_FIELDS];
};

/* Where contexts are; NULL for not set. */
struct nats_context_env {
	const char *xdg_config_home;
	const char *home; /* $HOME, or of the passwd entry */
	char *const *env; /* as environ; for $VAR in paths and env:// */
};

/* Loads the context `name`, which may be a path ending in ".json"; NULL or "":
 * the selected one, if any. 0, or a negative errno with `err`
 * (CONTEXT_ERROR_MAX bytes), which names the context and the file and quotes no
 * secret: the file does not exist, is not readable or not JSON, or a field is
 * not supported. */
int nats_context_load(struct nats_context *ret, const char *name,
		      const struct nats_context_env *env, char *err);
void nats_context_finish(struct nats_context *c);

#endif
