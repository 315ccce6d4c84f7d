/* Reports on the connection to NATS, for the log. */
#ifndef SLUICE_NATS_STATUS_H
#define SLUICE_NATS_STATUS_H

enum nats_status_kind {
	NATS_STATUS_CONNECTED,	  /* server */
	NATS_STATUS_DISCONNECTED, /* server; text: the reason */
	NATS_STATUS_FAILED,	  /* a connect failed; server, text */
	NATS_STATUS_ERROR,	  /* an asynchronous -ERR; server, text */
	NATS_STATUS_LAME_DUCK,	  /* server: it announced its shutdown */
	NATS_STATUS_HUNG, /* a connect does not return; server; text: when the
			     server is retried */
	NATS_STATUS_RETURNED, /* server: a hung connect returned */
};

struct nats_status {
	enum nats_status_kind kind;
	const char *server; /* without secrets */
	const char *text;   /* "" when there is none */
};

#endif
