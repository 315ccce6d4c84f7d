#include "nats/js_direct.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/decimal.h"
#include "base/rfc3339.h"
#include "nats/message_headers.h"

#define VERSION	   "NATS/1.0"
#define STREAM	   "Nats-Stream: "
#define SUBJECT	   "Nats-Subject: "
#define SEQUENCE   "Nats-Sequence: "
#define TIME_STAMP "Nats-Time-Stamp: "

#define LEN(literal) (sizeof(literal) - 1)

size_t js_direct_subject(char *out, const char *api_prefix, const char *stream,
			 struct span subject)
{
	int len;

	MUST(subject_prefix_ok(api_prefix) && subject_stream_name_ok(stream));
	MUST(subject.len < SUBJECT_MAX);
	len = snprintf(out, JS_DIRECT_SUBJECT_MAX, "%s.DIRECT.GET.%s%s%.*s",
		       api_prefix, stream, subject.len > 0 ? "." : "",
		       (int)subject.len, subject.len > 0 ? subject.at : "");
	MUST(len > 0 && len < JS_DIRECT_SUBJECT_MAX);
	return (size_t)len;
}

/* ---- the server's lines -------------------------------------------------- */

/* The last one; NULL for none. */
static const char *find_last_text(struct span in, const char *text)
{
	const char *at = NULL, *from = in.at, *end;
	size_t len = strlen(text);

	if (in.len == 0)
		return NULL;
	end = in.at + in.len;
	while ((from = memmem(from, (size_t)(end - from), text, len)) != NULL)
		at = from++;
	return at;
}

/* Takes `name`, the value and its line end from *rest. */
static bool take_server_line(struct span *rest, const char *name,
			     struct span *value)
{
	size_t len = strlen(name);
	const char *stop;

	if (rest->len < len || memcmp(rest->at, name, len) != 0)
		return false;
	rest->at += len;
	rest->len -= len;
	stop = memmem(rest->at, rest->len, "\r\n", 2);
	if (stop == NULL)
		return false;
	*value = (struct span){rest->at, (size_t)(stop - rest->at)};
	rest->at += value->len + 2;
	rest->len -= value->len + 2;
	return true;
}

/* False: the block does not end with the lines of this stream. */
static bool take_server_lines(struct js_direct *ret, struct span block,
			      const char *stream)
{
	const char *at = find_last_text(block, STREAM);
	struct span rest, name, seq, time;

	if (at == NULL)
		return false;
	rest = (struct span){at, (size_t)(block.at + block.len - at)};
	ret->headers = (struct span){block.at, (size_t)(at - block.at)};
	return take_server_line(&rest, STREAM, &name) &&
	       name.len == strlen(stream) &&
	       memcmp(name.at, stream, name.len) == 0 &&
	       take_server_line(&rest, SUBJECT, &ret->subject) &&
	       ret->subject.len > 0 &&
	       take_server_line(&rest, SEQUENCE, &seq) &&
	       decimal_parse(&ret->seq, seq.at, seq.len) == 0 && ret->seq > 0 &&
	       take_server_line(&rest, TIME_STAMP, &time) &&
	       rfc3339_parse(&ret->time_ns, time.at, time.len) == 0;
}

/* ---- a status ------------------------------------------------------------ */

/* Of "NATS/1.0 404 Message Not Found"; 0: none. */
static int parse_status_code(struct span block)
{
	static const size_t digits = 3;
	struct span line = block;
	uint64_t code;

	if (line.len < LEN(VERSION " ") + digits ||
	    memcmp(line.at, VERSION " ", LEN(VERSION " ")) != 0 ||
	    decimal_parse(&code, line.at + LEN(VERSION " "), digits) < 0)
		return 0;
	return (int)code;
}

/* A stored message is never without the server's lines. */
static enum js_direct_result judge_status(int code, size_t data_len)
{
	if (code < 400 || data_len > 0)
		return JS_DIRECT_MALFORMED;
	if (code == 404)
		return JS_DIRECT_NONE;
	return code == 503 ? JS_DIRECT_NOWHERE : JS_DIRECT_REJECTED;
}

void js_direct_parse(struct js_direct *ret, struct span block, size_t data_len,
		     const char *stream)
{
	*ret = (struct js_direct){0};
	if (take_server_lines(ret, block, stream))
		return;
	*ret = (struct js_direct){.code = parse_status_code(block)};
	ret->result = judge_status(ret->code, data_len);
}
