#include "base/reject_reason.h"

#include "base/check.h"

const char *reject_reason_label(enum reject_reason reason)
{
	static const char *const labels[] = {
#define X(name, label) [REJECT_##name] = label,
		REJECT_REASONS(X)
#undef X
	};

	MUST(reason < REJECT_COUNT);
	return labels[reason];
}
