#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth/rights.h"
#include "base/check.h"
#include "slow_pattern.h"

#define EVENTS ((char *)"events.{id}")
#define ALERTS ((char *)"alerts.>")
#define KV     ((char *)"$KV.prefs.{id}.>")

static char *default_subjects[] = {EVENTS};

/* --subject events.{id} for alice, with this claim or NULL. */
static struct rights_source source(const char *claim)
{
	struct rights_source src = {
		.subjects = default_subjects,
		.n_subjects = 1,
		.id = span_of("alice"),
		.claim_name = "nats",
	};

	if (claim != NULL)
		src.claim = span_of(claim);
	return src;
}

static struct rights *make(const struct rights_source *src)
{
	struct rights *r = NULL;
	struct http_error why = {0};

	if (rights_new(&r, &why, src) != 0)
		fail_msg("%s", why.text);
	assert_non_null(r);
	return r;
}

static struct rights *make_claimed(const char *claim)
{
	struct rights_source src = source(claim);

	return make(&src);
}

static void expect_answer(const struct rights *r, const char *pattern,
			  int status, const char *text)
{
	struct http_error why = {0};
	int rc = rights_check(r, span_of(pattern), &why);

	if (rc != (status == 0 ? 0 : -EINVAL) || why.status != status ||
	    (text != NULL && strstr(why.text, text) == NULL))
		fail_msg("\"%s\": %d, %s", pattern, why.status, why.text);
	if (status == 400)
		assert_int_equal(why.reason, REJECT_BAD_SUBJECT);
	if (status == 403)
		assert_int_equal(why.reason, REJECT_SUBJECT_NOT_ALLOWED);
}

static void expect_list(const struct span *list, size_t n, const char *want)
{
	char text[1024] = "";

	for (size_t i = 0; i < n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "%s%.*s", i > 0 ? " " : "", (int)list[i].len,
			 list[i].at);
	assert_string_equal(text, want);
}

/* `asked` and the results are lists with blanks. */
static void expect_selection(const struct rights *r, const char *asked,
			     const char *patterns, const char *denied)
{
	struct span list[RIGHTS_REQUEST_MAX];
	struct rights_selection s;
	struct http_error why = {0};
	size_t n = 0;

	while (*asked != '\0') {
		size_t len = strcspn(asked, " ");

		list[n++] = (struct span){asked, len};
		asked += len + (asked[len] == ' ');
	}
	memset(&s, 0x5a, sizeof(s));
	if (rights_select(&s, &why, r, list, n) != 0)
		fail_msg("%s", why.text);
	expect_list(s.patterns, s.n_patterns, patterns);
	expect_list(s.denied, s.n_denied, denied);
}

static void expect_no_selection(const struct rights *r, int status)
{
	struct rights_selection s;
	struct http_error why = {0};

	assert_int_equal(rights_select(&s, &why, r, NULL, 0), -EINVAL);
	assert_int_equal(why.status, status);
	assert_int_equal(why.reason, REJECT_SUBJECT_NOT_ALLOWED);
}

/* ---- templates ----------------------------------------------------------- */

static void templates_give_rights_of_the_identity_alone(void **state)
{
	struct rights *r = make_claimed(NULL);

	(void)state;
	expect_answer(r, "events.alice", 0, NULL);
	expect_answer(r, "events.bob", 403, "\"events.bob\" is not allowed");
	expect_answer(r, "events.*", 403, "\"events.*\"");
	expect_answer(r, "events.>", 403, "\"events.>\"");
	expect_answer(r, ">", 403, "\">\"");
	expect_answer(r, "events.alice.x", 403, NULL);
	expect_answer(r, "events", 403, NULL);
	expect_selection(r, "", "events.alice", "");
	rights_free(r);
}

