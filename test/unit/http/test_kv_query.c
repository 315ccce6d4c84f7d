#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "http/kv_query.h"

#define SSE    "text/event-stream"
#define NDJSON "application/x-ndjson"
#define JSON   "application/json"

static struct kv_request request_of(enum kv_action action, const char *accept,
				    const char *query)
{
	return (struct kv_request){.action = action,
				   .bucket = span_of("cfg"),
				   .query = query,
				   .accept = accept};
}

static struct kv_query good(enum kv_action action, const char *accept,
			    const char *query)
{
	struct kv_request req = request_of(action, accept, query);
	struct kv_query q;
	struct http_error why;

	memset(&q, 0x5a, sizeof(q));
	if (kv_query_parse(&q, &why, &req) != 0)
		fail_msg("%s: %s", query, why.text);
	return q;
}

static void bad(enum kv_action action, const char *accept, const char *query,
		const char *text)
{
	struct kv_request req = request_of(action, accept, query);
	struct kv_query q;
	struct http_error why = {0};

	if (kv_query_parse(&q, &why, &req) != -EINVAL || why.status != 400 ||
	    strstr(why.text, text) == NULL)
		fail_msg("%s: %d, %s", query, why.status, why.text);
}

static void without_parameters(void **state)
{
	struct kv_query q = good(KV_GET_BUCKET, NULL, "");

	(void)state;
	assert_int_equal(q.form, KV_FORM_JSON);
	assert_string_equal(q.filter, ">");
	assert_true(q.revision == 0 && q.ttl_ms == 0 && !q.from_leader);
	assert_false(q.no_deletes || q.no_values || q.purge);
	assert_int_equal(q.include, KV_INCLUDE_LAST);
	assert_false(q.resume.is_given);
	assert_null(q.credentials.token.at);
	good(KV_GET_KEY, NULL, "other=%ff&x&=&a+b");
}

static void forms(void **state)
{
	static const struct {
		enum kv_action action;
		const char *accept;
		enum kv_form form;
	} cases[] = {
		{KV_GET_BUCKET, "*/*", KV_FORM_JSON},
		{KV_GET_BUCKET, NDJSON, KV_FORM_LINES},
		{KV_GET_BUCKET, SSE, KV_FORM_WATCH},
		{KV_GET_BUCKET, JSON, KV_FORM_JSON},
		{KV_GET_KEY, NULL, KV_FORM_VALUE},
		{KV_GET_KEY, "*/*", KV_FORM_VALUE},
		{KV_GET_KEY, "application/octet-stream", KV_FORM_VALUE},
		{KV_GET_KEY, "application/*;q=0.5", KV_FORM_VALUE},
		{KV_GET_KEY, JSON, KV_FORM_JSON},
		{KV_GET_KEY, NDJSON, KV_FORM_LINES},
		{KV_GET_KEY, SSE ", */*", KV_FORM_WATCH},
		{KV_PUT_KEY, "image/png", KV_FORM_JSON},
		{KV_LIST_BUCKETS, SSE, KV_FORM_JSON},
	};
	struct kv_request req = request_of(KV_GET_KEY, "image/png", "");
	struct kv_query q;
	struct http_error why;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (good(cases[i].action, cases[i].accept, "").form !=
		    cases[i].form)
			fail_msg("%zu: %s", i, cases[i].accept);
	assert_int_equal(kv_query_parse(&q, &why, &req), -EINVAL);
	assert_int_equal(why.status, 406);
	assert_non_null(strstr(why.text, "octet-stream, application/json"));
	req = request_of(KV_GET_BUCKET, "application/octet-stream", "");
	assert_int_equal(kv_query_parse(&q, &why, &req), -EINVAL);
	assert_int_equal(why.status, 406);
}

static void values(void **state)
{
	(void)state;
	assert_string_equal(
		good(KV_GET_BUCKET, NULL, "filter=a.%2A.%3E").filter, "a.*.>");
	assert_true(good(KV_GET_KEY, NULL, "revision=18446744073709551615")
			    .revision == UINT64_MAX);
	assert_true(good(KV_GET_KEY, JSON, "read=leader").from_leader);
	assert_int_equal(good(KV_GET_KEY, SSE, "include=last").include,
			 KV_INCLUDE_LAST);
	assert_int_equal(good(KV_GET_KEY, SSE, "include=history").include,
			 KV_INCLUDE_HISTORY);
	assert_int_equal(good(KV_GET_BUCKET, SSE, "include=new").include,
			 KV_INCLUDE_NEW);
	assert_int_equal(good(KV_GET_BUCKET, NDJSON, "include=history").include,
			 KV_INCLUDE_HISTORY);
	assert_true(good(KV_GET_BUCKET, SSE, "deletes=0").no_deletes);
	assert_false(good(KV_GET_BUCKET, SSE, "deletes=1").no_deletes);
	assert_true(good(KV_GET_KEY, NDJSON, "values=0").no_values);
	assert_false(good(KV_GET_KEY, NDJSON, "values=1").no_values);
	assert_true(good(KV_DELETE_KEY, NULL, "purge=1").purge);
	assert_false(good(KV_DELETE_KEY, NULL, "purge=0").purge);
}

