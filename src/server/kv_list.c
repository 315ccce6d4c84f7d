/* The bucket -> a scan of its entries -> lines as they come, or keys that are
 * sorted first. While the socket is full no further batch is requested. */
#include "server/kv_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "http/kv_json.h"
#include "http/kv_keys.h"
#include "nats/kv_scan.h"
#include "server/conn_internal.h"
#include "server/kv_work.h"

enum {
	/* Bytes of all keys. Sorting holds the loop: it takes 0.1 s for so
	 * many. */
	KEYS_MAX = 8 * 1024 * 1024,
	LIST_BYTES = 1024 * 1024, /* reserved: a batch as lines, or keys */
	PIECE_MAX = 64 * 1024,	  /* of the list of keys */
};

struct kv_list {
	struct kv_work kv;
	struct kv_scan scan;
	struct kv_list_selection selection;
	bool is_keys;	 /* otherwise lines */
	bool is_of_key;	 /* the history of one */
	bool is_history; /* all revisions */
	bool no_deletes;
	bool no_values;
	bool is_waiting; /* for the socket, before the next batch */
	bool is_read;	 /* all keys are there */
	struct kv_keys keys;
	size_t keys_at;	  /* of the list that is written */
	struct buf lines; /* of the batch */
	char filter[KV_SUBJECT_MAX];
	size_t filter_len;
	char subject[KV_SUBJECT_MAX]; /* pattern of the consumer */
};

static struct kv_list *kv_list_of(struct kv_work *w)
{
	return CONTAINER_OF(w, struct kv_list, kv);
}

static struct kv_list *kv_list_of_work(struct conn_work *w)
{
	return kv_list_of(CONTAINER_OF(w, struct kv_work, work));
}

/* ---- the end ------------------------------------------------------------- */

void kv_list_selection_finish(struct kv_list_selection *s)
{
	rights_free(s->rights);
	buf_finish(&s->text);
	s->rights = NULL;
}

static void free_kv_list(struct kv_list *l)
{
	kv_list_selection_finish(&l->selection);
	kv_keys_finish(&l->keys);
	buf_finish(&l->lines);
	kv_work_finish(&l->kv);
	free(l);
}

static void on_list_gone(struct conn_work *w)
{
	struct kv_list *l = kv_list_of_work(w);

	kv_scan_cancel(&l->scan, kv_work_now_ms(&l->kv));
	kv_work_release(&l->kv);
	free_kv_list(l);
}

/* False: the work is gone. */
static bool open_list(struct kv_list *l)
{
	if (l->kv.work.is_open)
		return true;
	return conn_work_open(&l->kv.work, 200,
			      l->is_keys ? "application/json"
					 : "application/x-ndjson",
			      "Vary: Accept\r\n");
}

static void end_list(struct kv_list *l)
{
	if (!open_list(l))
		return;
	kv_work_count_ok(&l->kv);
	conn_work_end(&l->kv.work);
}

/* ---- keys ---------------------------------------------------------------- */

/* Those of kv_keys_add(), and what sorting needs. */
static size_t keys_memory(const struct kv_list *l)
{
	return l->keys.text.cap + l->keys.n * sizeof(*l->keys.sorted);
}

static void reject_many_keys(struct kv_list *l)
{
	struct http_error why;

	http_error_set(&why, 422, REJECT_TOO_LARGE,
		       "the keys take more than %d bytes, too many to be "
		       "sorted: name a filter, or accept application/x-ndjson",
		       KEYS_MAX);
	kv_work_reject_error(&l->kv, &why);
}

/* False: the work is gone. */
static bool add_key(struct kv_list *l, const struct kv_entry *e)
{
	struct conn_work *w = &l->kv.work;

	int rc = kv_keys_add(&l->keys, e->name.key, !kv_entry_has_value(e));

	if (rc == -ENOBUFS) {
		reject_many_keys(l);
		return false;
	}
	if (rc < 0 || (keys_memory(l) > w->reserved &&
		       !conn_work_reserve(w, keys_memory(l) + LIST_BYTES))) {
		conn_work_reject_memory(w);
		return false;
	}
	return true;
}

