/* All clients of the soak: those that stay and resume, guests that come for
 * some seconds, and sockets with half a request. */
#ifndef SOAK_CROWD_H
#define SOAK_CROWD_H

#include "gate.h"
#include "reader.h"

enum {
	CROWD_GUESTS = 400,
	CROWD_HALVES = 200,
	CROWD_MARKS = 64,
	CROWD_SWEEP_MS = 5000,
};

enum member_kind {
	MEMBER_STEADY,	/* reads all the time */
	MEMBER_CHURN,	/* comes and goes, resumes */
	MEMBER_SLOW,	/* sips, and now and then drinks up */
	MEMBER_SLEEPER, /* reads nothing for long */
	MEMBER_GUEST,	/* comes once, without a cursor */
};

enum member_mode { MODE_READ, MODE_SIP, MODE_SLEEP };

struct member {
	struct reader reader;
	enum member_kind kind;
	enum member_mode mode;
	bool here;	   /* wants to be connected */
	uint64_t due_ms;   /* away: when to connect */
	uint64_t mode_ms;  /* when the mode changes */
	uint64_t since_ms; /* when it last came, or its mode changed */
	uint64_t sip_ms;   /* when to read next */
	uint64_t leave_ms; /* when to go; 0: never */
};

struct half {
	int fd; /* 0: none */
	uint64_t until_ms;
};

struct crowd {
	struct reader_room room;
	struct gate *gates;
	unsigned n_gates;
	struct member *members; /* first those that stay, then the guests */
	unsigned n_staying;
	unsigned n;
	struct half halves[CROWD_HALVES];
	bool calm; /* all read, none leaves */
	uint64_t sweep_ms;
	/* What was settled at the last sweeps. */
	uint64_t marks[CROWD_MARKS];
	unsigned n_marks;
};

/* `room` has all but the time. */
void crowd_init(struct crowd *c, const struct reader_room *room,
		struct gate *gates, unsigned n_gates, unsigned n_staying);
void crowd_finish(struct crowd *c);
/* What is due: connects, sips, naps; judges who has waited for too long. */
void crowd_turn(struct crowd *c, uint64_t now_ms);

/* ---- trouble ------------------------------------------------------------- */

void crowd_reset_some(struct crowd *c, unsigned n);
void crowd_slow_some(struct crowd *c, unsigned n);
void crowd_stop_some(struct crowd *c, unsigned n);
void crowd_burst(struct crowd *c, unsigned n);
void crowd_half_heads(struct crowd *c, unsigned n);

/* ---- the end ------------------------------------------------------------- */

/* Guests and halves go, all others read and stay. */
void crowd_calm(struct crowd *c);
/* Who is behind comes anew, with as large a window as the system gives. */
void crowd_hasten(struct crowd *c);
unsigned crowd_n_behind(const struct crowd *c);
/* Each that is not at its subject's end is wrong. */
void crowd_judge(struct crowd *c);
void crowd_leave(struct crowd *c);

#endif
