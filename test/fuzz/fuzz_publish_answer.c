/* What answers a publish or a request: acknowledgements, errors, codes of
 * services. Whatever it is, the client gets a status of an error or a sequence,
 * and never an acknowledgement that the JSON does not have.
 *
 * Input: the bytes. */
#include <string.h>

#include <jansson.h>

#include "base/check.h"
#include "fuzz.h"
#include "nats/publish_error.h"

static void must_be_publish_error(const struct publish_error *e)
{
	MUST(e->status >= 400 && e->status <= 599);
	MUST(e->what != NULL && e->detail != NULL);
	MUST(e->err_code >= 0 && (!e->has_current || e->err_code == 10071));
	MUST(!e->is_unknown || e->err_code == 0);
}

/* What jansson cannot read is repaired: then there is nothing to compare. */
static void must_be_in_json(const struct js_pub_ack *ack, const char *text,
			    size_t len)
{
	json_t *json = json_loadb(text, len, 0, NULL);
	const json_t *seq = json_object_get(json, "seq");

	if (json != NULL && json_is_integer(seq))
		MUST((uint64_t)json_integer_value(seq) == ack->seq);
	if (json != NULL) {
		MUST(json_object_get(json, "error") == NULL);
		MUST(strcmp(json_string_value(json_object_get(json, "stream")),
			    "Events") == 0);
	}
	json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct publish_error e;
	struct js_pub_ack ack;

	memset(&ack, 0x5a, sizeof(ack));
	js_pub_ack_parse(&ack, text, size, "Events");
	MUST(strnlen(ack.domain, sizeof(ack.domain)) < sizeof(ack.domain));
	if (ack.error.err == 0) {
		MUST(ack.seq > 0 && !ack.has_current);
		must_be_in_json(&ack, text, size);
	} else {
		MUST(ack.seq == 0 && !ack.duplicate);
		publish_error_of_ack(&e, &ack, false);
		must_be_publish_error(&e);
		publish_error_of_ack(&e, &ack, true);
		must_be_publish_error(&e);
	}
	publish_error_of_service(&e, text, size, "");
	must_be_publish_error(&e);
	return 0;
}
