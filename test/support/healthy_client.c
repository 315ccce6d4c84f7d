#include "healthy_client.h"

#include <stdio.h>
#include <string.h>

#include "test_clock.h"

static const char identity[] = "healthy";

void healthy_client_join(struct healthy_client *b, struct e2e *f)
{
	*b = (struct healthy_client){0};
	b->stream = e2e_open(f, identity, NULL);
	b->health = e2e_client(f);
	sse_client_connect(b->health, f->gw.address);
	healthy_client_expect_served(b, f);
	b->rss_kib = gateway_proc_rss_kib(&f->gw);
}

static void took(struct healthy_client *b, const char *what, uint64_t since_ms)
{
	uint64_t ms = test_now_ms() - since_ms;

	if (ms > HEALTHY_CLIENT_MS)
		fail_msg("%s took %llu ms", what, (unsigned long long)ms);
	b->worst_ms = ms > b->worst_ms ? ms : b->worst_ms;
}

void healthy_client_expect_served(struct healthy_client *b, struct e2e *f)
{
	uint64_t start = test_now_ms();
	char text[32];

	if (b->comes_anew) {
		sse_client_close(b->health);
		sse_client_connect(b->health, f->gw.address);
	}
	if (b->health->state == SSE_CLIENT_DONE)
		sse_client_next_reply(b->health);
	sse_client_send_text(b->health,
			     "GET /livez HTTP/1.1\r\nHost: test\r\n\r\n");
	sse_client_wait_reply(b->health);
	assert_int_equal(b->health->status, 200);
	took(b, "/livez", start);

	start = test_now_ms();
	snprintf(text, sizeof(text), "word %zu", ++b->n_messages);
	e2e_publish(f, identity, text);
	e2e_expect(b->stream, b->n_messages, text);
	assert_int_equal(b->stream->n_messages, b->n_messages);
	took(b, "a message", start);
}

void healthy_client_expect_memory(const struct healthy_client *b, struct e2e *f,
				  size_t more_kib)
{
	size_t now = gateway_proc_rss_kib(&f->gw);

	fprintf(stderr, "memory: %zu KiB, was %zu; worst wait: %llu ms\n", now,
		b->rss_kib, (unsigned long long)b->worst_ms);
	assert_in_range(now, 0, b->rss_kib + more_kib);
}
