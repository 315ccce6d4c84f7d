#include "soak_gateway.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

void soak_gateway_start(struct soak_gateway *g)
{
	/* Little memory for what is recent: history is asked for often. */
	static const char *const args[] = {"--buffer-size",
					   "4MiB",
					   "--max-replays",
					   "32",
					   "--ping-interval",
					   "5s",
					   "--header-timeout",
					   "5s",
					   "--max-connections",
					   "4000",
					   "--retry",
					   "1s",
					   "--drain-timeout",
					   "3s",
					   NULL};
	const char *colon;

	gateway_proc_start(&g->proc, g->proxy.url, args);
	colon = strchr(g->proc.address, ':');
	assert_non_null(colon);
	g->at = (struct sockaddr_in){.sin_family = AF_INET,
				     .sin_port =
					     htons((uint16_t)atoi(colon + 1)),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	g->open = true;
	g->ending = false;
}

bool soak_gateway_has_ended(const struct soak_gateway *g)
{
	siginfo_t info = {0};

	return g->proc.pid != 0 &&
	       waitid(P_PID, (id_t)g->proc.pid, &info,
		      WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == g->proc.pid;
}
