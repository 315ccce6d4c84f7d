/* Messages between threads: many writers, one reader.
 *
 * Messages are written in place into slabs of memory, back to back. The reader
 * takes all of them at once, and returns the slabs when it has read them. In
 * steady state the same slabs go round and nothing is allocated. Slabs that a
 * burst needed are freed step by step afterwards.
 *
 * `cap` bounds the bytes that wait to be taken. A writer at the cap waits until
 * the reader has taken them (MAILBOX_WAIT), or gets an error (MAILBOX_FAIL, for
 * a thread that must not wait; MAILBOX_HALF gets it at half the cap, so that
 * messages of less importance leave room for others). No posted message is ever
 * dropped. The reader may hold as much again: memory is bounded by about twice
 * the cap.
 *
 * wake() is called under the lock when the first message comes into an empty
 * mailbox, never after mailbox_close(): what it wakes may then be destroyed. A
 * reader without a loop waits in mailbox_wait(). */
#ifndef SLUICE_MAILBOX_H
#define SLUICE_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

struct mailbox_slab;

struct mailbox {
	uv_mutex_t lock;
	uv_cond_t posted; /* for the reader: a message, a wakeup or the close */
	uv_cond_t taken;  /* for writers: room, or the close */
	struct mailbox_slab *first; /* oldest, with messages to take */
	struct mailbox_slab *last;  /* the one being filled */
	struct mailbox_slab *spare;
	size_t waiting; /* bytes of messages to take, with their headers */
	size_t held;	/* bytes of all slabs, also those in a batch */
	size_t spared;	/* bytes of the spare slabs */
	size_t keep;	/* bytes of spare slabs worth keeping */
	size_t cap;
	size_t reserved; /* of the message between reserve and commit */
	bool closed;
	bool woken;
	void (*wake)(void *arg);
	void *arg;
};

enum mailbox_full { MAILBOX_WAIT, MAILBOX_FAIL, MAILBOX_HALF };

/* The body follows, at an address that is a multiple of 8. */
struct mailbox_message {
	uint32_t kind; /* the meaning is up to the two sides */
	uint32_t len;  /* bytes of the body */
};

static inline const void *mailbox_body(const struct mailbox_message *m)
{
	return m + 1;
}

/* `cap` in bytes; `wake` may be NULL. 0, or a negative errno with nothing to
 * finish. */
int mailbox_init(struct mailbox *m, size_t cap, void (*wake)(void *arg),
		 void *arg);
/* No thread may be in a call, no batch taken and not returned. */
void mailbox_finish(struct mailbox *m);

/* Room for a message with a body of `len` bytes, to be filled and committed at
 * once: the lock is held between the two calls. 0; or, with no lock held,
 * -EPIPE (closed), -ENOBUFS (MAILBOX_FAIL and over the cap, MAILBOX_HALF and
 * over half of it), -EMSGSIZE (4 GiB), -ENOMEM. With MAILBOX_WAIT a message
 * larger than the cap goes into an empty mailbox. */
int mailbox_reserve(struct mailbox *m, uint32_t kind, size_t len,
		    enum mailbox_full full, void **body);
/* The first `len` bytes of the reserved body are the message. */
void mailbox_commit(struct mailbox *m, size_t len);
/* Both, with a copy of `bytes`. */
int mailbox_post(struct mailbox *m, uint32_t kind, const void *bytes,
		 size_t len, enum mailbox_full full);

/* Everything that a reader took at once. */
struct mailbox_batch {
	struct mailbox_slab *first;
	struct mailbox_slab *at; /* being read */
	size_t offset;		 /* in it */
	size_t bytes;		 /* of all messages, with their headers */
};

/* False when there was nothing. Works after mailbox_close(), too. */
bool mailbox_take(struct mailbox *m, struct mailbox_batch *ret);
/* The messages in the order of their posts; NULL at the end. They live until
 * mailbox_return(). */
const struct mailbox_message *mailbox_next(struct mailbox_batch *b);
void mailbox_return(struct mailbox *m, struct mailbox_batch *b);

/* Waits until there is a message, mailbox_wake() was called since the last
 * wait, or the mailbox is closed; at most `timeout_ms` (UINT64_MAX: forever).
 * False: the time ran out. */
bool mailbox_wait(struct mailbox *m, uint64_t timeout_ms);
void mailbox_wake(struct mailbox *m);

/* Later posts fail, and waiting ones. Twice is a no-op. */
void mailbox_close(struct mailbox *m);

/* At most half of the cap waits to be taken. */
bool mailbox_has_half(struct mailbox *m);
/* Bytes of memory in use. */
size_t mailbox_held(struct mailbox *m);

#endif
