/* NATS subjects: identities as tokens, and the template that makes an
 * identity's own subject. Rules: NATS ADR-6 (naming). */
#ifndef SLUICE_SUBJECT_H
#define SLUICE_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>

enum {
	SUBJECT_ID_MAX = 128,	/* bytes in an identity */
	SUBJECT_MAX = 512,	/* bytes in a subject, with its NUL */
	SUBJECT_NAME_MAX = 255, /* bytes in a stream's name */
};

/* `events.{id}`, split. */
struct subject_template {
	char prefix[SUBJECT_MAX]; /* "events." */
	char suffix[SUBJECT_MAX]; /* ""        */
	size_t prefix_len;
	size_t suffix_len;
};

/* 1 to SUBJECT_ID_MAX bytes of 33..126 without '.', '*', '>'. */
bool subject_id_ok(const char *id, size_t len);

/* -EINVAL with the reason in *why (static). The template has {id} exactly once,
 * as a whole token, and no wildcard; all other tokens are non-empty printable
 * ASCII without blanks and braces (a misspelt placeholder). prefix + 128 +
 * suffix fit SUBJECT_MAX. */
int subject_template_parse(struct subject_template *ret, const char *text,
			   const char **why);

/* Writes the subject of an identity that is subject_id_ok() to `out`
 * (SUBJECT_MAX bytes); returns its length without the NUL. */
size_t subject_render(const struct subject_template *t, const char *id,
		      size_t id_len, char *out);

/* Name of a stream: 1 to 255 bytes, printable ASCII, none of " .*>\/". */
bool subject_stream_name_ok(const char *name);
/* Prefix of subjects ("$JS.hub.API", "_INBOX_gw"): at most 255 bytes, non-empty
 * tokens of printable ASCII without wildcards and blanks, no trailing dot. */
bool subject_prefix_ok(const char *prefix);

#endif
