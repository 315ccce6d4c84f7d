/* NATS subjects: which tokens an identity may be, the template that makes a
 * client's subject of it, and which subjects a filter covers.
 * Source of the rules: NATS ADR-6 (naming) and the server's sublist. */
#ifndef SLUICE_SUBJECT_H
#define SLUICE_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>

enum {
	SUBJECT_ID_MAX = 128,	/* bytes in an identity */
	SUBJECT_MAX = 512,	/* bytes in any subject of ours, with its NUL */
	SUBJECT_NAME_MAX = 255, /* bytes in a stream's name */
};

/* `events.{id}` cut in two. */
struct subject_template {
	char prefix[SUBJECT_MAX]; /* "events." */
	char suffix[SUBJECT_MAX]; /* ""        */
	size_t prefix_len;
	size_t suffix_len;
};

/* 1 to SUBJECT_ID_MAX bytes of 33..126 without '.', '*', '>'. */
bool subject_id_ok(const char *id, size_t len);

/* One text with the reason for -EINVAL in *why (static). The template holds
 * {id} exactly once, as a whole token, and no wildcard; all other tokens are
 * non-empty printable ASCII without blanks and without braces (a misspelt
 * placeholder). prefix + 128 + suffix fit SUBJECT_MAX. */
int subject_template_parse(struct subject_template *ret, const char *text,
			   const char **why);

/* The subject of an identity that subject_id_ok() has passed; returns its
 * length without the NUL. `out` has SUBJECT_MAX bytes. */
size_t subject_render(const struct subject_template *t, const char *id,
		      size_t id_len, char *out);

/* The filter for all identities: "events.*". `out` has SUBJECT_MAX bytes. */
size_t subject_filter(const struct subject_template *t, char *out);

/* Is `subject` one that the template can make of a good identity? */
bool subject_matches(const struct subject_template *t, const char *subject,
		     size_t len, const char **id, size_t *id_len);

/* Does the filter cover every subject that `pattern` covers (both may have
 * '*' and '>')? Both NUL-terminated. */
bool subject_covers(const char *filter, const char *pattern);
/* Is there a subject that both cover? */
bool subject_overlaps(const char *a, const char *b);

/* A stream's name: 1 to 255 bytes, printable ASCII, none of " .*>\/". */
bool subject_stream_name_ok(const char *name);
/* A prefix for subjects ("$JS.hub.API", "_INBOX_gw"): non-empty tokens of
 * printable ASCII, no wildcards, no blank, no trailing dot; at most 255
 * bytes. */
bool subject_prefix_ok(const char *prefix);

#endif
