#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth/kv_rights.h"
#include "auth/publish_rights.h"
#include "base/check.h"
#include "slow_pattern.h"

enum { TEXT_MAX = RIGHTS_LIST_MAX * PATTERN_MAX };

static struct rights *make_rights(char *const *allow_sub, size_t n,
				  const char *claim)
{
	struct rights_source src = {
		.allow_sub = allow_sub,
		.n_allow_sub = n,
		.id = span_of("alice"),
		.claim_name = "nats",
	};
	struct rights *r = NULL;
	struct http_error why = {0};

	if (claim != NULL)
		src.claim = span_of(claim);
	if (rights_new(&r, &why, &src) != 0)
		fail_msg("%s", why.text);
	assert_non_null(r);
	return r;
}

static void expect_access(const struct rights_patterns *p, const char *subject,
			  enum kv_access access, const char *text)
{
	struct http_error why = {0};
	int rc = kv_rights_check(p, span_of(subject), access, &why);

	if (rc != (text == NULL ? 0 : -EINVAL) ||
	    (text != NULL && strstr(why.text, text) == NULL))
		fail_msg("\"%s\": %s", subject, why.text);
	if (text == NULL)
		return;
	assert_int_equal(why.status, 403);
	assert_int_equal(why.reason, REJECT_SUBJECT_NOT_ALLOWED);
}

static void expect_selection(const struct rights_patterns *p,
			     const char *pattern, const char *want)
{
	struct rights_selection s;
	struct http_error why;
	struct buf text;
	char got[512] = "";

	buf_init(&text, TEXT_MAX);
	assert_int_equal(kv_rights_select(&s, &text, &why, p, span_of(pattern)),
			 0);
	for (size_t i = 0; i < s.n_patterns + s.n_denied; i++) {
		bool denied = i >= s.n_patterns;
		struct span one =
			denied ? s.denied[i - s.n_patterns] : s.patterns[i];

		snprintf(got + strlen(got), sizeof(got) - strlen(got),
			 "%s%.*s ", denied ? "-" : "", (int)one.len, one.at);
	}
	assert_string_equal(got, want);
	buf_finish(&text);
}

static void the_first_token_of_a_right_is_kv(void **state)
{
	char *allow[] = {(char *)">", (char *)"*.>", (char *)"*.cfg.*"};
	struct rights *r = make_rights(allow, ARRAY_LEN(allow), NULL);
	const struct rights_patterns *p = rights_of_kv(r);

	(void)state;
	expect_access(p, "$KV.cfg.a", KV_ACCESS_READ,
		      "reading subject \"$KV.cfg.a\" is not allowed: it is not "
		      "inside a $KV pattern that this identity may read");
	expect_selection(p, "$KV.cfg.>", "");
	assert_false(kv_rights_overlap(p, span_of("$KV.cfg.>")));
	rights_free(r);
}

static void rights_of_templates_and_tokens(void **state)
{
	char *allow[] = {(char *)"$KV.prefs.{id}.>"};
	struct rights *r = make_rights(allow, 1,
				       "{\"sub\":{\"allow\":[\"$KV.cfg.*\","
				       "\"$KVx.b.>\",\"$KV\"],"
				       "\"deny\":[\"$KV.cfg.secret\","
				       "\"*.prefs.alice.own.>\"]}}");
	const struct rights_patterns *p = rights_of_kv(r);

	(void)state;
	expect_access(p, "$KV.prefs.alice.x", KV_ACCESS_READ, NULL);
	expect_access(p, "$KV.prefs.bob.x", KV_ACCESS_READ, "not allowed");
	expect_access(p, "$KV.cfg.a", KV_ACCESS_READ, NULL);
	expect_access(p, "$KV.cfg.a.b", KV_ACCESS_READ, "not allowed");
	expect_access(p, "$KVx.b.a", KV_ACCESS_READ, "not allowed");
	expect_access(p, "$KV.cfg.secret", KV_ACCESS_READ,
		      "is denied: it is inside \"$KV.cfg.secret\"");
	expect_access(p, "$KV.prefs.alice.own.x", KV_ACCESS_READ,
		      "is denied: it is inside \"*.prefs.alice.own.>\"");
	assert_true(kv_rights_overlap(p, span_of("$KV.cfg.>")));
	assert_true(kv_rights_overlap(p, span_of("$KV.prefs.>")));
	assert_false(kv_rights_overlap(p, span_of("$KV.other.>")));
	assert_false(kv_rights_overlap(p, span_of("$KV.cfg.secret")));
	rights_free(r);
}

