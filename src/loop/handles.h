/* Counts the open uv handles of one owner, so that its memory is freed when the
 * last of them is closed, whichever that is (libuv promises no order). */
#ifndef SLUICE_HANDLES_H
#define SLUICE_HANDLES_H

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

struct handles {
	size_t open;
	bool ending;
	/* The last one is closed: the owner may free itself. */
	void (*on_gone)(struct handles *h);
};

void handles_init(struct handles *h, void (*on_gone)(struct handles *h));
/* After uv_x_init() has succeeded. Takes handle->data for itself. */
void handles_add(struct handles *h, uv_handle_t *handle);
/* Closes one of them; one that is closing already is left alone. */
void handles_close(struct handles *h, uv_handle_t *handle);
/* The owner waits for the end: on_gone is called, from the loop, when none is
 * open any more. At least one must still be open, or be closing. */
void handles_end(struct handles *h);

#endif
