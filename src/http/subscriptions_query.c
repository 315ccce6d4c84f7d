#include "http/subscriptions_query.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/printable.h"
#include "nats/subject.h"

static int take_state_filter(struct subscriptions_query *q,
			     struct http_error *why,
			     const struct query_text *value)
{
	static const char *const words[] = {
		[STATE_LIVE] = "live",	   [STATE_EVICTED] = "evicted",
		[STATE_REPLAY] = "replay", [STATE_WAITING] = "waiting",
		[STATE_SLOW] = "slow",
	};

	if (q->state != STATE_ANY)
		return query_reject_duplicate(why, REJECT_BAD_QUERY, "state");
	for (size_t i = STATE_LIVE; i < ARRAY_LEN(words); i++) {
		if (query_text_is(value, words[i])) {
			q->state = (enum subscription_state)i;
			return 0;
		}
	}
	return query_reject_value(
		why, "state", value,
		"one of live, evicted, replay, waiting, slow");
}

static int take_page_start(struct subscriptions_query *q,
			   struct http_error *why,
			   const struct query_text *value)
{
	if (q->has_after)
		return query_reject_duplicate(why, REJECT_BAD_QUERY, "after");
	q->has_after = true;
	if (!query_number(query_text_kept(value), &q->after))
		return query_reject_value(why, "after", value,
					  "a subscription's number");
	return 0;
}

static int take_id_filter(struct subscriptions_query *q, struct http_error *why,
			  const struct query_text *value)
{
	struct span s = query_text_kept(value);

	if (query_take_id(&q->id, why, "id", value) < 0)
		return -EINVAL;
	if (subject_id_ok(s.at, s.len))
		return 0;
	query_reject_value(why, "id", value, "an identity");
	why->reason = REJECT_BAD_IDENTITY;
	return -EINVAL;
}

static int take_filter(struct subscriptions_query *q, struct http_error *why,
		       const struct query_pair *pair)
{
	struct query_text name, value;
	char shown[PRINTABLE_MAX];
	struct span s;

	if (query_decode(&name, pair->name, pair->name, why) < 0 ||
	    query_decode(&value, pair->value, pair->name, why) < 0)
		return -EINVAL;
	if (name.len == 0 && value.len == 0)
		return 0; /* "&" alone */
	if (query_text_is(&name, "id"))
		return take_id_filter(q, why, &value);
	if (query_text_is(&name, "state"))
		return take_state_filter(q, why, &value);
	if (query_text_is(&name, "after"))
		return take_page_start(q, why, &value);
	s = query_text_kept(&name);
	return http_error_set(why, 400, REJECT_BAD_QUERY,
			      "query parameter \"%s\" is not one of id, state, "
			      "after",
			      http_error_quote(shown, sizeof(shown), s.at,
					       s.len));
}

static int check_delete(const struct subscriptions_query *q,
			struct http_error *why)
{
	if (!q->id.given)
		return http_error_set(
			why, 400, REJECT_BAD_QUERY,
			"DELETE requires the query parameter id: the "
			"identity whose subscriptions to end");
	if (q->state != STATE_ANY || q->has_after)
		return http_error_set(
			why, 400, REJECT_BAD_QUERY,
			"DELETE takes the query parameter id alone");
	return 0;
}

int subscriptions_query_parse(struct subscriptions_query *ret,
			      struct http_error *why, const char *method,
			      const char *query)
{
	struct subscriptions_query q = {
		.is_delete = strcmp(method, "DELETE") == 0,
	};
	struct query_pair pair;

	while (query_next(&query, &pair))
		if (take_filter(&q, why, &pair) < 0)
			return -EINVAL;
	if (q.is_delete && check_delete(&q, why) < 0)
		return -EINVAL;
	*ret = q;
	return 0;
}