static void allow_sub_is_not_followed_by_default(void **state)
{
	char *subjects[] = {EVENTS, ALERTS, (char *)"alerts.eu"};
	char *allow[] = {(char *)"rooms.{id}.{id}.>", (char *)">"};
	struct rights_source src = source(NULL);
	struct rights *r;

	(void)state;
	src.subjects = subjects;
	src.n_subjects = ARRAY_LEN(subjects);
	src.allow_sub = allow;
	src.n_allow_sub = 1;
	r = make(&src);
	expect_selection(r, "", "alerts.> events.alice", "");
	expect_answer(r, "rooms.alice.alice.7", 0, NULL);
	expect_answer(r, "rooms.alice.bob.7", 403, NULL);
	expect_selection(r, "rooms.alice.alice.* alerts.x",
			 "alerts.x "
			 "rooms.alice."
			 "alice.*",
			 "");
	rights_free(r);
	src.n_allow_sub = 2;
	r = make(&src);
	expect_selection(r, "> a.b", ">", "");
	expect_selection(r, "", "alerts.> events.alice", "");
	rights_free(r);
}

static void no_identity_needs_no_placeholder(void **state)
{
	char *subjects[] = {ALERTS};
	struct rights_source src = source(NULL);
	struct rights *r;

	(void)state;
	src.subjects = subjects;
	src.id = (struct span){NULL, 0};
	r = make(&src);
	expect_selection(r, "", "alerts.>", "");
	rights_free(r);
}

static void expect_no_rights(const struct rights_source *src, const char *text)
{
	struct rights *r = (struct rights *)(void *)default_subjects;
	struct http_error why = {0};

	if (rights_new(&r, &why, src) != -EINVAL)
		fail_msg("good: %.*s", (int)src->claim.len, src->claim.at);
	assert_ptr_equal(r, default_subjects);
	assert_int_equal(why.status, 403);
	assert_int_equal(why.reason, REJECT_BAD_RIGHTS);
	if (strstr(why.text, text) == NULL)
		fail_msg("%.*s: %s", (int)src->claim.len, src->claim.at,
			 why.text);
}

/* A template that makes no pattern is an error, never one right less. */
static void templates_that_make_no_pattern(void **state)
{
	char *twice[] = {(char *)"a.{id}.{id}"}, *first[] = {(char *)"{id}.>"};
	char id[128];
	struct rights_source src = source(NULL);

	(void)state;
	memset(id, 'i', sizeof(id));
	src.id = (struct span){id, sizeof(id)};
	src.allow_sub = twice;
	src.n_allow_sub = 1;
	expect_no_rights(&src, "--allow-sub a.{id}.{id} makes no pattern of "
			       "this identity: it is longer than 255 bytes");
	src.subjects = twice;
	src.n_allow_sub = 0;
	expect_no_rights(&src, "--subject a.{id}.{id}");
	src.subjects = default_subjects;
	src.allow_sub = first;
	src.n_allow_sub = 1;
	src.id = span_of("$KV");
	expect_no_rights(&src, "its first token begins with $ or is _INBOX");
}

/* ---- hidden subjects ----------------------------------------------------- */

static void hidden_subjects_are_never_events(void **state)
{
	char *allow[] = {(char *)">", KV};
	struct rights_source src =
		source("{\"sub\": {\"allow\": [\">\", \"$JS.>\", \"_INBOX.>\"],"
		       " \"deny\": [\"$KV.a.>\", \"_INBOX.>\", \"*.x.y\"]}}");
	struct rights *r;

	(void)state;
	src.allow_sub = allow;
	src.n_allow_sub = ARRAY_LEN(allow);
	r = make(&src);
	expect_answer(r, "$JS.API.INFO", 403,
		      "\"$JS.API.INFO\" is not allowed");
	expect_answer(r, "$JS.>", 403, "begins with $");
	expect_answer(r, "$KV.prefs.alice.>", 403, "begins with $");
	expect_answer(r, "_INBOX.x", 403, "_INBOX");
	expect_answer(r, "_INBOX", 403, "_INBOX");
	expect_answer(r, "$", 403, NULL);
	expect_answer(r, "_INBOX_gw.x", 0, NULL);
	expect_answer(r, "*.x", 0, NULL);
	expect_selection(r, ">", ">", "*.x.y");
	assert_true(rights_denies(r, span_of("$KV.prefs.alice.a")));
	assert_true(rights_denies(r, span_of("_INBOX.a.b")));
	assert_false(rights_denies(r, span_of("a.$KV")));
	rights_free(r);
}

