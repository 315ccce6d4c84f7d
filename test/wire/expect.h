/* What a client expects: the lines behind "<". */
#ifndef WIRE_EXPECT_H
#define WIRE_EXPECT_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"
#include "client.h"

/* Takes what the line says from what the client has read. False with `why`
 * added: what was wanted and what is there. `retry_ms`: the option, for
 * "opens". */
bool expect_line(struct client *c, const char *line, uint64_t retry_ms,
		 struct bytes *why);
/* Nothing is left that no expectation has named, not even an end. */
bool expect_all_seen(const struct client *c, struct bytes *why);

#endif
