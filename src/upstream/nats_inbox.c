#include "upstream/nats_inbox.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "base/ascii.h"
#include "base/check.h"

enum { RANDOM_LEN = 22 }; /* of 62 characters: 130 bits */

static void make_random_name(char *out)
{
	static const char characters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "abcdefghijklmnopqrstuvwxyz";

	for (size_t i = 0; i < RANDOM_LEN; i++)
		out[i] =
			characters[randombytes_uniform(sizeof(characters) - 1)];
	out[RANDOM_LEN] = '\0';
}

void nats_inbox_init(struct nats_inbox *i, uint64_t session, const char *prefix)
{
	char random[RANDOM_LEN + 1];

	i->session = session;
	make_random_name(random);
	i->subject_len = (size_t)snprintf(i->subject, sizeof(i->subject),
					  "%s.%s", prefix, random);
	MUST(i->subject_len < sizeof(i->subject));
	make_random_name(random);
	i->consumer_len = (size_t)snprintf(i->consumer, sizeof(i->consumer),
					   "sluice_%s", random);
}

void nats_inbox_wildcard(const struct nats_inbox *i, char *out)
{
	snprintf(out, NATS_INBOX_SUBJECT_MAX, "%s.>", i->subject);
}

void nats_inbox_reply_subject(const struct nats_inbox *i,
			      const struct nats_inbox_reply *reply, char *out)
{
	snprintf(out, NATS_INBOX_SUBJECT_MAX,
		 "%s.%" PRIu32 ".%" PRIu32 ".%" PRIu32 ".%" PRIu32, i->subject,
		 reply->kind, reply->request.owner, reply->request.generation,
		 reply->number);
}

void nats_inbox_consumer(const struct nats_inbox *i, struct request_id request,
			 char *out)
{
	snprintf(out, NATS_INBOX_CONSUMER_MAX, "%s_%" PRIu32 "_%" PRIu32,
		 i->consumer, request.owner, request.generation);
}

/* Exactly `n` decimal numbers, each after a `separator`. */
static int read_separated_numbers(uint32_t *out, size_t n, char separator,
				  const char *text, size_t len)
{
	const char *end = text + len;

	for (size_t i = 0; i < n; i++) {
		uint64_t value = 0;
		const char *first;

		if (text == end || *text != separator)
			return -EINVAL;
		first = ++text;
		for (; text < end && ascii_is_digit(*text); text++) {
			value = value * 10 + (unsigned)(*text - '0');
			if (value > UINT32_MAX)
				return -EINVAL;
		}
		if (text == first)
			return -EINVAL;
		out[i] = (uint32_t)value;
	}
	return text == end ? 0 : -EINVAL;
}

int nats_inbox_read_reply(struct nats_inbox_reply *ret,
			  const struct nats_inbox *i, const char *subject)
{
	size_t len = strlen(subject);
	uint32_t numbers[4];

	if (len < i->subject_len ||
	    memcmp(subject, i->subject, i->subject_len) != 0 ||
	    read_separated_numbers(numbers, 4, '.', subject + i->subject_len,
				   len - i->subject_len) < 0)
		return -EINVAL;
	*ret = (struct nats_inbox_reply){
		.kind = numbers[0],
		.request = {.owner = numbers[1], .generation = numbers[2]},
		.number = numbers[3],
	};
	return 0;
}

int nats_inbox_read_consumer(struct request_id *ret, const struct nats_inbox *i,
			     const char *name, size_t len)
{
	uint32_t numbers[2];

	if (len < i->consumer_len ||
	    memcmp(name, i->consumer, i->consumer_len) != 0 ||
	    read_separated_numbers(numbers, 2, '_', name + i->consumer_len,
				   len - i->consumer_len) < 0)
		return -EINVAL;
	*ret = (struct request_id){.owner = numbers[0],
				   .generation = numbers[1]};
	return 0;
}