/* ---- the claim ----------------------------------------------------------- */

static void claim_allows_and_denies(void **state)
{
	struct rights *r = make_claimed(
		"{\"sub\": {\"allow\": [\"orders.>\", \"rooms.*.open\"],"
		" \"deny\": [\"orders.*.secret\", \"orders.eu.>\"]}}");

	(void)state;
	expect_answer(r, "events.alice", 0, NULL);
	expect_answer(r, "orders.>", 0, NULL);
	expect_answer(r, "orders.us.secret", 403,
		      "\"orders.us.secret\" is denied: it is inside "
		      "\"orders.*.secret\"");
	expect_answer(r, "orders.*.secret", 403, "is denied");
	expect_answer(r, "orders.eu.*", 403, "is denied");
	expect_answer(r, "orders.*.*", 0, NULL);
	expect_answer(r, "rooms.1.open", 0, NULL);
	expect_answer(r, "rooms.1.*", 403, "is not allowed");
	assert_true(rights_denies(r, span_of("orders.us.secret")));
	assert_true(rights_denies(r, span_of("orders.eu.1.2")));
	assert_false(rights_denies(r, span_of("orders.us.open")));
	expect_selection(r, "orders.*.* events.alice",
			 "events.alice orders.*.*",
			 "orders.*.secret orders.eu.>");
	expect_selection(r, "orders.us.* orders.us.7", "orders.us.*",
			 "orders.*.secret");
	expect_selection(r, "rooms.1.open", "rooms.1.open", "");
	expect_selection(r, "", "events.alice", "");
	rights_free(r);
}

/* Unlike in nats-server, where a missing `allow` allows everything. */
static void a_deny_alone_allows_nothing_more(void **state)
{
	struct rights *r = make_claimed("{\"sub\": {\"deny\": [\"a.b\"]}}");

	(void)state;
	expect_answer(r, "a.c", 403, "is not allowed");
	expect_answer(r, "events.alice", 0, NULL);
	rights_free(r);
}

static void deny_applies_to_templates(void **state)
{
	char *subjects[] = {EVENTS, ALERTS};
	struct rights_source src =
		source("{\"sub\": {\"deny\": [\"events.*\", \"alerts.eu\","
		       " \"alerts.eu\", \"$KV.>\", \"other\"]}}");
	struct rights *r;

	(void)state;
	src.subjects = subjects;
	src.n_subjects = 2;
	r = make(&src);
	expect_answer(r, "events.alice", 403, "is denied");
	expect_selection(r, "", "alerts.>", "alerts.eu");
	rights_free(r);
	src.n_subjects = 1;
	r = make(&src);
	expect_no_selection(r, 403);
	rights_free(r);
	src.claim = span_of("{\"sub\": {\"deny\": [\">\"]}}");
	src.n_subjects = 2;
	r = make(&src);
	expect_no_selection(r, 403);
	rights_free(r);
}

/* As `nsc` writes them, and empty ones. */
static void usable_claims(void **state)
{
	static const char *const claims[] = {
		"null",
		"{}",
		" {} ",
		"{\"sub\": null, \"pub\": null}",
		"{\"sub\": {}, \"pub\": {}}",
		"{\"sub\": {\"allow\": null, \"deny\": []}}",
		"{\"pub\": {\"allow\": [\"$JS.API.>\"], \"deny\": [\">\"]}}",
		"{\"pub\":{},\"sub\":{},\"subs\":-1,\"data\":-1,\"payload\":-1,"
		"\"type\":\"user\",\"version\":2,\"resp\":{\"max\":1,\"ttl\":0}"
		"}",
		"{\"sub\": {\"queue\": 7, \"deny\": [\"a\"]}, \"x\": [[]]}",
		"{\"sub\": {\"deny\": [\"\\u0061.b\", \"{id}\"]}}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(claims); i++) {
		struct rights *r = make_claimed(claims[i]);

		expect_selection(r, "", "events.alice", "");
		rights_free(r);
	}
}

