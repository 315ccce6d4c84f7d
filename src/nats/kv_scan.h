/* Reads many entries of a key-value bucket by a short-lived consumer, which
 * costs as many requests as there are batches:
 *
 *	CONSUMER.CREATE    last_per_subject, or all revisions
 *	CONSUMER.MSG.NEXT  a batch -> on_entry() ..., on_batch(); kv_scan_next()
 *	CONSUMER.DELETE
 *
 * Entries come in the order of their revisions. Entries that are written
 * meanwhile come, too, so a key can come again. The scan ends when the server
 * has no more of them.
 *
 * Pure: by the messenger, with time as an argument. */
#ifndef SLUICE_KV_SCAN_H
#define SLUICE_KV_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "nats/consumer_name.h"
#include "nats/js_json.h"
#include "nats/kv_entry.h"
#include "nats/messenger.h"

enum { KV_SCAN_SUBJECT_MAX = 2 * SUBJECT_NAME_MAX + CONSUMER_NAME_MAX + 32 };

/* All borrowed while the scan lasts. */
struct kv_scan_options {
	const char *api_prefix; /* "$JS.API" */
	const char *stream;
	const char *filter;  /* pattern of entries */
	bool is_history;     /* all revisions of each key */
	bool headers_only;   /* values are empty */
	uint64_t timeout_ms; /* of a request */
};

struct kv_scan;

struct kv_scan_cbs {
	/* False: the scan is gone (kv_scan_cancel()). */
	bool (*on_entry)(struct kv_scan *s, const struct kv_entry *e);
	/* The first time before the first entry: of an empty bucket never. Then
	 * kv_scan_next(), also later. */
	void (*on_batch)(struct kv_scan *s);
	/* Once, the last call. PUBLISH_FAILURES: complete, or an error of the
	 * API (`e->err`). */
	void (*on_end)(struct kv_scan *s, enum publish_failure failure,
		       const struct js_error *e);
};

/* Part of its owner's struct. Zeroed: none. */
struct kv_scan {
	struct messenger *messenger;
	const struct kv_scan_cbs *cbs;
	struct kv_scan_options options;
	struct outgoing create; /* its replies are the entries, too */
	struct outgoing pull;
	char consumer[CONSUMER_NAME_MAX];
	char create_subject[KV_SCAN_SUBJECT_MAX];
	char pull_subject[KV_SCAN_SUBJECT_MAX];
	bool is_created;
	uint32_t batch;	   /* of the next pull */
	uint64_t awaited;  /* entries of the pull that have not come */
	uint64_t n_pulled; /* entries of the pull that have come */
	uint64_t pending;  /* entries that the server still has */
	uint64_t n_read;
	uint64_t max_read;
};

/* PUBLISH_FAILURES: callbacks come. Another value: none comes. */
enum publish_failure kv_scan_start(struct kv_scan *s,
				   struct messenger *messenger,
				   const struct kv_scan_options *options,
				   const struct kv_scan_cbs *cbs,
				   uint64_t now_ms);
/* After on_batch(): the next one. */
void kv_scan_next(struct kv_scan *s, uint64_t now_ms);
/* No callback comes any more. A no-op for one that is over or zeroed. */
void kv_scan_cancel(struct kv_scan *s, uint64_t now_ms);

#endif
