#include "tally.h"

#include <stdarg.h>
#include <stdio.h>

#include "test_clock.h"

enum { SAID_MAX = 60 };

static const char *const names[WRONGS] = {
	[WRONG_LOST] = "lost",
	[WRONG_DOUBLED] = "doubled",
	[WRONG_DISORDERED] = "out of order",
	[WRONG_FOREIGN] = "foreign",
	[WRONG_GAP] = "gap",
	[WRONG_STUCK] = "stuck",
	[WRONG_REPLY] = "reply",
	[WRONG_LEVEL] = "level",
	[WRONG_STORE] = "store",
};

uint64_t address_counter_wrongs(const struct address_counter *t)
{
	uint64_t n = 0;

	for (size_t i = 0; i < WRONGS; i++)
		n += t->wrong[i];
	return n;
}

static void say(const struct address_counter *t, const char *what,
		const char *format, va_list args)
{
	fprintf(stderr, "%9.3f ",
		(double)(test_now_ms() - t->start_ms) / 1000.0);
	if (what != NULL)
		fprintf(stderr, "WRONG (%s): ", what);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void address_counter_wrong(struct address_counter *t, enum wrong wrong,
			   const char *format, ...)
{
	va_list args;

	t->wrong[wrong]++;
	if (t->wrong[wrong] > SAID_MAX)
		return;
	va_start(args, format);
	say(t, names[wrong], format, args);
	va_end(args);
}

void address_counter_say(const struct address_counter *t, const char *format,
			 ...)
{
	va_list args;

	va_start(args, format);
	say(t, NULL, format, args);
	va_end(args);
}
