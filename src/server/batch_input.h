/* The messages of a batch's body, which comes in pieces: lines are split,
 * parsed, and checked against the rights to publish. The part of the body that
 * is not dealt with yet is kept, so the owner pauses the reading meanwhile.
 *
 *	batch_input_put() ..., batch_input_end()      as the body comes
 *	batch_input_next()                            until MORE or OVER
 *	    MESSAGE: use `line` and `subject`, then batch_input_release()
 */
#ifndef SLUICE_BATCH_INPUT_H
#define SLUICE_BATCH_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/identity.h"
#include "auth/publish_rights.h"
#include "base/buf.h"
#include "base/span.h"
#include "http/batch_line.h"
#include "http/http_error.h"
#include "http/line_splitter.h"
#include "nats/pattern.h"

struct conn_work;
struct conn_writing;
struct authentication;
struct publish_query;

enum batch_input_verdict {
	BATCH_INPUT_MORE, /* of the body */
	BATCH_INPUT_MESSAGE,
	BATCH_INPUT_FAULT, /* a line that is no message; the next may be one */
	BATCH_INPUT_OVER,
};

struct request_slot;

struct batch_input {
	struct conn_work *work; /* its memory is reserved */
	const struct conn_writing *cfg;
	struct publish_rights *rights;
	struct identity id;
	uint64_t end_ms; /* of its token; UINT64_MAX: never */
	/* Of lines without a subject; empty: there is none, and why. */
	char default_subject[PATTERN_MAX];
	size_t default_len;
	struct http_error no_default;
	struct line_splitter lines;
	struct buf backlog; /* of the body */
	bool is_over;	    /* no more of the body comes */
	bool is_ended;	    /* the line without \n was taken */
	bool is_broken;	    /* the body ended too early */
	struct http_error broken;
	uint64_t n_lines; /* verdicts MESSAGE and FAULT */
	/* The message. */
	bool has_message;
	struct batch_line line;
	struct span subject;
	size_t other_bytes; /* memory of the owner, reserved with this */
};

/* For `work`, between conn_work_begin() and conn_work_start(). Takes the slot
 * of the request, then reserves memory, which the end of the work gives back.
 * 0, -ENOMEM, or -EINVAL with *why: too many requests, or the rights cannot be
 * used, or do not allow the request's `subject`. Free the parts in any case. */
int batch_input_init(struct batch_input *in, struct conn_work *work,
		     struct request_slot *slot, const struct publish_query *q,
		     const struct authentication *caller,
		     struct http_error *why);
void batch_input_finish(struct batch_input *in);

/* A piece of the body. False: no memory. */
bool batch_input_put(struct batch_input *in, struct span bytes);
void batch_input_end(struct batch_input *in);
/* The body ends in its middle: the lines before count, the unfinished one does
 * not; the last verdict is FAULT with `why`. */
void batch_input_break(struct batch_input *in, const struct http_error *why);

/* MESSAGE stays until batch_input_release(). FAULT: *why. */
enum batch_input_verdict batch_input_next(struct batch_input *in,
					  struct http_error *why);
void batch_input_release(struct batch_input *in);
/* True: nothing of what came is left. */
bool batch_input_is_empty(const struct batch_input *in);
/* Reserves the memory as it is and `more` bytes; false: there is not as much.
 */
bool batch_input_reserve(struct batch_input *in, size_t more);
void batch_input_no_memory(const struct batch_input *in,
			   struct http_error *why);

#endif
