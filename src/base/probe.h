/* Static tracepoints (USDT) for perf, bpftrace and SystemTap:
 *
 *	bpftrace -e 'usdt:./sluice:sluice:message_in { @[arg1] = count(); }'
 *
 * A probe is one nop until a tracer is attached. Without <sys/sdt.h> it is
 * nothing. Arguments are integers or pointers, and are not evaluated twice. */
#ifndef SLUICE_PROBE_H
#define SLUICE_PROBE_H

#if defined(__has_include)
#if __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
#endif
#endif

#ifdef DTRACE_PROBE2
#define PROBE2(name, a, b)    DTRACE_PROBE2(sluice, name, a, b)
#define PROBE3(name, a, b, c) DTRACE_PROBE3(sluice, name, a, b, c)
#else
#define PROBE2(name, a, b)                        \
	do {                                      \
		(void)sizeof(a), (void)sizeof(b); \
	} while (0)
#define PROBE3(name, a, b, c)                                      \
	do {                                                       \
		(void)sizeof(a), (void)sizeof(b), (void)sizeof(c); \
	} while (0)
#endif

#endif
