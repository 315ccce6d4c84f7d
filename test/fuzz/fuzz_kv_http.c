/* Key-value over HTTP: what a request names, its conditions, what it writes,
 * and entries as JSON.
 *
 * Input, with NULs between: a digit for the action, a query, an Accept, a
 * Last-Event-ID, an If-Match, an If-None-Match, a stored subject, and a
 * value. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/check.h"
#include "fuzz.h"
#include "http/etag.h"
#include "http/kv_json.h"
#include "http/kv_keys.h"
#include "http/kv_write.h"
#include "nats/message_headers.h"
#include "server_headers.h"

enum { TEXTS = 6 };

static void must_be_error(const struct http_error *why)
{
	MUST(why->status == 400 || why->status == 406 || why->status == 412);
	fuzz_must_be_line(why->text, sizeof(why->text));
}

/* ---- what is written ----------------------------------------------------- */

static void must_be_found(struct span block, const char *name, bool is_there)
{
	struct span before, after;

	MUST(new_server_finds(block, name, &after) == is_there);
	MUST(old_server_finds(block, name, &before) == is_there);
	MUST(!is_there || (before.at == after.at && before.len == after.len));
}

static void check_headers(const struct kv_write *w)
{
	struct publish_headers h;
	struct http_error why;
	struct span block;

	MUST(kv_write_headers(&h, &why, w, span_of("KV_cfg")) == 0);
	block = (struct span){(const char *)buf_data(&h.block),
			      buf_unread(&h.block)};
	must_be_found(block, "Nats-Expected-Stream", true);
	must_be_found(block, "Nats-Expected-Last-Subject-Sequence",
		      w->has_expected);
	must_be_found(block, "Nats-TTL", w->ttl_ms > 0);
	must_be_found(block, "Nats-Rollup", w->is_purge);
	MUST(kv_operation_of(block) == (w->is_purge    ? KV_OPERATION_PURGE
					: w->is_marker ? KV_OPERATION_DEL
						       : KV_OPERATION_PUT));
	publish_headers_finish(&h);
}

static void check_write(enum kv_action action, const struct kv_query *query,
			const struct request *req)
{
	struct http_error why;
	struct kv_write w;

	if (kv_write_init(&w, &why, action, query, req) < 0) {
		must_be_error(&why);
		return;
	}
	MUST(w.is_marker == (action == KV_DELETE_KEY));
	MUST(w.ttl_ms == 0 || w.is_create);
	MUST(!w.is_create || (w.has_expected && w.expected == 0));
	MUST(w.is_create || w.has_expected == (w.expected > 0));
	check_headers(&w);
}

/* ---- what is read -------------------------------------------------------- */

static void check_conditions(const struct request *req)
{
	struct etag_conditions c;
	struct http_error why;
	char tag[ETAG_MAX];

	if (etag_read_conditions(&c, &why, req) < 0) {
		must_be_error(&why);
		return;
	}
	MUST(etag_judge(&c, 0) != ETAG_NOT_MODIFIED);
	for (size_t i = 0; i < c.none_match.n; i++) {
		uint64_t revision = c.none_match.revisions[i];

		if (revision > 0)
			MUST(etag_judge(&c, revision) != ETAG_SEND);
		etag_format(tag, revision);
		MUST(memmem(req->headers[1].value, req->headers[1].value_len,
			    tag, strlen(tag)) != NULL);
	}
}

static void check_query(struct kv_request *kv, const struct request *req)
{
	struct http_error why;
	struct kv_query q;

	if (kv_query_parse(&q, &why, kv) < 0) {
		must_be_error(&why);
		return;
	}
	MUST(kv_filter_fault(kv->bucket, span_of(q.filter)) == NULL);
	MUST(q.ttl_ms == 0 || q.ttl_ms >= 1000);
	MUST(!q.resume.is_given || q.form == KV_FORM_WATCH);
	MUST(q.form != KV_FORM_VALUE || kv->action == KV_GET_KEY);
	MUST(!q.purge || kv->action == KV_DELETE_KEY);
	if (kv->action >= KV_PUT_KEY)
		check_write(kv->action, &q, req);
}

