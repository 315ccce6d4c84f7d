/* A session recognises the reply subjects and the consumer names that it made,
 * and no others. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/check.h"
#include "upstream/nats_inbox.h"

static const struct nats_inbox_reply replies[] = {
	{0, {0, 0}, 0},
	{3, {17, 4}, 0},
	{5, {UINT32_MAX, UINT32_MAX}, UINT32_MAX},
};

static void reply_subjects_come_back(void **state)
{
	char subject[NATS_INBOX_SUBJECT_MAX], wildcard[NATS_INBOX_SUBJECT_MAX];
	struct nats_inbox inbox;

	(void)state;
	nats_inbox_init(&inbox, 1, "_INBOX.gw");
	nats_inbox_wildcard(&inbox, wildcard);
	assert_memory_equal(wildcard, "_INBOX.gw.", 10);
	for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
		struct nats_inbox_reply got;

		nats_inbox_reply_subject(&inbox, &replies[i], subject);
		assert_memory_equal(subject, wildcard, strlen(wildcard) - 1);
		assert_int_equal(nats_inbox_read_reply(&got, &inbox, subject),
				 0);
		assert_memory_equal(&got, &replies[i], sizeof(got));
	}
}

static void consumer_names_come_back(void **state)
{
	char name[NATS_INBOX_CONSUMER_MAX];
	struct nats_inbox inbox;

	(void)state;
	nats_inbox_init(&inbox, 1, "_INBOX");
	for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
		struct request_id got;

		nats_inbox_consumer(&inbox, replies[i].request, name);
		assert_memory_equal(name, "sluice_", 7);
		assert_null(strpbrk(name, ". *>"));
		assert_int_equal(nats_inbox_read_consumer(&got, &inbox, name,
							  strlen(name)),
				 0);
		assert_memory_equal(&got, &replies[i].request, sizeof(got));
	}
}

static void another_session_is_not_recognised(void **state)
{
	struct nats_inbox one, other;
	struct nats_inbox_reply reply;
	struct request_id request;
	char text[NATS_INBOX_SUBJECT_MAX];

	(void)state;
	nats_inbox_init(&one, 1, "_INBOX");
	nats_inbox_init(&other, 2, "_INBOX");
	nats_inbox_reply_subject(&other, &replies[1], text);
	assert_int_equal(nats_inbox_read_reply(&reply, &one, text), -EINVAL);
	nats_inbox_consumer(&other, replies[1].request, text);
	assert_int_equal(nats_inbox_read_consumer(&request, &one, text,
						  strlen(text)),
			 -EINVAL);
}

/* The rest of the subject or name is the peer's. */
static void malformed_ones_are_rejected(void **state)
{
	static const char *const subjects[] = {
		"",
		".",
		"..",
		".1.2.3",
		".1.2.3.",
		".1.2.3.4.",
		".1.2.3.4.5",
		".1.2.3.x",
		".1..3.4",
		".-1.2.3.4",
		"1.2.3.4",
		"_1_2_3_4",
		".1.2.3. 4",
		".1.2.3.4294967296",
		".1.2.3.99999999999999999999",
	};
	static const char *const names[] = {
		"",	"_",   "_1",  "_1_",  "_1_2_",	       "_1_2_3",
		"_1_x", "__2", "1_2", ".1.2", "_1_4294967296", "_-1_2",
	};
	struct nats_inbox inbox;
	struct nats_inbox_reply reply;
	struct request_id request;
	char text[NATS_INBOX_SUBJECT_MAX];

	(void)state;
	nats_inbox_init(&inbox, 1, "_INBOX");
	for (size_t i = 0; i < ARRAY_LEN(subjects); i++) {
		snprintf(text, sizeof(text), "%s%s", inbox.subject,
			 subjects[i]);
		assert_int_equal(nats_inbox_read_reply(&reply, &inbox, text),
				 -EINVAL);
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(text, sizeof(text), "%s%s", inbox.consumer, names[i]);
		assert_int_equal(nats_inbox_read_consumer(&request, &inbox,
							  text, strlen(text)),
				 -EINVAL);
	}
	assert_int_equal(nats_inbox_read_reply(&reply, &inbox, "_INBOX"),
			 -EINVAL);
}

/* A name is not NUL-terminated where the ack subject is parsed. */
static void a_name_ends_with_its_length(void **state)
{
	char name[NATS_INBOX_CONSUMER_MAX + 8];
	struct nats_inbox inbox;
	struct request_id request;
	size_t len;

	(void)state;
	nats_inbox_init(&inbox, 1, "_INBOX");
	nats_inbox_consumer(&inbox, (struct request_id){1, 2}, name);
	len = strlen(name);
	strcat(name, "3.1.2");
	assert_int_equal(nats_inbox_read_consumer(&request, &inbox, name, len),
			 0);
	assert_int_equal(request.generation, 2);
}

static void the_longest_prefix_fits(void **state)
{
	char prefix[256], subject[NATS_INBOX_SUBJECT_MAX];
	struct nats_inbox inbox;
	struct nats_inbox_reply reply;

	(void)state;
	memset(prefix, 'p', sizeof(prefix) - 1);
	prefix[sizeof(prefix) - 1] = '\0';
	nats_inbox_init(&inbox, 1, prefix);
	nats_inbox_reply_subject(&inbox, &replies[2], subject);
	assert_int_equal(nats_inbox_read_reply(&reply, &inbox, subject), 0);
	assert_int_equal(reply.number, UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reply_subjects_come_back),
		cmocka_unit_test(consumer_names_come_back),
		cmocka_unit_test(another_session_is_not_recognised),
		cmocka_unit_test(malformed_ones_are_rejected),
		cmocka_unit_test(a_name_ends_with_its_length),
		cmocka_unit_test(the_longest_prefix_fits),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