static void unusable_claims(void **state)
{
	static const struct {
		const char *claim, *text;
	} cases[] = {
		{"", "not JSON"},
		{"{", "not JSON"},
		{"{} x", "not JSON"},
		{"{\"sub\": {}, \"sub\": {}}", "doubled"},
		{"{\"sub\": {\"deny\": [], \"deny\": []}}", "doubled"},
		{"{\"x\": {\"y\": 1, \"y\": 1}}", "doubled"},
		{"[]", "must be an object"},
		{"7", "must be an object"},
		{"\"orders.>\"", "must be an object"},
		{"false", "must be an object"},
		{"{\"sub\": []}", "must be objects"},
		{"{\"sub\": \"a\"}", "must be objects"},
		{"{\"pub\": 1}", "must be objects"},
		{"{\"sub\": false}", "must be objects"},
		{"{\"sub\": {\"allow\": \"a\"}}", "must be lists"},
		{"{\"sub\": {\"deny\": {}}}", "must be lists"},
		{"{\"pub\": {\"deny\": true}}", "must be lists"},
		{"{\"sub\": {\"allow\": [1]}}", "sub.allow[0]: it is not a"},
		{"{\"sub\": {\"allow\": [\"a\", null]}}", "sub.allow[1]"},
		{"{\"sub\": {\"deny\": [[\"a\"]]}}", "sub.deny[0]"},
		{"{\"sub\": {\"allow\": [\"orders q1\"]}}", "queue groups"},
		{"{\"sub\": {\"deny\": [\"orders q1\"]}}", "queue groups"},
		{"{\"pub\": {\"allow\": [\"orders q1\"]}}", "queue groups"},
		{"{\"sub\": {\"deny\": [\"\"]}}", "it is empty"},
		{"{\"sub\": {\"deny\": [\"a..b\"]}}", "empty token"},
		{"{\"sub\": {\"allow\": [\"a.>.b\"]}}", "last token"},
		{"{\"sub\": {\"deny\": [\"a*\"]}}", "whole tokens"},
		{"{\"pub\": {\"deny\": [\"a.\"]}}", "pub.deny[0]: it has an"},
		{"{\"sub\": {\"deny\": [\"a\\nb\"]}}", "printable ASCII"},
		{"{\"sub\": {\"deny\": [\"\xc3\xa4\"]}}", "printable ASCII"},
		{"{\"sub\": {\"deny\": [\"a\\u0000b\"]}}", "not JSON"},
		/* nats-server takes these for the members in lower case. */
		{"{\"Sub\": {\"deny\": [\"a\"]}}", "lower case"},
		{"{\"PUB\": {}}", "lower case"},
		{"{\"sub\": {\"Deny\": [\"a\"]}}", "lower case"},
		{"{\"pub\": {\"aLLow\": null}}", "lower case"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct rights_source src = source(cases[i].claim);

		expect_no_rights(&src, cases[i].text);
	}
}

static void depth_of_the_claim_is_limited(void **state)
{
	struct rights_source src = source(NULL);
	char deep[2 * 40 + 16];

	(void)state;
	strcpy(deep, "{\"x\":");
	memset(deep + 5, '[', 40);
	memset(deep + 45, ']', 40);
	strcpy(deep + 85, "}");
	src.claim = span_of(deep);
	expect_no_rights(&src, "nested too deeply");
}

/* {"sub": {LIST: [n times "<len letters>"]}} */
static const char *claim_of(char *out, const char *list, size_t n, size_t len)
{
	char *end = out + sprintf(out, "{\"sub\":{\"%s\":[", list);

	for (size_t i = 0; i < n; i++) {
		end += sprintf(end, "%s\"%03zu", i > 0 ? "," : "", i);
		memset(end, 'x', len - 3);
		end += len - 3;
		*end++ = '"';
	}
	strcpy(end, "]}}");
	return out;
}

static void limits_of_the_claim(void **state)
{
	static const char *const lists[] = {"allow", "deny"};
	static char claim[(PATTERN_MAX + 8) * 80];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		struct rights_source src =
			source(claim_of(claim, lists[i], 64, PATTERN_MAX));

		rights_free(make(&src));
		src = source(claim_of(claim, lists[i], 65, 9));
		expect_no_rights(&src, "more than 64 patterns");
		src = source(claim_of(claim, lists[i], 1, PATTERN_MAX + 1));
		expect_no_rights(&src, "[0]: it has more than 255 bytes");
	}
}