static void ttls(void **state)
{
	static const struct {
		const char *query;
		uint64_t ms;
	} cases[] = {
		{"ttl=1h", 3600000},  {"ttl=60", 60000},
		{"ttl=1", 1000},      {"ttl=1s", 1000},
		{"ttl=1500ms", 1500}, {"ttl=9223372036", 9223372036000},
	};
	static const char *const bad_ones[] = {
		"ttl=",
		"ttl=0",
		"ttl=0s",
		"ttl=999ms",
		"ttl=never",
		"ttl=-1s",
		"ttl=1.5s",
		"ttl=1d",
		"ttl=9223372037",
		"ttl=9223372036855ms",
		"ttl=18446744073709551616",
		"ttl=5124095576030431h",
		"ttl=18446744073709553",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_true(good(KV_CREATE_KEY, NULL, cases[i].query).ttl_ms ==
			    cases[i].ms);
	assert_true(good(KV_PUT_KEY, NULL, "ttl=90s").ttl_ms == 90000);
	for (size_t i = 0; i < ARRAY_LEN(bad_ones); i++)
		bad(KV_CREATE_KEY, NULL, bad_ones[i],
		    "is not a duration of at least 1 s, like 60 (seconds), 90s "
		    "or 1h");
}

static void bad_values(void **state)
{
	char filter[700] = "filter=";

	(void)state;
	bad(KV_GET_BUCKET, NULL,
	    "filter=", "filter \"\" is not a pattern of keys: it is empty");
	bad(KV_GET_BUCKET, NULL, "filter=a..b", "an empty token");
	bad(KV_GET_BUCKET, NULL, "filter=a%0d%0ab", "a byte other than");
	bad(KV_GET_BUCKET, SSE, "filter=>.a", "the last token");
	memset(filter + 7, 'k', 250);
	bad(KV_GET_BUCKET, NULL, filter, "too long");
	memset(filter + 7, 'k', 600);
	bad(KV_GET_BUCKET, NULL, filter, "too long");
	bad(KV_GET_KEY, NULL, "revision=0", "a number from 1 to 2^64 - 1");
	bad(KV_GET_KEY, NULL, "revision=", "a number from 1");
	bad(KV_GET_KEY, NULL, "revision=18446744073709551616", "a number");
	bad(KV_GET_KEY, NULL, "revision=x", "revision \"x\" is not a number");
	bad(KV_GET_KEY, NULL, "read=replica", "is not leader");
	bad(KV_GET_KEY, SSE, "include=all", "one of last, history, new");
	bad(KV_GET_BUCKET, NDJSON, "include=new",
	    "is not last or history (new is for a watch)");
	bad(KV_GET_KEY, SSE, "deletes=no", "is not 1 or 0");
	bad(KV_GET_KEY, SSE, "values=", "is not 1 or 0");
	bad(KV_DELETE_KEY, NULL, "purge=yes", "is not 1 or 0");
	bad(KV_GET_KEY, NULL, "x=%zz", "two hex digits");
}

static void each_once(void **state)
{
	(void)state;
	bad(KV_GET_BUCKET, NULL, "filter=a&filter=a",
	    "query parameter filter is given twice, allowed is once");
	bad(KV_GET_KEY, NULL, "revision=1&revision=1", "revision is given");
	bad(KV_GET_KEY, NULL, "read=leader&read=leader", "read is given");
	bad(KV_GET_KEY, SSE, "include=last&include=last", "include is given");
	bad(KV_GET_KEY, SSE, "deletes=0&deletes=0", "deletes is given");
	bad(KV_GET_KEY, SSE, "values=0&values=0", "values is given");
	bad(KV_PUT_KEY, NULL, "ttl=1s&ttl=1s", "ttl is given");
	bad(KV_DELETE_KEY, NULL, "purge=1&purge=1", "purge is given");
	bad(KV_GET_KEY, SSE, "lastEventId=1&last-event-id=1",
	    "lastEventId is given");
}

static void only_where_it_has_a_meaning(void **state)
{
	static const struct {
		enum kv_action action;
		const char *accept, *query, *text;
	} cases[] = {
		{KV_LIST_BUCKETS, NULL, "filter=a", "GET of a bucket"},
		{KV_GET_KEY, NULL, "filter=a", "GET of a bucket"},
		{KV_GET_KEY, SSE, "filter=a", "GET of a bucket"},
		{KV_GET_BUCKET, NULL, "revision=1", "GET of a key, as its"},
		{KV_GET_KEY, SSE, "revision=1", "GET of a key, as its"},
		{KV_GET_KEY, NDJSON, "revision=1", "GET of a key, as its"},
		{KV_GET_BUCKET, NULL, "read=leader", "GET of a key"},
		{KV_GET_KEY, NULL, "include=new", "with a watch"},
		{KV_GET_KEY, NDJSON, "include=last", "with a watch"},
		{KV_GET_BUCKET, NULL, "deletes=0", "the entries of a bucket"},
		{KV_GET_KEY, JSON, "values=0", "the history of a key"},
		{KV_GET_KEY, NULL, "ttl=1h", "when a key is created"},
		{KV_DELETE_KEY, NULL, "ttl=1h", "when a key is created"},
		{KV_PUT_KEY, NULL, "purge=1", "but with DELETE"},
		{KV_GET_KEY, NULL, "purge=1", "but with DELETE"},
		{KV_PUT_KEY, NULL, "revision=1", "GET of a key"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		bad(cases[i].action, cases[i].accept, cases[i].query,
		    cases[i].text);
}

static void resumes(void **state)
{
	struct kv_request req = request_of(KV_GET_KEY, SSE, "lastEventId=7");
	struct kv_query q = good(KV_GET_BUCKET, SSE, "last_event_id=9-9f31c2");
	struct http_error why;

	(void)state;
	assert_true(q.resume.is_given && q.resume.has_tag);
	assert_int_equal(q.resume.seq, 9);
	assert_string_equal(q.resume.text, "9-9f31c2");
	assert_false(good(KV_GET_KEY, SSE, "lastEventId=").resume.is_given);
	bad(KV_GET_KEY, SSE, "lastEventId=x", "is not an event id");
	req.last_event_id = "8-000000";
	assert_int_equal(kv_query_parse(&q, &why, &req), 0);
	assert_string_equal(q.resume.text, "8-000000");
	req.last_event_id = "";
	assert_int_equal(kv_query_parse(&q, &why, &req), 0);
	assert_string_equal(q.resume.text, "7");
	req.last_event_id = "x";
	assert_int_equal(kv_query_parse(&q, &why, &req), -EINVAL);
	assert_int_equal(why.reason, REJECT_BAD_CURSOR);
	/* Not a watch. */
	req = request_of(KV_GET_KEY, NULL, "lastEventId=x");
	req.last_event_id = "x";
	assert_int_equal(kv_query_parse(&q, &why, &req), 0);
	assert_false(q.resume.is_given);
}

static void credentials(void **state)
{
	struct kv_request req =
		request_of(KV_GET_BUCKET, NULL,
			   "user_id=al%69ce&token=a.b.c&filter=a");
	struct kv_query q;
	struct http_error why;

	(void)state;
	req.id_name = "user_id";
	req.token_name = "token";
	assert_int_equal(kv_query_parse(&q, &why, &req), 0);
	assert_string_equal(q.credentials.id.text, "alice");
	assert_int_equal(q.credentials.token.len, 5);
	assert_string_equal(q.filter, "a");
}

static void names(void **state)
{
	struct span cfg = span_of("cfg");
	struct http_error why;

	(void)state;
	assert_int_equal(kv_query_check_bucket(&why, cfg), 0);
	assert_int_equal(kv_query_check_key(&why, cfg, span_of("a/b.c")), 0);
	assert_int_equal(kv_query_check_bucket(&why, span_of("a.b")), -EINVAL);
	assert_int_equal(why.status, 400);
	assert_string_equal(why.text,
			    "bucket \"a.b\" is not valid: it has a byte other "
			    "than A-Z, a-z, 0-9, _ and -");
	assert_int_equal(kv_query_check_key(&why, cfg, span_of("a.>")),
			 -EINVAL);
	assert_string_equal(why.text,
			    "key \"a.>\" is not valid: it has a wildcard");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_parameters),
		cmocka_unit_test(forms),
		cmocka_unit_test(values),
		cmocka_unit_test(ttls),
		cmocka_unit_test(bad_values),
		cmocka_unit_test(each_once),
		cmocka_unit_test(only_where_it_has_a_meaning),
		cmocka_unit_test(resumes),
		cmocka_unit_test(credentials),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
