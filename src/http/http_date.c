#include "http/http_date.h"

#include <errno.h>
#include <stdio.h>

#include "base/calendar.h"

enum { DAY_S = 86400 };

int http_date_format(char *out, uint64_t seconds)
{
	static const char days[][4] = {"Thu", "Fri", "Sat", "Sun",
				       "Mon", "Tue", "Wed"};
	static const char months[][4] = {"Jan", "Feb", "Mar", "Apr",
					 "May", "Jun", "Jul", "Aug",
					 "Sep", "Oct", "Nov", "Dec"};
	const uint64_t year_10000 = UINT64_C(253402300800);
	struct calendar_time t;

	if (seconds >= year_10000)
		return -ERANGE;
	t = calendar_time_at(seconds);
	snprintf(out, HTTP_DATE_MAX, "%s, %02u %s %04u %02u:%02u:%02u GMT",
		 days[seconds / DAY_S % 7], t.day % 100, months[t.month - 1],
		 t.year % 10000, t.hour % 100, t.minute % 100, t.second % 100);
	return 0;
}
