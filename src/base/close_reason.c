#include "base/close_reason.h"

#include "base/check.h"

const char *close_reason_label(enum close_reason why)
{
	static const char *const labels[] = {
#define X(name, label) [CLOSE_##name] = label,
		CLOSE_REASONS(X)
#undef X
	};

	MUST(why < CLOSE_REASON_COUNT);
	return labels[why];
}
