/* A simulated JetStream behind nats/jetstream.h, for the simulation of the hub:
 * one stream, its leader, replicas that lag, consumers, pulls, and one ordered
 * wire to the gateway on which messages get lost. It does nothing by itself:
 * the owner of the random numbers calls for each step. */
#ifndef TEST_SIM_JS_H
#define TEST_SIM_JS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nats/jetstream.h"

enum {
	SIM_MAX_SEQ = 4096,
	SIM_MAX_CONSUMERS = 64,
	SIM_MAX_QUEUE = 2048,
	SIM_MAX_LATE = 64,
	SIM_SUBJECTS = 8, /* ev.*: clients'; SIM_OTHER: no client's */
	SIM_OTHER = 2,
	SIM_SLOTS = 32, /* in which rejections are counted */
};
#define SIM_ALL UINT64_MAX

/* A message that was ever published, by its unique number. */
struct sim_message {
	uint64_t seq;
	uint64_t time_ns; /* when it was stored: of no other message */
	int subject;
	bool stored;  /* in the stream as it is now */
	bool expired; /* went by limits or purge, not by a delete */
	bool big;     /* exceeds the max_bytes of any pull that has one */
};

struct sim_pull {
	uint32_t number;
	uint32_t left;
	bool no_wait;
	bool bounded; /* by max_bytes */
	uint64_t expires_ms, heartbeat_ms;
	uint64_t sent_ms, heard_ms;
};

struct sim_consumer {
	bool alive;
	struct request_id request;
	uint64_t pos; /* last sequence looked at */
	uint64_t cseq;
	char filter[64];
	struct sim_pull pulls[8];
	int n_pulls;
	unsigned lag; /* messages by which its replica is behind */
	uint64_t inactive_ms, used_ms;
};

enum sim_request_kind {
	SIM_ASK_INFO,
	SIM_ASK_FIND,
	SIM_ASK_GET,
	SIM_ASK_LAST,
	SIM_ASK_CREATE,
	SIM_ASK_PULL,
	SIM_ASK_FORGET,
};

struct sim_request {
	enum sim_request_kind kind;
	struct request_id request;
	uint64_t seq;
	uint64_t inactive_ms;
	uint64_t asked_ms;
	char subject[64];
	struct sim_pull pull;
};

struct sim_letter {
	enum jetstream_event_kind kind;
	struct request_id request;
	int err;
	uint64_t uid; /* of the message */
	uint64_t cseq;
	uint64_t pending;
	struct jetstream_info info;
	char created[32];
	struct jetstream_status status;
};

/* What a server does besides answering: chances are of 256 answers. */
struct sim_faults {
	unsigned errors;    /* in place of INFO, FOUND and CREATED */
	unsigned pulls;	    /* 400, 409 or 503 in place of messages */
	unsigned foreign;   /* another subject's message */
	unsigned big;	    /* messages over max_bytes */
	unsigned max_batch; /* pulls above it: 409; 0: none */
	bool says_503;	    /* to pulls of consumers that are gone: 2.10 */
	bool jumps;	    /* 2.9: see sim_purge_subject() */
	bool shuffles;	    /* answers come in another order, or not at all */
};

struct sim_js {
	struct jetstream source; /* give this to the hub */
	bool up;
	uint64_t now_ms; /* set from outside */
	uint64_t random;
	struct sim_faults faults;
	bool covers_all; /* the gateway's filter covers all subjects */
	uint64_t answer_ms, search_ms; /* sim_serve_due() */

	/* The server that answers for the stream: a leader that most replicas
	 * follow, or one without followers; and its last sequence. */
	uint32_t leader; /* 0: one server, which is no cluster */
	bool no_leader;
	uint64_t applied; /* SIM_ALL: everything */

	/* The former leader, which answers as well, with what it had. Its
	 * responses and the leader's go by different ways: either may be late.
	 */
	bool rival;
	uint64_t rival_last;
	struct sim_late {
		struct sim_letter letters[SIM_MAX_LATE];
		unsigned from, to;
	} late[2];

