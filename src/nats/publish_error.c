#include "nats/publish_error.h"

#include "base/check.h"
#include "base/decimal.h"

enum {
	PRECONDITION = 1, /* 412 in place of 409 for If-Match, If-None-Match */
	LATER = 2,	  /* Retry-After */
	UNKNOWN = 4,	  /* it may be stored */
};

struct error_row {
	int err_code;
	int status;
	const char *what;
	unsigned flags;
};

/* Error codes of nats-server's errors.json. */
static const struct error_row ack_rows[] = {
	{10071, 409, "The last sequence is another one", PRECONDITION},
	{10164, 409, "The last sequence is another one", PRECONDITION},
	{10060, 409, "The subject belongs to another stream", PRECONDITION},
	{10070, 409, "The last message id is another one", PRECONDITION},
	{10158, 409, "A message with this key is being stored", 0},
	{10109, 409, "The stream is sealed", 0},
	{10111, 409, "The stream allows no roll-up", 0},
	{10210, 429, "Too many batches in flight", LATER},
	{10211, 429, "Too many batches in flight", LATER},
	{10037, 404, "No message found", 0},
	{10059, 404, "The stream does not exist", 0},
	{10054, 413, "The message is too large for the stream", 0},
	{10097, 431, "The headers of the message are too large", 0},
	{10165, 422, "The time to live is invalid", 0},
	{10166, 422, "The stream has no time to live for messages", 0},
	{10168, 422, "The stream's counters do not allow this message", 0},
	{10169, 422, "The stream's counters do not allow this message", 0},
	{10170, 422, "The stream's counters do not allow this message", 0},
	{10171, 422, "The stream's counters do not allow this message", 0},
	{10172, 422, "The stream's counters do not allow this message", 0},
	{10176, 503, "JetStream gave the batch up, nothing of it is stored",
	 LATER},
	{10199, 413, "The batch has too many messages", 0},
	{10201, 409, "A key of the batch was used before", 0},
	{10174, 501, "The stream has no atomic batches", 0},
	{10077, 507, "The stream has no room for this message", 0},
	{10047, 507, "JetStream has no storage left", 0},
	{10002, 507, "The account has no JetStream storage left", 0},
	{10023, 503, "JetStream has no resources left", LATER},
	{10008, 503, "JetStream is temporarily not available", LATER},
	{10039, 503, "JetStream is not enabled for this account", LATER},
	{10076, 503, "JetStream is not enabled", LATER},
};

static const struct error_row failure_rows[PUBLISH_FAILURES] = {
	[PUBLISH_AWAY] = {0, 503, "NATS is not connected", LATER},
	[PUBLISH_BUSY] = {0, 503, "Too many messages wait for NATS", LATER},
	[PUBLISH_NO_RESPONDERS] = {0, 503, "Nothing answers on this subject",
				   LATER},
	[PUBLISH_DENIED] = {0, 403,
			    "The gateway may not publish to this subject", 0},
	[PUBLISH_TOO_LARGE] = {0, 413, "The message is too large for NATS", 0},
	[PUBLISH_NO_ACK] = {0, 504, "No acknowledgement in time", UNKNOWN},
	[PUBLISH_NO_REPLY] = {0, 504, "No reply in time", UNKNOWN},
	[PUBLISH_BAD_ACK] = {0, 502, "The answer is no acknowledgement",
			     UNKNOWN},
	[PUBLISH_OTHER_MESSAGE] = {0, 422,
				   "The key was used for another message", 0},
	[PUBLISH_NO_TTL] = {0, 422,
			    "The NATS server has no time to live for "
			    "messages",
			    0},
	[PUBLISH_NO_BATCH] = {0, 501, "The NATS server has no atomic batches",
			      0},
};

/* For codes that have no row: releases of nats-server add some. */
static const struct error_row unavailable = {0, 503,
					     "JetStream is not available",
					     LATER};
static const struct error_row overloaded = {0, 429,
					    "JetStream has too many requests",
					    LATER};
static const struct error_row rejected = {0, 502,
					  "JetStream rejected the message", 0};

static const struct error_row *find_ack_row(const struct js_error *e)
{
	for (size_t i = 0; i < ARRAY_LEN(ack_rows); i++)
		if (ack_rows[i].err_code == e->err)
			return &ack_rows[i];
	if (e->code == unavailable.status)
		return &unavailable;
	return e->code == overloaded.status ? &overloaded : &rejected;
}

static void take_error_row(struct publish_error *ret,
			   const struct error_row *row)
{
	*ret = (struct publish_error){
		.status = row->status,
		.what = row->what,
		.detail = "",
		.retry_after = (row->flags & LATER) != 0,
		.is_unknown = (row->flags & UNKNOWN) != 0,
	};
}

void publish_error_of_ack(struct publish_error *ret,
			  const struct js_pub_ack *ack, bool is_conditional)
{
	const struct error_row *row = find_ack_row(&ack->error);

	MUST(ack->error.err != 0);
	if (ack->error.err == JS_JSON_MALFORMED) {
		publish_error_of(ret, PUBLISH_BAD_ACK);
		return;
	}
	take_error_row(ret, row);
	if (is_conditional && (row->flags & PRECONDITION) != 0)
		ret->status = 412;
	ret->detail = ack->error.text;
	/* Without an err_code, `err` is the code of the API. */
	if (ack->error.err != ack->error.code)
		ret->err_code = ack->error.err;
	ret->has_current = ack->has_current;
	ret->current = ack->current;
}

void publish_error_of(struct publish_error *ret, enum publish_failure failure)
{
	MUST(failure < PUBLISH_FAILURES);
	take_error_row(ret, &failure_rows[failure]);
}

void publish_error_of_service(struct publish_error *ret, const char *code,
			      size_t len, const char *text)
{
	uint64_t status;

	*ret = (struct publish_error){
		.status = 502,
		.what = "The service reported an error",
		.detail = text,
	};
	if (decimal_parse(&status, code, len) == 0 && status >= 400 &&
	    status <= 599)
		ret->status = (int)status;
}
