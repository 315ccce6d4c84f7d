/* Pages of the JetStream API: the subjects of a stream (STREAM.INFO with
 * subjects_filter, 100,000 a page) and the names of streams (STREAM.NAMES,
 * 1,024 a page).
 *
 *	{"total":2,"offset":0,"limit":100000,
 *	 "state":{"subjects":{"$KV.b.a":1,"$KV.b.c":3}, ...}, ...}
 *	{"total":1,"offset":0,"limit":1024,"streams":["KV_b"]}
 *
 * (without the line breaks). The text is walked in place: a page of 100,000
 * subjects costs no memory beside it. The server's bytes are hostile. */
#ifndef SLUICE_JS_PAGE_H
#define SLUICE_JS_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json_walk.h"
#include "base/span.h"
#include "nats/js_json.h"

struct js_page {
	struct js_error error;
	uint64_t total; /* on all pages */
	/* Entries read, with those of the pages before: the offset of the next
	 * page's request once all are read. */
	uint64_t next;
	bool is_object; /* the names of its members are the entries */
	struct json_walk walk;
};

/* `text` is borrowed while the page is read. */
void js_page_of_subjects(struct js_page *ret, const char *text, size_t len);
void js_page_of_names(struct js_page *ret, const char *text, size_t len);

/* The next entry, in `room`, which is cleared before. Empty and too long ones
 * are left out. False: there are no more on this page, or it has an error. */
bool js_page_next(struct js_page *p, struct buf *room, struct span *ret);
/* After the last entry: another page follows. */
bool js_page_has_more(const struct js_page *p, uint64_t offset);

#endif
