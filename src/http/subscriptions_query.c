/* The parameters of the list of streams. What is misspelt is refused: a filter
 * that is passed over would list, or end, more than was meant. */
#include "base/printable.h"
#include "http/route_internal.h"

#include <errno.h>

#include "base/check.h"
#include "nats/subject.h"

bool route_take_number(struct span s, uint64_t *ret)
{
	uint64_t n = 0;

	if (s.len == 0 || (s.len > 1 && s.at[0] == '0'))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] < '0' || s.at[i] > '9' ||
		    __builtin_mul_overflow(n, (uint64_t)10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(s.at[i] - '0'), &n))
			return false;
	}
	*ret = n;
	return true;
}

static int take_state_filter(struct reader *r, const struct text *value)
{
	static const char *const words[] = {
		[STATE_LIVE] = "live",	   [STATE_EVICTED] = "lagged",
		[STATE_REPLAY] = "replay", [STATE_WAITING] = "waiting",
		[STATE_SLOW] = "slow",
	};

	if (r->route.state != STATE_ANY)
		return route_refuse_twice(r, REJECT_BAD_QUERY, "state");
	for (size_t i = STATE_LIVE; i < ARRAY_LEN(words); i++) {
		if (text_is(value, words[i])) {
			r->route.state = (enum route_state)i;
			return 0;
		}
	}
	return route_refuse_value(r, "state", value,
				  "one of live, lagged, replay, waiting, slow");
}

static int take_page_start(struct reader *r, const struct text *value)
{
	if (r->route.has_after)
		return route_refuse_twice(r, REJECT_BAD_QUERY, "after");
	r->route.has_after = true;
	if (!route_take_number(text_kept(value), &r->route.after))
		return route_refuse_value(r, "after", value,
					  "a stream's number");
	return 0;
}

static int take_id_filter(struct reader *r, const struct text *value)
{
	struct span s = text_kept(value);

	if (route_take_id(r, value, "id") < 0)
		return -EINVAL;
	if (subject_id_ok(s.at, s.len))
		return 0;
	route_refuse_value(r, "id", value, "an identity");
	r->why->reason = REJECT_BAD_IDENTITY;
	return -EINVAL;
}

int route_take_filter(struct reader *r, const struct text *name,
		      const struct text *value)
{
	char shown[PRINTABLE_MAX];
	struct span s = text_kept(name);

	if (name->len == 0 && value->len == 0)
		return 0; /* "?" and "&" alone */
	if (text_is(name, "id"))
		return take_id_filter(r, value);
	if (text_is(name, "state"))
		return take_state_filter(r, value);
	if (text_is(name, "after"))
		return take_page_start(r, value);
	return http_error_set(r->why, 400, REJECT_BAD_QUERY,
			      "query parameter \"%s\" is not one of id, state, "
			      "after",
			      refusal_quote_harmless(shown, sizeof(shown), s.at,
						     s.len));
}

int route_check_filter(struct reader *r)
{
	struct route *route = &r->route;

	route->is_delete = strcmp(r->req->method, "DELETE") == 0;
	if (!route->is_delete)
		return 0;
	if (!route->has_query_id)
		return http_error_set(
			r->why, 400, REJECT_BAD_QUERY,
			"DELETE wants the query parameter id: whose "
			"streams to end");
	if (route->state != STATE_ANY || route->has_after)
		return http_error_set(
			r->why, 400, REJECT_BAD_QUERY,
			"DELETE takes the query parameter id alone");
	return 0;
}
