/* Status messages of pull requests: heartbeats, ends of a request, limits. */
#ifndef SLUICE_JS_STATUS_H
#define SLUICE_JS_STATUS_H

#include <stdbool.h>
#include <stdint.h>

/* A status: the code and description of the header line, and the headers as
 * the caller found them (NULL: absent). */
struct js_status {
	int code;
	bool consumer_gone;
	bool too_big;
	bool has_pending;
	uint64_t pending_msgs;
	bool has_last_consumer;
	uint64_t last_consumer;
	bool has_last_stream;
	uint64_t last_stream;
	/* 409 Exceeded Max...: what the server takes; 0: not that. */
	uint64_t max_batch;
	uint64_t max_bytes;
	uint64_t max_expires_ms;
	char text[100]; /* the description; printable ASCII */
};
int js_status_parse(struct js_status *ret, const char *code,
		    const char *description, const char *pending_msgs,
		    const char *last_consumer);
/* The header Nats-Last-Stream of a heartbeat. */
int js_status_last_stream(struct js_status *ret, const char *last_stream);

#endif