/* A token may carry secrets in its claims: only the operator's name is shown.
 */
static void texts_do_not_quote_the_claim(void **state)
{
	struct rights_source src =
		source("{\"sub\": {\"deny\": [\"fine\", \"sesame sesame\"]}}");
	struct rights *r = NULL;
	struct http_error why;

	(void)state;
	src.claim_name = "https://example.com/\x01";
	assert_int_equal(rights_new(&r, &why, &src), -EINVAL);
	assert_string_equal(why.text,
			    "the token's claim \"https://example.com/\\x01\" "
			    "cannot be used: sub.deny[1]: it has a blank "
			    "(queue groups are not allowed)");
}

/* Wildcards must not deliver what only the gateway may read: replies that it
 * gets, requests that it sends. */
static void subjects_of_the_gateway_are_not_read(void **state)
{
	static char *all[] = {(char *)">"};
	static const char text[] = "it is a subject of the gateway itself";
	const struct span any = span_of(">"), other = span_of("gw.inboxes.>");
	struct rights_source src = source(NULL);
	struct rights_selection s;
	struct http_error why;
	struct rights *r;

	(void)state;
	src.allow_sub = all;
	src.n_allow_sub = 1;
	src.own[0] = "gw.inbox.>";
	src.own[1] = "$JS.API.>"; /* hidden anyway */
	r = make(&src);
	expect_answer(r, "gw.inbox.>", 403, text);
	expect_answer(r, "gw.inbox.*.a", 403, text);
	expect_answer(r, "gw.inboxes.>", 0, NULL);
	assert_true(rights_denies(r, span_of("gw.inbox.1.2")));
	assert_false(rights_denies(r, span_of("gw.inboxes.1")));
	assert_int_equal(rights_select(&s, &why, r, &any, 1), 0);
	assert_int_equal(s.n_denied, 1);
	assert_int_equal(s.denied[0].len, strlen("gw.inbox.>"));
	assert_int_equal(rights_select(&s, &why, r, &other, 1), 0);
	assert_int_equal(s.n_denied, 0);
	rights_free(r);
}

/* ---- requests ------------------------------------------------------------ */

static void requests_are_limited_and_checked(void **state)
{
	struct rights *r =
		make_claimed("{\"sub\": {\"allow\": [\"orders.>\"]}}");
	struct span asked[RIGHTS_REQUEST_MAX + 1];
	struct rights_selection s;
	struct http_error why = {0};

	(void)state;
	expect_answer(r, "", 400, "is not a NATS pattern: it is empty");
	expect_answer(r, "orders..x", 400, "\"orders..x\"");
	expect_answer(r, "orders.>.x", 400, NULL);
	expect_answer(r, "orders.a*", 400, NULL);
	expect_answer(r, "orders.\x01", 400, "\"orders.\\x01\"");
	for (size_t i = 0; i < ARRAY_LEN(asked); i++)
		asked[i] = span_of("orders.a");
	assert_int_equal(rights_select(&s, &why, r, asked, RIGHTS_REQUEST_MAX),
			 0);
	assert_int_equal(s.n_patterns, 1);
	assert_int_equal(rights_select(&s, &why, r, asked,
				       RIGHTS_REQUEST_MAX + 1),
			 -EINVAL);
	assert_int_equal(why.status, 400);
	assert_int_equal(why.reason, REJECT_BAD_SUBJECT);
	assert_string_equal(why.text,
			    "subject is given 33 times, allowed are 32");
	asked[7] = span_of("events.bob");
	assert_int_equal(rights_select(&s, &why, r, asked, 8), -EINVAL);
	assert_int_equal(why.status, 403);
	assert_non_null(strstr(why.text, "events.bob"));
	rights_free(r);
}

