/* What the files of the simulation share: client.c (what a client receives, and
 * whether it is right), stream.c (JetStream's stream), world.c (a whole run),
 * world_events.c (what can happen, in random order), pace.c (how long things
 * take) and test_sim.c (the program).
 */
#ifndef TEST_SIM_H
#define TEST_SIM_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mutation.h"
#include "delivery/hub.h"
#include "fake_jetstream.h"

/* Kinds of faults that a world may have, each in half of the seeds.
 * X(name, in the suites, what happens) */
#define FEATURES(X)                                                        \
	X(GROW, 1, "publishing goes on after a roll-back")                 \
	X(OVERTAKE, 1, "limits and purges overtake the tail")              \
	X(JUMPS, 1, "consumers of 2.9 jump when one subject is purged")    \
	X(ERRORS, 1, "errors in place of answers")                         \
	X(CONSUMER_LIMIT, 1, "max_consumers comes and goes")               \
	X(PULLS, 1, "pulls end with 400, 409, 503; consumers are deleted") \
	X(BATCH, 1, "the server accepts only small pulls")                 \
	X(BIG, 1, "messages over max_bytes")                               \
	X(FOREIGN, 1, "other subjects' messages come")                     \
	X(SINKS, 1, "writes fail, and bytes can't be held")                \
	X(LIMITS, 1, "clients want so many messages and no more")          \
	X(LINES, 1, "clients want lines of JSON")                          \
	X(HISTORY, 1, "hundreds of messages before the first client")      \
	X(CROWD, 1, "24 clients, six identities")                          \
	X(BEYOND, 1, "cursors far beyond the end")                         \
	X(BEHIND, 1, "a leader is behind for seconds")                     \
	X(ORDER, 1, "answers change places, STREAM.INFO is dropped")       \
	X(UNFILTERED, 1, "the tail's consumer has no filter")              \
	X(SELECTIONS, 1, "clients follow several subjects, and are denied some")

enum feature {
#define X(name, suite, text) FEATURE_##name,
	FEATURES(X)
#undef X
		FEATURE_COUNT
};

enum {
	SIM_MAX_SEQ = 4096,
	SIM_SUBJECTS = 8, /* ev.*: clients'; SIM_OTHER: no client's */
	SIM_OTHER = 2,
	MAX_CLIENTS = 24,
	FEW_CLIENTS = 8,
	BYTES_MAX = 1 << 18,
	UIDS_MAX = 1 << 14,
};

struct client {
	struct cursor cursor;
	bool open;
	bool stuck;  /* its socket takes nothing */
	int subject; /* its identity's own */
	bool wide;   /* follows `selection` and not `subject` */
	struct rights_selection selection;
	unsigned follows; /* bits of 1 << subject */
	enum cursor_start policy;
	bool chunked;
	bool ndjson, system, json_events; /* as it has asked for */
	uint32_t limit;
	unsigned messages; /* on this stream */
	bool over;	   /* the sink has failed, or all of the limit came */

	uint8_t *held; /* the sink's */
	size_t held_len;
	size_t rate; /* bytes in a millisecond; 0: all */
	size_t room;

	char *bytes; /* not yet decoded */
	size_t n_bytes;

	bool stale;	 /* its cursor may name what was rolled back */
	unsigned doomed; /* number of resets that it still receives, at most */
	unsigned sound;	 /* no reset is due while this is the stream's epoch */
	uint64_t reset_first; /* of the gap that is being read */
	bool started;	      /* a first id has come */
	unsigned epoch;	      /* of the stream, as the client knows it */
	uint64_t start;	      /* every event after it is owed */
	/* deliver=last of a selection: up to it, only the newest message of
	 * each subject is owed; after a resume, up to its cursor. */
	uint64_t snapshot_to;
	uint64_t id;   /* last id seen: the client's cursor */
	uint64_t sent; /* last message seen */
	uint8_t *got;  /* by uid */
	uint8_t *owed; /* by sequence: gone, and not yet reported */
	char tag[SSE_TAG_LEN + 1];
	unsigned gaps;
	uint64_t last_ms; /* when the last message came */
};

/* Messages that limits or a purge removed, by sequence: no client may skip them
 * without a report; at once if the gateway had read so far. */
struct removed {
	size_t messages[SIM_MAX_SEQ + 1]; /* 0: none */
	bool was_read[SIM_MAX_SEQ + 1];
	uint64_t read_to;
};

