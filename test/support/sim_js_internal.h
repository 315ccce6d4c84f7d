/* What the files of the simulated JetStream share: sim_js.c (requests, the
 * wire, the server, time) and sim_js_stream.c (the stream's messages). */
#ifndef TEST_SIM_JS_INTERNAL_H
#define TEST_SIM_JS_INTERNAL_H

#include "sim_js.h"

uint64_t sim_count(const struct sim_js *s);
bool sim_is_literal(const char *filter);
uint64_t sim_leaders_last(const struct sim_js *s);
void sim_consumers_gone(struct sim_js *s);
bool sim_happens(struct sim_js *s, unsigned chance);
uint64_t sim_applied(const struct sim_js *s, const struct sim_consumer *c);

#endif
