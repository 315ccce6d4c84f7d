#include "http/kv_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "http/kv_json.h"

/* Before each key in `text`. */
struct entry_head {
	bool is_marker;
	uint16_t len;
} __attribute__((packed));

void kv_keys_init(struct kv_keys *k, size_t max_bytes)
{
	MUST(max_bytes <= UINT32_MAX);
	*k = (struct kv_keys){.max_bytes = max_bytes};
	buf_init(&k->text, max_bytes);
}

void kv_keys_finish(struct kv_keys *k)
{
	buf_finish(&k->text);
	free(k->sorted);
	k->sorted = NULL;
	k->n = 0;
}

int kv_keys_add(struct kv_keys *k, struct span key, bool is_marker)
{
	struct entry_head head = {is_marker, (uint16_t)key.len};
	size_t index = (k->n + 1) * sizeof(*k->sorted);
	size_t bytes = buf_unread(&k->text) + sizeof(head) + key.len;
	int rc;

	MUST(k->sorted == NULL && key.len <= UINT16_MAX);
	if (bytes + index > k->max_bytes)
		return -ENOBUFS;
	rc = buf_reserve(&k->text, sizeof(head) + key.len);
	if (rc < 0)
		return rc;
	buf_put(&k->text, &head, sizeof(head));
	buf_put(&k->text, key.at, key.len);
	k->n++;
	return 0;
}

/* ---- sorting ------------------------------------------------------------- */

static struct entry_head head_at(const struct buf *text, uint32_t offset)
{
	struct entry_head head;

	memcpy(&head, buf_data(text) + offset, sizeof(head));
	return head;
}

static struct span key_at(const struct buf *text, uint32_t offset)
{
	return (struct span){(const char *)buf_data(text) + offset +
				     sizeof(struct entry_head),
			     head_at(text, offset).len};
}

static int compare_keys(struct span a, struct span b)
{
	int order = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* By key, then in the order of the entries. */
static int compare_entries(const void *left, const void *right, void *arg)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
	int order = compare_keys(key_at(arg, a), key_at(arg, b));

	return order != 0 ? order : (a > b) - (a < b);
}

/* Keeps the last entry of each key, unless that is a marker. */
static void drop_old_entries(struct kv_keys *k)
{
	size_t kept = 0;

	for (size_t i = 0; i < k->n; i++) {
		uint32_t at = k->sorted[i];

		if (i + 1 < k->n &&
		    compare_keys(key_at(&k->text, at),
				 key_at(&k->text, k->sorted[i + 1])) == 0)
			continue;
		if (!head_at(&k->text, at).is_marker)
			k->sorted[kept++] = at;
	}
	k->n = kept;
}

int kv_keys_sort(struct kv_keys *k)
{
	uint32_t at = 0;

	MUST(k->sorted == NULL);
	if (k->n == 0)
		return 0;
	k->sorted = malloc(k->n * sizeof(*k->sorted));
	if (k->sorted == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < k->n; i++) {
		k->sorted[i] = at;
		at += (uint32_t)sizeof(struct entry_head) +
		      head_at(&k->text, at).len;
	}
	MUST(at == buf_unread(&k->text));
	qsort_r(k->sorted, k->n, sizeof(*k->sorted), compare_entries, &k->text);
	drop_old_entries(k);
	return 0;
}

struct span kv_keys_at(const struct kv_keys *k, size_t i)
{
	MUST(i < k->n);
	return key_at(&k->text, k->sorted[i]);
}

/* ---- the list ------------------------------------------------------------ */

/* *at: 0 for the bracket, then 1 more than the keys put; k->n + 2: done. */
bool kv_keys_put_json(const struct kv_keys *k, struct buf *out, size_t *at)
{
	if (*at == 0) {
		if (kv_json_begin_list(out) < 0)
			return true;
		*at = 1;
	}
	while (*at <= k->n) {
		if (kv_json_add_name(out, *at == 1, kv_keys_at(k, *at - 1)) < 0)
			return true;
		++*at;
	}
	if (*at == k->n + 1) {
		if (kv_json_end_list(out) < 0)
			return true;
		++*at;
	}
	return false;
}
