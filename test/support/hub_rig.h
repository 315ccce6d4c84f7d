/* A hub under test: the test is JetStream (through fake_jetstream) and the
 * clients' sockets, which take as many bytes as it allows. */
#ifndef TEST_HUB_RIG_H
#define TEST_HUB_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "delivery/hub.h"
#include "fake_jetstream.h"
#include "jetstream_events.h"

#define RIG_STREAM "created-1" /* its tag is '@' in expected texts */
#define RIG_OTHER  "created-2" /* and this one's '#' */

/* The opening block, and its second half where it comes late. */
#define RIG_OPEN(id) \
	"event: system\ndata: {\"system\": \"open\"}\nid: " id "\n\n"
#define RIG_OPENING(id) "retry: 3000\n" RIG_OPEN(id)

enum { RIG_CLIENTS = 16 };

struct rig_client {
	struct cursor cursor;
	struct bytes got;  /* taken by its socket, and not yet looked at */
	struct bytes held; /* by the sink */
	char steps[512];   /* "start 5, live 5, ..." */
	size_t room;	   /* bytes that the socket takes; SIZE_MAX: all */
	size_t writes;
	int write_rc; /* < 0: what the sink returns instead */
	int hold_rc;
	bool open;
	bool done; /* all messages of its limit came */
};

struct rig {
	struct fake_jetstream src;
	struct metrics metrics;
	struct hub *hub;
	struct readable *readable;
	uint64_t now_ms;
	struct request_id consumer; /* the tail's */
	uint64_t cseq;
	uint64_t first; /* of the last rig_info() */
	uint32_t
		leader; /* the server that answers STREAM.INFO; 0: no cluster */
	unsigned api_level; /* its */
	struct rig_client clients[RIG_CLIENTS];
	size_t n_clients;
};

/* For "ev.{id}", 1 MiB, 4 replays, no pings, retry 3 s. */
struct hub_config rig_config(void);
void rig_start(struct rig *r, const struct hub_config *cfg);
/* Closes all of its clients. */
void rig_finish(struct rig *r);

/* ---- JetStream's side ---------------------------------------------------- */

void rig_send(struct rig *r, struct jetstream_event ev);
/* Answers the STREAM.INFO in flight, of the tail or of the leader. */
void rig_info(struct rig *r, const char *created, uint64_t first,
	      uint64_t last);
/* A session, and a tail that is live behind `last`, or from where it was. */
void rig_live(struct rig *r, uint64_t first, uint64_t last);
/* The same from the tail's STREAM.INFO on. */
void rig_follow(struct rig *r, const char *created, uint64_t first,
		uint64_t last);
/* After a hole it answers the STREAM.INFO, as the last one was. */
void rig_publish(struct rig *r, const char *subject, uint64_t seq,
		 const char *text);
/* Answers the probe from sequence `from`: with a message "old", or with 0 none.
 * Does not answer its STREAM.INFO. */
void rig_probe(struct rig *r, uint64_t from, uint64_t seq);

/* ---- the loop's side ----------------------------------------------------- */

/* Until nothing is dirty, then checks the hub's invariants. */
void rig_flush(struct rig *r);
/* `ms` later: a heartbeat if the tail is live, a tick, a flush. */
void rig_pass(struct rig *r, uint64_t ms);

/* ---- the clients' side --------------------------------------------------- */

/* Opens one of the rig's own clients, without chunks. */
struct rig_client *rig_open(struct rig *r, const char *id,
			    enum cursor_start start);
/* The same, with an event id. */
struct rig_client *rig_resume(struct rig *r, const char *id,
			      const char *cursor);
/* The same, with a socket that takes no more than `room` bytes. */
struct rig_client *rig_open_with(struct rig *r, const struct hub_open *open,
				 size_t room);
void rig_close(struct rig *r, struct rig_client *c);
/* The socket takes what is held, and `room` bytes more. */
void rig_drain(struct rig *r, struct rig_client *c, size_t room);
/* The text with '@' and '#' replaced; good for four calls. */
const char *rig_text(const char *text);

/* Its socket took this since the last time. */
#define assert_got(c, text)                                                 \
	do {                                                                \
		assert_string_equal(bytes_text(&(c)->got), rig_text(text)); \
		bytes_clear(&(c)->got);                                     \
	} while (0)

#endif
