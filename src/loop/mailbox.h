/* The bridge between two threads: letters of bytes, many writers, one reader.
 *
 * Letters are written in place into slabs of memory, back to back; the reader
 * takes all of them at once and gives the slabs back when it has read them. In
 * steady state the same slabs go round and nothing is allocated. Slabs that a
 * burst has needed are freed step by step when less is taken.
 *
 * `cap` bounds the bytes that wait to be taken. A writer at the cap either
 * waits until the reader has taken (MAILBOX_WAIT), or is refused
 * (MAILBOX_REFUSE, for a thread that must not wait). Nothing that was posted is
 * ever dropped. The reader may hold as much again, so the memory is bounded by
 * about twice the cap.
 *
 * The bell is called under the lock when the first letter comes into an empty
 * mailbox, never after mailbox_close(): so what it rings may be destroyed
 * then. A reader without a loop waits in mailbox_wait(). */
#ifndef SLUICE_MAILBOX_H
#define SLUICE_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

struct mailbox_slab;

struct mailbox {
	uv_mutex_t lock;
	uv_cond_t posted; /* for the reader: a letter, a wake or the close */
	uv_cond_t taken;  /* for writers: room, or the close */
	struct mailbox_slab *first; /* oldest, with letters to take */
	struct mailbox_slab *last;  /* the one being filled */
	struct mailbox_slab *spare;
	size_t waiting; /* bytes of letters to take, with their headers */
	size_t held;	/* bytes of all slabs, also those in a batch */
	size_t spared;	/* bytes of the spare slabs */
	size_t keep;	/* bytes of spare slabs worth keeping */
	size_t cap;
	size_t reserved; /* of the letter between reserve and commit */
	bool closed;
	bool woken;
	void (*wake)(void *arg);
	void *arg;
};

enum mailbox_full { MAILBOX_WAIT, MAILBOX_REFUSE };

/* A letter's body follows it, at an address that 8 divides. */
struct mailbox_message {
	uint32_t kind; /* whatever the two sides agree on */
	uint32_t len;  /* bytes of the body */
};

static inline const void *mailbox_body(const struct mailbox_message *l)
{
	return l + 1;
}

/* `cap` in bytes; `ring` may be NULL. 0 or a negative errno, and then there is
 * nothing to finish. */
int mailbox_init(struct mailbox *m, size_t cap, void (*wake)(void *arg),
		 void *arg);
/* No thread may be in a call, no batch taken and not returned. */
void mailbox_finish(struct mailbox *m);

/* Room for a letter of `len` bytes of body, to be filled and committed at once:
 * the lock is held between the two. 0; or, with no lock held, -EPIPE (closed),
 * -ENOBUFS (MAILBOX_REFUSE and over the cap), -EMSGSIZE (4 GiB), -ENOMEM. With
 * MAILBOX_WAIT a letter bigger than the cap goes into an empty mailbox. */
int mailbox_reserve(struct mailbox *m, uint32_t kind, size_t len,
		    enum mailbox_full full, void **body);
/* The first `len` bytes of the reserved body are the letter. */
void mailbox_commit(struct mailbox *m, size_t len);
/* Both, with a copy of `bytes`. */
int mailbox_post(struct mailbox *m, uint32_t kind, const void *bytes,
		 size_t len, enum mailbox_full full);

/* Everything that a reader took at once. */
struct mailbox_batch {
	struct mailbox_slab *first;
	struct mailbox_slab *at; /* being read */
	size_t offset;		 /* in it */
	size_t bytes;		 /* of all letters, with their headers */
};

/* False when there was nothing. Works after the close too. */
bool mailbox_take(struct mailbox *m, struct mailbox_batch *ret);
/* The letters in the order of their posts; NULL at the end. They live until
 * mailbox_return(). */
const struct mailbox_message *mailbox_next(struct mailbox_batch *b);
void mailbox_return(struct mailbox *m, struct mailbox_batch *b);

/* Waits until there is a letter, mailbox_wake() has been called since the last
 * wait, or the mailbox is closed; at the most `timeout_ms` (UINT64_MAX: for
 * ever). False when the time ran out. */
bool mailbox_wait(struct mailbox *m, uint64_t timeout_ms);
void mailbox_wake(struct mailbox *m);

/* Later posts fail, waiting ones too. Twice is a no-op. */
void mailbox_close(struct mailbox *m);

/* Bytes of memory in use. */
size_t mailbox_held(struct mailbox *m);

#endif
