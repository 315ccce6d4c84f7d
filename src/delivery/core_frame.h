/* A message of core NATS, or a gap, as the bytes of the wire: encoded once in
 * each form that some subscription has, and shared by reference. */
#ifndef SLUICE_CORE_FRAME_H
#define SLUICE_CORE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"
#include "delivery/cursor.h"

enum core_frame_kind {
	CORE_MESSAGE,
	CORE_AWAY, /* a gap: the session was away */
	CORE_LOST, /* a gap: messages were dropped before they came here */
};

struct core_piece {
	size_t at, len;	      /* of the chunk, in `bytes`; len 0: not encoded */
	size_t size_line_len; /* of it, its size line */
};

struct core_frame {
	size_t *used;	   /* bytes of all frames */
	size_t size;	   /* of this one */
	size_t longest;	   /* bytes of its longest form */
	uint64_t messages; /* that it stands for */
	uint32_t refs;
	uint8_t kind;
	struct core_piece forms[CURSOR_FORMS];
	uint8_t bytes[];
};

/* Makes frames. */
struct core_encoder {
	/* Header with an event's name (--event-header); NULL: none. */
	const char *event_header;
	size_t used; /* bytes of all frames */
	struct buf headers;
};

struct core_content {
	struct span subject;
	struct span headers; /* message_headers.h */
	struct span data;
};

void core_encoder_init(struct core_encoder *e, const char *event_header);
/* No frame is left. */
void core_encoder_finish(struct core_encoder *e);

/* `forms`: a bit for each form, 1u << form. NULL: no memory, or an oversized
 * header. */
struct core_frame *core_encoder_message(struct core_encoder *e,
					const struct core_content *m,
					unsigned forms);
/* `lost`: messages, of CORE_LOST. */
struct core_frame *core_encoder_gap(struct core_encoder *e,
				    enum core_frame_kind kind, uint64_t lost,
				    unsigned forms);
/* These bytes, whatever the form: what a socket did not take. */
struct core_frame *core_encoder_bytes(struct core_encoder *e, const void *bytes,
				      size_t len);

struct core_frame *core_frame_ref(struct core_frame *f);
/* Returns NULL. */
struct core_frame *core_frame_unref(struct core_frame *f);

/* The bytes for a subscription of this form; empty: it was not encoded. */
struct span core_frame_bytes(const struct core_frame *f, enum cursor_form form,
			     bool chunked);

#endif
