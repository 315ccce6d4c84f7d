#include "http/kv_write.h"

#include <errno.h>

#include "base/ascii.h"
#include "base/check.h"
#include "base/printable.h"
#include "http/etag.h"

/* ---- the request --------------------------------------------------------- */

static bool is_for_message(const struct http_header *h)
{
	static const char *const prefixes[] = {"Nats-", "NatsH-", "KV-"};

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (ascii_has_prefix(h->name, prefixes[i]))
			return true;
	return ascii_is_word(h->name, h->name_len, "Idempotency-Key");
}

static int check_no_message_headers(struct http_error *why,
				    const struct request *req)
{
	char shown[PRINTABLE_MAX];

	for (size_t i = 0; i < req->n_headers; i++) {
		const struct http_header *h = &req->headers[i];

		if (is_for_message(h))
			return http_error_set(
				why, 400, REJECT_BAD_HEADER,
				"header %s is not allowed with an entry of a "
				"bucket, allowed are If-Match and "
				"If-None-Match",
				printable(shown, sizeof(shown), h->name,
					  h->name_len));
	}
	return 0;
}

static int reject_condition_of(struct http_error *why)
{
	return http_error_set(
		why, 400, REJECT_BAD_HEADER,
		"this precondition is not allowed here: PUT takes "
		"If-Match and If-None-Match, POST takes "
		"If-None-Match, DELETE takes If-Match");
}

static int take_condition_of(struct kv_write *w, struct http_error *why,
			     enum kv_action action, const struct request *req)
{
	struct etag_expected e;

	if (etag_write_condition(&e, why, req) < 0)
		return -EINVAL;
	if (e.is_given && e.is_create == (action == KV_DELETE_KEY) &&
	    action != KV_PUT_KEY)
		return reject_condition_of(why);
	w->is_conditional = e.is_given;
	w->is_create = e.is_create || action == KV_CREATE_KEY;
	w->has_expected = e.is_given || w->is_create;
	w->expected = e.revision;
	return 0;
}

int kv_write_init(struct kv_write *ret, struct http_error *why,
		  enum kv_action action, const struct kv_query *query,
		  const struct request *req)
{
	struct kv_write w = {
		.is_marker = action == KV_DELETE_KEY,
		.is_purge = query->purge,
		.ttl_ms = query->ttl_ms,
	};

	MUST(action == KV_PUT_KEY || action == KV_CREATE_KEY || w.is_marker);
	if (check_no_message_headers(why, req) < 0 ||
	    take_condition_of(&w, why, action, req) < 0)
		return -EINVAL;
	/* With a put older values would come back when it expires. */
	if (w.ttl_ms > 0 && !w.is_create)
		return http_error_set(why, 400, REJECT_BAD_QUERY,
				      "query parameter ttl is not allowed "
				      "here, but when a key is created: POST, "
				      "or PUT with If-None-Match: *");
	*ret = w;
	return 0;
}

/* ---- over a deleted key -------------------------------------------------- */

enum { ERR_WRONG_LAST_IN_FLIGHT = 10164 }; /* of replicated streams */

bool kv_write_may_repeat(const struct kv_write *w, const struct js_pub_ack *ack)
{
	int err = ack->error.err;

	return w->is_create && !w->is_repeated &&
	       (err == JS_ERR_WRONG_LAST_SEQUENCE ||
		err == ERR_WRONG_LAST_IN_FLIGHT);
}

bool kv_write_over(struct kv_write *w, const struct kv_read_answer *newest)
{
	const struct kv_entry *e = &newest->entry;
	bool is_deleted =
		newest->result == KV_READ_NONE ||
		(newest->result == KV_READ_FOUND && !kv_entry_has_value(e));

	MUST(w->is_create && !w->is_repeated);
	w->is_repeated = true;
	if (is_deleted)
		w->expected = newest->result == KV_READ_NONE ? 0 : e->revision;
	return is_deleted;
}

/* ---- the message --------------------------------------------------------- */

int kv_write_headers(struct publish_headers *ret, struct http_error *why,
		     const struct kv_write *w, struct span stream)
{
	int rc = publish_headers_init(ret, why, stream, (struct span){NULL, 0});

	if (rc == 0 && w->has_expected)
		rc = publish_headers_expect(ret, why,
					    PUBLISH_LAST_SUBJECT_SEQUENCE,
					    w->expected);
	if (rc == 0 && w->is_marker)
		rc = publish_headers_marker(ret, why, w->is_purge);
	if (rc == 0 && w->ttl_ms > 0)
		rc = publish_headers_ttl(ret, why, w->ttl_ms);
	return rc < 0 ? rc : publish_headers_end(ret, why);
}
