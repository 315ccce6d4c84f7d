/* Responses of the JetStream API about key-value buckets: a bucket, a page of
 * subjects, a page of names. What is taken stands in the JSON.
 *
 * Input: the bytes. */
#include <string.h>

#include <jansson.h>

#include "base/check.h"
#include "fuzz.h"
#include "nats/js_bucket.h"
#include "nats/js_page.h"

enum { ENTRY_MAX = 64 };

static void must_be_bucket(const struct js_bucket *b)
{
	MUST(kv_bucket_fault(span_of(b->origin)) == NULL);
	MUST(b->is_mirror || strcmp(b->origin, "b") == 0);
	MUST(b->is_mirror || b->api_prefix[0] == '\0');
	MUST(b->api_prefix[0] == '\0' || subject_prefix_ok(b->api_prefix));
	MUST(b->created_len > 0 && strlen(b->created) == b->created_len);
}

/* Entries of the JSON that the page has as well. NULL: it has a number or a
 * NUL that jansson refuses. */
static void must_be_page(struct js_page *p, const char *text, size_t len)
{
	json_t *json = json_loadb(text, len, 0, NULL);
	uint64_t first = p->next, n = 0;
	struct buf room;
	struct span entry;

	buf_init(&room, ENTRY_MAX);
	while (js_page_next(p, &room, &entry)) {
		n++;
		MUST(entry.len > 0 && entry.len <= ENTRY_MAX);
	}
	MUST(n == 0 || p->error.err == 0);
	MUST(p->next - first >= n);
	MUST(!js_page_has_more(p, p->next));
	MUST(!js_page_next(p, &room, &entry));
	if (json != NULL && p->error.err == 0)
		MUST(json_is_object(json) &&
		     json_is_integer(json_object_get(json, "total")));
	json_decref(json);
	buf_finish(&room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct js_bucket bucket;
	struct js_page page;

	memset(&bucket, 0x5a, sizeof(bucket));
	js_bucket_parse(&bucket, text, size, span_of("b"));
	MUST(strnlen(bucket.error.text, sizeof(bucket.error.text)) <
	     sizeof(bucket.error.text));
	if (bucket.error.err == 0)
		must_be_bucket(&bucket);
	memset(&page, 0x5a, sizeof(page));
	js_page_of_subjects(&page, text, size);
	must_be_page(&page, text, size);
	js_page_of_names(&page, text, size);
	must_be_page(&page, text, size);
	return 0;
}
