/* Where settings come from besides the command line: the environment, then the
 * NATS CLI context, then the checks that need all of them. main and the
 * embedding API share it. */
#ifndef SLUICE_CONFIG_H
#define SLUICE_CONFIG_H

#include "config/options.h"

/* Takes `env` (environ's form: SLUICE_*, NATS_*) and the NATS CLI context into
 * `o`, below what has been set at OPTIONS_FLAG, and ends with
 * options_finish_parsing() and a look at the files that the options name.
 *
 * `home` is where ".config" is when `env` has no XDG_CONFIG_HOME and no HOME;
 * NULL: the user's passwd entry.
 *
 * On failure `err` (OPTIONS_ERROR_MAX bytes) has one line without its '\n'.
 * Every error but -ENOMEM is the user's and names the option, variable or
 * context field (the program's exit status 2):
 *	-EINVAL	a wrong value, or values that can't go together
 *	-ENOENT	a context, or a file that an option names, is not there
 *	other	that file can't be read (-EACCES, -EISDIR, ...) */
int config_load(struct options *o, char *const env[], const char *home,
		char *err);

#endif
