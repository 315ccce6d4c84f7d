#include "http/http_status.h"

#include <stddef.h>

/* RFC 9110, section 15; RFC 6585 for 429 and 431; RFC 4918 for 207 and 507. */
#define STATUSES(X)                               \
	X(200, "OK")                              \
	X(201, "Created")                         \
	X(204, "No Content")                      \
	X(207, "Multi-Status")                    \
	X(304, "Not Modified")                    \
	X(400, "Bad Request")                     \
	X(401, "Unauthorized")                    \
	X(403, "Forbidden")                       \
	X(404, "Not Found")                       \
	X(405, "Method Not Allowed")              \
	X(406, "Not Acceptable")                  \
	X(408, "Request Timeout")                 \
	X(409, "Conflict")                        \
	X(412, "Precondition Failed")             \
	X(413, "Content Too Large")               \
	X(414, "URI Too Long")                    \
	X(417, "Expectation Failed")              \
	X(421, "Misdirected Request")             \
	X(422, "Unprocessable Content")           \
	X(429, "Too Many Requests")               \
	X(431, "Request Header Fields Too Large") \
	X(501, "Not Implemented")                 \
	X(502, "Bad Gateway")                     \
	X(503, "Service Unavailable")             \
	X(504, "Gateway Timeout")                 \
	X(505, "HTTP Version Not Supported")      \
	X(507, "Insufficient Storage")

const char *http_status_line(int status)
{
	switch (status) {
#define X(number, reason) \
	case number:      \
		return #number " " reason;
		STATUSES(X)
#undef X
	default:
		return NULL;
	}
}