/* ---- JSON ---------------------------------------------------------------- */

static void must_be_text(const json_t *object, const char *name,
			 struct span text)
{
	const json_t *json = json_object_get(object, name);

	MUST(json_is_string(json));
	MUST(json_string_length(json) == text.len);
	MUST(text.len == 0 ||
	     memcmp(json_string_value(json), text.at, text.len) == 0);
}

static void check_object(const struct kv_entry *entry)
{
	struct kv_json_entry e = {.entry = entry,
				  .bucket = entry->name.bucket,
				  .kind = kv_json_kind(entry->value)};
	struct kv_json j;
	char *out;
	json_t *json;

	kv_json_measure(&j, &e);
	out = malloc(j.total);
	MUST(out != NULL);
	kv_json_encode(&j, (uint8_t *)out);
	MUST(memchr(out + j.size_line_len, '\n', j.body_len) ==
	     out + j.size_line_len + j.body_len - 1);
	json = json_loadb(out + j.size_line_len, j.body_len,
			  JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
	MUST(json != NULL);
	must_be_text(json, "bucket", entry->name.bucket);
	MUST((json_object_get(json, "encoding") != NULL) ==
	     (e.kind == NDJSON_BINARY));
	if (e.kind == NDJSON_TEXT)
		must_be_text(json, "value", entry->value);
	json_decref(json);
	free(out);
}

static void check_keys(struct span key)
{
	struct kv_keys k;
	struct buf out;
	json_t *json;
	size_t at = 0;

	kv_keys_init(&k, 1 << 20);
	buf_init(&out, 1 << 20);
	MUST(kv_keys_add(&k, key, false) == 0);
	MUST(kv_keys_add(&k, span_of("deleted"), true) == 0);
	MUST(kv_keys_add(&k, key, false) == 0);
	MUST(kv_keys_sort(&k) == 0);
	MUST(!kv_keys_put_json(&k, &out, &at));
	json = json_loadb((const char *)buf_data(&out), buf_unread(&out), 0,
			  NULL);
	MUST(json_array_size(json) == 1);
	json_decref(json);
	buf_finish(&out);
	kv_keys_finish(&k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	uint8_t digit = (uint8_t)(fuzz_take_byte(&in) - '0');
	char *texts[TEXTS], *value;
	struct http_header headers[2] = {{.name = "If-Match"},
					 {.name = "If-None-Match"}};
	struct request req = {.headers = headers, .n_headers = 2};
	struct kv_request kv = {.bucket = span_of("cfg")};
	struct kv_entry entry;
	size_t len = 0;

	for (size_t i = 0; i < TEXTS; i++) {
		texts[i] = fuzz_take_text(&in);
		if (texts[i] == NULL)
			texts[i] = strdup("");
	}
	value = fuzz_take_rest(&in, &len);
	for (size_t i = 0; i < 2; i++) {
		headers[i].name_len = strlen(headers[i].name);
		headers[i].value = texts[3 + i];
		headers[i].value_len = strlen(texts[3 + i]);
	}
	/* Absent where it is empty. */
	if (headers[1].value_len == 0)
		req.n_headers = headers[0].value_len == 0 ? 0 : 1;
	kv.action = (enum kv_action)(digit % (KV_DELETE_KEY + 1));
	kv.query = texts[0];
	kv.accept = texts[1];
	kv.last_event_id = texts[2];
	check_query(&kv, &req);
	check_conditions(&req);
	if (kv_entry_init(&entry, span_of(texts[5]), (struct span){value, len},
			  (struct span){value, len})) {
		entry.operation = KV_OPERATION_PUT;
		check_object(&entry);
		check_keys(entry.name.key);
	}
	for (size_t i = 0; i < TEXTS; i++)
		free(texts[i]);
	free(value);
	return 0;
}