/* Until the socket is full. */
static void write_keys(struct kv_list *l)
{
	struct conn_work *w = &l->kv.work;
	bool has_more = true;
	struct buf piece;

	buf_init(&piece, PIECE_MAX);
	while (has_more && !conn_work_is_blocked(w)) {
		buf_clear(&piece);
		if (buf_reserve(&piece, PIECE_MAX) < 0) {
			kv_work_abort(&l->kv);
			break;
		}
		has_more = kv_keys_put_json(&l->keys, &piece, &l->keys_at);
		if (!conn_work_write(w, buf_data(&piece), buf_unread(&piece)))
			break;
		if (!has_more)
			end_list(l);
	}
	buf_finish(&piece);
}

static void respond_with_keys(struct kv_list *l)
{
	if (kv_keys_sort(&l->keys) < 0) {
		conn_work_reject_memory(&l->kv.work);
		return;
	}
	l->is_read = true;
	if (open_list(l))
		write_keys(l);
}

/* ---- lines --------------------------------------------------------------- */

static int add_line(struct kv_list *l, const struct kv_entry *e)
{
	const struct kv_json_entry entry = {
		.entry = e,
		.bucket = kv_work_bucket(&l->kv),
		.kind = kv_json_kind(e->value),
		.no_value = l->no_values,
	};
	struct kv_json j;
	uint8_t *to;
	int rc;

	if (l->no_deletes && !kv_entry_has_value(e))
		return 0;
	kv_json_measure(&j, &entry);
	rc = buf_reserve(&l->lines, j.total);
	if (rc < 0)
		return rc;
	/* The chunk's size line is left out, and its end overwritten. */
	to = buf_tail(&l->lines);
	kv_json_encode(&j, to);
	memmove(to, to + j.size_line_len, j.body_len);
	buf_added(&l->lines, j.body_len);
	return 0;
}

/* False: the work is gone. */
static bool write_entries(struct kv_list *l)
{
	struct buf *b = &l->lines;
	bool is_written;

	if (!open_list(l))
		return false;
	is_written = conn_work_write(&l->kv.work, buf_data(b), buf_unread(b));
	if (is_written)
		buf_finish(b);
	return is_written;
}

/* ---- the scan ------------------------------------------------------------ */

static bool is_in_list(const struct span *list, size_t n, struct span subject)
{
	for (size_t i = 0; i < n; i++)
		if (pattern_matches(list[i], subject))
			return true;
	return false;
}

/* The rights are those of the requested bucket, also of a mirror. */
static bool may_list(const struct kv_list *l, const struct kv_entry *e)
{
	const struct rights_selection *s = &l->selection.selection;
	struct span bucket = kv_work_bucket(&l->kv);
	char text[KV_SUBJECT_MAX];
	struct span subject;

	if (kv_key_fault(bucket, e->name.key) != NULL)
		return false; /* it cannot be requested either */
	subject = (struct span){text, kv_subject(text, bucket, e->name.key)};
	return is_in_list(s->patterns, s->n_patterns, subject) &&
	       !is_in_list(s->denied, s->n_denied, subject);
}

static bool on_scan_entry(struct kv_scan *s, const struct kv_entry *e)
{
	struct kv_list *l = CONTAINER_OF(s, struct kv_list, scan);

	if (!may_list(l, e))
		return true;
	if (l->is_keys)
		return add_key(l, e);
	if (add_line(l, e) == 0)
		return true;
	kv_work_abort(&l->kv);
	return false;
}

static void on_scan_batch(struct kv_scan *s)
{
	struct kv_list *l = CONTAINER_OF(s, struct kv_list, scan);

	if (l->kv.work.to.is_head) {
		end_list(l);
		return;
	}
	if (!l->is_keys && !write_entries(l))
		return;
	l->is_waiting = !l->is_keys && conn_work_is_blocked(&l->kv.work);
	if (!l->is_waiting)
		kv_scan_next(s, kv_work_now_ms(&l->kv));
}

static void on_list_writable(struct conn_work *w)
{
	struct kv_list *l = kv_list_of_work(w);

	if (l->is_read) {
		write_keys(l);
	} else if (l->is_waiting) {
		l->is_waiting = false;
		kv_scan_next(&l->scan, kv_work_now_ms(&l->kv));
	}
}

