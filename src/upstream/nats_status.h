/* What an operator wants to know about the connection to NATS. */
#ifndef SLUICE_NATS_STATUS_H
#define SLUICE_NATS_STATUS_H

enum nats_note_kind {
	NATS_NOTE_CONNECTED,	/* server: which one */
	NATS_NOTE_DISCONNECTED, /* server; text: why */
	NATS_NOTE_FAILED,	/* a connect failed; server, text */
	NATS_NOTE_ERROR,	/* an asynchronous -ERR; server, text */
	NATS_NOTE_LAME_DUCK,	/* server: it will go away */
	NATS_NOTE_HUNG,		/* server: a connect does not return */
	NATS_NOTE_RETURNED,	/* server: such a connect did */
};

struct nats_note {
	enum nats_note_kind kind;
	const char *server; /* without secrets */
	const char *text;   /* "" when there is none */
};

#endif