/* The longest patterns fit the text: shortened, not cut in the middle of it. */
static void long_patterns_are_named(void **state)
{
	static char claim[4 * PATTERN_MAX];
	struct http_error why = {0};
	struct rights *r;
	char deep[PATTERN_MAX + 1] = "000";

	(void)state;
	memset(deep + 3, 'x', sizeof(deep) - 4);
	r = make_claimed(claim_of(claim, "deny", 1, PATTERN_MAX));
	assert_int_equal(rights_check(r, span_of(deep), &why), -EINVAL);
	assert_non_null(strstr(why.text, "\"000xx"));
	assert_non_null(strstr(why.text, "that this identity may read"));
	rights_free(r);
	sprintf(claim, "{\"sub\":{\"allow\":[\">\"],\"deny\":[\"%s\"]}}", deep);
	r = make_claimed(claim);
	assert_int_equal(rights_check(r, span_of(deep), &why), -EINVAL);
	assert_non_null(strstr(why.text, "inside \"000xx"));
	assert_int_equal(why.text[strlen(why.text) - 1], '"');
	rights_free(r);
}

/* ---- against the slow implementation ------------------------------------- */

enum { SIDE_MAX = 5 };

/* What the rights of a round are made of. */
struct round {
	const char *subjects[SIDE_MAX], *allow[SIDE_MAX], *deny[SIDE_MAX];
	size_t n_subjects, n_allow, n_deny;
};

static size_t pick(const char **list, size_t least)
{
	size_t n = least + (size_t)rand() % (SIDE_MAX - least);

	for (size_t i = 0; i < n; i++)
		list[i] = slow_pattern((size_t)rand() % SLOW_PATTERNS);
	return n;
}

static void print_list(char *out, const char *name, const char **list, size_t n)
{
	sprintf(out, "\"%s\":[", name);
	for (size_t i = 0; i < n; i++)
		sprintf(out + strlen(out), "%s\"%s\"", i > 0 ? "," : "",
			list[i]);
	strcat(out, "]");
}

static struct rights *make_round(struct round *t)
{
	char allow[256], deny[256], claim[600];
	struct rights_source src;

	t->n_subjects = pick(t->subjects, 1);
	t->n_allow = pick(t->allow, 0);
	t->n_deny = pick(t->deny, 0);
	print_list(allow, "allow", t->allow, t->n_allow);
	print_list(deny, "deny", t->deny, t->n_deny);
	sprintf(claim, "{\"sub\":{%s,%s}}", allow, deny);
	src = source(claim);
	src.subjects = (char *const *)(void *)t->subjects;
	src.n_subjects = t->n_subjects;
	return make(&src);
}

static bool slow_any_around(const char *const *list, size_t n,
			    const char *pattern)
{
	for (size_t i = 0; i < n; i++)
		if (slow_inside(pattern, list[i]))
			return true;
	return false;
}

static bool slow_any_matches(const char *const *list, size_t n,
			     const char *subject)
{
	for (size_t i = 0; i < n; i++)
		if (slow_matches(list[i], subject))
			return true;
	return false;
}

static bool slow_may_read(const struct round *t, const char *pattern)
{
	return (slow_any_around(t->subjects, t->n_subjects, pattern) ||
		slow_any_around(t->allow, t->n_allow, pattern)) &&
	       !slow_any_around(t->deny, t->n_deny, pattern);
}

static bool any_matches(const struct span *list, size_t n, const char *subject)
{
	for (size_t i = 0; i < n; i++)
		if (pattern_matches(list[i], span_of(subject)))
			return true;
	return false;
}

static const char *copy_text(char *out, struct span text)
{
	memcpy(out, text.at, text.len);
	out[text.len] = '\0';
	return out;
}

static bool slow_any_overlaps(const struct rights_selection *s,
			      struct span denied)
{
	char a[PATTERN_MAX + 1], b[PATTERN_MAX + 1];

	for (size_t i = 0; i < s->n_patterns; i++)
		if (slow_overlaps(copy_text(a, denied),
				  copy_text(b, s->patterns[i])))
			return true;
	return false;
}

/* The selection has each subject that one of `want` has and none of the denied,
 * and no pattern without effect. */
