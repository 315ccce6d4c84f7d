/* Dates of the Gregorian calendar in UTC, from 1970 on: for log lines,
 * JetStream's times and HTTP's dates. */
#ifndef SLUICE_CALENDAR_H
#define SLUICE_CALENDAR_H

#include <stdint.h>

struct calendar_time {
	unsigned year;	/* at least 1970 */
	unsigned month; /* 1 to 12 */
	unsigned day;	/* 1 to 31 */
	unsigned hour, minute, second;
};

/* `seconds` since 1970. */
struct calendar_time calendar_time_at(uint64_t seconds);

unsigned calendar_days_in_month(unsigned year, unsigned month);
/* Days from 1970-01-01 to a valid date. */
uint64_t calendar_days(unsigned year, unsigned month, unsigned day);

#endif
