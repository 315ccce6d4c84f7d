/* Counts the open uv handles of one owner, whose memory is freed when the last
 * of them is closed. libuv promises no order of closing. */
#ifndef SLUICE_HANDLES_H
#define SLUICE_HANDLES_H

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

struct handles {
	size_t open;
	bool ending;
	/* The last handle is closed: the owner may free itself. */
	void (*on_gone)(struct handles *h);
};

void handles_init(struct handles *h, void (*on_gone)(struct handles *h));
/* After a successful uv_..._init(). Uses handle->data. */
void handles_add(struct handles *h, uv_handle_t *handle);
/* Closes one of them; twice is a no-op. */
void handles_close(struct handles *h, uv_handle_t *handle);
/* The owner ends: on_gone is called from the loop when no handle is open any
 * more. At least one must be open, or closing. */
void handles_end(struct handles *h);

#endif
