/* The client behind proxies, by X-Forwarded-For and Forwarded. */
#include "http/forwarded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The load balancers are 10.0.0.0/8 and fd00::/8, and Unix sockets. */
static const char *const trusted_texts[] = {"10.0.0.0/8", "fd00::/8", "unix:"};
static struct address_range trusted[3];
static struct forwarded_proxies proxies;

static void trust(void)
{
	for (size_t i = 0; i < 3; i++)
		assert_null(address_range_parse(&trusted[i], trusted_texts[i]));
	proxies = (struct forwarded_proxies){0};
}

/* The client of a request from `peer` with up to four lines "Name: value". */
static const char *client(const char *peer, const char *const *lines)
{
	static char text[ADDRESS_TEXT_MAX];
	struct http_header headers[4];
	struct request head = {.headers = headers};
	struct address from = {0}, who;
	char names[4][32];

	if (strcmp(peer, "unix") != 0)
		assert_int_equal(address_parse(&from, peer, strlen(peer)), 0);
	for (size_t i = 0; lines[i] != NULL; i++) {
		const char *colon = strstr(lines[i], ": ");

		snprintf(names[i], sizeof(names[i]), "%.*s",
			 (int)(colon - lines[i]), lines[i]);
		headers[i] = (struct http_header){
			.name = names[i],
			.name_len = strlen(names[i]),
			.value = colon + 2,
			.value_len = strlen(colon + 2),
		};
		head.n_headers = i + 1;
	}
	who = forwarded_client(&proxies, &head, &from, trusted, 3);
	address_text(&who, text);
	return text;
}

#define CLIENT(peer, ...) client(peer, (const char *[]){__VA_ARGS__, NULL})

static void only_trusted_peers(void **state)
{
	(void)state;
	assert_string_equal(CLIENT("192.0.2.1", "X-Forwarded-For: 1.2.3.4"),
			    "192.0.2.1");
	assert_string_equal(CLIENT("192.0.2.1", "Forwarded: for=1.2.3.4"),
			    "192.0.2.1");
	assert_string_equal(CLIENT("10.0.0.1", "X-Forwarded-For: 1.2.3.4"),
			    "1.2.3.4");
	assert_string_equal(CLIENT("unix", "x-forwarded-for: 1.2.3.4"),
			    "1.2.3.4");
	assert_string_equal(CLIENT("fd00::1", "forwarded: For=1.2.3.4"),
			    "1.2.3.4");
	assert_string_equal(CLIENT("10.0.0.1", "X-Forwarded: 1.2.3.4"),
			    "10.0.0.1");
	assert_string_equal(client("10.0.0.1", (const char *[]){NULL}),
			    "10.0.0.1");
}

/* Right to left: the first one that is not trusted. */
static void lists(void **state)
{
	static const struct {
		const char *value, *client;
	} cases[] = {
		{"1.2.3.4", "1.2.3.4"},
		{"6.6.6.6, 1.2.3.4", "1.2.3.4"},
		{"6.6.6.6,1.2.3.4,10.0.0.2", "1.2.3.4"},
		{"10.0.0.9, 1.2.3.4 ,\t10.0.0.2 ", "1.2.3.4"},
		{"10.0.0.3, 10.0.0.2", "10.0.0.3"},
		{"2001:db8::1, fd00::2", "2001:db8::1"},
		{"[2001:db8::1]:80, fd00::2", "2001:db8::1"},
		{"[2001:db8::1]", "2001:db8::1"},
		{"1.2.3.4:5000", "1.2.3.4"},
		/* An ordinary address, not in the range unix:. */
		{"::", "::"},
		{"1.2.3.4, ::", "::"},
		{"1.2.3.4, [::]:80", "::"},
		{"", "10.0.0.1"},
		{" , ,", "10.0.0.1"},
		{"1.2.3.4, ,", "1.2.3.4"},
		/* Not an address: the client is the proxy that sent it. */
		{"unknown", "10.0.0.1"},
		{"1.2.3.4, unknown", "10.0.0.1"},
		{"1.2.3.4, unknown, 10.0.0.2", "10.0.0.2"},
		{"1.2.3.4x", "10.0.0.1"},
		{"1.2.3.4:port", "10.0.0.1"},
		{"1.2.3.4:", "10.0.0.1"},
		{"1.2.3.4:123456", "10.0.0.1"},
		{"[2001:db8::1", "10.0.0.1"},
		{"[2001:db8::1]80", "10.0.0.1"},
		{"[1.2.3.4]:80", "10.0.0.1"},
		{"[]", "10.0.0.1"},
		{"[", "10.0.0.1"},
		{"\"1.2.3.4\"", "10.0.0.1"},
		{"for=1.2.3.4", "10.0.0.1"},
	};
	char line[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(line, sizeof(line), "X-Forwarded-For: %s",
			 cases[i].value);
		assert_string_equal(CLIENT("10.0.0.1", line), cases[i].client);
	}
	/* Several lines are one list (RFC 9110, 5.3). */
	assert_string_equal(CLIENT("10.0.0.1", "X-Forwarded-For: 6.6.6.6",
				   "X-Forwarded-For: 1.2.3.4",
				   "X-Forwarded-For: 10.0.0.2"),
			    "1.2.3.4");
}

