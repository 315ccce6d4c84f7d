#include "jetstream_events.h"

#include <string.h>

struct jetstream_event event_up(void)
{
	return (struct jetstream_event){.kind = JETSTREAM_UP};
}

struct jetstream_event event_down(void)
{
	return (struct jetstream_event){.kind = JETSTREAM_DOWN};
}

struct jetstream_event event_info(struct request_id request,
				  const char *created, uint64_t first,
				  uint64_t last)
{
	return (struct jetstream_event){
		.kind = JETSTREAM_INFO,
		.request = request,
		.info = {.first_seq = first,
			 .last_seq = last,
			 .messages = last + 1 - first,
			 .created = created,
			 .created_len = strlen(created),
			 .filter_covers_all = true},
	};
}

struct jetstream_event event_error(enum jetstream_event_kind kind,
				   struct request_id request, int err)
{
	return (struct jetstream_event){.kind = kind,
					.request = request,
					.err = err,
					.err_text = "no luck"};
}

struct jetstream_event event_created(struct request_id request)
{
	return (struct jetstream_event){.kind = JETSTREAM_CREATED,
					.request = request};
}

static struct jetstream_event with_message(enum jetstream_event_kind kind,
					   struct request_id request,
					   uint64_t seq, const char *subject,
					   const char *text)
{
	return (struct jetstream_event){
		.kind = kind,
		.request = request,
		.msg = {.seq = seq,
			.subject = subject,
			.subject_len = strlen(subject),
			.data = text,
			.len = strlen(text)},
	};
}

struct jetstream_event event_found(struct request_id request, uint64_t seq,
				   const char *subject, const char *text)
{
	return with_message(JETSTREAM_FOUND, request, seq, subject, text);
}

struct jetstream_event event_message(struct request_id request, uint64_t seq,
				     uint64_t cseq, const char *subject,
				     const char *text)
{
	struct jetstream_event ev =
		with_message(JETSTREAM_MESSAGE, request, seq, subject, text);

	ev.msg.cseq = cseq;
	return ev;
}

struct jetstream_event event_status(struct request_id request, uint32_t number,
				    int code)
{
	return (struct jetstream_event){
		.kind = JETSTREAM_STATUS,
		.request = request,
		.status = {.number = number, .code = code},
	};
}

struct jetstream_event event_pending(struct request_id request, uint32_t number,
				     int code, uint64_t pending)
{
	struct jetstream_event ev = event_status(request, number, code);

	ev.status.has_pending = true;
	ev.status.pending_msgs = pending;
	return ev;
}