struct sim {
	struct fake_jetstream js;
	struct removed removed;
	uint8_t subjects[UIDS_MAX]; /* of each message */
	struct hub *hub;
	struct readable *readable;
	struct metrics metrics;
	struct client clients[MAX_CLIENTS];
	int n_clients;
	int n_ids;
	uint64_t now_ms;
	uint64_t random;
	uint64_t rolled_from; /* last_seq to wait for; 0: none */
	uint64_t rolled_to;
	uint64_t times_back; /* counted by the hub by then */
	bool failed;
	bool verbose;
	char why[256];
	/* what this seed is like */
	unsigned features; /* bits of 1 << enum feature */
	unsigned weights[40];
	bool cluster;
	bool had_behind; /* a leader was behind once */
	uint64_t behind_to_ms;
	uint64_t former_to_ms;
};

extern unsigned sim_features; /* that seeds may have */
extern const char *const feature_names[FEATURE_COUNT];

uint64_t sim_rnd(struct sim *s, uint64_t below);
void sim_fail(struct sim *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void sim_say(struct sim *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static inline bool sim_has(const struct sim *s, enum feature f)
{
	return (s->features >> f & 1) != 0;
}

/* A message with this subject is an event for the client. */
static inline bool client_follows(const struct client *c, unsigned subject)
{
	return (c->follows >> subject & 1) != 0;
}

static inline long client_no(const struct sim *s, const struct client *c)
{
	return (long)(c - s->clients);
}

/* ---- stream.c ------------------------------------------------------------ */

extern const char *const sim_subjects[SIM_SUBJECTS];

/* An empty stream, no session. */
void sim_init_stream(struct sim *s);
void sim_publish(struct sim *s, int subject);
/* Another stream, and the same stream that ends at `last` once more. */
void sim_recreate(struct sim *s);
void sim_roll_back(struct sim *s, uint64_t last);
/* A new session, if there is none. */
void sim_up(struct sim *s);

/* ---- client.c ------------------------------------------------------------ */

void client_init(struct client *c, int no);
/* Follows its own subject alone, or a random selection. */
void client_choose_subjects(struct sim *s, struct client *c);
/* The stream's epoch by its tag; 0: none. */
unsigned client_epoch(const struct sim *s, const char *tag);
/* Its socket took these bytes. */
void client_take(struct sim *s, struct client *c, const void *p, size_t len);
/* Everything of the client's subject in (start, id] that is still stored must
 * have come. */
void client_check_owed(struct sim *s, struct client *c);
/* All that it missed was reported. */
void client_check_told(struct sim *s, struct client *c);

/* ---- world.c ------------------------------------------------------------- */

/* The subject of an identity, by its number. */
int sim_subject_of(int id);
void sim_open(struct sim *s, struct client *c, const struct hub_open *open);
void sim_close(struct sim *s, struct client *c);
void sim_drain(struct sim *s, struct client *c);
void sim_on_event(void *arg, const struct jetstream_event *ev);
/* Flushes until nothing is dirty; false: it never ends. */
bool sim_flush_all(struct sim *s);
/* s->js, s->n_clients and s->random are set. */
void sim_begin(struct sim *s, const struct hub_config *cfg, uint64_t limit);
void sim_end(struct sim *s);

/* True when it held; else `why`. */
bool world_run(uint64_t seed, bool verbose, char *why, size_t size);

/* ---- world_events.c -------------------------------------------------------
 */

void world_check(struct sim *s);
void world_close_ended(struct sim *s);
void world_publish_some(struct sim *s);
void world_set_clock(struct sim *s, uint64_t now_ms);
void world_choose_weights(struct sim *s);
/* One random event. */
void world_step(struct sim *s);

/* ---- pace.c -------------------------------------------------------------- */

/* X(name, in the suite, what must not be) */
#define SCENES(X)                                                         \
	X(BEYOND, 1, "a cursor beyond the end delays no other")           \
	X(BATCH, 1, "a server that accepts only small pulls gets them")   \
	X(REFUSED, 1, "what is rejected is not repeated without a pause") \
	X(PROBES, 1, "history without a consumer does not stand still")   \
	X(CREATE, 1, "a consumer that was rejected is tried again")       \
	X(SLOTS, 1, "slots of replays rotate")                            \
	X(SLOW, 1, "slow searches do not delay the tail")

enum scene {
#define X(name, suite, text) SCENE_##name,
	SCENES(X)
#undef X
		SCENE_COUNT
};

bool pace_run(enum scene scene, uint64_t seed, bool verbose, char *why,
	      size_t size);

#endif
