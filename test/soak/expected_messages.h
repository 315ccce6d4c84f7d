/* What was published, under which sequence it is stored, and what was taken
 * away on purpose. The messages of each subject carry a counter; every payload
 * follows from the subject and the counter, so that each byte can be checked.
 */
#ifndef SOAK_EXPECTED_MESSAGES_H
#define SOAK_EXPECTED_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EXPECTED_MESSAGES_PAYLOAD_MAX = 4096 };

struct expected_subject {
	uint64_t *seqs; /* by counter; 0: not yet known */
	uint32_t n;
	uint32_t cap;
};

struct expected_messages {
	uint64_t seed;
	struct expected_subject *subjects;
	unsigned n_subjects;
	unsigned n_hot;	  /* the first: more and longer messages than others */
	uint64_t settled; /* all up to here are acknowledged */
	uint64_t purged;  /* all up to here may be gone */
	uint8_t *deleted; /* a bit for each sequence */
	size_t n_deleted_bytes;
};

void expected_messages_init(struct expected_messages *l, unsigned n_subjects,
			    unsigned n_hot, uint64_t seed);
void expected_messages_finish(struct expected_messages *l);

/* The next counter of the subject. */
uint32_t expected_messages_add(struct expected_messages *l, unsigned subject);
/* Where it is stored; false when it is known to be elsewhere. */
bool expected_messages_stored(struct expected_messages *l, unsigned subject,
			      uint32_t counter, uint64_t seq);
/* Its bytes in `out` (EXPECTED_MESSAGES_PAYLOAD_MAX), and whether they are no
 * text. */
size_t expected_messages_payload(const struct expected_messages *l,
				 unsigned subject, uint32_t counter, char *out,
				 bool *binary);

/* Before the request to the server. */
void expected_messages_delete(struct expected_messages *l, uint64_t seq);
void expected_messages_purge(struct expected_messages *l, uint64_t up_to);
bool expected_messages_is_deleted(const struct expected_messages *l,
				  uint64_t seq);
/* Every one from `first` on and before `end` is deleted or purged. */
bool expected_messages_all_gone(const struct expected_messages *l,
				uint64_t first, uint64_t end);

#endif
