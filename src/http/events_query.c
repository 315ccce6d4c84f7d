/* The parameters by which a script has a stream end by itself, and tells what
 * the lines of NDJSON are to hold. */
#include "http/route_internal.h"

#include <inttypes.h>

#include "base/units.h"

enum {
	LIMIT_MAX = 1000000000,
	TIMEOUT_MAX_MS = 24 * 3600 * 1000,
};

static int take_limit_parameter(struct reader *r, const struct text *value)
{
	uint64_t n;

	if (!text_fits(value) || units_count(value->bytes, &n) < 0 || n == 0 ||
	    n > LIMIT_MAX)
		return route_refuse_value(
			r, "limit", value,
			"a number of events from 1 to 1000000000");
	r->route.limit = (uint32_t)n;
	return 0;
}

static int take_timeout(struct reader *r, const struct text *value)
{
	uint64_t ms;

	if (!text_fits(value) || units_duration(value->bytes, &ms) < 0 ||
	    ms == 0 || ms > TIMEOUT_MAX_MS)
		return route_refuse_value(r, "timeout", value,
					  "a duration from 1ms to 24h (such as "
					  "500ms, 5s, 10m)");
	r->route.timeout_ms = ms;
	return 0;
}

static int take_flag_parameter(struct reader *r, const char *name,
			       const struct text *value, bool *ret)
{
	if (!text_fits(value) || units_bool(value->bytes, ret) < 0)
		return route_refuse_value(r, name, value, "1 or 0");
	return 0;
}

static int take_json_flag(struct reader *r, const struct text *value)
{
	return take_flag_parameter(r, "json", value, &r->route.json);
}

static int take_system_flag(struct reader *r, const struct text *value)
{
	return take_flag_parameter(r, "system", value, &r->route.system);
}

static const struct parameter {
	const char *name;
	int (*take)(struct reader *r, const struct text *value);
} parameters[] = {
	{"limit", take_limit_parameter},
	{"timeout", take_timeout},
	{"json", take_json_flag},
	{"system", take_system_flag},
};

int route_take_script(struct reader *r, const struct text *name,
		      const struct text *value)
{
	for (size_t i = 0; i < sizeof(parameters) / sizeof(*parameters); i++) {
		const struct parameter *p = &parameters[i];

		if (!text_is(name, p->name))
			continue;
		if (r->script & 1u << i)
			return route_refuse_twice(r, REJECT_BAD_QUERY, p->name);
		r->script |= 1u << i;
		return p->take(r, value);
	}
	return 0;
}
