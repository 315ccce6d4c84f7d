/* The statuses that this program sends. */
#ifndef SLUICE_HTTP_STATUS_H
#define SLUICE_HTTP_STATUS_H

/* "200 OK", ...; NULL for a status that is never sent. */
const char *http_status_line(int status);

#endif
