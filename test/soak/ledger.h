/* What was published, under which sequence it is stored, and what was taken
 * away on purpose. The messages of each subject carry a counter; every payload
 * follows from the subject and the counter, so that each byte can be checked.
 */
#ifndef SOAK_LEDGER_H
#define SOAK_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LEDGER_PAYLOAD_MAX = 4096 };

struct ledger_subject {
	uint64_t *seqs; /* by counter; 0: not yet known */
	uint32_t n;
	uint32_t cap;
};

struct ledger {
	uint64_t seed;
	struct ledger_subject *subjects;
	unsigned n_subjects;
	unsigned n_hot;	  /* the first: more and longer messages than others */
	uint64_t settled; /* all up to here are acknowledged */
	uint64_t purged;  /* all up to here may be gone */
	uint8_t *deleted; /* a bit for each sequence */
	size_t n_deleted_bytes;
};

void ledger_init(struct ledger *l, unsigned n_subjects, unsigned n_hot,
		 uint64_t seed);
void ledger_finish(struct ledger *l);

/* The next counter of the subject. */
uint32_t ledger_add(struct ledger *l, unsigned subject);
/* Where it is stored; false when it is known to be elsewhere. */
bool ledger_stored(struct ledger *l, unsigned subject, uint32_t counter,
		   uint64_t seq);
/* Its bytes in `out` (LEDGER_PAYLOAD_MAX), and whether they are no text. */
size_t ledger_payload(const struct ledger *l, unsigned subject,
		      uint32_t counter, char *out, bool *binary);

/* To be said before the server is told. */
void ledger_delete(struct ledger *l, uint64_t seq);
void ledger_purge(struct ledger *l, uint64_t up_to);
bool ledger_is_deleted(const struct ledger *l, uint64_t seq);
/* Every one from `first` on and before `end` is deleted or purged. */
bool ledger_all_gone(const struct ledger *l, uint64_t first, uint64_t end);

#endif
