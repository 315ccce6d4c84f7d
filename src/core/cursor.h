/* A cursor: one client's place in its subject, and its state. It has no queue
 * of its own; it is embedded in the connection. */
#ifndef SLUICE_CURSOR_H
#define SLUICE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "list.h"
#include "log.h"

struct replay;

/* What it waits for is what wakes it:
 *   IDLE     a frame of its subject (log), a ping
 *   DIRTY    the flush at the end of the turn
 *   BLOCKED  the socket (sink's hub_writable)
 *   LAGGED   a replay's place
 *   REPLAY   its replay's messages
 *   WAITING  the first contact with the stream, or a start's answer */
enum cursor_state {
	CURSOR_CLOSED,
	CURSOR_WAITING,
	CURSOR_LIVE,
	CURSOR_LAGGED,
	CURSOR_REPLAY,
};

enum cursor_start {
	START_NEW,
	START_ALL,
	START_LAST,
	START_RESUME,
};

struct cursor {
	uint64_t covered; /* every message of the subject <= this is accounted;
			     for an idle one that is caught up: log.head */
	uint64_t sent;	  /* last sequence handed out */
	uint64_t at;	  /* log's number of the last frame taken; 0 unknown */
	struct log_subject *subject;
	struct replay *replay;
	struct list watch; /* log_subject.watchers */
	struct list queue; /* hub: dirty, lagged or waiting */
	struct list ping;  /* hub: in due order */
	uint64_t ping_due_ms;
	uint64_t events;   /* messages handed out */
	uint32_t tag;	   /* of a resume, until it is checked: 24 bits */
	uint8_t state;
	uint8_t start;
	bool has_tag : 1;
	bool chunked : 1;
	bool caught_up : 1; /* covered is log.head, implicitly */
	bool blocked : 1;   /* the sink holds bytes */
	bool dirty : 1;
	bool ping_waits : 1;
	bool fell_off : 1;  /* comes back only at log_quarter() */
	bool opened : 1;    /* the id of the opening block is out */
	bool greeted : 1;   /* its retry: is out */
	bool ahead : 1;	    /* above head: waits for the leader's word */
	bool gap_reset : 1; /* a reset is to be told when the start is known */
	bool flag_spare : 1;
};

#endif
