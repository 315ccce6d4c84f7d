#include "base/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/check.h"

struct unit {
	const char *name;
	uint64_t factor;
};

/* In falling order. */
static const struct unit duration_units[] = {
	{"h", 3600000},
	{"m", 60000},
	{"s", 1000},
	{"ms", 1},
};

static const struct unit size_units[] = {
	{"GiB", 1u << 30},
	{"MiB", 1u << 20},
	{"KiB", 1u << 10},
	{"", 1},
};

/* Moves *text behind the digits. */
static int take_decimal(const char **text, uint64_t *ret)
{
	const char *p = *text;
	uint64_t n = 0;

	if (!ascii_is_digit(*p))
		return -EINVAL;
	for (; ascii_is_digit(*p); p++) {
		unsigned digit = (unsigned)(*p - '0');

		if (n > (UINT64_MAX - digit) / 10)
			return -EINVAL;
		n = n * 10 + digit;
	}
	*text = p;
	*ret = n;
	return 0;
}

static int take_with_unit(const char *text, const struct unit *units, size_t n,
			  uint64_t *ret)
{
	uint64_t number;

	if (take_decimal(&text, &number) < 0)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(text, units[i].name) != 0)
			continue;
		if (number > UINT64_MAX / units[i].factor)
			return -EINVAL;
		*ret = number * units[i].factor;
		return 0;
	}
	return -EINVAL;
}

int units_duration(const char *text, uint64_t *ms)
{
	if (strcmp(text, "0") == 0) {
		*ms = 0;
		return 0;
	}
	return take_with_unit(text, duration_units, ARRAY_LEN(duration_units),
			      ms);
}

int units_size(const char *text, uint64_t *bytes)
{
	return take_with_unit(text, size_units, ARRAY_LEN(size_units), bytes);
}

int units_count(const char *text, uint64_t *n)
{
	uint64_t number;

	if (take_decimal(&text, &number) < 0 || *text != '\0')
		return -EINVAL;
	*n = number;
	return 0;
}

int units_bool(const char *text, bool *ret)
{
	if (strcmp(text, "1") != 0 && strcmp(text, "0") != 0)
		return -EINVAL;
	*ret = *text == '1';
	return 0;
}

static void put_with_unit(uint64_t n, const struct unit *units, char *out)
{
	while (units->factor > 1 && n % units->factor != 0)
		units++;
	snprintf(out, UNITS_TEXT_MAX, "%" PRIu64 "%s", n / units->factor,
		 units->name);
}

void units_duration_text(uint64_t ms, char *out)
{
	if (ms == 0)
		snprintf(out, UNITS_TEXT_MAX, "0");
	else
		put_with_unit(ms, duration_units, out);
}

void units_size_text(uint64_t bytes, char *out)
{
	if (bytes == 0)
		snprintf(out, UNITS_TEXT_MAX, "0");
	else
		put_with_unit(bytes, size_units, out);
}

int units_mode(const char *text, int *ret)
{
	size_t len = strlen(text);
	int mode = 0;

	if (len < 3 || len > 4 || strspn(text, "01234567") != len)
		return -EINVAL;
	for (; *text != '\0'; text++)
		mode = mode * 8 + (*text - '0');
	if (mode > 0777)
		return -EINVAL;
	*ret = mode;
	return 0;
}
