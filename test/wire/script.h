/* Reads .wire files: conversations as data. test_wire.c describes the format.
 */
#ifndef WIRE_SCRIPT_H
#define WIRE_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

#include "bytes.h"

enum script_kind {
	SCRIPT_SEND,   /* text: the bytes of all its lines, in one write */
	SCRIPT_EXPECT, /* text: the line behind "< ", escapes and all */
	SCRIPT_ACT,    /* text: the line behind "= " */
};

struct script_step {
	enum script_kind kind;
	unsigned line;
	struct bytes text;
};

struct script {
	char *name;
	struct script_step *steps;
	size_t n_steps;
	size_t n_sent; /* bytes of all SEND steps */
};

struct script_file {
	struct script *scripts;
	size_t n_scripts;
};

enum { SCRIPT_ERROR_MAX = 256 };

/* False with `err` ("line 7: ..."). Finish it in any case. */
bool script_file_read(struct script_file *f, const char *path, char *err);
void script_file_finish(struct script_file *f);

/* Appends what the text stands for: \r \n \t \0 \\ \" \xHH, \{TEXT*N} for N
 * times the text, and -TAG, -TAG2 ... for the tags of the first stream, the
 * second ... False when it is malformed. */
struct sse_tag;
/* -TAG stands for this one from now on; NULL: for the fake's. */
void script_set_tag(const struct sse_tag *tag);
bool script_unescape(struct bytes *out, const char *text, size_t len);
/* Appends bytes so that they can be read. */
void script_escape(struct bytes *out, const char *data, size_t len);

#endif
