#include "base/calendar.h"

#include <stdbool.h>

enum {
	DAY_S = 86400,
	/* Days of 400, 100 and 4 years. */
	DAYS_400 = 146097,
	DAYS_100 = 36524,
	DAYS_4 = 1460,
	DAYS_TO_1970 = 719468, /* from 0000-03-01 */
};

/* Years begin with March here: a leap day is the last day of its year, and the
 * lengths of months repeat 31, 30, 31, 30, 31. */
static void set_calendar_date(struct calendar_time *t, uint64_t day)
{
	uint64_t from = day + DAYS_TO_1970;
	unsigned in_era = (unsigned)(from % DAYS_400);
	unsigned of_era = (in_era - in_era / DAYS_4 + in_era / DAYS_100 -
			   in_era / (DAYS_400 - 1)) /
			  365;
	unsigned of_year = in_era - (365 * of_era + of_era / 4 - of_era / 100);
	unsigned march = (5 * of_year + 2) / 153;

	t->day = of_year - (153 * march + 2) / 5 + 1;
	t->month = march < 10 ? march + 3 : march - 9;
	t->year = (unsigned)(from / DAYS_400) * 400 + of_era +
		  (t->month <= 2 ? 1 : 0);
}

struct calendar_time calendar_time_at(uint64_t seconds)
{
	unsigned of_day = (unsigned)(seconds % DAY_S);
	struct calendar_time t = {
		.hour = of_day / 3600,
		.minute = of_day / 60 % 60,
		.second = of_day % 60,
	};

	set_calendar_date(&t, seconds / DAY_S);
	return t;
}

unsigned calendar_days_in_month(unsigned year, unsigned month)
{
	static const unsigned days[] = {31, 28, 31, 30, 31, 30,
					31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

uint64_t calendar_days(unsigned year, unsigned month, unsigned day)
{
	unsigned y = year - 1;
	uint64_t days = 365ULL * (year - 1970) + (y / 4 - y / 100 + y / 400) -
			(1969 / 4 - 1969 / 100 + 1969 / 400);

	for (unsigned m = 1; m < month; m++)
		days += calendar_days_in_month(year, m);
	return days + day - 1;
}
