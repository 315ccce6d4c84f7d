/* Options as text: --help, --check-config, and values for the log. */
#ifndef SLUICE_OPTION_HELP_H
#define SLUICE_OPTION_HELP_H

#include "base/buf.h"
#include "config/options.h"

/* Prints --help. 0, -ENOBUFS or -ENOMEM. */
int option_help_print(struct buf *out);
/* Prints --check-config: lines "name = value  (source)", secrets as "(hidden)".
 * 0, -ENOBUFS or -ENOMEM. */
int option_help_print_config(const struct options *o, struct buf *out);

/* For the log: the value of an option as --check-config prints it, and its
 * source (OPTIONS_ORIGIN_MAX bytes). 0, -ENOENT for a default and for an action
 * (--version), -ENOBUFS or -ENOMEM. */
int option_help_describe(const struct options *o, const struct options_row *row,
			 struct buf *value, char *from);

#endif