/* RFC 7239, 4 and 6. */
static void forwarded(void **state)
{
	static const struct {
		const char *value, *client;
	} cases[] = {
		{"for=1.2.3.4", "1.2.3.4"},
		{"For=\"1.2.3.4:80\"", "1.2.3.4"},
		{"for=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"},
		{"for=\"[2001:db8::1]\"", "2001:db8::1"},
		{"for=\"\\1.2.\\3.4\"", "1.2.3.4"},
		{"for=6.6.6.6, for=1.2.3.4", "1.2.3.4"},
		{"for=1.2.3.4;proto=http;by=203.0.113.43, for=10.0.0.2",
		 "1.2.3.4"},
		{"proto=http;for=1.2.3.4", "1.2.3.4"},
		{"proto=http ; for=1.2.3.4 ;host=\"a,b;for=6.6.6.6\"",
		 "1.2.3.4"},
		{";for=1.2.3.4;", "1.2.3.4"},
		{", ,for=1.2.3.4,,", "1.2.3.4"},
		{"", "10.0.0.1"},
		{"for=unknown", "10.0.0.1"},
		{"for=1.2.3.4, for=_hidden, for=10.0.0.2", "10.0.0.2"},
		{"for=1.2.3.4, proto=http", "10.0.0.1"},
		{"for=\"\"", "10.0.0.1"},
		{"host=\"unusually long, much longer than all addresses are, "
		 "and then some\";for=1.2.3.4",
		 "1.2.3.4"},
		/* Malformed: an open quote must not swallow the next
		 * element. */
		{"for=\"6.6.6.6, for=1.2.3.4", "10.0.0.1"},
		{"for=\", for=\"[2001:db8::1]\"", "10.0.0.1"},
		{"for=6.6.6.6;x=\", for=1.2.3.4", "10.0.0.1"},
		{"for=\"1.2.3.4\\", "10.0.0.1"},
		{"for=1.2.3.4 for=6.6.6.6", "10.0.0.1"},
		{"for=1.2.3.4;for=6.6.6.6", "10.0.0.1"},
		{"for = 1.2.3.4", "10.0.0.1"},
		{"for=", "10.0.0.1"},
		{"for", "10.0.0.1"},
		{"for=[2001:db8::1]", "10.0.0.1"},
		{"for=1.2.3.4:80", "10.0.0.1"},
		{"1.2.3.4", "10.0.0.1"},
	};
	char line[160];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(line, sizeof(line), "Forwarded: %s", cases[i].value);
		assert_string_equal(CLIENT("10.0.0.1", line), cases[i].client);
	}
	/* A malformed line does not affect later ones. */
	assert_string_equal(CLIENT("10.0.0.1", "Forwarded: for=\"6.6.6.6",
				   "Forwarded: for=1.2.3.4"),
			    "1.2.3.4");
	assert_string_equal(CLIENT("10.0.0.1", "Forwarded: for=6.6.6.6",
				   "Forwarded: for=\"",
				   "Forwarded: for=10.0.0.2"),
			    "10.0.0.2");
}

