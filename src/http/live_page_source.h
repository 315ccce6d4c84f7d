/* The page of src/ui as tools/page.py puts it together when the program is
 * built. It comes in two pieces: between them is the place for what only the
 * running gateway knows. */
#ifndef SLUICE_LIVE_PAGE_SOURCE_H
#define SLUICE_LIVE_PAGE_SOURCE_H

#include <stddef.h>

extern const unsigned char live_page_source_head[];
extern const size_t live_page_source_head_len;
extern const unsigned char live_page_source_tail[];
extern const size_t live_page_source_tail_len;
/* A Content-Security-Policy, which names script and style by their SHA-256. */
extern const char live_page_source_policy[];

#endif
