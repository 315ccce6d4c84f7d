/* Prefaces of the PROXY protocol: how the bytes are cut makes no difference,
 * and no more of them are taken than a preface has.
 *
 * Input: a byte for how it is cut, the lengths, then the bytes. */
#include <string.h>

#include "base/check.h"
#include "fuzz.h"
#include "http/proxy_protocol.h"

static size_t feed_cut(struct proxy_protocol *p, const struct fuzz_input *in,
		       struct fuzz_cuts *cuts)
{
	enum proxy_verdict v = PROXY_MORE;
	size_t at = 0, used;

	while (v == PROXY_MORE && at < in->left) {
		size_t n = fuzz_cut(cuts, in->left - at);

		v = proxy_protocol_feed(p, in->at + at, n, &used);
		MUST(used == n || (v != PROXY_MORE && used < n));
		at += used;
	}
	return at;
}

static void must_be_preface(const struct proxy_protocol *p, const uint8_t *at,
			    size_t used)
{
	if (at[0] == 'P') {
		MUST(used <= PROXY_V1_MAX);
		MUST(memcmp(at + used - 2, "\r\n", 2) == 0);
		MUST(memchr(at, '\n', used) == at + used - 1);
		return;
	}
	MUST(used >= PROXY_V2_HEAD);
	MUST(used == PROXY_V2_HEAD + ((size_t)at[14] << 8 | at[15]));
	MUST(!p->has_address || at[12] == 0x21);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	struct proxy_protocol whole = {0}, cut = {0};
	struct fuzz_cuts cuts;
	enum proxy_verdict v;
	size_t used;

	fuzz_take_cuts(&in, &cuts);
	v = proxy_protocol_feed(&whole, in.at, in.left, &used);
	MUST(feed_cut(&cut, &in, &cuts) == used);
	MUST(cut.verdict == v && whole.verdict == v);
	MUST(used <= in.left && (v != PROXY_MORE || used == in.left));
	if (v != PROXY_READY)
		return 0;
	must_be_preface(&whole, in.at, used);
	MUST(cut.has_address == whole.has_address);
	MUST(address_equal(&cut.address, &whole.address));
	return 0;
}
