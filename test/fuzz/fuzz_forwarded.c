/* X-Forwarded-For and Forwarded: whatever a client writes into them, what the
 * trusted proxy has added to it names the client; at the worst none does.
 *
 * Input: what the client writes, up to a NUL, then what he writes into a second
 * line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "fuzz.h"
#include "http/forwarded.h"

static struct address of(const char *text)
{
	struct address a;

	MUST(address_parse(&a, text, strlen(text)) == 0);
	return a;
}

/* The client by two lines of one header. */
static struct address ask(const char *name, const char *first,
			  const char *second, const char *peer)
{
	static const char *const trusted[] = {"10.0.0.0/8"};
	struct http_header headers[2] = {
		{name, first, strlen(name), strlen(first)},
		{name, second, strlen(name), strlen(second)},
	};
	struct request head = {.headers = headers, .n_headers = 2};
	struct address from = of(peer);
	struct address_range range;
	struct forwarded_proxies proxies = {0};

	MUST(address_range_parse(&range, trusted[0]) == NULL);
	return forwarded_client(&proxies, &head, &from, &range, 1);
}

static bool is(const struct address *a, const char *text)
{
	struct address other = of(text);

	return address_equal(a, &other);
}

static void play(const char *name, const char *one, const char *two,
		 const char *added)
{
	char *joined = NULL;
	struct address who;

	/* The proxy adds a line of its own. */
	who = ask(name, one, added, "10.0.0.1");
	MUST(is(&who, "192.0.2.1"));
	/* Or it adds to the client's line. */
	MUST(asprintf(&joined, "%s, %s", two, added) >= 0);
	who = ask(name, one, joined, "10.0.0.1");
	MUST(is(&who, "192.0.2.1") || is(&who, "10.0.0.1"));
	free(joined);
	/* The client has come alone. */
	who = ask(name, one, two, "192.0.2.7");
	MUST(is(&who, "192.0.2.7"));
	ask(name, one, two, "10.0.0.1");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	char *one = fuzz_take_text(&in), *two = fuzz_take_text(&in);

	if (one != NULL && two != NULL) {
		play("X-Forwarded-For", one, two, "192.0.2.1");
		play("Forwarded", one, two, "for=192.0.2.1");
	}
	free(one);
	free(two);
	return 0;
}