static void compare_selection(const struct rights_selection *s,
			      const struct round *t, const char *const *want,
			      size_t n)
{
	for (size_t i = 0; i < SLOW_SUBJECTS; i++) {
		const char *subject = slow_subject(i);
		bool has = any_matches(s->patterns, s->n_patterns, subject) &&
			   !any_matches(s->denied, s->n_denied, subject);

		assert_int_equal(has,
				 slow_any_matches(want, n, subject) &&
					 !slow_any_matches(t->deny, t->n_deny,
							   subject));
	}
	for (size_t d = 0; d < s->n_denied; d++)
		assert_true(slow_any_overlaps(s, s->denied[d]));
}

static void compare_default(const struct rights *r, const struct round *t)
{
	struct rights_selection s;
	struct http_error why = {0};
	const char *want[SIDE_MAX];
	size_t n = 0;
	int rc = rights_select(&s, &why, r, NULL, 0);

	for (size_t i = 0; i < t->n_subjects; i++)
		if (!slow_any_around(t->deny, t->n_deny, t->subjects[i]))
			want[n++] = t->subjects[i];
	assert_int_equal(rc, n > 0 ? 0 : -EINVAL);
	if (n > 0)
		compare_selection(&s, t, want, n);
	else
		assert_int_equal(why.status, 403);
}

static void compare_asked(const struct rights *r, const struct round *t)
{
	struct rights_selection s;
	struct http_error why = {0};
	const char *asked[SIDE_MAX];
	struct span list[SIDE_MAX];
	size_t n = pick(asked, 1);
	bool may = true;
	int rc;

	for (size_t i = 0; i < n; i++) {
		list[i] = span_of(asked[i]);
		may &= slow_may_read(t, asked[i]);
	}
	rc = rights_select(&s, &why, r, list, n);
	assert_int_equal(rc, may ? 0 : -EINVAL);
	if (may)
		compare_selection(&s, t, asked, n);
	else
		assert_int_equal(why.status, 403);
}

static void answers_like_the_slow_one(void **state)
{
	size_t allowed = 0, rejected = 0;

	(void)state;
	srand(12);
	for (size_t round = 0; round < 400; round++) {
		struct round t;
		struct rights *r = make_round(&t);

		for (size_t i = 0; i < SLOW_PATTERNS; i++) {
			struct http_error why;
			struct span pattern = span_of(slow_pattern(i));
			bool may = slow_may_read(&t, slow_pattern(i));

			assert_int_equal(rights_check(r, pattern, &why),
					 may ? 0 : -EINVAL);
			allowed += may;
			rejected += !may;
		}
		for (size_t i = 0; i < SLOW_SUBJECTS; i++)
			assert_int_equal(rights_denies(r, span_of(slow_subject(
								  i))),
					 slow_any_matches(t.deny, t.n_deny,
							  slow_subject(i)));
		compare_default(r, &t);
		for (size_t i = 0; i < 10; i++)
			compare_asked(r, &t);
		rights_free(r);
	}
	assert_true(allowed > 2000 && rejected > 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(templates_give_rights_of_the_identity_alone),
		cmocka_unit_test(allow_sub_is_not_followed_by_default),
		cmocka_unit_test(no_identity_needs_no_placeholder),
		cmocka_unit_test(templates_that_make_no_pattern),
		cmocka_unit_test(hidden_subjects_are_never_events),
		cmocka_unit_test(claim_allows_and_denies),
		cmocka_unit_test(a_deny_alone_allows_nothing_more),
		cmocka_unit_test(deny_applies_to_templates),
		cmocka_unit_test(usable_claims),
		cmocka_unit_test(unusable_claims),
		cmocka_unit_test(depth_of_the_claim_is_limited),
		cmocka_unit_test(limits_of_the_claim),
		cmocka_unit_test(texts_do_not_quote_the_claim),
		cmocka_unit_test(requests_are_limited_and_checked),
		cmocka_unit_test(long_patterns_are_named),
		cmocka_unit_test(subjects_of_the_gateway_are_not_read),
		cmocka_unit_test(answers_like_the_slow_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
