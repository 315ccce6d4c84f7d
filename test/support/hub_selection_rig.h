/* Subscriptions of selections on the hub of hub_rig.h, whose JetStream answers
 * from its own stream. */
#ifndef TEST_HUB_SELECTION_RIG_H
#define TEST_HUB_SELECTION_RIG_H

#include <stddef.h>
#include <stdint.h>

#include "auth/rights.h"
#include "hub_rig.h"

/* Patterns, then "!" and the denied ones: "ev.a ev.b ! ev.x". Borrows. */
struct rights_selection selection_of(const char *text);
struct rig_client *open_selection(struct rig *r, const char *id,
				  const char *patterns, struct hub_open how);
/* Resumes after a sequence of whatever stream. */
struct rig_client *resume_selection(struct rig *r, const char *id,
				    const char *patterns, uint64_t seq);

/* ---- the stream ---------------------------------------------------------- */

/* Stores so many messages behind the last one, of 10 subjects in turns that are
 * not even: ev.a, ev.b.x ... Their data is "x". */
void store_many(struct rig *r, size_t n);
/* So many messages on subjects `prefix`1 to `prefix`N, in turns. */
void store_subjects(struct rig *r, const char *prefix, size_t n_subjects,
		    size_t n);
void store_one(struct rig *r, const char *subject);
/* A session; the tail becomes live. */
void rig_connect(struct rig *r);
/* Answers what was asked for, and flushes. */
void answer_once(struct rig *r);
/* Answers everything and flushes, for `ms`; ticks 20 times a second. */
void run_for(struct rig *r, uint64_t ms);

/* ---- what came ----------------------------------------------------------- */

/* The client has got exactly the events of the selection that are stored from
 * `from` on, in order, once, and no gap. Returns how many; forgets them. */
size_t assert_events(struct rig *r, struct rig_client *c, const char *patterns,
		     uint64_t from);
/* The same for lines of JSON. */
size_t assert_lines(struct rig *r, struct rig_client *c, const char *patterns,
		    uint64_t from);
/* The newest message of each subject as of sequence `end`, then all that
 * follow. */
size_t assert_snapshot(struct rig *r, struct rig_client *c,
		       const char *patterns, uint64_t end);
/* The same for what follows the last gap. */
size_t assert_events_after_gap(struct rig *r, struct rig_client *c,
			       const char *patterns, uint64_t from);

#endif
