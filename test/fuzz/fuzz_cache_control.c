/* Cache-Control of a server of keys: any bytes give a lifetime, and what is
 * appended can only shorten it.
 *
 * Input: the value, up to a NUL. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "fuzz.h"
#include "http/cache_control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	char *value = fuzz_take_text(&in), *more = NULL;
	uint64_t s;

	if (value == NULL)
		return 0;
	s = cache_control_lifetime_s(value);
	MUST(s <= (uint64_t)1 << 31 || s == UINT64_MAX);
	MUST(asprintf(&more, "max-age=7, %s", value) >= 0);
	MUST(cache_control_lifetime_s(more) == (s < 7 ? s : 7));
	free(more);
	MUST(asprintf(&more, "%s, max-age=7", value) >= 0);
	MUST(cache_control_lifetime_s(more) <= s);
	free(more);
	free(value);
	return 0;
}