static void rights_to_write(void **state)
{
	char *allow[] = {(char *)"$KV.prefs.{id}.>", (char *)">"};
	struct publish_rights_source src = {
		.allow_pub = allow,
		.n_allow_pub = 2,
		.id = span_of("alice"),
		.claim = span_of("{\"pub\":{\"deny\":[\"$KV.*.*.fixed\"]}}"),
		.claim_name = "nats",
	};
	struct publish_rights *r = NULL;
	struct http_error why;
	const struct rights_patterns *p;

	(void)state;
	assert_int_equal(publish_rights_new(&r, &why, &src), 0);
	p = publish_rights_of_kv(r);
	expect_access(p, "$KV.prefs.alice.x", KV_ACCESS_WRITE, NULL);
	expect_access(p, "$KV.cfg.x", KV_ACCESS_WRITE,
		      "publishing to subject \"$KV.cfg.x\" is not allowed: it "
		      "is not inside a $KV pattern that this identity may "
		      "publish to");
	expect_access(p, "$KV.prefs.alice.fixed", KV_ACCESS_WRITE,
		      "publishing to subject \"$KV.prefs.alice.fixed\" is "
		      "denied");
	/* Only the routes of key-value use these rights. */
	assert_int_equal(publish_rights_check(r, span_of("$KV.prefs.alice.x"),
					      &why),
			 -EINVAL);
	publish_rights_free(r);
}

static void selections(void **state)
{
	char *allow[] = {(char *)"$KV.cfg.a.>", (char *)"$KV.cfg.*.x",
			 (char *)"$KV.*.b", (char *)">"};
	struct rights *r =
		make_rights(allow, ARRAY_LEN(allow),
			    "{\"sub\":{\"deny\":[\"*.cfg.a.s.>\","
			    "\"$KV.cfg.c.x\",\"$KV.o.>\",\"a.>\"]}}");
	const struct rights_patterns *p = rights_of_kv(r);

	(void)state;
	expect_selection(p, "$KV.cfg.>",
			 "$KV.cfg.*.x $KV.cfg.a.> $KV.cfg.b "
			 "-$KV.cfg.c.x -*.cfg.a.s.> ");
	expect_selection(p, "$KV.cfg.*.*",
			 "$KV.cfg.*.x $KV.cfg.a.* -$KV.cfg.c.x ");
	expect_selection(p, "$KV.cfg.a.x", "$KV.cfg.a.x ");
	expect_selection(p, "$KV.cfg.b", "$KV.cfg.b ");
	expect_selection(p, "$KV.cfg.c.x", "");
	expect_selection(p, "$KV.cfg.a.s.>", "");
	expect_selection(p, "$KV.cfg.z", "");
	expect_selection(p, "$KV.o.>", "");
	assert_false(kv_rights_overlap(p, span_of("$KV.o.>")));
	rights_free(r);
}

static void a_selection_is_bounded(void **state)
{
	char texts[2][RIGHTS_LIST_MAX][32], *allow[RIGHTS_LIST_MAX];
	char claim[RIGHTS_LIST_MAX * 24 + 64] = "{\"sub\":{\"allow\":[";
	struct rights_selection s;
	struct http_error why = {0};
	struct rights *r;
	struct buf text;

	(void)state;
	for (int i = 0; i < RIGHTS_LIST_MAX; i++) {
		snprintf(texts[0][i], sizeof(texts[0][i]), "$KV.cfg.a%d", i);
		snprintf(texts[1][i], sizeof(texts[1][i]), "%s\"$KV.cfg.b%d\"",
			 i > 0 ? "," : "", i);
		allow[i] = texts[0][i];
		strcat(claim, texts[1][i]);
	}
	strcat(claim, "]}}");
	buf_init(&text, TEXT_MAX);
	r = make_rights(allow, RIGHTS_LIST_MAX, NULL);
	assert_int_equal(kv_rights_select(&s, &text, &why, rights_of_kv(r),
					  span_of("$KV.cfg.>")),
			 0);
	assert_int_equal(s.n_patterns, RIGHTS_LIST_MAX);
	rights_free(r);
	r = make_rights(allow, RIGHTS_LIST_MAX, claim);
	assert_int_equal(kv_rights_select(&s, &text, &why, rights_of_kv(r),
					  span_of("$KV.cfg.>")),
			 -EINVAL);
	assert_int_equal(why.status, 403);
	rights_free(r);
	buf_finish(&text);
}

