#include "base/rfc3339.h"

#include <errno.h>
#include <stdio.h>

#include "base/ascii.h"
#include "base/calendar.h"

static const uint64_t ns_per_s = 1000000000;

/* Moves *text behind `n` digits. */
static int take_fixed_digits(unsigned *ret, const char **text, const char *end,
			     size_t n)
{
	unsigned value = 0;

	if ((size_t)(end - *text) < n)
		return -EINVAL;
	for (; n > 0; n--, (*text)++) {
		if (**text < '0' || **text > '9')
			return -EINVAL;
		value = value * 10 + (unsigned)(**text - '0');
	}
	*ret = value;
	return 0;
}

static int take_expected_char(const char **text, const char *end, char c)
{
	if (*text == end || **text != c)
		return -EINVAL;
	(*text)++;
	return 0;
}

static int take_calendar_date(uint64_t *days, const char **p, const char *end)
{
	unsigned year, month, day;

	if (take_fixed_digits(&year, p, end, 4) < 0 ||
	    take_expected_char(p, end, '-') < 0 ||
	    take_fixed_digits(&month, p, end, 2) < 0 ||
	    take_expected_char(p, end, '-') < 0 ||
	    take_fixed_digits(&day, p, end, 2) < 0)
		return -EINVAL;
	if (year < 1970 || month < 1 || month > 12 || day < 1 ||
	    day > calendar_days_in_month(year, month))
		return -EINVAL;
	*days = calendar_days(year, month, day);
	return 0;
}

static int take_time_of_day(uint64_t *seconds, const char **p, const char *end)
{
	unsigned hour, minute, second;

	if (take_fixed_digits(&hour, p, end, 2) < 0 ||
	    take_expected_char(p, end, ':') < 0 ||
	    take_fixed_digits(&minute, p, end, 2) < 0 ||
	    take_expected_char(p, end, ':') < 0 ||
	    take_fixed_digits(&second, p, end, 2) < 0)
		return -EINVAL;
	if (hour > 23 || minute > 59 || second > 60) /* 60: a leap second */
		return -EINVAL;
	*seconds = hour * 3600ULL + minute * 60ULL + second;
	return 0;
}

/* ".123" or nothing. */
static int take_fraction(uint64_t *ns, const char **p, const char *end)
{
	uint64_t unit = ns_per_s / 10;

	*ns = 0;
	if (take_expected_char(p, end, '.') < 0)
		return 0;
	if (*p == end || **p < '0' || **p > '9')
		return -EINVAL;
	for (; *p < end && ascii_is_digit(**p); (*p)++, unit /= 10) {
		if (unit == 0)
			return -EINVAL;
		*ns += unit * (uint64_t)(**p - '0');
	}
	return 0;
}

/* 'Z', "+01:00" or "-01:00": seconds to subtract. */
static int take_zone_offset(int64_t *seconds, const char **p, const char *end)
{
	unsigned hour, minute;
	int64_t sign;

	*seconds = 0;
	if (take_expected_char(p, end, 'Z') == 0)
		return 0;
	if (take_expected_char(p, end, '+') == 0)
		sign = 1;
	else if (take_expected_char(p, end, '-') == 0)
		sign = -1;
	else
		return -EINVAL;
	if (take_fixed_digits(&hour, p, end, 2) < 0 ||
	    take_expected_char(p, end, ':') < 0 ||
	    take_fixed_digits(&minute, p, end, 2) < 0 || hour > 23 ||
	    minute > 59)
		return -EINVAL;
	*seconds = sign * (int64_t)(hour * 3600 + minute * 60);
	return 0;
}

int rfc3339_parse(uint64_t *ret, const char *text, size_t len)
{
	const char *p = text;
	const char *end = text + len;
	uint64_t days, seconds, ns, total;
	int64_t offset, whole;

	if (take_calendar_date(&days, &p, end) < 0 ||
	    take_expected_char(&p, end, 'T') < 0 ||
	    take_time_of_day(&seconds, &p, end) < 0 ||
	    take_fraction(&ns, &p, end) < 0 ||
	    take_zone_offset(&offset, &p, end) < 0 || p != end)
		return -EINVAL;
	whole = (int64_t)(days * 86400 + seconds) - offset;
	if (whole < 0 ||
	    __builtin_mul_overflow((uint64_t)whole, ns_per_s, &total) ||
	    __builtin_add_overflow(total, ns, &total))
		return -EINVAL;
	*ret = total;
	return 0;
}

/* `width` digits and `behind`; returns the end. */
static char *put_padded_number(char *out, unsigned n, unsigned width,
			       char behind)
{
	for (unsigned i = width; i > 0; i--) {
		out[i - 1] = (char)('0' + n % 10);
		n /= 10;
	}
	out[width] = behind;
	return out + width + 1;
}

void rfc3339_format(char *out, uint64_t ns)
{
	struct calendar_time t = calendar_time_at(ns / ns_per_s);

	out = put_padded_number(out, t.year, 4, '-');
	out = put_padded_number(out, t.month, 2, '-');
	out = put_padded_number(out, t.day, 2, 'T');
	out = put_padded_number(out, t.hour, 2, ':');
	out = put_padded_number(out, t.minute, 2, ':');
	out = put_padded_number(out, t.second, 2, '.');
	out = put_padded_number(out, (unsigned)(ns % ns_per_s), 9, 'Z');
	*out = '\0';
}
