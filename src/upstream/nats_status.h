/* What an operator wants to know about the connection to NATS. */
#ifndef SLUICE_NATS_STATUS_H
#define SLUICE_NATS_STATUS_H

enum nats_status_kind {
	NATS_STATUS_CONNECTED,	  /* server: which one */
	NATS_STATUS_DISCONNECTED, /* server; text: why */
	NATS_STATUS_FAILED,	  /* a connect failed; server, text */
	NATS_STATUS_ERROR,	  /* an asynchronous -ERR; server, text */
	NATS_STATUS_LAME_DUCK,	  /* server: it will go away */
	NATS_STATUS_HUNG,	  /* server: a connect does not return */
	NATS_STATUS_RETURNED,	  /* server: such a connect did */
};

struct nats_status {
	enum nats_status_kind kind;
	const char *server; /* without secrets */
	const char *text;   /* "" when there is none */
};

#endif
