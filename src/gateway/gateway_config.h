/* Settings of the parts, derived from the options. Everything is borrowed from
 * the options. */
#ifndef SLUICE_GATEWAY_CONFIG_H
#define SLUICE_GATEWAY_CONFIG_H

#include <stdbool.h>

#include "auth/jwt.h"
#include "auth/rights.h"
#include "config/options.h"
#include "http/live_page.h"
#include "nats/readable.h"
#include "nats/subject.h"
#include "server/conn_config.h"

struct jwt_rules gateway_jwt_rules(const struct options *o);
/* Patterns of the subjects that NATS sends the gateway's replies to, and of the
 * JetStream API. */
struct gateway_own {
	char inbox[SUBJECT_MAX + 2];
	char api[SUBJECT_MAX + 2];
};
void gateway_own_subjects(struct gateway_own *ret, const struct options *o);
/* Of all requests. `own` is borrowed. */
struct rights_source gateway_rights(const struct options *o,
				    const struct gateway_own *own);
/* Prefix of the JetStream API, SUBJECT_MAX bytes. */
void gateway_api_prefix(char *out, const struct options *o);
struct conn_writing gateway_writing(const struct options *o,
				    struct messenger *messenger,
				    struct core_hub *core,
				    const char *api_prefix);
struct live_page_config gateway_live_page_config(const struct options *o);
/* Of the subjects that belong to one identity alone: the first --subject that
 * makes such ones. False: none does. */
bool gateway_own_subject(struct subject_template *ret, const struct options *o);
/* Whether that is all that a client may read by default, whatever its identity:
 * the template makes a pattern of each. */
bool gateway_follows_own_subject(const struct options *o);
/* What the tail stores. -ENOMEM or 0. */
int gateway_readable_new(struct readable **ret, const struct options *o);

#endif
