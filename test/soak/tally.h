/* What a soak counts, and what it finds wrong. */
#ifndef SOAK_TALLY_H
#define SOAK_TALLY_H

#include <stddef.h>
#include <stdint.h>

enum wrong {
	WRONG_LOST,	  /* a message that is stored, and was passed over */
	WRONG_DOUBLED,	  /* one that came again */
	WRONG_DISORDERED, /* one that came behind a later one */
	WRONG_FOREIGN,	  /* bytes that are nobody's, or another's */
	WRONG_GAP,	  /* a gap that is not true */
	WRONG_STUCK,	  /* a client that nothing comes to */
	WRONG_REPLY,	  /* a reply that is not as it must be */
	WRONG_LEVEL,	  /* something that grows */
	WRONG_STORE,	  /* the server's: one message under two numbers */
	WRONGS,
};

struct address_counter {
	uint64_t start_ms;
	uint64_t published; /* acknowledged */
	uint64_t resent;
	uint64_t events;
	uint64_t event_bytes;
	uint64_t pings;
	uint64_t gaps;
	uint64_t excused; /* messages that were deleted and did not come */
	uint64_t connects;
	uint64_t reconnects;
	uint64_t turned_away; /* refused connects, 503 and the like */
	uint64_t faults;
	unsigned late_s; /* the longest that a reading client was behind */
	uint64_t wrong[WRONGS];
};

uint64_t address_counter_wrongs(const struct address_counter *t);
/* Counts it, and says the first ones on standard error. */
void address_counter_wrong(struct address_counter *t, enum wrong wrong,
			   const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* A line on standard error, with the time since the start. */
void address_counter_say(const struct address_counter *t, const char *format,
			 ...) __attribute__((format(printf, 2, 3)));

#endif