static void on_scan_over(struct kv_scan *s, enum publish_failure failure,
			 const struct js_error *e)
{
	struct kv_list *l = CONTAINER_OF(s, struct kv_list, scan);

	if (failure != PUBLISH_FAILURES)
		kv_work_fail(&l->kv, failure);
	else if (e->err != 0)
		kv_work_reject_api(&l->kv, e);
	else if (l->is_keys)
		respond_with_keys(l);
	else if (l->is_of_key && s->n_read == 0)
		kv_work_reject_missing(&l->kv, "key",
				       (struct span){l->filter, l->filter_len},
				       "does not exist");
	else if (write_entries(l))
		end_list(l);
}

/* The one pattern that may be read, or that of the request. */
static void choose_pattern(struct kv_list *l)
{
	const struct rights_selection *s = &l->selection.selection;
	struct span bucket = kv_work_bucket(&l->kv);
	struct span filter = {l->filter, l->filter_len};
	size_t before = sizeof("$KV.") - 1 + bucket.len + 1;

	if (s->n_patterns == 1)
		filter = (struct span){s->patterns[0].at + before,
				       s->patterns[0].len - before};
	kv_subject(l->subject, span_of(l->kv.info.origin), filter);
}

static void on_list_bucket(struct kv_work *w)
{
	static const struct kv_scan_cbs cbs = {on_scan_entry, on_scan_batch,
					       on_scan_over};
	struct kv_list *l = kv_list_of(w);
	const struct kv_scan_options options = {
		.api_prefix = kv_work_config(w)->api_prefix,
		.stream = w->stream,
		.filter = l->subject,
		.is_history = l->is_history,
		.headers_only = l->is_keys || l->no_values,
		.timeout_ms = kv_work_config(w)->publish_timeout_ms,
	};
	enum publish_failure failure;

	if (w->work.to.is_head && !l->is_of_key) {
		end_list(l);
		return;
	}
	choose_pattern(l);
	failure = kv_scan_start(&l->scan, kv_work_config(w)->messenger,
				&options, &cbs, kv_work_now_ms(w));
	if (failure != PUBLISH_FAILURES)
		kv_work_fail(w, failure);
}

/* ---- begin --------------------------------------------------------------- */

/* Outside the rights nothing is asked, and nothing is known of the bucket. */
static void on_list_begin(struct conn_work *w)
{
	struct kv_list *l = kv_list_of_work(w);

	if (!conn_work_reserve(w, LIST_BYTES)) {
		conn_work_reject_memory(w);
	} else if (l->selection.selection.n_patterns == 0) {
		if (l->is_keys)
			respond_with_keys(l);
		else
			end_list(l);
	} else if (kv_work_take_slot(&l->kv)) {
		kv_work_find_bucket(&l->kv, on_list_bucket);
	}
}

static const struct conn_work_ops list_ops = {
	.on_body_end = on_list_begin,
	.on_writable = on_list_writable,
	.on_gone = on_list_gone,
};

static void take_list_request(struct kv_list *l,
			      const struct kv_list_request *r)
{
	const struct kv_query *q = r->query;
	struct span filter = span_of(q->filter);

	l->is_of_key = r->key.len > 0;
	if (l->is_of_key)
		filter = r->key;
	MUST(filter.len < sizeof(l->filter));
	memcpy(l->filter, filter.at, filter.len);
	l->filter_len = filter.len;
	l->is_keys = q->form == KV_FORM_JSON;
	l->is_history = l->is_of_key || q->include == KV_INCLUDE_HISTORY;
	l->no_deletes = q->no_deletes;
	l->no_values = q->no_values;
	kv_keys_init(&l->keys, KEYS_MAX);
	buf_init(&l->lines, SIZE_MAX / 2);
	l->selection = *r->selection;
	memset(r->selection, 0, sizeof(*r->selection));
}

int kv_list_start(struct conn *c, const struct exchange *x,
		  const struct kv_list_request *request, struct http_error *why)
{
	const struct kv_work_request work = {
		.exchange = x,
		.id = request->id,
		.bucket = request->bucket,
		.kind = KV_KIND_LIST,
	};
	struct kv_list *l = calloc(1, sizeof(*l));
	int rc;

	if (l == NULL)
		return -ENOMEM;
	take_list_request(l, request);
	rc = kv_work_begin(&l->kv, &list_ops, c, &work, why);
	if (rc < 0) {
		free_kv_list(l);
		return rc;
	}
	conn_work_start(&l->kv.work);
	return 0;
}
