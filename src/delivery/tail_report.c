/* What the tail says about itself: its status messages for the log, and why it
 * is not ready. */
#include "delivery/tail_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void tail_report(struct tail *t, bool warn, const char *fmt, ...)
{
	char text[sizeof(t->report)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (strcmp(text, t->report) == 0)
		return; /* reported already */
	if (t->has_report && t->report_warn && !warn)
		return; /* a warning that is not yet logged matters more */
	memcpy(t->report, text, sizeof(text));
	t->report_warn = warn;
	t->has_report = true;
}

void tail_set_why(struct tail *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(t->why_text, sizeof(t->why_text), fmt, ap);
	va_end(ap);
	t->why = t->why_text;
}