/* One of both is as the client sent it. */
static void both(void **state)
{
	(void)state;
	trust();
	assert_string_equal(CLIENT("10.0.0.1", "X-Forwarded-For: 1.2.3.4",
				   "Forwarded: for=1.2.3.4"),
			    "1.2.3.4");
	assert_string_equal(CLIENT("10.0.0.1", "X-Forwarded-For: 1.2.3.4",
				   "Forwarded: for=6.6.6.6"),
			    "10.0.0.1");
	assert_string_equal(CLIENT("10.0.0.1", "X-Forwarded-For: ",
				   "Forwarded: for=6.6.6.6"),
			    "10.0.0.1");
}

/* A request with one of the headers alone shows which one the proxy adds: then
 * the other one, added by a client, has no effect. */
static void the_header_of_a_proxy_is_learnt(void **state)
{
	char line[64], peer[32];

	(void)state;
	trust();
	CLIENT("10.0.0.1", "X-Forwarded-For: 1.2.3.5");
	CLIENT("10.0.0.2", "Forwarded: for=1.2.3.5");
	CLIENT("unix", "X-Forwarded-For: 1.2.3.5");
	assert_string_equal(CLIENT("10.0.0.1", "X-Forwarded-For: 1.2.3.4",
				   "Forwarded: for=6.6.6.6"),
			    "1.2.3.4");
	assert_string_equal(CLIENT("10.0.0.2", "X-Forwarded-For: 6.6.6.6",
				   "Forwarded: for=1.2.3.4"),
			    "1.2.3.4");
	assert_string_equal(CLIENT("unix", "X-Forwarded-For: 1.2.3.4",
				   "Forwarded: for=6.6.6.6"),
			    "1.2.3.4");
	/* This does not affect other peers. */
	assert_string_equal(CLIENT("10.0.0.3", "X-Forwarded-For: 1.2.3.4",
				   "Forwarded: for=6.6.6.6"),
			    "10.0.0.3");
	assert_string_equal(CLIENT("192.0.2.1", "X-Forwarded-For: 1.2.3.4"),
			    "192.0.2.1");
	/* Two proxies behind one address. */
	CLIENT("10.0.0.1", "Forwarded: for=1.2.3.5");
	assert_string_equal(CLIENT("10.0.0.1", "X-Forwarded-For: 1.2.3.4",
				   "Forwarded: for=6.6.6.6"),
			    "10.0.0.1");
	/* The latest proxies are kept. */
	for (int i = 0; i < 2 * FORWARDED_PROXIES; i++) {
		snprintf(peer, sizeof(peer), "10.1.0.%d", i);
		snprintf(line, sizeof(line), "X-Forwarded-For: 1.2.3.%d", i);
		assert_string_equal(CLIENT(peer, line), line + 17);
	}
	assert_string_equal(CLIENT("10.0.0.2", "X-Forwarded-For: 6.6.6.6",
				   "Forwarded: for=1.2.3.4"),
			    "10.0.0.2");
	assert_string_equal(CLIENT(peer, "X-Forwarded-For: 1.2.3.4",
				   "Forwarded: for=6.6.6.6"),
			    "1.2.3.4");
}

/* The nearest of very many hops, also in one malformed line. */
static void many(void **state)
{
	static char line[8192], broken[8192];
	size_t len;

	(void)state;
	strcpy(line, "X-Forwarded-For: 6.6.6.6");
	for (int i = 0; i < 500; i++)
		strcat(line, ", 10.1.1.1");
	assert_string_equal(CLIENT("10.0.0.1", line), "10.1.1.1");
	strcat(line, ", 1.2.3.4, 10.0.0.2");
	assert_string_equal(CLIENT("10.0.0.1", line), "1.2.3.4");
	strcpy(broken, "Forwarded: for=10.6.6.6");
	for (int i = 0; i < 100; i++)
		strcat(broken, ", for=10.6.6.6");
	assert_string_equal(CLIENT("10.0.0.1", broken), "10.6.6.6");
	len = strlen(broken);
	strcpy(broken + len, ", for=\"");
	assert_string_equal(CLIENT("10.0.0.1", "Forwarded: for=1.2.3.4", broken,
				   "Forwarded: for=10.0.0.2"),
			    "10.0.0.2");
}

static int setup(void **state)
{
	(void)state;
	trust();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_trusted_peers),
		cmocka_unit_test(lists),
		cmocka_unit_test(forwarded),
		cmocka_unit_test(both),
		cmocka_unit_test(the_header_of_a_proxy_is_learnt),
		cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
