/* Status messages of pull requests: heartbeats, ends of a request, limits. */
#ifndef SLUICE_JS_STATUS_H
#define SLUICE_JS_STATUS_H

#include <stdbool.h>
#include <stdint.h>

/* Code and description of the status line, and values of the headers. */
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
	/* Limits that a 409 "Exceeded Max..." names; 0: none. */
	uint64_t max_batch;
	uint64_t max_bytes;
	uint64_t max_expires_ms;
	char text[100]; /* the description; printable ASCII */
};
/* Headers are NULL where they are absent. 0 or -EINVAL. */
int js_status_parse(struct js_status *ret, const char *code,
		    const char *description, const char *pending_msgs,
		    const char *last_consumer);
/* Adds the header Nats-Last-Stream of a heartbeat. */
int js_status_last_stream(struct js_status *ret, const char *last_stream);

#endif
