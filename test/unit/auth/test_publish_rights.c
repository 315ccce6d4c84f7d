#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth/publish_rights.h"
#include "base/check.h"
#include "slow_pattern.h"

static char *orders[] = {(char *)"orders.{id}.>"};

/* --allow-pub orders.{id}.> for alice, with this claim or NULL. */
static struct publish_rights_source source(const char *claim)
{
	struct publish_rights_source src = {
		.allow_pub = orders,
		.n_allow_pub = 1,
		.id = span_of("alice"),
		.claim_name = "nats",
	};

	if (claim != NULL)
		src.claim = span_of(claim);
	return src;
}

static struct publish_rights *make(const struct publish_rights_source *src)
{
	struct publish_rights *r = NULL;
	struct http_error why = {0};

	if (publish_rights_new(&r, &why, src) != 0)
		fail_msg("%s", why.text);
	assert_non_null(r);
	return r;
}

static struct publish_rights *make_claimed(const char *claim)
{
	struct publish_rights_source src = source(claim);

	return make(&src);
}

static void expect_answer(const struct publish_rights *r, const char *subject,
			  int status, const char *text)
{
	struct http_error why = {0};
	int rc = publish_rights_check(r, span_of(subject), &why);

	if (rc != (status == 0 ? 0 : -EINVAL) || why.status != status ||
	    (text != NULL && strstr(why.text, text) == NULL))
		fail_msg("\"%s\": %d, %s", subject, why.status, why.text);
	if (status == 400)
		assert_int_equal(why.reason, REJECT_BAD_SUBJECT);
	if (status == 403)
		assert_int_equal(why.reason, REJECT_SUBJECT_NOT_ALLOWED);
}

static void expect_no_rights(const struct publish_rights_source *src,
			     const char *text)
{
	struct publish_rights *r = NULL;
	struct http_error why = {0};

	assert_int_equal(publish_rights_new(&r, &why, src), -EINVAL);
	assert_null(r);
	assert_int_equal(why.status, 403);
	assert_int_equal(why.reason, REJECT_BAD_RIGHTS);
	if (strstr(why.text, text) == NULL)
		fail_msg("%s", why.text);
}

/* ---- templates and claims ------------------------------------------------ */

static void templates_give_rights_of_the_identity_alone(void **state)
{
	struct publish_rights *r = make_claimed(NULL);

	(void)state;
	expect_answer(r, "orders.alice.7", 0, NULL);
	expect_answer(r, "orders.alice.7.x", 0, NULL);
	expect_answer(r, "orders.alice", 403,
		      "publishing to subject \"orders.alice\" is not allowed: "
		      "it is not inside a pattern that this identity may "
		      "publish to");
	expect_answer(r, "orders.bob.7", 403, "\"orders.bob.7\"");
	expect_answer(r, "events.alice", 403, NULL);
	publish_rights_free(r);
}

/* Rights to read are no rights to publish, and denials of reading deny no
 * publish. */
static void the_part_pub_counts_alone(void **state)
{
	struct publish_rights *r = make_claimed(
		"{\"sub\": {\"allow\": [\"read.>\"], \"deny\": [\">\"]},"
		" \"pub\": {\"allow\": [\"logs.*\"],"
		" \"deny\": [\"logs.secret\", \"orders.*.x.>\"]}}");

	(void)state;
	expect_answer(r, "logs.a", 0, NULL);
	expect_answer(r, "orders.alice.x", 0, NULL);
	expect_answer(r, "read.a", 403, "is not allowed");
	expect_answer(r, "logs.secret", 403,
		      "publishing to subject \"logs.secret\" is denied: it is "
		      "inside \"logs.secret\"");
	expect_answer(r, "orders.alice.x.y", 403,
		      "is denied: it is inside \"orders.*.x.>\"");
	publish_rights_free(r);
}

static void a_deny_alone_allows_nothing_more(void **state)
{
	struct publish_rights_source src =
		source("{\"pub\": {\"deny\": [\"a\"]}}");
	struct publish_rights *r;

	(void)state;
	src.n_allow_pub = 0;
	r = make(&src);
	expect_answer(r, "a", 403, NULL);
	expect_answer(r, "b", 403, "is not allowed");
	publish_rights_free(r);
	src.claim = span_of("{\"sub\": {\"allow\": [\">\"]}}");
	r = make(&src);
	expect_answer(r, "b", 403, "is not allowed");
	publish_rights_free(r);
}

