/* The page of src/ui, which tools/page.py assembles in the build. Between its
 * two pieces live_page.c inserts what only the running gateway knows. */
#ifndef SLUICE_LIVE_PAGE_SOURCE_H
#define SLUICE_LIVE_PAGE_SOURCE_H

#include <stddef.h>

extern const unsigned char live_page_source_head[];
extern const size_t live_page_source_head_len;
extern const unsigned char live_page_source_tail[];
extern const size_t live_page_source_tail_len;
/* Content-Security-Policy with the SHA-256 of script and style. */
extern const char live_page_source_policy[];

#endif
