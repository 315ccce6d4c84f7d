/* What a soak counts, and what it finds wrong. */
#ifndef SOAK_REPORT_H
#define SOAK_REPORT_H

#include <stddef.h>
#include <stdint.h>

enum violation {
	VIOLATION_LOST,	      /* a message that is stored, and was skipped */
	VIOLATION_DOUBLED,    /* one that came again */
	VIOLATION_DISORDERED, /* one that came behind a later one */
	VIOLATION_FOREIGN, /* bytes that no message has, or another subject's */
	VIOLATION_GAP,	   /* a gap that is not true */
	VIOLATION_STUCK,   /* a client that nothing comes to */
	VIOLATION_REPLY,   /* a reply that is not as it must be */
	VIOLATION_LEVEL,   /* something that grows */
	VIOLATION_STORE,   /* the server's: one message under two numbers */
	VIOLATIONS,
};

struct soak_report {
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
	uint64_t violations[VIOLATIONS];
};

uint64_t soak_report_violations(const struct soak_report *t);
/* Counts it, and says the first ones on standard error. */
void soak_report_violation(struct soak_report *t, enum violation violation,
			   const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* A line on standard error, with the time since the start. */
void soak_report_log(const struct soak_report *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