static void rights_that_cannot_be_used(void **state)
{
	struct publish_rights_source src =
		source("{\"pub\": {\"allow\": [\"a b\"]}}");
	char *first[] = {(char *)"{id}.>"};

	(void)state;
	expect_no_rights(&src, "pub.allow[0]: it has a blank");
	/* A part that is not needed may hide a part that is. */
	src.claim = span_of("{\"sub\": 1}");
	expect_no_rights(&src, "sub and pub must be objects");
	src.claim = (struct span){NULL, 0};
	src.allow_pub = first;
	src.id = span_of("$JS");
	expect_no_rights(&src, "--allow-pub {id}.> makes no pattern of this "
			       "identity: its first token begins with $");
}

/* ---- subjects ------------------------------------------------------------ */

static void subjects_are_literals(void **state)
{
	struct publish_rights *r =
		make_claimed("{\"pub\": {\"allow\": [\">\"]}}");
	char longest[PATTERN_MAX + 2];

	(void)state;
	expect_answer(r, "", 400,
		      "subject \"\" cannot be published to: it is empty");
	expect_answer(r, "a..b", 400, "empty token");
	expect_answer(r, ".a", 400, NULL);
	expect_answer(r, "a.", 400, NULL);
	expect_answer(r, "a b", 400, NULL);
	expect_answer(r, "a\r\nPUB x 0\r\n", 400, "\\x0d\\x0a");
	expect_answer(r, "a.\xc3\xa4", 400, "printable ASCII");
	expect_answer(r, "a.*", 400, "it has a wildcard");
	expect_answer(r, "a.>", 400, "it has a wildcard");
	expect_answer(r, "*", 400, "it has a wildcard");
	expect_answer(r, "a*", 400, "whole tokens");
	memset(longest, 'x', sizeof(longest));
	longest[PATTERN_MAX] = '\0';
	expect_answer(r, longest, 0, NULL);
	longest[PATTERN_MAX] = 'x';
	longest[PATTERN_MAX + 1] = '\0';
	expect_answer(r, longest, 400, "255 bytes");
	publish_rights_free(r);
}

static void hidden_subjects_are_never_published_to(void **state)
{
	char *allow[] = {(char *)">", (char *)"$KV.prefs.{id}.>"};
	struct publish_rights_source src =
		source("{\"pub\": {\"allow\": [\"$JS.>\", \"_INBOX.>\", "
		       "\"$SYS.x\"]}}");
	struct publish_rights *r;

	(void)state;
	src.allow_pub = allow;
	src.n_allow_pub = ARRAY_LEN(allow);
	r = make(&src);
	expect_answer(r, "$JS.API.STREAM.DELETE.x", 403,
		      "its first token begins with $ or is _INBOX");
	expect_answer(r, "$KV.prefs.alice.x", 403, "begins with $");
	expect_answer(r, "$SYS.x", 403, "begins with $");
	expect_answer(r, "$SRV.PING", 403, "begins with $");
	expect_answer(r, "_INBOX.a.b", 403, "_INBOX");
	expect_answer(r, "_INBOX", 403, "_INBOX");
	expect_answer(r, "_INBOX_gw.a", 0, NULL);
	expect_answer(r, "a.$JS", 0, NULL);
	publish_rights_free(r);
}

static void expect_default(const char *template, const char *id,
			   const char *want)
{
	char out[PATTERN_MAX];
	struct span subject = {NULL, 0};
	struct http_error why = {0};
	int rc = publish_subject_default(&subject, out, &why, template,
					 span_of(id));

	assert_int_equal(rc, want != NULL ? 0 : -EINVAL);
	if (want == NULL) {
		assert_int_equal(why.status, 400);
		assert_int_equal(why.reason, REJECT_BAD_SUBJECT);
		return;
	}
	assert_int_equal(subject.len, strlen(want));
	assert_memory_equal(subject.at, want, subject.len);
}

static void subjects_by_default(void **state)
{
	(void)state;
	expect_default("events.{id}", "alice", "events.alice");
	expect_default("log", "", "log");
	expect_default("events.{id}.>", "alice", NULL);
	expect_default("*.{id}", "alice", NULL);
	expect_default("{id}.x", "$JS", NULL);
}

/* ---- against the slow implementation ------------------------------------- */

