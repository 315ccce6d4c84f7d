/* Options from everywhere but the command line: the environment, the NATS CLI
 * context, then the checks that need all of them. Shared by main and the
 * embedding API. */
#ifndef SLUICE_CONFIG_H
#define SLUICE_CONFIG_H

#include "config/option_sources.h"
#include "config/options.h"

/* Sets options of `env` (in the form of environ: SLUICE_*, NATS_*) and of the
 * NATS CLI context, below those of OPTIONS_FLAG; then calls
 * option_sources_finish() and checks the files that options name.
 *
 * `home`: directory of ".config" when `env` has neither XDG_CONFIG_HOME nor
 * HOME; NULL: of the user's passwd entry.
 *
 * On failure `err` (OPTIONS_ERROR_MAX bytes) is one line without its '\n'.
 * Every error but -ENOMEM is the user's, and names the option, variable or
 * field (exit status 2):
 *	-EINVAL	a wrong value, or values that exclude each other
 *	-ENOENT	a context, or a file that an option names, does not exist
 *	other	the file cannot be read (-EACCES, -EISDIR, ...) */
int config_load(struct options *o, char *const env[], const char *home,
		char *err);

#endif
