/* Plays a conversation between the program, as a process, and a real
 * nats-server: what the fake JetStream promises is what the real one does.
 *
 * It needs real time, so it is played once, whole, and only if it has no step
 * that moves the clock or breaks JetStream. */
#ifndef WIRE_PLAY_REAL_H
#define WIRE_PLAY_REAL_H

#include "bytes.h"
#include "script.h"

struct real;

/* Starts the server. The program is $SLUICE_PROGRAM. */
struct real *real_new(void);
void real_free(struct real *r);
/* False: this conversation needs the clock, or a fault. */
bool real_can_play(const struct script *script);
/* False with `why` added. */
bool real_play(struct real *r, const struct script *script, struct bytes *why);

#endif
