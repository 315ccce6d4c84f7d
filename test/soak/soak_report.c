#include "soak_report.h"

#include <stdarg.h>
#include <stdio.h>

#include "test_clock.h"

enum { SAID_MAX = 60 };

static const char *const names[VIOLATIONS] = {
	[VIOLATION_LOST] = "lost",
	[VIOLATION_DOUBLED] = "doubled",
	[VIOLATION_DISORDERED] = "out of order",
	[VIOLATION_FOREIGN] = "foreign",
	[VIOLATION_GAP] = "gap",
	[VIOLATION_STUCK] = "stuck",
	[VIOLATION_REPLY] = "reply",
	[VIOLATION_LEVEL] = "level",
	[VIOLATION_STORE] = "store",
};

uint64_t soak_report_violations(const struct soak_report *t)
{
	uint64_t n = 0;

	for (size_t i = 0; i < VIOLATIONS; i++)
		n += t->violations[i];
	return n;
}

static void say(const struct soak_report *t, const char *what,
		const char *format, va_list args)
{
	fprintf(stderr, "%9.3f ",
		(double)(test_now_ms() - t->start_ms) / 1000.0);
	if (what != NULL)
		fprintf(stderr, "WRONG (%s): ", what);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void soak_report_violation(struct soak_report *t, enum violation violation,
			   const char *format, ...)
{
	va_list args;

	t->violations[violation]++;
	if (t->violations[violation] > SAID_MAX)
		return;
	va_start(args, format);
	say(t, names[violation], format, args);
	va_end(args);
}

void soak_report_log(const struct soak_report *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(t, NULL, format, args);
	va_end(args);
}
