#include "http/http_date.h"

#include <errno.h>
#include <stdio.h>

#include "base/rfc3339.h"

enum { DAY_S = 86400 };

int http_date_format(char *out, uint64_t seconds)
{
	static const char days[][4] = {"Thu", "Fri", "Sat", "Sun",
				       "Mon", "Tue", "Wed"};
	static const char months[][4] = {"Jan", "Feb", "Mar", "Apr",
					 "May", "Jun", "Jul", "Aug",
					 "Sep", "Oct", "Nov", "Dec"};
	const uint64_t year_10000 = UINT64_C(253402300800);
	unsigned of_day = (unsigned)(seconds % DAY_S), year, month, day;

	if (seconds >= year_10000)
		return -ERANGE;
	rfc3339_date(seconds / DAY_S, &year, &month, &day);
	snprintf(out, HTTP_DATE_MAX, "%s, %02u %s %04u %02u:%02u:%02u GMT",
		 days[seconds / DAY_S % 7], day % 100, months[month - 1],
		 year % 10000, of_day / 3600, of_day / 60 % 60, of_day % 60);
	return 0;
}
