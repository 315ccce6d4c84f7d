/* NATS CLI contexts (ADR-21, jsm.go natscontext): where they are, which one is
 * selected, and every field in the terms of our options. What can't be honoured
 * is refused with a reason, never ignored. */
#ifndef SLUICE_NATS_CONTEXT_H
#define SLUICE_NATS_CONTEXT_H

#include <stddef.h>

enum { CONTEXT_MAX_FIELDS = 24, CONTEXT_ERROR_MAX = 512 };

/* One setting: an option's name without dashes ("creds"), or "user-jwt" and
 * "user-seed", and its value; owned. */
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

/* Where to look; NULL for not set. */
struct nats_context_env {
	const char *xdg_config_home;
	const char *home; /* $HOME, else the passwd entry: the caller's job */
	char *const *env; /* environ's form, for $VAR in paths and env:// */
};

/* Loads the context `name` (also a path ending in ".json"); NULL or "": the
 * selected one, if any. 0; or a negative errno with `err` (CONTEXT_ERROR_MAX
 * bytes) that names the context and the file: not there, not readable, not
 * JSON, a field that can't be honoured. Secrets never stand in `err`. */
int nats_context_load(struct nats_context *ret, const char *name,
		      const struct nats_context_env *env, char *err);
void nats_context_finish(struct nats_context *c);

#endif
