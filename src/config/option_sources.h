/* The command line and the environment as sources of options, and the rules
 * between options. */
#ifndef SLUICE_OPTION_SOURCES_H
#define SLUICE_OPTION_SOURCES_H

#include "config/options.h"

/* Parses the command line: --name VALUE or --name=VALUE; a bool needs no
 * value. */
int option_sources_parse_args(struct options *o, int argc, char *const argv[],
			      char *err);
/* Parses SLUICE_* and NATS_*, in the form of environ. An empty variable counts
 * as not set. An unknown SLUICE_* is an error, to catch misspelt ones, except
 * SLUICE_TEST_*. */
int option_sources_parse_env(struct options *o, char *const env[], char *err);
/* Applies the rules between options; called last, after the fields of the
 * context. Of credentials that exclude each other, those of a higher layer win
 * over NATS_* and the context; two of --... or SLUICE_* are an error. */
int option_sources_finish(struct options *o, char *err);

#endif