static void a_common_pattern_is_bounded(void **state)
{
	char right[PATTERN_MAX + 1], pattern[PATTERN_MAX + 1];
	char *allow[] = {right};
	struct rights_selection s;
	struct http_error why = {0};
	struct rights *r;
	struct buf text;

	(void)state;
	memset(right, 'r', PATTERN_MAX);
	memset(pattern, 'p', PATTERN_MAX);
	right[PATTERN_MAX] = pattern[PATTERN_MAX] = '\0';
	memcpy(right, "$KV.*.", 6);
	memcpy(pattern, "$KV.", 4);
	memcpy(pattern + PATTERN_MAX - 2, ".*", 2);
	buf_init(&text, TEXT_MAX);
	r = make_rights(allow, 1, NULL);
	assert_int_equal(kv_rights_select(&s, &text, &why, rights_of_kv(r),
					  span_of(pattern)),
			 -EINVAL);
	assert_int_equal(why.status, 403);
	rights_free(r);
	buf_finish(&text);
}

/* ---- against the slow implementation ------------------------------------- */

enum { SIDE_MAX = 5 };

static size_t pick_patterns(char out[SIDE_MAX][24])
{
	size_t n = (size_t)rand() % SIDE_MAX;

	for (size_t i = 0; i < n; i++)
		snprintf(out[i], 24, "%s%s", rand() % 4 > 0 ? "$KV." : "",
			 slow_pattern((size_t)rand() % SLOW_PATTERNS));
	return n;
}

static bool slow_may(char allow[SIDE_MAX][24], size_t n_allow,
		     char deny[SIDE_MAX][24], size_t n_deny,
		     const char *subject)
{
	bool may = false;

	for (size_t i = 0; i < n_allow; i++)
		may |= strncmp(allow[i], "$KV.", 4) == 0 &&
		       slow_matches(allow[i], subject);
	for (size_t i = 0; i < n_deny; i++)
		may &= !slow_matches(deny[i], subject);
	return may;
}

static bool delivers(const struct rights_selection *s, const char *subject)
{
	bool is = false;

	for (size_t i = 0; i < s->n_patterns; i++)
		is |= pattern_matches(s->patterns[i], span_of(subject));
	for (size_t i = 0; i < s->n_denied; i++)
		is &= !pattern_matches(s->denied[i], span_of(subject));
	return is;
}

static void print_patterns(char *to, char list[SIDE_MAX][24], size_t n)
{
	for (size_t i = 0; i < n; i++)
		sprintf(to + strlen(to), "%s\"%s\"", i > 0 ? "," : "", list[i]);
}

static void answers_like_the_slow_one(void **state)
{
	size_t allowed = 0, rejected = 0;
	struct buf text;

	(void)state;
	srand(14);
	buf_init(&text, TEXT_MAX);
	for (size_t round = 0; round < 400; round++) {
		char allow[SIDE_MAX][24], deny[SIDE_MAX][24];
		char filter[24], claim[400] = "{\"sub\":{\"allow\":[";
		size_t n_allow = pick_patterns(allow);
		size_t n_deny = pick_patterns(deny);
		struct rights_selection s;
		struct http_error why;
		struct rights *r;

		print_patterns(claim, allow, n_allow);
		strcat(claim, "],\"deny\":[");
		print_patterns(claim, deny, n_deny);
		strcat(claim, "]}}");
		snprintf(filter, sizeof(filter), "$KV.%s",
			 slow_pattern((size_t)rand() % SLOW_PATTERNS));
		r = make_rights(NULL, 0, claim);
		assert_int_equal(kv_rights_select(&s, &text, &why,
						  rights_of_kv(r),
						  span_of(filter)),
				 0);
		for (size_t i = 0; i < SLOW_SUBJECTS; i++) {
			char subject[24];
			bool may;

			snprintf(subject, sizeof(subject), "$KV.%s",
				 slow_subject(i));
			may = slow_may(allow, n_allow, deny, n_deny, subject);
			expect_access(rights_of_kv(r), subject, KV_ACCESS_READ,
				      may ? NULL : "reading subject");
			if (delivers(&s, subject) !=
			    (may && slow_matches(filter, subject)))
				fail_msg("%s, %s, %s", claim, filter, subject);
			allowed += may;
			rejected += !may;
		}
		rights_free(r);
	}
	buf_finish(&text);
	assert_true(allowed > 2000 && rejected > 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_token_of_a_right_is_kv),
		cmocka_unit_test(rights_of_templates_and_tokens),
		cmocka_unit_test(rights_to_write),
		cmocka_unit_test(selections),
		cmocka_unit_test(a_selection_is_bounded),
		cmocka_unit_test(a_common_pattern_is_bounded),
		cmocka_unit_test(answers_like_the_slow_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
