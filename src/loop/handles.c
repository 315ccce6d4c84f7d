#include "loop/handles.h"

#include "base/check.h"

void handles_init(struct handles *h, void (*on_gone)(struct handles *h))
{
	h->open = 0;
	h->ending = false;
	h->on_gone = on_gone;
}

void handles_add(struct handles *h, uv_handle_t *handle)
{
	MUST(!h->ending);
	handle->data = h;
	h->open++;
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct handles *h = handle->data;

	MUST(h->open > 0);
	if (--h->open == 0 && h->ending)
		h->on_gone(h);
}

void handles_close(struct handles *h, uv_handle_t *handle)
{
	MUST(handle->data == h);
	if (!uv_is_closing(handle))
		uv_close(handle, on_handle_closed);
}

void handles_end(struct handles *h)
{
	MUST(h->open > 0 && !h->ending);
	h->ending = true;
}
