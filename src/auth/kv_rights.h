/* Rights on the entries of key-value buckets: an entry has the rights of its
 * subject $KV.<bucket>.<key>.
 *
 * An allowed pattern gives such a subject only if its own first token is $KV:
 * `>` and `*.>` were written for events. A denied pattern wins over all allowed
 * ones, whatever its first token is.
 *
 * `p`: of rights_of_kv() to read, of publish_rights_of_kv() to write. */
#ifndef SLUICE_KV_RIGHTS_H
#define SLUICE_KV_RIGHTS_H

#include <stdbool.h>

#include "auth/rights.h"
#include "base/buf.h"
#include "base/span.h"
#include "http/http_error.h"

struct rights_patterns;

enum kv_access { KV_ACCESS_READ, KV_ACCESS_WRITE };

/* `subject`: of kv_subject(), a literal. 0, or -EINVAL with *why (403), which
 * names it. */
int kv_rights_check(const struct rights_patterns *p, struct span subject,
		    enum kv_access access, struct http_error *why);

/* True when some entry of the bucket may be accessed: `pattern` is its
 * $KV.<bucket>.>. */
bool kv_rights_overlap(const struct rights_patterns *p, struct span pattern);

/* What of `pattern`, of kv_subject() with a filter, may be read. No patterns:
 * nothing of it. The texts of the denied ones are those of `p`, the others are
 * in `text`, which is cleared before and may hold RIGHTS_LIST_MAX * PATTERN_MAX
 * bytes. 0, -ENOMEM, or -EINVAL with *why (403): more than RIGHTS_LIST_MAX
 * patterns, or one over PATTERN_MAX bytes, are needed. */
int kv_rights_select(struct rights_selection *ret, struct buf *text,
		     struct http_error *why, const struct rights_patterns *p,
		     struct span pattern);

#endif