enum { SIDE_MAX = 5 };

struct round {
	const char *templates[SIDE_MAX], *allow[SIDE_MAX], *deny[SIDE_MAX];
	size_t n_templates, n_allow, n_deny;
};

static size_t pick(const char **list)
{
	size_t n = (size_t)rand() % SIDE_MAX;

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

static struct publish_rights *make_round(struct round *t)
{
	char allow[256], deny[256], claim[600];
	struct publish_rights_source src;

	t->n_templates = pick(t->templates);
	t->n_allow = pick(t->allow);
	t->n_deny = pick(t->deny);
	print_list(allow, "allow", t->allow, t->n_allow);
	print_list(deny, "deny", t->deny, t->n_deny);
	sprintf(claim, "{\"pub\":{%s,%s}}", allow, deny);
	src = source(claim);
	src.allow_pub = (char *const *)(void *)t->templates;
	src.n_allow_pub = t->n_templates;
	return make(&src);
}

static bool slow_any_matches(const char *const *list, size_t n,
			     const char *subject)
{
	for (size_t i = 0; i < n; i++)
		if (slow_matches(list[i], subject))
			return true;
	return false;
}

static bool slow_may_publish(const struct round *t, const char *subject)
{
	return (slow_any_matches(t->templates, t->n_templates, subject) ||
		slow_any_matches(t->allow, t->n_allow, subject)) &&
	       !slow_any_matches(t->deny, t->n_deny, subject);
}

static void answers_like_the_slow_one(void **state)
{
	size_t allowed = 0, rejected = 0;

	(void)state;
	srand(13);
	for (size_t round = 0; round < 400; round++) {
		struct round t;
		struct publish_rights *r = make_round(&t);

		for (size_t i = 0; i < SLOW_SUBJECTS; i++) {
			const char *subject = slow_subject(i);
			bool may = slow_may_publish(&t, subject);

			expect_answer(r, subject, may ? 0 : 403, NULL);
			allowed += may;
			rejected += !may;
		}
		for (size_t i = 0; i < SLOW_PATTERNS; i++)
			if (strpbrk(slow_pattern(i), "*>") != NULL)
				expect_answer(r, slow_pattern(i), 400,
					      "wildcard");
		publish_rights_free(r);
	}
	assert_true(allowed > 2000 && rejected > 2000);
}

/* Also where they do not begin with $ or _INBOX. */
static void subjects_of_the_gateway(void **state)
{
	static char *all[] = {(char *)">"};
	static const char text[] = "it is a subject of the gateway itself";
	struct publish_rights_source src = {
		.allow_pub = all,
		.n_allow_pub = 1,
		.id = span_of("alice"),
		.inbox_prefix = "gw.inbox",
		.api_prefix = "hub.API",
	};
	struct publish_rights *r = make(&src);

	(void)state;
	expect_answer(r, "gw.inbox.1.2", 403, text);
	expect_answer(r, "gw.inbox", 403, text);
	expect_answer(r, "hub.API.STREAM.DELETE.Events", 403, text);
	expect_answer(r, "gw.inboxes", 0, NULL);
	expect_answer(r, "gw", 0, NULL);
	expect_answer(r, "hub.APIs.x", 0, NULL);
	expect_answer(r, "x.gw.inbox.1", 0, NULL);
	expect_answer(r, "_R_.a1b2", 403, "server's own, _R_ or _GR_");
	expect_answer(r, "_GR_.a.b.c", 403, "server's own, _R_ or _GR_");
	expect_answer(r, "_R_x.a", 0, NULL);
	expect_answer(r, "x._R_.a", 0, NULL);
	publish_rights_free(r);
	src.inbox_prefix = src.api_prefix = NULL;
	r = make(&src);
	expect_answer(r, "gw.inbox.1.2", 0, NULL);
	publish_rights_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(subjects_of_the_gateway),
		cmocka_unit_test(templates_give_rights_of_the_identity_alone),
		cmocka_unit_test(the_part_pub_counts_alone),
		cmocka_unit_test(a_deny_alone_allows_nothing_more),
		cmocka_unit_test(rights_that_cannot_be_used),
		cmocka_unit_test(subjects_are_literals),
		cmocka_unit_test(hidden_subjects_are_never_published_to),
		cmocka_unit_test(subjects_by_default),
		cmocka_unit_test(answers_like_the_slow_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
