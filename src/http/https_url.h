/* https:// URLs of options: which values are one, and their text for logs. */
#ifndef SLUICE_HTTPS_URL_H
#define SLUICE_HTTPS_URL_H

#include <stdbool.h>
#include <stddef.h>

/* A URL of any scheme: SCHEME://... */
bool https_url_is_url(const char *value);
/* NULL for a good https:// URL, otherwise what is wrong with it (static). */
const char *https_url_fault(const char *url);
/* The URL with "(hidden)" for its userinfo and its query, which may be secrets.
 * Any other text is copied. */
void https_url_hide(const char *url, char *out, size_t size);

#endif