	/* The stream as it is now. */
	unsigned epoch; /* another one: another `created` */
	uint64_t last;
	uint64_t first;
	uint64_t limit;		      /* messages kept */
	uint64_t at[SIM_MAX_SEQ + 1]; /* uid by sequence, 0: none */
	/* The same for messages removed by limits or a purge: no client may
	 * skip them without a report; at once if the gateway had read so far.
	 */
	uint64_t gone[SIM_MAX_SEQ + 1];
	bool gone_read[SIM_MAX_SEQ + 1];
	uint64_t read_to;

	struct sim_message *messages; /* by uid */
	uint64_t n_messages;
	uint64_t cap_messages;

	unsigned consumers_max; /* 0: none */
	struct sim_consumer consumers[SIM_MAX_CONSUMERS];

	struct sim_request asked[SIM_MAX_QUEUE]; /* FIFO */
	unsigned asked_from, asked_to;
	struct sim_letter wire[SIM_MAX_QUEUE]; /* FIFO */
	unsigned wire_from, wire_to;
	unsigned long requests[7]; /* by kind */
	/* Rejections by slot, the last for all others; the judge resets them.
	 */
	unsigned refused[SIM_SLOTS];
};

extern const char *const sim_subjects[SIM_SUBJECTS];

void sim_js_init(struct sim_js *s, uint64_t limit);
void sim_js_finish(struct sim_js *s);

/* The stream. */
void sim_publish(struct sim_js *s, int subject);
void sim_delete(struct sim_js *s, uint64_t seq);
void sim_purge(struct sim_js *s, uint64_t upto);
/* Of one subject: servers of 2.9 let each consumer whose filter is no literal
 * subject jump to the end of the stream. */
void sim_purge_subject(struct sim_js *s, int subject);
void sim_recreate(struct sim_js *s);
void sim_roll_back(struct sim_js *s, uint64_t last);

/* The cluster. A leader with the whole stream; one that has it up to a
 * sequence, and gets no more for now; and one without followers, on a server
 * whose consumers get no more. */
void sim_lead(struct sim_js *s);
void sim_lead_behind(struct sim_js *s, uint64_t applied);
void sim_stand_still(struct sim_js *s);
void sim_cut_off(struct sim_js *s, uint64_t applied);
/* The former leader is back with the stream up to a sequence, and does not know
 * that it no longer leads. Then it learns of it. */
void sim_rival(struct sim_js *s, uint64_t last);
void sim_step_down(struct sim_js *s);
/* A late response of one of the two comes to the wire. */
bool sim_late(struct sim_js *s, unsigned which);

/* The session: an event UP or DOWN; consumers and messages on the wire vanish.
 */
void sim_up(struct sim_js *s);
void sim_down(struct sim_js *s);

/* Steps. False: there was nothing to do. */
bool sim_serve_request(struct sim_js *s, unsigned which); /* 0: the oldest */
/* Serves requests that have waited for answer_ms, or search_ms where messages
 * are searched; then what time alone brings: heartbeats, the ends of pulls and
 * of unused consumers. */
void sim_serve_due(struct sim_js *s);
void sim_tick(struct sim_js *s);
/* Nothing is on its way, and nothing happens but by time. */
bool sim_idle(const struct sim_js *s);
/* When sim_tick() next has work. */
uint64_t sim_due(const struct sim_js *s);
bool sim_serve_consumer(struct sim_js *s, unsigned which); /* n-th alive */
/* A pull ends with 408 though messages may be there. */
bool sim_expire_pull(struct sim_js *s, unsigned which);
/* Another client deletes a consumer; its pulls get a status, or not. */
bool sim_delete_consumer(struct sim_js *s, unsigned which, bool told);
bool sim_heartbeat(struct sim_js *s, unsigned which);
unsigned sim_alive(const struct sim_js *s);
bool sim_deliver(struct sim_js *s,
		 void (*to)(void *arg, const struct jetstream_event *ev),
		 void *arg);
/* Loses the n-th message on the wire, of any kind but UP and DOWN. */
bool sim_lose(struct sim_js *s, unsigned which);
/* The queue of STREAM.INFO is dropped whole, the former leader's, too (2.14).
 */
void sim_drop_infos(struct sim_js *s);
unsigned sim_on_wire(const struct sim_js *s);

/* The next stored message of a subject above `seq`: its uid, or 0. */
uint64_t sim_next(const struct sim_js *s, uint64_t seq, const char *subject,
		  uint64_t upto);

#endif
