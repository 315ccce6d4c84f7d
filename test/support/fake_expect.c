/* The record of requests as unit tests read it. */
#include "fake_jetstream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const char *name_of(enum fake_request_kind kind)
{
	static const char *const names[] = {
		"info", "get_next",	  "get", "get_last", "create",
		"pull", "delete_consumer"};

	return names[kind];
}

const struct fake_request *expect_request(struct fake_jetstream *js,
					  enum fake_request_kind kind)
{
	const struct fake_request *a = &js->requests[js->read];

	if (js->read == js->n_requests)
		fail_msg("no request, expected %s", name_of(kind));
	if (a->kind != kind)
		fail_msg("request %s, expected %s", name_of(a->kind),
			 name_of(kind));
	js->read++;
	return a;
}

void expect_no_request(const struct fake_jetstream *js)
{
	if (js->read != js->n_requests)
		fail_msg("request %s, expected none",
			 name_of(js->requests[js->read].kind));
}
