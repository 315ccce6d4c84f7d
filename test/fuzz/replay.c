/* Runs a fuzz target without a fuzzer: on each file of a corpus, on what is
 * left of it when its end is missing, and on changes of it that are the same in
 * each run. So what fuzzing has found once is an ordinary test with any
 * compiler.
 *
 *	replay FOLDER
 *
 * A property that does not hold ends the program; the input is named
 * last. */
#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "fuzz.h"

enum {
	FILE_MAX_BYTES = 1 << 16,
	PREFIXES = 128, /* of one file, at the most */
	CHANGES = 96,	/* of one file */
};

/* The message when the target dies. */
static char died[512];

static void on_abort(int number)
{
	ssize_t n = write(STDERR_FILENO, died, strlen(died));

	(void)n;
	signal(number, SIG_DFL);
	raise(number);
}

static void run(const char *name, const char *what, size_t number,
		const uint8_t *data, size_t len)
{
	/* Of its own size, so that a read behind its end is seen. */
	uint8_t *copy = malloc(len);

	MUST(copy != NULL || len == 0);
	snprintf(died, sizeof(died), "died on %s, %s %zu\n", name, what,
		 number);
	if (len > 0)
		memcpy(copy, data, len);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

/* ---- changes --------------------------------------------------------------
 */

/* xorshift64* */
static uint32_t draw(uint64_t *seed, uint32_t below)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return (uint32_t)((*seed * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % below;
}

/* What bytes of protocols are likely to be mistaken for. */
static uint8_t draw_byte(uint64_t *seed)
{
	static const uint8_t likely[] = "\0\r\n \t:.,-@\"\\{}09azAZ\x7f\x80"
					"\xff";

	return draw(seed, 2) == 0 ? likely[draw(seed, sizeof(likely) - 1)]
				  : (uint8_t)draw(seed, 256);
}

/* One byte another, new or gone, or a piece twice. `data` has room for twice
 * the greatest file. */
static size_t change(uint8_t *data, size_t len, uint64_t *seed)
{
	size_t at = draw(seed, (uint32_t)len + 1), n;

	switch (draw(seed, 4)) {
	case 0:
		if (at < len)
			data[at] = draw_byte(seed);
		return len;
	case 1:
		memmove(data + at + 1, data + at, len - at);
		data[at] = draw_byte(seed);
		return len + 1;
	case 2:
		n = at < len ? draw(seed, (uint32_t)(len - at)) + 1 : 0;
		n = n > 8 ? 8 : n;
		memmove(data + at, data + at + n, len - at - n);
		return len - n;
	default:
		n = len - at < 64 ? len - at : 64;
		memmove(data + at + n, data + at, len - at);
		return len + n;
	}
}

/* ---- files ----------------------------------------------------------------
 */

static size_t read_file(const char *folder, const char *name, uint8_t *data)
{
	char path[4096];
	FILE *f;
	size_t len;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "rb");
	MUST(f != NULL);
	len = fread(data, 1, FILE_MAX_BYTES, f);
	MUST(feof(f) || len < FILE_MAX_BYTES);
	fclose(f);
	return len;
}

static size_t replay(const char *folder, const char *name)
{
	static uint8_t data[FILE_MAX_BYTES], changed[2 * FILE_MAX_BYTES];
	size_t len = read_file(folder, name, data);
	size_t step = 1 + len / PREFIXES, n = 1;
	uint64_t seed = 88172645463325252;

	run(name, "whole", len, data, len);
	for (size_t cut = 0; cut < len; cut += step, n++)
		run(name, "prefix", cut, data, cut);
	for (size_t i = 0; i < CHANGES; i++, n++) {
		size_t changed_len = len;

		memcpy(changed, data, len);
		for (uint32_t k = draw(&seed, 4) + 1; k > 0; k--)
			changed_len = change(changed, changed_len, &seed);
		run(name, "change", i, changed, changed_len);
	}
	return n;
}

static int is_seed(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int main(int argc, char *argv[])
{
	struct dirent **entries;
	int n = argc == 2 ? scandir(argv[1], &entries, is_seed, alphasort) : -1;

	if (n <= 0) {
		printf("Bail out! no corpus in %s\n", argc == 2 ? argv[1] : "");
		return 1;
	}
	signal(SIGABRT, on_abort);
	printf("1..%d\n", n);
	for (int i = 0; i < n; i++) {
		size_t inputs = replay(argv[1], entries[i]->d_name);

		printf("ok %d - %s: %zu inputs\n", i + 1, entries[i]->d_name,
		       inputs);
		fflush(stdout);
		free(entries[i]);
	}
	free(entries);
	return 0;
}
