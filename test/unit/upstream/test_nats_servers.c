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
#include "upstream/nats_servers.h"

static void init(struct nats_servers *s, const char *const *urls, size_t n)
{
	char err[NATS_SERVERS_ERROR_MAX];

	if (nats_servers_init(s, urls, n, err) < 0)
		fail_msg("%s", err);
}

static void a_url_is_cut_up(void **state)
{
	/* url, host, user, password, tls */
	static const struct {
		const char *given, *parts;
	} urls[] = {
		{"nats://10.0.0.1:52", "nats://10.0.0.1:52 10.0.0.1 - - 0"},
		{"n1", "nats://n1:4222 n1 - - 0"},
		{"n1:99", "nats://n1:99 n1 - - 0"},
		{"n1:99/", "nats://n1:99 n1 - - 0"},
		{"tls://n1", "nats://n1:4222 n1 - - 1"},
		{"TLS://n1", "nats://n1:4222 n1 - - 1"},
		{"[::1]", "nats://[::1]:4222 ::1 - - 0"},
		{"nats://[::1]:5", "nats://[::1]:5 ::1 - - 0"},
		{"nats://tok@n1", "nats://n1:4222 n1 tok - 0"},
		{"nats://a:b@n1", "nats://n1:4222 n1 a b 0"},
		{"nats://a:@n1", "nats://n1:4222 n1 a  0"},
		{"a:b@n1:7", "nats://n1:7 n1 a b 0"},
		{"nats://a:b:c@n1", "nats://n1:4222 n1 a b:c 0"},
		{"nats://a:b@c@n1", "nats://n1:4222 n1 a b@c 0"},
		{"nats://a%40b:%25%3a@n1", "nats://n1:4222 n1 a@b %: 0"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		struct nats_servers_item it;
		struct nats_servers s;
		char parts[256];

		init(&s, &urls[i].given, 1);
		assert_int_equal(s.n, 1);
		assert_int_equal(nats_servers_next(&s, &it), 0);
		snprintf(parts, sizeof(parts), "%s %s %s %s %d", it.url,
			 it.host, it.user == NULL ? "-" : it.user,
			 it.password == NULL ? "-" : it.password, s.tls);
		assert_string_equal(parts, urls[i].parts);
		nats_servers_item_finish(&it);
		nats_servers_finish(&s);
	}
}

/* "n1 n2 n3 " in turn, once round; static. */
static const char *round_of(struct nats_servers *s)
{
	static char text[2048];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < s->n; i++) {
		struct nats_servers_item it;

		assert_int_equal(nats_servers_next(s, &it), 0);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s ",
					it.host);
		nats_servers_item_finish(&it);
	}
	return text;
}

static void the_local_server_is_the_default(void **state)
{
	struct nats_servers s;

	(void)state;
	init(&s, NULL, 0);
	assert_string_equal(round_of(&s), "127.0.0.1 ");
	nats_servers_finish(&s);
}

static void the_order_is_random_and_kept(void **state)
{
	static const char *const urls[] = {"a", "b", "c", "d"};
	bool others = false;

	(void)state;
	for (int i = 0; i < 100; i++) {
		struct nats_servers s;
		char first[64];

		init(&s, urls, 4);
		snprintf(first, sizeof(first), "%s", round_of(&s));
		assert_string_equal(round_of(&s), first);
		for (const char *c = "abcd"; *c != '\0'; c++)
			assert_non_null(strchr(first, *c));
		others = others || strcmp(first, "a b c d ") != 0;
		nats_servers_finish(&s);
	}
	assert_true(others);
}

static void discovered_servers_follow_those_given(void **state)
{
	static const char *const given[] = {"nats://u:p@n1.example"};
	static const char *const first[] = {"nats://10.0.0.1:4222",
					    "nats://10.0.0.2:4222",
					    "nats://n1.example:4222",
					    "junk://x"};
	static const char *const second[] = {"nats://10.0.0.3:4222"};
	struct nats_servers_item from, it;
	struct nats_servers s;

	(void)state;
	init(&s, given, 1);
	assert_int_equal(nats_servers_next(&s, &from), 0);
	nats_servers_discovered(&s, &from, first, 4);
	assert_string_equal(round_of(&s), "10.0.0.1 10.0.0.2 n1.example ");
	/* nothing told is nothing known */
	nats_servers_discovered(&s, &from, NULL, 0);
	assert_int_equal(s.n, 3);
	nats_servers_discovered(&s, &from, second, 1);
	assert_string_equal(round_of(&s), "10.0.0.3 n1.example ");
	/* its credentials, and the name of its certificate */
	assert_int_equal(nats_servers_next(&s, &it), 0);
	assert_string_equal(it.host, "10.0.0.3");
	assert_string_equal(it.user, "u");
	assert_string_equal(it.password, "p");
	assert_string_equal(it.tls_name, "n1.example");
	nats_servers_item_finish(&it);
	nats_servers_item_finish(&from);
	nats_servers_finish(&s);
}

static void the_list_has_a_bound(void **state)
{
	char urls[200][32];
	const char *list[200];
	char err[NATS_SERVERS_ERROR_MAX];
	struct nats_servers_item from;
	struct nats_servers s;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		snprintf(urls[i], sizeof(urls[i]), "nats://n%zu", i);
		list[i] = urls[i];
	}
	init(&s, list, 1);
	assert_int_equal(nats_servers_next(&s, &from), 0);
	nats_servers_discovered(&s, &from, list, ARRAY_LEN(list));
	assert_int_equal(s.n, NATS_SERVERS_MAX);
	nats_servers_item_finish(&from);
	nats_servers_finish(&s);
	assert_int_equal(nats_servers_init(&s, list, NATS_SERVERS_MAX + 1, err),
			 -EINVAL);
	init(&s, list, NATS_SERVERS_MAX);
	nats_servers_finish(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_url_is_cut_up),
		cmocka_unit_test(the_local_server_is_the_default),
		cmocka_unit_test(the_order_is_random_and_kept),
		cmocka_unit_test(discovered_servers_follow_those_given),
		cmocka_unit_test(the_list_has_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
