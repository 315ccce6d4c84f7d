#include "base/close_reason.h"

#include "base/check.h"

const char *ending_label(enum ending why)
{
	static const char *const labels[] = {
#define X(name, label) [ENDING_##name] = label,
		ENDINGS(X)
#undef X
	};

	MUST(why < ENDING_COUNT);
	return labels[why];
}
