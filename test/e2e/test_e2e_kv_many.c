/* A bucket of 100,000 keys: lists of all of them, and what they cost. */
#include "e2e.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_writer.h"
#include "test_clock.h"

enum { KEYS = 100000, MORE_KIB = 256 * 1024 };

static void make_keys(struct e2e *f)
{
	char subject[64];

	nats_admin_try(f->admin, "STREAM.DELETE.KV_many", "");
	nats_admin_stream(f->admin,
			  "{\"name\": \"KV_many\", \"subjects\": "
			  "[\"$KV.many.>\"], \"retention\": \"limits\", "
			  "\"max_msgs_per_subject\": 1, \"num_replicas\": 1, "
			  "\"allow_direct\": true, \"storage\": \"memory\"}");
	for (int i = 0; i < KEYS; i++) {
		snprintf(subject, sizeof(subject), "$KV.many.user.%06d.color",
			 (i * 7919) % KEYS);
		nats_admin_publish(f->admin, subject, "red", 3);
	}
}

static size_t count_bytes(const struct sse_client *c, char byte)
{
	size_t n = 0;

	for (size_t i = 0; i < c->body.len; i++)
		n += c->body.at[i] == byte;
	return n;
}

static const struct sse_client *list(struct e2e *f, const char *accept)
{
	uint64_t before = test_now_ms();
	const struct sse_client *c =
		http_write(f, "GET", "/api/v1/kv/many", accept, "", 0);

	http_expect(200, "");
	printf("# %zu bytes in %llu ms, %zu KiB resident\n", c->body.len,
	       (unsigned long long)(test_now_ms() - before),
	       gateway_proc_rss_kib(&f->gw));
	return c;
}

static void all_keys_are_listed(void **state)
{
	static const char first[] = "[\"user.000000.color\","
				    "\"user.000001.color\",";
	static const char last[] = ",\"user.099999.color\"]\n";
	struct e2e *f = *state;
	const struct sse_client *c;
	size_t before;

	make_keys(f);
	e2e_gateway(f, "--auth", "none", "--subject", "events.*", "--allow-sub",
		    "$KV.many.>", NULL);
	before = gateway_proc_rss_kib(&f->gw);
	c = list(f, "Accept: application/json\r\n");
	assert_int_equal(count_bytes(c, ','), KEYS - 1);
	assert_memory_equal(c->body.at, first, sizeof(first) - 1);
	assert_memory_equal(c->body.at + c->body.len - (sizeof(last) - 1), last,
			    sizeof(last) - 1);
	c = list(f, "Accept: application/x-ndjson\r\n");
	assert_int_equal(count_bytes(c, '\n'), KEYS);
	assert_true(gateway_proc_rss_kib(&f->gw) < before + MORE_KIB);
	nats_admin_try(f->admin, "STREAM.DELETE.KV_many", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		E2E_TEST(all_keys_are_listed),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
