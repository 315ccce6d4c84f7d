/* What the fuzz targets share. A target is one function on bytes; it says with
 * MUST() what has to hold for any bytes, and so dies where it does not. The
 * same source is linked with libFuzzer, and with replay.c as an ordinary test.
 */
#ifndef TEST_FUZZ_H
#define TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* The target. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is left of an input. */
struct fuzz_input {
	const uint8_t *at;
	size_t left;
};

/* 0 where nothing is left. */
uint8_t fuzz_take_byte(struct fuzz_input *in);
/* What stands before the next NUL, or all that is left, as a string of its own
 * that the caller frees; NULL where nothing is left. */
char *fuzz_take_text(struct fuzz_input *in);
/* All that is left, the same way; a NUL inside stays. */
char *fuzz_take_rest(struct fuzz_input *in, size_t *len);

/* How a target cuts its bytes: the lengths of pieces, over and over. */
struct fuzz_cuts {
	uint8_t lens[7];
	size_t n;
	size_t next;
};

/* One byte says how many lengths follow (its low three bits; none: every piece
 * is one byte), then each has a byte for 1 to 32. Returns the first byte. */
uint8_t fuzz_take_cuts(struct fuzz_input *in, struct fuzz_cuts *cuts);
/* The next piece's length, 1 to `left`. */
size_t fuzz_cut(struct fuzz_cuts *cuts, size_t left);

/* Printable ASCII in one line that fits `size` bytes, and not empty. */
void fuzz_must_be_line(const char *text, size_t size);

/* A secret that no text for people may show, not even half of it. The targets
 * put it where secrets stand, so that an input need not guess one. */
#define FUZZ_SECRET	 "Zq7kZq7kZq7kZq7k"
#define FUZZ_SECRET_HALF "Zq7kZq7k"
void fuzz_must_hide_secret(const char *text);

#endif
