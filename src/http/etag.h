/* Entity tags of key-value entries, and conditional requests (RFC 9110, section
 * 13): the tag of revision 17 is "17", and strong.
 *
 * A read takes lists, weak tags and `*`, since caches and proxies send them. A
 * write takes one condition that JetStream can check: If-Match with one strong
 * tag, or If-None-Match: *. */
#ifndef SLUICE_ETAG_H
#define SLUICE_ETAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/http_error.h"
#include "http/request.h"

enum {
	ETAG_MAX = 20 + 2 + 1, /* with the NUL */
	ETAG_LIST_MAX = 16,    /* revisions in a list */
};

/* Writes the tag with its quotes to `out` (ETAG_MAX bytes); returns its
 * length. */
size_t etag_format(char *out, uint64_t revision);

enum { ETAG_LINES_MAX = 144 };

/* Header lines of a response about a value, each with its CRLF, to `out`
 * (ETAG_LINES_MAX bytes, NUL-terminated): ETag, Nats-Revision, and
 * Last-Modified unless `time_ns` is 0. The server's clock may be ahead:
 * Last-Modified is never later than `now_s`, the time of the Date (section
 * 8.8.2.1). Times are since 1970. */
void etag_lines(char *out, uint64_t revision, uint64_t time_ns, uint64_t now_s);

struct etag_list {
	bool is_given;
	bool is_any; /* * */
	uint8_t n;
	uint64_t revisions[ETAG_LIST_MAX]; /* tags that can match */
};

/* The conditions of a read: kept while its response is pending. */
struct etag_conditions {
	struct etag_list match;
	struct etag_list none_match;
};

/* 0, or -EINVAL with *why (400): not a list of entity tags, `*` beside a tag,
 * or more than ETAG_LIST_MAX tags of revisions. */
int etag_read_conditions(struct etag_conditions *ret, struct http_error *why,
			 const struct request *req);

enum etag_verdict {
	ETAG_SEND,	   /* 200, or 404 without a value */
	ETAG_NOT_MODIFIED, /* 304 */
	ETAG_FAILED,	   /* 412 */
};

/* `revision`: of the value; 0: there is none. */
enum etag_verdict etag_judge(const struct etag_conditions *c,
			     uint64_t revision);

/* The precondition of a write. */
struct etag_expected {
	bool is_given;
	bool is_create;	   /* If-None-Match: * */
	uint64_t revision; /* If-Match; at least 1 */
};

/* 0, or -EINVAL with *why: 400 for another form, more than one precondition, or
 * If-Unmodified-Since, which cannot be checked; 412 for If-Match: "0", which no
 * value has. */
int etag_write_condition(struct etag_expected *ret, struct http_error *why,
			 const struct request *req);

#endif
