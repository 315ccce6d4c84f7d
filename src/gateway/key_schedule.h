/* When the keys of an https:// URL are fetched: at the start, before they get
 * old, after a failure, and when a token names a kid that no key has. One fetch
 * at a time.
 *
 * Pure: the owner passes the time, and carries out the fetches. */
#ifndef SLUICE_KEY_SCHEDULE_H
#define SLUICE_KEY_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	KEY_REFRESH_MAX_MS = 3600 * 1000,
	KEY_REFRESH_MIN_MS = 10 * 1000,
	KEY_REVALIDATE_MS = 60 * 1000, /* for keys that may not be cached */
	KEY_RETRY_MIN_MS = 1000,
	KEY_RETRY_MAX_MS = 60 * 1000,
	KEY_KID_MS = 10 * 1000, /* between two fetches for unknown kids */
};

/* All times in ms; UINT64_MAX: never. */
struct key_schedule {
	uint64_t next_ms;     /* of the refresh or the retry */
	uint64_t kid_next_ms; /* earliest fetch for an unknown kid */
	uint64_t retry_ms;    /* the last delay after a failure; 0: none */
	bool fetching;
	bool kid_wanted; /* since the begin of the last fetch */
};

/* The first fetch is due at once. */
void key_schedule_init(struct key_schedule *s, uint64_t now_ms);
/* Begins a fetch now, or after the one in progress. */
void key_schedule_request(struct key_schedule *s, uint64_t now_ms);
/* A token names an unknown kid. True: a fetch is in progress, or starts within
 * `wait_ms`. `again`: it has waited already, and causes no further fetch after
 * that time. */
bool key_schedule_want_kid(struct key_schedule *s, bool again, uint64_t now_ms,
			   uint64_t wait_ms);
/* True when a fetch is due; it has begun then. */
bool key_schedule_begin(struct key_schedule *s, uint64_t now_ms);
/* `lifetime_s`: how long the response may be used, UINT64_MAX when it does not
 * say so. */
void key_schedule_fetched(struct key_schedule *s, uint64_t now_ms,
			  uint64_t lifetime_s);
void key_schedule_failed(struct key_schedule *s, uint64_t now_ms);
/* When key_schedule_begin() next returns true. */
uint64_t key_schedule_next_ms(const struct key_schedule *s);

#endif
