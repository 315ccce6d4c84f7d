/* The list of servers: its random order, the discovered ones, its bounds, and
 * that one tls:// URL is for all. URLs themselves: test_server_url.c. */
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

static void one_tls_url_is_for_all(void **state)
{
	static const char *const urls[] = {"nats://n1", "TLS://a:b@n2"};
	struct nats_servers_item it;
	struct nats_servers s;

	(void)state;
	init(&s, urls, 1);
	assert_false(s.tls);
	nats_servers_finish(&s);
	init(&s, urls, 2);
	assert_true(s.tls);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(nats_servers_next(&s, &it), 0);
		if (strcmp(it.host, "n2") == 0) {
			assert_string_equal(it.url, "nats://n2:4222");
			assert_string_equal(it.user, "a");
			assert_string_equal(it.password, "b");
		}
		nats_servers_item_finish(&it);
	}
	nats_servers_finish(&s);
}

/* The text of the error hides the userinfo. */
static void a_wrong_url_is_an_error(void **state)
{
	static const char *const urls[] = {"nats://n1",
					   "nats://a:secret%zz@n2"};
	char err[NATS_SERVERS_ERROR_MAX];
	struct nats_servers s;

	(void)state;
	assert_int_equal(nats_servers_init(&s, urls, 2, err), -EINVAL);
	assert_non_null(strstr(err, "--server: wrong value"));
	assert_null(strstr(err, "secret"));
	assert_int_equal(s.n, 0);
}

/* "n1 n2 n3 ": all in turn; static. */
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

static void discovered_servers_follow_the_configured_ones(void **state)
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
	/* nothing announced: the list stays */
	nats_servers_discovered(&s, &from, NULL, 0);
	assert_int_equal(s.n, 3);
	nats_servers_discovered(&s, &from, second, 1);
	assert_string_equal(round_of(&s), "10.0.0.3 n1.example ");
	/* credentials and certificate name of the server that announced it */
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
		cmocka_unit_test(one_tls_url_is_for_all),
		cmocka_unit_test(a_wrong_url_is_an_error),
		cmocka_unit_test(the_local_server_is_the_default),
		cmocka_unit_test(the_order_is_random_and_kept),
		cmocka_unit_test(discovered_servers_follow_the_configured_ones),
		cmocka_unit_test(the_list_has_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
